"""`lqbench status` as a user meets it."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lqbench.benchmark.cli.main import main
from lqbench.results.logs import cell_log
from lqbench.results.runs import PlannedCell, RunNote, end_run, new_run, write_run

CELL = "hr__scenes-d__val__0123456789ab"


def status(store: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["status", "--store", str(store), *arguments])


def noted(store: Path) -> RunNote:
    note = new_run(("lqbench", "run"), "inline", 1, (PlannedCell(directory=CELL, title="hr on scenes-d", images=10),))
    write_run(store, note)
    return note


@pytest.fixture
def store(tmp_path: Path) -> Path:
    for name in ("cells", "partial", "locks"):
        (tmp_path / "store" / name).mkdir(parents=True)
    return tmp_path / "store"


def snapshot(store: Path) -> list[str]:
    return sorted(str(path) for path in store.rglob("*"))


def test_it_tells_the_run_and_leaves_the_store_as_it_is(store: Path):
    noted(store)
    before = snapshot(store)
    result = status(store)
    assert result.exit_code == 0
    assert "running, begun" in result.output
    assert "1 cell: 0 done, 1 to do; 0 of 10 images" in result.output
    assert snapshot(store) == before


def test_it_reads_a_store_on_a_read_only_file_system(store: Path, monkeypatch: pytest.MonkeyPatch):
    noted(store)
    owner = json.dumps({"host": "node7", "pid": 4242, "token": "x"})
    (store / "locks" / f"{CELL}.lock").write_text(owner, encoding="utf-8")
    plain_open = os.open

    def read_only(path: str | Path, flags: int, *arguments: int, **named: int) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            raise OSError(errno.EROFS, "Read-only file system", str(path))
        return plain_open(path, flags, *arguments, **named)

    monkeypatch.setattr(os, "open", read_only)
    result = status(store)
    assert result.exit_code == 0, result.output
    assert "running  hr on scenes-d: 0 of 10 images, node7 (process 4242), heartbeat" in result.output


def test_json_is_one_object(store: Path):
    noted(store)
    result = status(store, "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["runs"][0]["counts"] == {"done": 0, "failed": 0, "running": 0, "to do": 1}


def test_watching_ends_with_the_run(store: Path):
    note = noted(store)
    ending = threading.Timer(0.5, end_run, (store, note))
    ending.start()
    result = status(store, "--watch", "0.1")
    ending.join(30)
    assert result.exit_code == 0
    assert result.output.count(note.id) >= 2
    assert "ended" in result.output


def test_ctrl_c_ends_watching_without_an_error(store: Path, monkeypatch: pytest.MonkeyPatch):
    noted(store)

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)
    assert status(store, "--watch", "5").exit_code == 0


def test_the_end_of_a_log_is_printed(store: Path):
    with cell_log(store, CELL, "cpu") as log:
        for number in range(100):
            log.line(f"chunk {number}")
    result = status(store, "--log", "hr__", "--lines", "3")
    assert result.exit_code == 0
    assert [line.partition(" | ")[2] for line in result.stdout.splitlines()] == ["chunk 98", "chunk 99", "end"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--log", "lr"], "there is no log of a cell 'lr'"),
        (["--watch", "1", "--json"], "--watch goes with neither"),
        (["--watch", "0"], "0.0 is not in the range"),
    ],
)
def test_a_mistake_is_one_sentence(store: Path, arguments: list[str], message: str):
    result = status(store, *arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output


def test_a_store_that_is_not_there_is_told(tmp_path: Path):
    result = status(tmp_path / "nowhere")
    assert result.exit_code == 2
    assert "there is no store at" in result.output


def test_it_answers_without_torch(store: Path):
    noted(store)
    program = (
        "import sys\nfrom lqbench.benchmark.cli.main import main\n"
        f"sys.argv = ['lqbench', 'status', '--store', {str(store)!r}]\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code, stop.code\n"
        "assert not {'torch', 'numba'} & set(sys.modules)\n"
    )
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
