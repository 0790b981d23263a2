"""``lqbench merge``: joins stores whose numbers belong together, and changes nothing where they do not."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lqbench.benchmark.cli.main import main
from lqbench.results.store import Store


def run(*stores: Store | Path) -> Result:
    return CliRunner().invoke(main, ["merge", *(str(one.path if isinstance(one, Store) else one) for one in stores)])


@pytest.fixture
def stores(tmp_path: Path) -> list[Store]:
    return [Store.open(tmp_path / name) for name in ("target", "one", "two")]


def test_cells_ground_truth_pictures_and_timings_are_copied(tiny, stores, tmp_path):
    target, one, two = stores
    mine, first = tiny.write(target, "hr"), tiny.write(one, "lr")
    second = tiny.write(two, "bicubic", dataset="other", dataset_fingerprint="e" * 64)
    picture = one.path / "pictures" / first.cell.directory / "crux-1.png"
    timing = two.path / "timings" / second.cell.directory / "cpu-b1-t1" / "timing.json"
    analysis = one.path / "analysis" / first.cell.directory / "analysis.safetensors"
    for path in (picture, timing, analysis):
        path.parent.mkdir(parents=True)
        path.write_bytes(b"content")
    partial = one.path / "partial" / first.cell.directory
    partial.mkdir()
    (partial / "chunk-000000.parquet").write_bytes(b"half")
    (one.path / "pictures" / first.cell.directory / ".tmp-half").write_bytes(b"half")
    sources = tiny.content(one.path), tiny.content(two.path)
    result = run(*stores)
    assert result.exit_code == 0, result.output
    assert f"copied 2 cells into {target.path}" in result.output
    found = {record.cell.key: record for record in target.records()}
    assert found == {record.cell.key: record for record in (mine, first, second)}
    for record in (mine, first, second):
        assert target.has(record.cell)
        target.ground_truth(record.cell.dataset_fingerprint)
    kept = tiny.content(target.path)
    assert kept[str(picture.relative_to(one.path))] == kept[str(timing.relative_to(two.path))] == b"content"
    left_behind = ("partial", "analysis", ".tmp-", "locks")
    assert [name for name in kept if any(part in name for part in left_behind)] == []
    assert (tiny.content(one.path), tiny.content(two.path)) == sources


def test_a_target_is_made_and_merging_again_changes_nothing(tiny, stores, tmp_path):
    _, one, two = stores
    for store in (one, two):
        tiny.write(store, "lr")
    target = tmp_path / "new"
    result = run(target, one, two)
    assert "copied 1 cells" in result.output
    assert "already there with equal results: 1" in result.output
    before = tiny.content(target)
    again = run(target, one, two)
    assert "copied 0 cells" in again.output
    assert "already there with equal results: 2" in again.output
    assert tiny.content(target) == before


def test_different_contents_of_one_dataset_are_refused(tiny, stores):
    target, one, two = stores
    tiny.write(target, "hr", dataset="other", dataset_fingerprint="d" * 64)
    first = tiny.write(one, "lr")
    second = tiny.write(two, "bicubic", dataset_fingerprint="e" * 64)
    before = tiny.content(target.path)
    result = run(*stores)
    assert result.exit_code == 2
    for part in ("nothing was merged", "f" * 12, "e" * 12, first.cell.directory, second.cell.directory):
        assert part in result.output
    assert len(result.output.splitlines()) == 1
    assert tiny.content(target.path) == before


@pytest.mark.parametrize("change", [{"split": "test"}, {"limit": 1}, {"dataset_version": "2"}])
def test_another_split_limit_or_version_has_a_content_of_its_own(tiny, stores, change):
    target, one, _ = stores
    tiny.write(target, "lr")
    tiny.write(one, "lr", dataset_fingerprint="e" * 64, **change)
    assert run(target, one).exit_code == 0
    assert len(target.records()) == 2


def test_failed_cells_have_no_say_in_fingerprints(tiny, stores):
    target, one, two = stores
    tiny.write(target, "lr")
    record = tiny.write(two, "lr", dataset_fingerprint="e" * 64)
    tiny.fail(one, record)
    assert run(target, one).exit_code == 0
    assert sorted(record.status for record in target.records()) == ["done", "failed"]


def test_two_results_of_one_cell_are_refused(tiny, stores):
    target, one, two = stores
    tiny.write(one, "lr", score=0.5)
    tiny.write(two, "lr", score=0.25)
    tiny.write(one, "hr")
    result = run(*stores)
    assert result.exit_code == 2
    assert "one cell with different results" in result.output
    assert str(one.path) in result.output and str(two.path) in result.output
    assert target.records() == []


def test_a_finished_cell_replaces_a_failed_one_and_never_the_other_way(tiny, stores):
    target, one, two = stores
    finished = tiny.write(one, "lr")
    tiny.fail(target, finished)
    tiny.fail(two, finished)
    result = run(*stores)
    assert result.exit_code == 0, result.output
    assert "failed cells of which there was something already: 1" in result.output
    assert target.records() == [finished]


@pytest.mark.parametrize("name", ["record.json", "cell.json", "detections.parquet"])
def test_a_damaged_source_is_refused(tiny, stores, name):
    target, one, _ = stores
    record = tiny.write(one, "lr")
    (one.cell_path(record.cell) / name).write_bytes(b"damaged")
    result = run(target, one)
    assert result.exit_code == 2
    assert "nothing was merged" in result.output and name in result.output
    assert target.records() == []


def test_a_source_without_ground_truth_is_refused(tiny, stores):
    target, one, _ = stores
    tiny.write(one, "lr")
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


def test_a_full_disk_keeps_what_was_copied_and_the_same_command_goes_on(tiny, stores, monkeypatch):
    target, one, _ = stores
    for method in ("bicubic", "hr", "lr"):
        tiny.write(one, method)
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
    assert [path for path in tiny.content(target.path) if ".tmp-" in path] == []
    assert "copied 2 cells" in run(target, one).output
    assert all(cell.status == "done" for cell in target.summaries(verify=True).values())


def test_help_shows_an_example():
    result = CliRunner().invoke(main, ["merge", "--help"])
    assert "  lqbench merge .lqbench/store " in result.output
