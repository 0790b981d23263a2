"""``lqbench report`` that prints, compares, makes a leaderboard, serves or opens: what it says and what it refuses."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner, Result

from lqbench.benchmark.cli.main import main
from lqbench.benchmark.cli.report_progress import showing_cells
from lqbench.results import ledger
from lqbench.results.store import Store


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["report", *map(str, arguments)])


@pytest.fixture
def no_analysis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sample records have no detections behind them, which nothing can be analysed of."""
    monkeypatch.setattr("lqbench.benchmark.analysis.cells.analyse", lambda *_, **__: {})


@pytest.fixture
def store(samples: ModuleType, tmp_path: Path, no_analysis: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store, beside which one paper is known."""
    one = ledger.Ledger(tuple(paper for paper in ledger.load_ledger().papers if paper.key == "aeris"))
    monkeypatch.setattr(ledger, "load_ledger", lambda: one)
    return samples.write_store(tmp_path / "store", samples.sample_records())


@pytest.mark.parametrize("paper", ["aeris", "lcp", "tdsr"])
def test_papers_are_printed_without_any_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, paper: str) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("--paper", paper)
    assert result.exit_code == 0, result.output
    assert "not measured" in result.output
    assert list(tmp_path.iterdir()) == []


def test_all_papers_are_those_of_the_ledger(tmp_path: Path) -> None:
    every, some = (run("--store", tmp_path, "--paper", names).output for names in ("all", "lcp, aeris"))
    assert set(some.splitlines()) < set(every.splitlines())
    assert all(paper.citation in every for paper in ledger.load_ledger().papers)


def test_the_matrix_is_printed_in_each_format(store: Path, tmp_path: Path) -> None:
    shown = {
        form: run("--store", store, "--table", "matrix", "--format", form) for form in ("markdown", "csv", "latex")
    }
    assert all(result.exit_code == 0 for result in shown.values())
    assert "### All methods on all tracks, detector: retinanet" in shown["markdown"].output
    assert shown["latex"].output.count(r"\toprule") == 3
    first = shown["csv"].output.split("\n\n")[0]
    assert next(csv.DictReader(io.StringIO(first)))["AP (%): coco-d val2017 [value]"] == "41.199999999999996"
    assert not (tmp_path / ".lqbench").exists()


def test_a_terminal_is_the_default_and_both_lists_may_be_given(store: Path) -> None:
    result = run("--store", store, "--table", "matrix, matrix-intervals", "--dataset", "voc-lr-x4")
    assert result.output.count("All methods on all tracks, detector: ssd300_vgg16") == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--paper", "aries"), "--paper aries: there is no such name; did you mean 'aeris'?"),
        (("--paper", "zzz"), "known are"),
        (("--table", "matrx"), "did you mean 'matrix'?"),
        (("--table", "matrix", "--format", "latx"), "did you mean 'latex'?"),
        (("--figures", "svgg"), "did you mean 'svg'?"),
        (("--figures", "none,svg"), "none stands alone"),
        (("--format", "csv"), "add --paper, --table or --compare"),
        (("--paper", "tdsr", "--serve"), "give one of them at a time"),
        (("--compare", "a", "b", "--leaderboard", "c"), "give one of them at a time"),
    ],
)
def test_mistakes_are_one_sentence(store: Path, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    result = run("--store", store, "--out", tmp_path / "out", *arguments)
    assert result.exit_code == 2
    assert said in result.output and len(result.output.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments", [("--table", "matrix"), ("--paper", "tdsr", "--method", "lr"), ("--serve",)])
def test_without_results_it_says_what_to_run_first(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    result = run("--store", tmp_path / "none", "--out", tmp_path / "out", *arguments)
    assert result.exit_code == 2
    assert "lqbench run --method hr,lr,bicubic --dataset scenes-d" in result.output


def test_two_stores_are_compared(samples: ModuleType, tmp_path: Path, no_analysis: None) -> None:
    a = samples.write_store(tmp_path / "a", [samples.record("lr", 0.1), samples.record("hr", 0.5)])
    b = samples.write_store(tmp_path / "b", [samples.record("lr", 0.2)])
    result = run("--compare", a, b, "--format", "csv")
    assert result.exit_code == 0, result.output
    both, single = (list(csv.DictReader(io.StringIO(text))) for text in result.output.split("\n\n"))
    assert [(row["method"], row["difference"]) for row in both] == [("lr/yolox-nano", "-10.00")]
    assert [(row["store"], row["why"]) for row in single] == [("A", "not in B")]
    narrowed = run("--compare", a, b, "--format", "csv", "--method", "hr")
    assert narrowed.exit_code == 0 and "lr/yolox-nano" not in narrowed.output


def test_real_cells_are_compared_in_pairs(tiny: ModuleType, tmp_path: Path) -> None:
    for name, score in (("a", 0.5), ("b", 0.25)):
        tiny.write(Store.open(tmp_path / name), score=score)
    result = run("--compare", tmp_path / "a", tmp_path / "b")
    assert result.exit_code == 0, result.output
    assert "bicubic" in result.output and "fake val" in result.output


def test_stores_that_cannot_be_compared(samples: ModuleType, store: Path, tmp_path: Path) -> None:
    other = samples.write_store(tmp_path / "other", [samples.record("lr", 0.1)])
    for arguments, said in (
        ((store, store), "are the same store"),
        ((store, tmp_path / "absent"), f"there is no store at {tmp_path / 'absent'}"),
        ((store, other, "--method", "nobody"), "neither store has a cell"),
    ):
        result = run("--compare", *arguments)
        assert result.exit_code == 2 and said in result.output, result.output


def test_a_leaderboard_is_written_and_made_again_without_a_store(store: Path, tmp_path: Path) -> None:
    board = tmp_path / "board"
    result = run("--store", store, "--leaderboard", board)
    assert result.exit_code == 0, result.output
    assert "methods of" in result.output and "bicubic, hr, lr" in result.output
    before = (board / "leaderboard.json").read_bytes()
    (board / "leaderboard.json").unlink()
    again = run("--store", tmp_path / "none", "--leaderboard", board)
    assert "methods kept as they were: bicubic, hr, lr" in again.output
    assert (board / "leaderboard.json").read_bytes() == before
    fewer = run("--store", store, "--leaderboard", board, "--method", "lr", "--dataset", "coco-d")
    assert fewer.exit_code == 0 and json.loads((board / "leaderboard.json").read_text(encoding="utf-8"))


def test_a_leaderboard_that_cannot_be_written_is_one_sentence(store: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    result = run("--store", store, "--leaderboard", tmp_path / "file")
    assert result.exit_code == 2 and len(result.output.strip().splitlines()) == 1


def test_the_page_is_opened_without_a_server(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda address: bool(opened.append(address)) or True)
    out = tmp_path / "out"
    result = run("--store", store, "--out", out, "--figures", "none", "--open")
    assert result.exit_code == 0, result.output
    assert opened == [(out / "report.html").resolve().as_uri()]
    monkeypatch.setattr("webbrowser.open", lambda address: False)
    result = run("--store", store, "--out", out, "--figures", "none", "--open")
    assert result.exit_code == 0 and "no browser could be started; open file://" in result.output


def test_a_port_in_use_is_one_sentence_after_the_report(store: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = run("--store", store, "--out", tmp_path / "out", "--figures", "none", "--serve", "--port", port)
    assert result.exit_code == 2
    assert f"port {port} of 127.0.0.1 is in use" in result.output.splitlines()[-1]


def test_serving_prints_its_address_and_ends_with_ctrl_c(store: Path, tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from lqbench.benchmark.analysis import cells\n"
        "cells.analyse = lambda *_, **__: {}\n"
        "from lqbench.benchmark.cli.main import main\n"
        "main(sys.argv[1:])\n"
    )
    words = ["report", "--store", str(store), "--out", str(tmp_path / "out"), "--figures", "none", "--serve"]
    command = [sys.executable, "-u", "-c", program, *words, "--port", "0"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        line = next(line for line in process.stdout if line.startswith("serving "))
        address = next(word for word in line.split() if word.startswith("http://127.0.0.1:"))
        with urllib.request.urlopen(address, timeout=10) as answer:
            assert answer.status == 200 and b"<html" in answer.read()
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert process.wait(20) == 0
    assert rest == "no longer served.\n"


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--paper", "aeris", "--format", "latex"], ["--table", "matrix"], ["--figures", "none"]]
)
def test_printing_needs_neither_torch_nor_matplotlib(store: Path, tmp_path: Path, arguments: list[str]) -> None:
    program = (
        "import sys\n"
        "from lqbench.benchmark.analysis import cells\n"
        "cells.analyse = lambda *_, **__: {}\n"
        "from lqbench.benchmark.cli.main import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit as stop:\n    assert not stop.code, stop.code\n"
        "assert not {'torch', 'numba', 'matplotlib'} & set(sys.modules)\n"
    )
    words = ["report", "--store", str(store), "--out", str(tmp_path / "out"), *arguments]
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_progress_is_lines_away_from_a_terminal_and_none_where_all_is_done() -> None:
    from rich.console import Console

    def lines(*counts: int) -> list[str]:
        console = Console(file=io.StringIO(), width=80)
        with showing_cells(console) as told:
            for count in counts:
                told(count, 20)
        assert isinstance(console.file, io.StringIO)
        return console.file.getvalue().splitlines()

    assert lines(20) == []
    assert lines(5, 6, 7, 8, 20) == [f"analysing cells: {n} of 20" for n in (5, 7, 20)]


def test_progress_on_a_terminal_leaves_nothing_behind() -> None:
    from rich.console import Console

    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    with showing_cells(console) as told:
        told(0, 3)
        told(3, 3)
    assert isinstance(console.file, io.StringIO)
    assert "analysing cells" not in console.file.getvalue().splitlines()[-1]
