"""``lqbench report`` on a store: what it writes, prints and refuses."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner, Result

from lqbench.benchmark.cli.main import main
from lqbench.results import ledger
from lqbench.results.runs import SkippedCell, new_run, write_run


def run(*arguments: object, **variables: str) -> Result:
    """Call the command; figures are drawn only where a test asks for them."""
    figures = () if {"--figures", "--paper"} & set(arguments) else ("--figures", "none")
    return CliRunner().invoke(main, ["report", *figures, *map(str, arguments)], env=variables)


@pytest.fixture(autouse=True)
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    """Published numbers of one paper; records without detections behind them, which nothing can be analysed of."""
    one = ledger.Ledger(tuple(paper for paper in ledger.load_ledger().papers if paper.key == "aeris"))
    monkeypatch.setattr(ledger, "load_ledger", lambda: one)
    monkeypatch.setattr("lqbench.benchmark.analysis.cells.analyse", lambda *_, **__: {})
    monkeypatch.setenv("LQBENCH_REPORT_FIGURES", "none")


@pytest.fixture
def store(samples: ModuleType, tmp_path: Path) -> Path:
    return samples.write_store(tmp_path / "store", samples.sample_records())


def test_writes_both_files_and_prints_their_paths(store: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    result = run("--store", store, "--out", out, "--figures", "svg")
    assert result.exit_code == 0, result.output
    for name in ("report.html", "report.md"):
        assert (out / name).stat().st_size > 0
        assert str(out / name) in result.output
    assert list((out / "figures").glob("*.svg"))


def test_folders_may_come_from_the_environment(store: Path, tmp_path: Path) -> None:
    out = tmp_path / "from-environment"
    result = run(LQBENCH_STORE=str(store), LQBENCH_REPORT=str(out))
    assert result.exit_code == 0, result.output
    assert (out / "report.md").exists()


def test_only_the_named_datasets_and_methods_are_reported(store: Path, tmp_path: Path) -> None:
    result = run("--store", store, "--out", tmp_path / "out", "--dataset", "coco-d", "--method", "lr, bicubic")
    assert result.exit_code == 0, result.output
    text = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "coco-d" in text and "| bicubic |" in text
    assert "voc-lr-x4" not in text and "HR ceiling" not in text.split("## How to read")[0].split("## Methods")[1]


@pytest.mark.parametrize("make", [lambda path: None, lambda path: (path / "cells").mkdir(parents=True)])
def test_an_empty_store_says_what_to_run_first(tmp_path: Path, make) -> None:
    make(tmp_path / "store")
    result = run("--store", tmp_path / "store", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "lqbench run --method hr,lr,bicubic --dataset scenes-d" in result.output
    assert "Traceback" not in result.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--method", "tdsr"), "which has bicubic, hr, lr"),
        (("--dataset", "coco"), "which has coco-d, voc-lr-x4"),
        (("--method", "lr", "--dataset", "voc-lr-x4"), "No cell in"),
    ],
)
def test_a_selection_without_cells_is_refused(store: Path, tmp_path: Path, arguments, expected: str) -> None:
    result = run("--store", store, "--out", tmp_path / "out", *arguments)
    assert result.exit_code == 2
    assert expected in result.output
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_told_in_one_sentence(store: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")
    result = run("--store", store, "--out", tmp_path / "file")
    assert result.exit_code == 2
    assert len(result.output.strip().splitlines()) == 1
    assert "--out" in result.output


def test_a_damaged_record_names_its_file(store: Path, tmp_path: Path) -> None:
    damaged = next((store / "cells").iterdir()) / "record.json"
    damaged.write_text(json.dumps({"cell": 1}), encoding="utf-8")
    result = run("--store", store, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert str(damaged) in result.output and "Traceback" not in result.output


def test_a_store_of_a_newer_version_is_one_sentence(store: Path, tmp_path: Path) -> None:
    (store / "store.json").write_text('{"version": 99, "id": "x", "created_by": "9.0"}', encoding="utf-8")
    result = run("--store", store, "--out", tmp_path / "out")
    assert result.exit_code == 2 and len(result.output.strip().splitlines()) == 1
    assert "install a newer lqbench" in result.output


def test_tables_are_written_in_all_formats_and_stale_ones_removed(store: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run("--store", store, "--out", out).exit_code == 0
    (out / "tables" / "mine.csv").write_text("my own", encoding="utf-8")
    names = {path.name for path in (out / "tables").iterdir()}
    for stem in ("matrix-retinanet", "matrix-yolox-nano-intervals", "aeris-coco-d"):
        assert {f"{stem}.csv", f"{stem}.md", f"{stem}.tex"} <= names
    assert run("--store", store, "--out", out, "--dataset", "voc-lr-x4").exit_code == 0
    left = {path.name for path in (out / "tables").iterdir()}
    assert "matrix-retinanet.csv" not in left
    assert {"matrix-ssd300-vgg16.csv", "mine.csv", "aeris-coco-d.csv"} <= left


def test_the_list_of_an_older_report_removes_nothing_elsewhere(store: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    kept = [tmp_path / "precious", out / "own.txt"]
    for path in kept:
        path.write_text("keep", encoding="utf-8")
    names = ["../precious", "own.txt", "tables/../own.txt", str(kept[0]), 7]
    (out / ".lqbench-report.json").write_text(json.dumps(names), encoding="utf-8")
    assert run("--store", store, "--out", out).exit_code == 0
    assert all(path.exists() for path in kept)


def test_the_same_store_gives_the_same_bytes(store: Path, tmp_path: Path) -> None:
    def content(out: Path) -> dict[str, bytes]:
        assert run("--store", store, "--out", out).exit_code == 0
        return {p.relative_to(out).as_posix(): p.read_bytes() for p in out.rglob("*") if p.is_file()}

    assert content(tmp_path / "a") == content(tmp_path / "b")


def test_figures_are_written_in_the_formats_asked_for(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Figure:
        title = alt = caption = "drawn"
        svg = "<svg></svg>"

        def save(self, folder: Path, formats: tuple[str, ...]) -> list[Path]:
            folder.mkdir(exist_ok=True)
            paths = [folder / f"ap.{name}" for name in formats]
            for path in paths:
                path.write_text("drawn", encoding="utf-8")
            return paths

    monkeypatch.setattr("lqbench.reports.figures.all_figures", lambda *_: [Figure()])
    out = tmp_path / "out"
    result = run("--store", store, "--out", out, "--figures", "svg, png")
    assert result.exit_code == 0 and f"{out / 'figures'}: 2 files" in result.output
    assert {path.name for path in (out / "figures").iterdir()} == {"ap.svg", "ap.png"}
    assert run("--store", store, "--out", out, "--figures", "pdf").exit_code == 0
    assert {path.name for path in (out / "figures").iterdir()} == {"ap.pdf"}


def test_what_runs_left_out_is_told_with_its_reason(store: Path, tmp_path: Path) -> None:
    reason = "The weights of tdsr are not here; give them with --sr-weights."
    left_out = [SkippedCell(method=name, dataset="coco-d", reason=reason) for name in ("tdsr", "lr")]
    write_run(store, new_run(("lqbench", "run"), "inline", 1, (), left_out))
    assert run("--store", store, "--out", tmp_path / "out").exit_code == 0
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert page.count("left out") == 1  # lr has been computed since
    assert reason in page
    assert run("--store", store, "--out", tmp_path / "out", "--method", "lr").exit_code == 0
    assert reason not in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_weights_that_the_user_vouches_for_are_handed_on(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[object] = []
    monkeypatch.setattr("lqbench.reports.papers.paper_grids", lambda *_, vouched: seen.append(tuple(vouched)) or [])
    assert run("--store", store, "--paper", "aeris", "--paper-weights", "ab, cd").exit_code == 0
    assert run("--store", store, "--out", tmp_path / "out", "--paper-weights", "ef").exit_code == 0
    assert seen == [("ab", "cd"), ("ef",)]


def test_an_interrupted_analysis_says_what_is_kept(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("lqbench.benchmark.analysis.cells.analyse", stopped)
    result = run("--store", store, "--out", tmp_path / "out")
    assert result.exit_code == 130
    assert "stopped; what was analysed is kept" in result.output


def test_a_cell_that_cannot_be_analysed_is_told_and_the_report_is_made(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    result = run("--store", store, "--out", tmp_path / "out", "--dataset", "voc-lr-x4")
    assert result.exit_code == 0, result.output
    assert result.output.count("is not analysed") == 2
    assert (tmp_path / "out" / "report.html").exists()
