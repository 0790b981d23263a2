"""Times the cells of a plan one after the other and stores what comes out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ...datasets.errors import UserError
from ...results.timing import Conditions, TimingRecord, read_timing, timing_path, write_timing
from ..plan import Group, Job
from ..progress import Display
from ..provenance import cpu_name, device_name, provenance
from ..recording import now
from ..waiting import waiting
from .job import TimingJob, TimingOptions, timed_images
from .launch import Measured, measure_apart
from .statistics import latency, split_figures

Measure = Callable[[TimingJob], Measured]


@dataclass(frozen=True)
class TimingOutcome:
    """What became of one timing: measured now, found in the store, or failed."""

    state: Literal["measured", "stored", "failed"]
    record: TimingRecord


def time_cells(
    groups: Sequence[Group], store: Path, options: TimingOptions, display: Display, measure: Measure = measure_apart
) -> list[TimingOutcome]:
    """Time every cell that the store has no usable timing of; one after the other, so that none disturbs another.

    A stored timing is kept if it was asked for in the same way and nothing else ran meanwhile. One that was disturbed
    may not be compared with anything, so it is made anew.

    Args:
        groups: From ``benchmark.plan.make_plan``; of its cells, whole datasets are named, of which some images are
            timed.
        store: The store's folder.
        options: How to time.
        display: Where to say what happens.
        measure: Times one job; replaced in tests.

    Returns:
        One outcome per cell, in the order of the plan.

    Raises:
        UserError: An image or weights are missing or damaged, or there are too few images for one batch.
    """
    jobs = [(group, job) for group in groups for job in group.jobs]
    for _, job in jobs:
        _check_batch(job, options)
    return [_settle(group, job, store, options, display, measure) for group, job in jobs]


def _check_batch(job: Job, options: TimingOptions) -> None:
    if timed_images(len(job.dataset), options) == 0:
        count = min(len(job.dataset), options.limit)
        raise UserError(
            f"--batch-size {options.batch_size} is more than the {count} images of {job.cell.dataset} that are timed; "
            f"make it smaller, or --limit larger."
        )


def _settle(
    group: Group, job: Job, store: Path, options: TimingOptions, display: Display, measure: Measure
) -> TimingOutcome:
    expected = _conditions(job, options)
    found = None if options.again else _usable(store, job, expected)
    if found is not None:
        display.line(f"{job.title}: already timed")
        return TimingOutcome("stored", found)
    started = now()
    display.line(f"{job.title}: timing {expected.images} images")
    measured = measure(TimingJob(group.method, group.settings, group.weights, job.dataset, options))
    if measured.result.mistake:
        raise UserError(measured.result.mistake)
    record = _record(job, expected, started, measured, options)
    record = write_timing(store, record, measured.latencies)
    display.line(f"{job.title}: {summary(record)}")
    return TimingOutcome("failed" if record.status == "failed" else "measured", record)


def _conditions(job: Job, options: TimingOptions) -> Conditions:
    return Conditions(
        cpu=cpu_name(),
        device=device_name(options.device),
        threads=options.threads,
        batch_size=options.batch_size,
        precision="float32",
        wait_policy=waiting(),
        images=timed_images(len(job.dataset), options),
        warm_up=options.warm_up,
        repeat=options.repeat,
    )


def _usable(store: Path, job: Job, expected: Conditions) -> TimingRecord | None:
    """Return the stored timing if it answers the same question undisturbed."""
    folder = timing_path(store, job.cell, expected)
    if not folder.exists():
        return None
    record = read_timing(folder)
    same = record.conditions == expected.model_copy(update={"precision": record.conditions.precision})
    return record if same and record.status == "done" and record.quiet else None


def _record(job: Job, conditions: Conditions, started: str, measured: Measured, options: TimingOptions) -> TimingRecord:
    result, frame = measured.result, measured.latencies
    return TimingRecord(
        cell=job.cell,
        status="failed" if frame is None else "done",
        error=result.error,
        started=started,
        conditions=conditions.model_copy(update={"precision": result.precision}),
        setup_s=result.setup_s,
        load_ms=result.load_ms,
        latency=None if frame is None else latency(frame, options.batch_size),
        split=None if frame is None else split_figures(frame),
        memory=result.memory,
        compute=result.compute,
        surroundings=measured.surroundings,
        provenance=result.provenance or provenance(options.device, options.command),
    )


def summary(record: TimingRecord) -> str:
    """Return one line of what a timing gave."""
    if record.latency is None:
        return f"failed: {record.error.splitlines()[-1] if record.error else 'without a word'}"
    mark = "" if record.quiet else "; not comparable"
    figures = record.latency
    return f"median {figures.median_ms:.1f} ms a call, p95 {figures.p95_ms:.1f} ms over {figures.calls} calls{mark}"
