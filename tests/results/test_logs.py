"""Logs of cells: what they hold, that several processes may write one, and that they never do harm."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from lqbench.datasets.errors import UserError
from lqbench.results import logs
from lqbench.results.logs import cell_log, find_log, log_path, tail

CELL = "hr__scenes-d__val__0123456789ab"
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z [^ ]+:\d+ (?:gpu0 )?\| ")


@pytest.fixture(autouse=True)
def nothing_told_yet() -> Iterator[None]:
    logs._TOLD.clear()
    yield
    logs._TOLD.clear()


def lines(store: Path, directory: str = CELL) -> list[str]:
    """Return the log's lines without times."""
    written = log_path(store, directory).read_text(encoding="utf-8").splitlines()
    assert all(STAMP.match(line) for line in written)
    return [STAMP.sub("", line, count=1) for line in written]


def test_lines_carry_time_machine_process_and_worker(tmp_path: Path):
    with cell_log(tmp_path, CELL, "gpu0") as log:
        log.line("weights mini.safetensors\nchunk 0 to 15")
    first, *others = lines(tmp_path)
    assert first.startswith(f"start: {CELL}, lqbench ")
    assert others == ["weights mini.safetensors", "chunk 0 to 15", "end"]
    assert f":{os.getpid()} gpu0 | " in log_path(tmp_path, CELL).read_text(encoding="utf-8")


def test_a_failure_leaves_its_whole_traceback_once(tmp_path: Path):
    def deep(depth: int) -> None:
        if depth:
            deep(depth - 1)
        raise RuntimeError("no such tensor")

    with pytest.raises(RuntimeError), cell_log(tmp_path, CELL, "") as log:
        try:
            deep(40)
        except RuntimeError as error:
            log.failure(error)
            raise
    text = lines(tmp_path)
    assert text.count("RuntimeError: no such tensor") == 1
    assert text.count("Traceback (most recent call last):") == 1


def test_an_interruption_is_told_without_a_traceback(tmp_path: Path):
    with pytest.raises(KeyboardInterrupt), cell_log(tmp_path, CELL, ""):
        raise KeyboardInterrupt
    assert lines(tmp_path)[1:] == ["stopped: KeyboardInterrupt"]


def test_records_of_libraries_are_kept_by_their_level(tmp_path: Path):
    with cell_log(tmp_path, CELL, ""):
        logging.getLogger("lqbench.methods").info("told")
        logging.getLogger("lqbench.methods").debug("not told")
        logging.getLogger("some.library").info("not told")
        logging.getLogger("some.library").warning("careful")
    assert lines(tmp_path)[1:-1] == ["INFO lqbench.methods: told", "WARNING some.library: careful"]


def test_warnings_are_kept_and_still_shown(tmp_path: Path):
    with pytest.warns(UserWarning, match="odd weights") as shown, cell_log(tmp_path, CELL, ""):
        warnings.warn("odd weights", UserWarning, stacklevel=1)
    assert len(shown) == 1
    assert any("UserWarning: odd weights" in line for line in lines(tmp_path))


def test_everything_is_as_before_after_the_last_log(tmp_path: Path):
    root, package = logging.getLogger(), logging.getLogger("lqbench")
    before = (list(root.handlers), package.level, warnings.showwarning)
    with cell_log(tmp_path, CELL, ""):
        with cell_log(tmp_path, "b", ""):
            pass
        assert package.isEnabledFor(logging.INFO)
    assert (list(root.handlers), package.level, warnings.showwarning) == before


