"""``lqbench results prune``: shows what nobody needs, removes it on demand, and nothing else."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lqbench.benchmark.cli.main import main
from lqbench.results.owner import this_process
from lqbench.results.record import Record
from lqbench.results.store import Store

SPARE = "b" * 64


def run(store: Store, *flags: str) -> Result:
    return CliRunner().invoke(main, ["results", "prune", "--store", str(store.path), *flags])


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store")


def put(path: Path, age: float = 0.0) -> Path:
    """Make a file that was touched some seconds ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"content")
    stamp = time.time() - age
    os.utime(path, (stamp, stamp))
    return path


def abandoned_claim(store: Store, record: Record) -> Path:
    claim = store.claim(record.cell)
    assert claim is not None
    claim.path.write_text(replace(this_process(), pid=4194305).text)
    return claim.path


@pytest.fixture
def waste(tiny, store: Store) -> dict[str, list[Path]]:
    """One of each sort, beside a finished cell with all that belongs to it."""
    newest = tiny.write(store, "lr", started="2026-02-01")
    older = tiny.write(store, "lr", started="2026-01-01", weights_sha256=SPARE)
    failed = tiny.fail(store, tiny.write(Store.open(store.path.with_name("other")), "hr"))
    tiny.fail(store, failed)
    put(store.path / "pictures" / newest.cell.directory / "crux-1.png")
    put(store.path / "analysis" / newest.cell.directory / "analysis.safetensors")
    put(store.path / "partial" / failed.cell.directory / "chunk-000000.parquet")
    store.save_ground_truth(tiny.Images("9" * 64))
    return {
        "superseded": [store.cell_path(older.cell)],
        "failed": [store.cell_path(failed.cell)],
        "partial": [put(store.path / "partial" / newest.cell.directory / "chunk-000000.parquet").parent],
        "claims": [abandoned_claim(store, newest)],
        "temporaries": [put(store.path / "cells" / ".tmp-half", 4000), put(store.path / "timings/x/.tmp-half", 4000)],
        "ground-truth": [store.path / "ground-truth" / ("9" * 16)],
        "pictures": [put(store.path / "pictures" / "of__nothing__000000000000" / "crux-1.png").parent],
        "analysis": [put(store.path / "analysis" / "of__nothing__000000000000" / "analysis.safetensors").parent],
    }


def left(waste: dict[str, list[Path]]) -> set[str]:
    return {kind for kind, paths in waste.items() if all(path.exists() for path in paths)}


def test_without_yes_it_is_only_shown(tiny, store, waste):
    before = tiny.content(store.path)
    result = run(store)
    assert result.exit_code == 0, result.output
    for kind, paths in waste.items():
        shown = [path for path in paths if f"{kind}: {path.relative_to(store.path)} (" in result.output]
        assert shown == ([] if kind == "failed" else paths)
    assert "with other weights" in result.output
    assert "would remove 8 files and folders" in result.output
    assert tiny.content(store.path) == before


def test_all_but_failed_cells_is_removed_by_default(store, waste):
    result = run(store, "--yes")
    assert result.exit_code == 0, result.output
    assert "removed 8 files and folders" in result.output
    assert left(waste) == {"failed"}
    assert sorted(record.status for record in store.records()) == ["done", "failed"]
    (done,) = (record for record in store.records() if record.status == "done")
    assert store.has(done.cell)
    store.ground_truth(done.cell.dataset_fingerprint)
    assert (store.path / "pictures" / done.cell.directory / "crux-1.png").exists()
    assert (store.path / "analysis" / done.cell.directory / "analysis.safetensors").exists()
    assert "nothing to remove" in run(store).output


@pytest.mark.parametrize(
    "kind", ["superseded", "failed", "partial", "claims", "temporaries", "ground-truth", "pictures", "analysis"]
)
def test_flags_choose_what_is_removed(store, waste, kind):
    result = run(store, f"--{kind}", "--yes")
    assert result.exit_code == 0, result.output
    assert left(waste) == set(waste) - {kind}
    assert not any(path.exists() for path in waste[kind])


@pytest.mark.parametrize(
    "change", [{"method_source": SPARE}, {"weights_sha256": SPARE}, {"dataset_fingerprint": SPARE}]
)
def test_the_newest_of_a_family_stays(tiny, store, change):
    older, newer = tiny.write(store, started="2026-01-01"), tiny.write(store, started="2026-01-02", **change)
    assert run(store, "--superseded", "--yes").exit_code == 0
    assert (store.has(older.cell), store.has(newer.cell)) == (False, True)


@pytest.mark.parametrize(
    "change", [{"split": "test"}, {"limit": 3}, {"method_settings": {"a": 1}}, {"dataset": "x"}, {"method": "hr"}]
)
def test_other_settings_supersede_nothing(tiny, store, change):
    tiny.write(store, started="2026-01-01")
    tiny.write(store, started="2026-01-02", **{"weights_sha256": SPARE, **change})
    assert "nothing to remove" in run(store, "--superseded").output


def test_a_newer_failure_supersedes_nothing(tiny, store):
    finished = tiny.write(store, started="2026-01-01")
    cell = finished.cell.model_copy(update={"weights_sha256": SPARE})
    tiny.fail(store, finished.model_copy(update={"cell": cell, "started": "2026-01-02"}))
    assert "nothing to remove" in run(store).output


def test_what_a_live_launcher_works_on_is_left_alone(tiny, store):
    older, newer = (
        tiny.write(store, started="2026-01-01"),
        tiny.write(store, started="2026-01-02", weights_sha256=SPARE),
    )
    put(store.path / "partial" / newer.cell.directory / "chunk-000000.parquet")
    store.save_ground_truth(tiny.Images("9" * 64))
    claims = [store.claim(record.cell, "000000") for record in (older, newer)]
    assert "nothing to remove" in run(store).output
    for claim in claims:
        assert claim is not None
        claim.release()
    assert "would remove 3" in run(store).output


def test_a_young_temporary_is_somebodys(store):
    put(store.path / "cells" / ".tmp-half", 60)
    assert "nothing to remove" in run(store).output


def test_a_damaged_cell_stays_and_so_does_all_ground_truth(tiny, store):
    record = tiny.write(store)
    (store.cell_path(record.cell) / "record.json").write_text("{")
    assert "nothing to remove" in run(store, "--failed", "--superseded", "--ground-truth").output


def test_what_is_no_store_is_told(tmp_path):
    result = CliRunner().invoke(main, ["results", "prune", "--store", str(tmp_path)])
    assert result.exit_code == 2
    assert "there is no store at" in result.output
