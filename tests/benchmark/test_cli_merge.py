"""``lqbench merge``: joins stores whose numbers belong together, and changes nothing where they do not."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from lqbench.benchmark.cli.main import main
from lqbench.datasets.types import Boxes, Detections, ImageRecord
from lqbench.results.cell import Cell
from lqbench.results.record import Metrics, Provenance, Record
from lqbench.results.store import Store, detections_sha256
from lqbench.results.tables import detections_frame


class Images:
    """Two images without objects; what fingerprint they have is asked for."""

    classes: tuple[str, ...] = ("person",)
    boxes: tuple[Boxes, ...] = (Boxes.empty(), Boxes.empty())

    def __init__(self, fingerprint: str) -> None:
        self.fingerprint = fingerprint
        size = (40, 50)
        self.records = tuple(ImageRecord(f"id-{i}", i, f"{i}.png", size, size, size, (1.0, 1.0), i) for i in range(2))

    def facts(self) -> dict[str, Any]:
        return {"title": "fake"}


def write(
    store: Store, method: str = "bicubic", score: float = 0.5, started: str = "2026-01-01", **cell: Any
) -> Record:
    """Store a finished cell with one detection; more words are fields of the cell."""
    given = {"method_source": "a" * 64, "dataset": "fake", "dataset_version": "1", "split": "val"}
    made = Cell(**{"method": method, "dataset_fingerprint": "f" * 64, **given, **cell})
    box = Detections(np.array([[0, 0, 5, 5]], np.float32), np.array([score], np.float32), np.array([0]))
    found = detections_frame([(0, box)])
    record = Record(
        cell=made,
        status="done",
        images=2,
        detections=1,
        started=started,
        seconds={"detect": 1.0},
        provenance=Provenance(lqbench_version="0", python="3", platform="p", cpu="c", device="cpu"),
        metrics=Metrics(detections_sha256=detections_sha256(found), values={"AP": score}, per_class={}, scorer="test"),
    )
    store.save_ground_truth(Images(made.dataset_fingerprint))
    store.write_cell(record, found)
    return record


def fail(store: Store, record: Record) -> Record:
    """Store a failed record of a record's cell."""
    failed = record.model_copy(update={"status": "failed", "error": "ValueError: no", "metrics": None})
    store.write_failure(failed)
    return failed


