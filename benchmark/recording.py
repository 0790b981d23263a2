"""The record of a cell, from what was computed."""

from __future__ import annotations

import traceback
from datetime import datetime, timezone
from pathlib import Path

from ..datasets.errors import UserError
from ..results.cell import Cell
from ..results.partial import ChunkResult
from ..results.record import SEEDS, EngineFacts, Metrics, Record, RestorationCost, WeightsFile
from .plan import Group
from .provenance import provenance
from .work import RunOptions, Shard

ERROR_LINES = 20
"""Lines of a traceback that a record keeps."""


def now() -> str:
    """Return the time, ISO 8601 in UTC, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def done_record(
    shard: Shard, options: RunOptions, started: str, result: ChunkResult, metrics: Metrics, seconds: dict[str, float]
) -> Record:
    """Return the record of a finished cell."""
    images = len(shard.job.dataset)
    return _record(shard, options, started).model_copy(
        update={
            "status": "done",
            "images": images,
            "detections": len(result.detections),
            "seconds": {name: round(value, 3) for name, value in seconds.items()},
            "metrics": metrics,
            "cost": RestorationCost.of(result.costs, images),
            "notes": tuple(dict.fromkeys(result.notes)),
        }
    )


def failed_record(shard: Shard, options: RunOptions, started: str, error: BaseException) -> Record:
    """Return the record of a cell that failed: a user's mistake in its own words, else the end of the traceback."""
    text = str(error) if isinstance(error, UserError) else tail(error)
    return _record(shard, options, started).model_copy(update={"error": text})


def tail(error: BaseException) -> str:
    """Return the last lines of the traceback of what was raised first, then what it led to."""
    first = error
    while first.__cause__ is not None:
        first = first.__cause__
    lines = "".join(traceback.format_exception(first, chain=False)).rstrip().splitlines()[-ERROR_LINES:]
    led_to = [] if first is error else traceback.format_exception_only(error)
    return "\n".join([*lines, *"".join(led_to).rstrip().splitlines()])


def summary(record: Record) -> str:
    """Return one line of what a cell gave, or why it failed."""
    if record.metrics is None:
        return f"failed: {record.error.splitlines()[-1] if record.error else 'for an unknown reason'}"
    metric = "VOC07_AP50" if record.dataset_facts.get("metric") == "voc07" else "AP"
    value = record.metrics.values.get(metric)
    shown = "undefined" if value is None else f"{value:.3f}"
    total = sum(record.seconds.values())
    return f"{record.images} images, {record.detections} detections, {metric} {shown}, {total:.1f} s"


def _record(shard: Shard, options: RunOptions, started: str) -> Record:
    """Return what is known of a cell whatever becomes of it, as a failed one without numbers."""
    facts = shard.job.dataset.facts()
    return Record(
        cell=shard.job.cell,
        status="failed",
        images=0,
        images_official=facts.get("images_official"),
        detections=0,
        started=started,
        finished=now(),
        seconds={},
        provenance=provenance(options.device, options.command),
        dataset_facts=facts,
        method_card=shard.group.method.card.model_dump(mode="json"),
        seeds=SEEDS,
        engine=EngineFacts(name=options.engine, workers=options.jobs, threads=options.threads),
        weights=weights_of(shard.group, shard.job.cell),
    )


def weights_of(group: Group, cell: Cell) -> tuple[WeightsFile, ...]:
    """Return the weight files that a method loads: the detector's or its own, then those its settings name."""
    files = [] if group.weights is None else [WeightsFile(name=group.weights.name, sha256=cell.weights_sha256)]
    for _, value in group.settings:
        path, sha256 = getattr(value, "path", None), getattr(value, "sha256", "")
        if isinstance(path, Path) and sha256:
            files.append(WeightsFile(name=path.name, sha256=sha256))
    return tuple(files)
