"""``lqbench report`` on a store: what it writes, prints and refuses."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner, Result

from lqbench.benchmark.cli.main import main
from lqbench.results.record import Record


def write_store(path: Path, records: list[Record]) -> Path:
    for record in records:
        folder = path / "cells" / record.cell.directory
        folder.mkdir(parents=True)
        (folder / "record.json").write_text(record.model_dump_json(), encoding="utf-8")
    return path


def run(*arguments: object, **variables: str) -> Result:
    return CliRunner().invoke(main, ["report", *map(str, arguments)], env=variables)


@pytest.fixture
def store(samples: ModuleType, tmp_path: Path) -> Path:
    return write_store(tmp_path / "store", samples.sample_records())


def test_writes_both_files_and_prints_their_paths(store: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    result = run("--store", store, "--out", out)
    assert result.exit_code == 0, result.output
    for name in ("report.html", "report.md"):
        assert (out / name).stat().st_size > 0
        assert str(out / name) in result.output


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
