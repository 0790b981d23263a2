"""Summaries: quick, complete, and never stopped by one damaged cell."""

from __future__ import annotations

import json
import time

import pytest

from lqbench.results.record import EngineFacts, Record, WeightsFile
from lqbench.results.store import Store
from lqbench.results.summaries import summaries_of


def test_a_summary_says_what_the_record_says(store, record, detections):
    store.write_cell(record, detections)
    (name, found), *others = store.summaries().items()
    cell = record.cell
    assert others == []
    assert name == found.directory == cell.directory
    assert (found.status, found.key, found.method, found.detector) == ("done", cell.key, "bicubic", "mini")
    assert (found.dataset, found.dataset_version, found.split, found.limit) == ("fake", "1", "val", None)
    assert (found.method_source, found.weights_sha256) == (cell.method_source, "")
    assert (found.dataset_fingerprint, found.settings) == (cell.dataset_fingerprint, {"detector": "mini"})
    assert (found.images, found.seconds, found.started) == (2, 1.5, record.started)
    assert (found.device, found.detections_sha256) == ("cpu", record.metrics.detections_sha256)


@pytest.mark.parametrize("verify", [False, True])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("record.json", None),
        ("record.json", ""),
        ("record.json", "[]"),
        ("record.json", '{"cell": {}}'),
        ("record.json", '{"cell": 3, "status": "done"}'),
        ("record.json", "\x00\x01"),
        ("cell.json", "{}"),
        ("detections.parquet", "PAR1"),
        ("detections.parquet", None),
    ],
)
def test_a_damaged_cell_is_told_and_hides_no_other(store, record, detections, name, content, verify):
    other = record.model_copy(update={"cell": record.cell.model_copy(update={"split": "test"})})
    for one in (record, other):
        store.write_cell(one, detections)
    path = store.cell_path(record.cell) / name
    path.unlink() if content is None else path.write_text(content)
    found = store.summaries(verify=verify)
    assert found[other.cell.directory].status == "done"
    damaged = found[record.cell.directory]
    # Detections and identity are looked at on demand only.
    assert damaged.status == ("damaged" if verify or name == "record.json" else "done")
    assert damaged.status == "done" or (name in damaged.error and "--always" in damaged.error)


def test_a_renamed_cell_is_told_on_demand(store, record, detections):
    store.write_cell(record, detections)
    folder = store.cell_path(record.cell)
    folder.rename(folder.with_name("bicubic__mini__fake__val__000000000000"))
    (found,) = store.summaries(verify=True).values()
    assert found.status == "damaged"
    assert "another cell" in found.error


def test_a_failed_cell_tells_its_last_line(store, record):
    error = "Traceback\nValueError: no"
    store.write_failure(record.model_copy(update={"status": "failed", "error": error, "metrics": None}))
    (found,) = store.summaries(verify=True).values()
    assert (found.status, found.error, found.detections_sha256) == ("failed", "ValueError: no", "")


@pytest.mark.parametrize("classes", [{}, {"AP": {}}, {"AP": {"}": 0.5, '\n    }"': None}, "AP50": {"a": 1.0}}])
@pytest.mark.parametrize("indent", [None, 2])
def test_figures_by_class_are_passed_over_without_harm(store, record, detections, classes, indent):
    metrics = record.metrics.model_copy(update={"per_class": classes})
    store.write_cell(record.model_copy(update={"metrics": metrics}), detections)
    path = store.cell_path(record.cell) / "record.json"
    path.write_text(json.dumps(json.loads(path.read_text()), indent=indent, sort_keys=True))
    (found,) = store.summaries().values()
    assert (found.status, found.device, found.seconds) == ("done", "cpu", 1.5)


def test_no_store_has_no_summaries(tmp_path):
    assert Store(tmp_path / "none").summaries() == {}


def test_new_facts_of_a_record_are_read_back_and_may_be_absent(store, cell, record, detections):
    facts = {
        "finished": "2026-01-01T00:01:00+00:00",
        "seeds": {"images": "sha256"},
        "notes": ("batch size halved to 2 at image 512: out of GPU memory",),
        "engine": EngineFacts(name="ray", workers=4),
        "weights": (WeightsFile(name="a.pth", sha256="0" * 64),),
    }
    full = record.model_copy(update=facts)
    store.write_cell(full, detections)
    assert store.record(cell) == full
    older = {name: value for name, value in full.model_dump(mode="json").items() if name not in facts}
    for name in ("host", "gpu", "driver", "cuda", "memory_gb", "environment"):
        del older["provenance"][name]
    assert Record.model_validate(older) == record


@pytest.mark.benchmarks
@pytest.mark.parametrize("cells", [1_000, 10_000])
def test_speed_of_a_quick_look(tmp_path, record, cells):
    """Records of the size that 80 classes give, about 35 kB each."""
    values = {name: {f"class {number}": 0.123456789012 for number in range(80)} for name in "abcdefgh"}
    record = record.model_copy(update={"metrics": record.metrics.model_copy(update={"per_class": values})})
    text = json.dumps(record.model_dump(mode="json"), indent=2, sort_keys=True)
    for number in range(cells):
        folder = tmp_path / "cells" / f"m{number % 100}__mini__fake__val__{number:012x}"
        folder.mkdir(parents=True)
        (folder / "record.json").write_text(text)
    start = time.perf_counter()
    found = summaries_of(tmp_path)
    seconds = time.perf_counter() - start
    print(f"{cells} cells of {len(text)} bytes: {seconds:.2f} s")
    assert len(found) == cells
    assert all(one.status == "done" for one in found.values())