def content(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def run(*stores: Store | Path) -> Result:
    return CliRunner().invoke(main, ["merge", *(str(one.path if isinstance(one, Store) else one) for one in stores)])


@pytest.fixture
def stores(tmp_path: Path) -> list[Store]:
    return [Store.open(tmp_path / name) for name in ("target", "one", "two")]


def test_cells_ground_truth_pictures_and_timings_are_copied(stores, tmp_path):
    target, one, two = stores
    mine, first = write(target, "hr"), write(one, "lr")
    second = write(two, "bicubic", dataset="other", dataset_fingerprint="e" * 64)
    picture = one.path / "pictures" / first.cell.directory / "crux-1.png"
    timing = two.path / "timings" / second.cell.directory / "cpu-b1-t1" / "timing.json"
    for path in (picture, timing):
        path.parent.mkdir(parents=True)
        path.write_bytes(b"content")
    partial = one.path / "partial" / first.cell.directory
    partial.mkdir()
    (partial / "chunk-000000.parquet").write_bytes(b"half")
    (one.path / "pictures" / first.cell.directory / ".tmp-half").write_bytes(b"half")
    sources = content(one.path), content(two.path)
    result = run(*stores)
    assert result.exit_code == 0, result.output
    assert f"copied 2 cells into {target.path}" in result.output
    found = {record.cell.key: record for record in target.records()}
    assert found == {record.cell.key: record for record in (mine, first, second)}
    for record in (mine, first, second):
        assert target.has(record.cell)
        target.ground_truth(record.cell.dataset_fingerprint)
    kept = content(target.path)
    assert kept[str(picture.relative_to(one.path))] == kept[str(timing.relative_to(two.path))] == b"content"
    assert [name for name in kept if "partial" in name or ".tmp-" in name or "locks" in name] == []
    assert (content(one.path), content(two.path)) == sources


def test_a_target_is_made_and_merging_again_changes_nothing(stores, tmp_path):
    _, one, two = stores
    for store in (one, two):
        write(store, "lr")
    target = tmp_path / "new"
    result = run(target, one, two)
    assert "copied 1 cells" in result.output
    assert "already there with equal results: 1" in result.output
    before = content(target)
    again = run(target, one, two)
    assert "copied 0 cells" in again.output
    assert "already there with equal results: 2" in again.output
    assert content(target) == before


def test_different_contents_of_one_dataset_are_refused(stores):
    target, one, two = stores
    write(target, "hr", dataset="other", dataset_fingerprint="d" * 64)
    first = write(one, "lr")
    second = write(two, "bicubic", dataset_fingerprint="e" * 64)
    before = content(target.path)
    result = run(*stores)
    assert result.exit_code == 2
    for part in ("nothing was merged", "f" * 12, "e" * 12, first.cell.directory, second.cell.directory):
        assert part in result.output
    assert len(result.output.splitlines()) == 1
    assert content(target.path) == before


@pytest.mark.parametrize("change", [{"split": "test"}, {"limit": 1}, {"dataset_version": "2"}])
def test_another_split_limit_or_version_has_a_content_of_its_own(stores, change):
    target, one, _ = stores
    write(target, "lr")
    write(one, "lr", dataset_fingerprint="e" * 64, **change)
    assert run(target, one).exit_code == 0
    assert len(target.records()) == 2


def test_failed_cells_have_no_say_in_fingerprints(stores):
    target, one, two = stores
    write(target, "lr")
    record = write(two, "lr", dataset_fingerprint="e" * 64)
    fail(one, record)
    assert run(target, one).exit_code == 0
    assert sorted(record.status for record in target.records()) == ["done", "failed"]


def test_two_results_of_one_cell_are_refused(stores):
    target, one, two = stores
    write(one, "lr", score=0.5)
    write(two, "lr", score=0.25)
    write(one, "hr")
    result = run(*stores)
    assert result.exit_code == 2
    assert "one cell with different results" in result.output
    assert str(one.path) in result.output and str(two.path) in result.output
    assert target.records() == []


def test_a_finished_cell_replaces_a_failed_one_and_never_the_other_way(stores):
    target, one, two = stores
    finished = write(one, "lr")
    fail(target, finished)
    fail(two, finished)
    result = run(*stores)
    assert result.exit_code == 0, result.output
    assert "failed cells of which there was something already: 1" in result.output
    assert target.records() == [finished]


@pytest.mark.parametrize("name", ["record.json", "cell.json", "detections.parquet"])
def test_a_damaged_source_is_refused(stores, name):
    target, one, _ = stores
    record = write(one, "lr")
    (one.cell_path(record.cell) / name).write_bytes(b"damaged")
    result = run(target, one)
    assert result.exit_code == 2
    assert "nothing was merged" in result.output and name in result.output
    assert target.records() == []


def test_a_source_without_ground_truth_is_refused(stores):
    target, one, _ = stores
    write(one, "lr")
    shutil.rmtree(one.path / "ground-truth")
    result = run(target, one)
    assert result.exit_code == 2
    assert "dataset.json is missing" in result.output


def test_what_is_no_store_or_named_twice_is_refused(stores, tmp_path):
    target, one, _ = stores
    for words, complaint in (
        ((target, tmp_path / "none"), "there is no store at"),
        ((target, target), "named twice"),
        ((target, one, one.path / ".." / "one"), "named twice"),
    ):
        result = run(*words)
        assert result.exit_code == 2
        assert complaint in result.output
    assert run(target).exit_code == 2


def test_a_full_disk_keeps_what_was_copied_and_the_same_command_goes_on(stores, monkeypatch):
    target, one, _ = stores
    for method in ("bicubic", "hr", "lr"):
        write(one, method)
    plain, calls = shutil.copyfile, []

    def copyfile(source, place):
        if "cells" in str(source):
            calls.append(source)
        if len(calls) > 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        return plain(source, place)

    with monkeypatch.context() as full:
        full.setattr(shutil, "copyfile", copyfile)
        result = run(target, one)
    assert result.exit_code == 2
    assert "hr__fake" in result.output and "the disk is full" in result.output
    assert len(target.records()) == 1
    assert [path for path in content(target.path) if ".tmp-" in path] == []
    assert "copied 2 cells" in run(target, one).output
    assert all(cell.status == "done" for cell in target.summaries(verify=True).values())


def test_help_shows_an_example():
    result = CliRunner().invoke(main, ["merge", "--help"])
    assert "  lqbench merge .lqbench/store " in result.output