def test_warnings_reach_standard_error_as_without_a_log(tmp_path: Path):
    program = (
        "import logging, warnings\nfrom pathlib import Path\nfrom lqbench.results.logs import cell_log\n"
        f"with cell_log(Path({str(tmp_path)!r}), {CELL!r}, ''):\n"
        "    logging.getLogger('some.library').warning('careful')\n"
        "    logging.getLogger('lqbench').info('quiet')\n"
        "    warnings.warn('odd weights')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[0] == "careful"
    assert "UserWarning: odd weights" in done.stderr
    assert "quiet" not in done.stderr


def test_logs_of_threads_are_kept_apart(tmp_path: Path):
    together = threading.Barrier(2)

    def work(directory: str) -> None:
        with cell_log(tmp_path, directory, ""):
            together.wait(30)
            logging.getLogger("some.library").warning("about %s", directory)
            together.wait(30)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    for name in ("a", "b"):
        assert lines(tmp_path, name)[1:-1] == [f"WARNING some.library: about {name}"]


def test_a_record_of_a_thread_without_a_log_is_kept(tmp_path: Path):
    with cell_log(tmp_path, CELL, ""):
        thread = threading.Thread(target=logging.getLogger("loader").warning, args=("slow disk",))
        thread.start()
        thread.join(30)
    assert "WARNING loader: slow disk" in lines(tmp_path)


def test_several_processes_write_whole_lines_to_one_log(tmp_path: Path):
    program = (
        "import sys\nfrom pathlib import Path\nfrom lqbench.results.logs import cell_log\n"
        f"with cell_log(Path({str(tmp_path)!r}), {CELL!r}, '') as log:\n"
        "    for number in range(300):\n"
        "        log.line(f'{sys.argv[1]} {number} ' + 'x' * 500)\n"
    )
    children = [subprocess.Popen([sys.executable, "-c", program, name]) for name in ("a", "b", "c")]
    assert [child.wait(60) for child in children] == [0, 0, 0]
    written = [line for line in lines(tmp_path) if line.endswith("x" * 500)]
    assert len(written) == 900
    for name in ("a", "b", "c"):
        numbers = [int(line.split()[1]) for line in written if line.startswith(f"{name} ")]
        assert numbers == list(range(300))


def test_a_log_that_cannot_be_made_is_told_once_and_does_no_harm(tmp_path: Path):
    (tmp_path / "logs").write_text("in the way", encoding="utf-8")
    told: list[str] = []
    for _ in range(3):
        with cell_log(tmp_path, CELL, "", told.append) as log:
            log.line("goes nowhere")
            logging.getLogger("lqbench").warning("nor this")
    assert len(told) == 1
    assert str(tmp_path / "logs") in told[0]
    assert "goes on without it" in told[0]


def test_a_disk_that_fills_up_ends_the_log_but_not_the_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    told: list[str] = []
    with cell_log(tmp_path, CELL, "", told.append) as log:

        def full(descriptor: int, content: bytes) -> int:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(logs.os, "write", full)
        log.line("one")
        log.line("two")
        monkeypatch.undo()
    assert [("No space left" in sentence) for sentence in told] == [True]


def test_a_log_is_found_by_its_name_the_beginning_or_the_key(tmp_path: Path):
    other = "hr__scenes-lr-x4__val__ba9876543210"
    for directory in (CELL, other):
        with cell_log(tmp_path, directory, ""):
            pass
    assert find_log(tmp_path, CELL) == log_path(tmp_path, CELL)
    assert find_log(tmp_path, "hr__scenes-l") == log_path(tmp_path, other)
    assert find_log(tmp_path, "ba9876543210") == log_path(tmp_path, other)
    with pytest.raises(UserError, match="2 cells with a log begin with 'hr'"):
        find_log(tmp_path, "hr")
    with pytest.raises(UserError, match="there is no log of a cell 'lr'"):
        find_log(tmp_path, "lr")
    with pytest.raises(UserError, match="there is none of any cell yet"):
        find_log(tmp_path / "empty", "lr")


@pytest.mark.parametrize("count", [1, 7, 40, 10_000])
def test_the_end_of_a_log_of_any_length(tmp_path: Path, count: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(logs, "TAIL_BLOCK", 64)
    path = tmp_path / "a.log"
    path.write_text("".join(f"line {number}\n" for number in range(500)), encoding="utf-8")
    assert tail(path, count) == [f"line {number}" for number in range(max(0, 500 - count), 500)]
