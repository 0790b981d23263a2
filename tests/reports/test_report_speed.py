"""What a report says of speed and of lower precision."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from lqbench.reports.build import build_report
from lqbench.reports.precision import precision_effects
from lqbench.reports.tables import comparison_tables
from lqbench.results.record import Provenance, Record
from lqbench.results.timing import Compute, Conditions, Latency, Surroundings, TimingRecord


def in_precision(record: Record, precision: str, shift: float) -> Record:
    cell = record.cell.model_copy(update={"precision": precision})
    assert record.metrics is not None
    values = {name: None if value is None else value + shift for name, value in record.metrics.values.items()}
    metrics = record.metrics.model_copy(update={"values": values})
    return record.model_copy(update={"cell": cell, "metrics": metrics})


@pytest.fixture
def records(samples: ModuleType) -> list[Record]:
    return [record for record in samples.sample_records() if record.status == "done"]


def timing(record: Record, median: float, quiet: bool = True) -> TimingRecord:
    figures = {"calls": 9, "median_ms": median, "low_ms": median - 1, "high_ms": median + 1, "coverage": 0.96}
    more = {"p95_ms": median + 2, "mean_ms": median, "min_ms": median - 2, "images_per_s": 1000 / median}
    return TimingRecord(
        cell=record.cell,
        status="done",
        started="2026-01-01T00:00:00+00:00",
        conditions=Conditions(
            cpu="A <b>processor</b>",
            device="cpu",
            threads=2,
            batch_size=1,
            precision="float32",
            images=9,
            warm_up=5,
            repeat=1,
        ),
        setup_s=1.0,
        load_ms=2.0,
        latency=Latency.model_validate(figures | more),
        compute=Compute(parameters=10**6, flops_mean=1e9, flops_max=1e9),
        surroundings=Surroundings(
            quiet=quiet, reasons=() if quiet else ("others computed",), seconds=3, others_cpu=0.0
        ),
        provenance=Provenance(lqbench_version="0", python="3", platform="p", cpu="c", device="cpu"),
    )


def test_lower_precision_has_rows_and_a_difference_of_its_own(records: list[Record], tmp_path: Path) -> None:
    twin = in_precision(records[0], "bfloat16", -0.01)
    tables = comparison_tables([*records, twin])
    (effect,) = precision_effects(tables)
    assert (effect.precision, effect.value - effect.full) == ("bfloat16", pytest.approx(-0.01))
    assert effect.text_row[-1] == "-1.00"
    labels = [row.label for table in tables for row in table.rows]
    assert sum("bfloat16" in label for label in labels) == 1
    files = build_report([*records, twin], tmp_path)
    assert "## Precision" in files.markdown.read_text()
    assert 'id="precision"' in files.html.read_text()


def test_lower_precision_without_its_twin_is_no_effect(records: list[Record]) -> None:
    assert precision_effects(comparison_tables([in_precision(records[0], "float16", 0.0), *records[1:]])) == []


def test_speed_is_a_section_of_its_own_and_disturbed_timings_are_marked(records: list[Record], tmp_path: Path) -> None:
    timings = [timing(records[0], 20.0), timing(records[1], 10.0, quiet=False)]
    files = build_report(records, tmp_path, None, timings)
    text = files.markdown.read_text()
    assert "## Speed" in text
    assert "others computed" in text
    page = files.html.read_text()
    assert 'id="speed"' in page
    assert "<b>processor</b>" not in page
    again = build_report(records, tmp_path / "b", None, timings[::-1])
    assert again.html.read_bytes() == files.html.read_bytes()


def test_a_report_without_timings_has_no_such_section(records: list[Record], tmp_path: Path) -> None:
    files = build_report(records, tmp_path)
    assert "Speed" not in files.markdown.read_text()
    assert "Precision" not in files.markdown.read_text()
