"""Timings on disk: they come back as they were, whole, and damaged ones are refused."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from pydantic import ValidationError

from lqbench.datasets.errors import UserError
from lqbench.results.record import Provenance
from lqbench.results.timing import (
    LATENCY_COLUMNS,
    Compute,
    Conditions,
    Latency,
    Memory,
    Split,
    Surroundings,
    TimingRecord,
    read_latencies,
    read_timing,
    read_timings,
    timing_path,
    write_timing,
)


@pytest.fixture
def conditions() -> Conditions:
    return Conditions(
        cpu="Intel(R) Xeon(R) Platinum 8488C @ 2.40GHz",
        device="cpu",
        threads=2,
        batch_size=1,
        precision="float32",
        images=2,
        warm_up=5,
        repeat=1,
    )


@pytest.fixture
def latencies() -> pd.DataFrame:
    rows = [("detect", 0, 0, 1, 10**13 + 1), ("detect", 0, 1, 1, 3), ("restore", 0, 0, 1, 2)]
    return pd.DataFrame(rows, columns=list(LATENCY_COLUMNS))


@pytest.fixture
def timing(cell, conditions) -> TimingRecord:
    return TimingRecord(
        cell=cell,
        status="done",
        started="2026-01-01T00:00:00+00:00",
        conditions=conditions,
        setup_s=0.1 + 0.2,
        load_ms=1 / 3,
        latency=Latency(
            calls=2,
            median_ms=1e-7 / 3,
            low_ms=None,
            high_ms=None,
            coverage=None,
            p95_ms=2,
            mean_ms=1,
            min_ms=0.5,
            images_per_s=1e9 / 7,
        ),
        split=Split(restoring="inside", restore_ms=1, predict_ms=2, restore_share=0.25),
        memory=Memory(resident_mib=12.5),
        compute=Compute(parameters=10**10, flops_mean=1e15 / 3, flops_max=2e15),
        surroundings=Surroundings(quiet=False, reasons=("noise",), seconds=3, others_cpu=0.5),
        provenance=Provenance(lqbench_version="0", python="3", platform="p", cpu="c", device="cpu"),
    )


def test_a_timing_comes_back_as_it_was(tmp_path, timing, latencies):
    written = write_timing(tmp_path, timing, latencies)
    folder = timing_path(tmp_path, timing.cell, timing.conditions)
    assert sorted(path.name for path in folder.iterdir()) == ["latencies.parquet", "timing.json"]
    assert read_timing(folder) == written
    assert written == timing.model_copy(update={"latencies_sha256": written.latencies_sha256})
    assert read_timings(tmp_path) == [written]
    pd.testing.assert_frame_equal(read_latencies(folder), latencies)


def test_the_folder_names_cell_machine_batch_and_threads(tmp_path, timing):
    folder = timing_path(tmp_path, timing.cell, timing.conditions)
    assert folder.parent == tmp_path / "timings" / timing.cell.directory
    assert folder.name == "intel-xeon-platinum-8488c-2.40ghz-cpu-b1-t2"


@pytest.mark.parametrize(
    ("device", "machine"),
    [("cpu", "EPYC, cpu"), ("cuda:1 (NVIDIA H200)", "NVIDIA H200 on EPYC"), ("mps", "EPYC, mps")],
)
def test_a_machine_is_its_gpu_and_its_processor(conditions, device, machine):
    assert conditions.model_copy(update={"device": device, "cpu": "EPYC"}).machine == machine


def test_strange_names_make_safe_folders(conditions):
    assert conditions.model_copy(update={"cpu": "../../ ", "device": "/"}).slug == "unknown"


def test_timings_under_other_conditions_lie_side_by_side(tmp_path, timing, latencies):
    for threads in (1, 2):
        other = timing.conditions.model_copy(update={"threads": threads})
        write_timing(tmp_path, timing.model_copy(update={"conditions": other}), latencies)
    assert [record.conditions.threads for record in read_timings(tmp_path)] == [1, 2]


def test_a_new_timing_replaces_the_old_one(tmp_path, timing, latencies):
    write_timing(tmp_path, timing, latencies)
    write_timing(tmp_path, timing.model_copy(update={"load_ms": 9.0}), latencies.iloc[:1])
    (found,) = read_timings(tmp_path)
    assert found.load_ms == 9.0
    assert len(read_latencies(timing_path(tmp_path, found.cell, found.conditions))) == 1


def test_a_failure_is_kept_but_replaces_no_finished_timing(tmp_path, timing, latencies):
    failed = timing.model_copy(update={"status": "failed", "error": "out of ideas", "latency": None})
    write_timing(tmp_path, failed, None)
    assert [record.status for record in read_timings(tmp_path)] == ["failed"]
    write_timing(tmp_path, timing, latencies)
    write_timing(tmp_path, failed, None)
    assert [record.status for record in read_timings(tmp_path)] == ["done"]


def test_a_store_without_timings_has_none(tmp_path):
    assert read_timings(tmp_path) == []


def test_quiet_is_what_was_watched(timing):
    assert not timing.quiet
    assert not timing.model_copy(update={"surroundings": None}).quiet
    assert timing.model_copy(update={"surroundings": Surroundings(quiet=True, seconds=1)}).quiet


def test_an_edited_record_is_refused_by_its_field(tmp_path, timing, latencies):
    write_timing(tmp_path, timing, latencies)
    path = timing_path(tmp_path, timing.cell, timing.conditions) / "timing.json"
    content = json.loads(path.read_text())
    content["latency"]["median_ms"] = "fast"
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"timing\.json is no valid timing \(field latency\.median_ms.*--again"):
        read_timings(tmp_path)
    path.write_text("{")
    with pytest.raises(UserError, match="no valid timing"):
        read_timing(path.parent)


def test_a_newer_version_is_refused(tmp_path, timing, latencies):
    write_timing(tmp_path, timing, latencies)
    path = timing_path(tmp_path, timing.cell, timing.conditions) / "timing.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"version": 2}))
    with pytest.raises(UserError, match="field version"):
        read_timing(path.parent)


def test_a_missing_record_is_told(tmp_path):
    with pytest.raises(UserError, match=r"timing\.json is missing"):
        read_timing(tmp_path)


def test_edited_latencies_are_refused(tmp_path, timing, latencies):
    write_timing(tmp_path, timing, latencies)
    path = timing_path(tmp_path, timing.cell, timing.conditions) / "latencies.parquet"
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(UserError, match="damaged or was edited"):
        read_latencies(path.parent)
    path.unlink()
    with pytest.raises(UserError, match="missing or damaged"):
        read_latencies(path.parent)


def test_unknown_fields_are_refused(timing):
    with pytest.raises(ValidationError, match="speed"):
        TimingRecord.model_validate(timing.model_dump() | {"speed": 1})


def test_a_store_that_cannot_be_written_is_told(tmp_path, timing, latencies):
    (tmp_path / "timings").write_text("")
    with pytest.raises(UserError, match=r"cannot be written \(.*--store"):
        write_timing(tmp_path, timing, latencies)
