"""The status of a store as lines for people and as an object for programs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

from ..results.cell_claims import ClaimFacts
from .eta import duration
from .status import CellProgress, RunStatus, StoreStatus, failure_of

RUNNING_ROWS, FAILED_ROWS = 20, 5
"""Rows of a run at most; what is more is counted."""


def status_lines(status: StoreStatus, now: datetime | None = None) -> list[str]:
    """Return what goes on in a store, a blank line between runs."""
    now = now or datetime.now(timezone.utc)
    lines = [line for run in status.runs for line in ("", *_run_lines(status, run, now))][1:]
    if not status.runs:
        lines.append(f"no run is noted in {status.path}; runs are from the next `lqbench run` on.")
    if status.others:
        lines += ["", "Claims on cells of no run shown here:"]
        lines += [f"  {_claim(claim)}: {claim.directory}" for claim in status.others]
    lines += status.problems
    return lines


def status_object(status: StoreStatus) -> dict[str, Any]:
    """Return what goes on in a store as one JSON object."""
    return {
        "store": str(status.path),
        "active": status.active,
        "runs": [_run_object(status, run) for run in status.runs],
        "other_claims": [_claim_object(claim) | {"directory": claim.directory} for claim in status.others],
        "problems": list(status.problems),
    }


def _run_lines(status: StoreStatus, run: RunStatus, now: datetime) -> Iterator[str]:
    note = run.note
    yield f"{note.id}: {_headline(run, now)}"
    workers = f" with {note.workers} workers" if note.workers > 1 else ""
    yield f"  {note.user} on {note.host} (process {note.pid}), engine {note.engine}{workers}"
    yield f"  {' '.join(note.command)}"
    yield f"  {_summary(run)}"
    yield from _rows([line for cell in run.cells if cell.state == "running" for line in _running(cell)], RUNNING_ROWS)
    yield from _rows([_failed(status, cell) for cell in run.cells if cell.state == "failed"], FAILED_ROWS)
    if run.state in ("dead", "silent"):
        yield from _stopped_lines(run)


def _headline(run: RunStatus, now: datetime) -> str:
    """Return the state of a run, and since when."""
    note = run.note
    if run.state == "ended":
        return f"{note.state} {_ago(note.ended, now)}, begun {_ago(note.started, now)}"
    words = {
        "running": "running",
        "silent": f"no sign of life: it runs on {note.host}, and no live claim is on its cells",
        "dead": f"dead: its process is gone from {note.host}",
    }
    return f"{words[run.state]}, begun {_ago(note.started, now)}"


def _stopped_lines(run: RunStatus) -> Iterator[str]:
    for cell in run.cells:
        if cell.state == "to do" and cell.images_done:
            yield f"  stopped  {cell.title}: {cell.images_done} of {cell.images} images are kept"
    if run.state == "dead":
        yield f"  go on with: {run.again}"
    else:
        yield f"  It waits in a queue or is dead; the same command on any machine goes on: {run.again}"


def _summary(run: RunStatus) -> str:
    """Return cells by state, images and the time left."""
    counts = run.counts
    before = sum(cell.skipped for cell in run.cells)
    parts = [f"{counts['done']} done" + (f" ({before} of them before)" if before else "")]
    parts += [f"{counts[state]} {state}" for state in ("failed", "running", "to do") if counts[state]]
    images = f"{sum(cell.images_done for cell in run.cells):,} of {sum(cell.images for cell in run.cells):,} images"
    left = f"; about {duration(run.eta)} left" if run.eta else ""
    cells = "1 cell" if len(run.cells) == 1 else f"{len(run.cells)} cells"
    return f"{cells}: {', '.join(parts)}; {images}{left}"


def _running(cell: CellProgress) -> Iterator[str]:
    """Return a line for a cell in work, and one for each part of it."""
    head = f"running  {cell.title}: {cell.images_done} of {cell.images} images"
    whole = [claim for claim in cell.claims if not claim.part]
    yield f"{head}, {_claim(whole[0])}" if whole else head
    for claim in cell.claims:
        if claim.part:
            yield f"         from image {int(claim.part) if claim.part.isdigit() else claim.part}: {_claim(claim)}"


def _failed(status: StoreStatus, cell: CellProgress) -> str:
    error = failure_of(status.path, cell.directory)
    return f"failed   {cell.title}: {error} (lqbench status --log {cell.directory})"


def _rows(rows: list[str], most: int) -> Iterator[str]:
    yield from (f"  {row}" for row in rows[:most])
    if len(rows) > most:
        yield f"  ... and {len(rows) - most} more"


def _claim(claim: ClaimFacts) -> str:
    return f"{claim.owner.name}, heartbeat {duration(claim.age)} ago"


def _ago(time: str | None, now: datetime) -> str:
    """Return a time as it is written, and how long ago it was."""
    try:
        then = datetime.fromisoformat(time or "")
        return f"{then:%Y-%m-%d %H:%M:%S} UTC ({duration((now - then).total_seconds())} ago)"
    except (ValueError, TypeError):
        return "at an unknown time"


def _run_object(status: StoreStatus, run: RunStatus) -> dict[str, Any]:
    note = run.note
    facts = note.model_dump(mode="json", include=_NOTE_FIELDS)
    return facts | {
        "state": run.state,
        "noted_state": note.state,
        "counts": {state: run.counts[state] for state in ("done", "failed", "running", "to do")},
        "images": sum(cell.images for cell in run.cells),
        "images_done": sum(cell.images_done for cell in run.cells),
        "eta_seconds": run.eta,
        "again": run.again,
        "cells": [_cell_object(status, cell) for cell in run.cells],
    }


_NOTE_FIELDS = {"id", "host", "pid", "user", "command", "folder", "engine", "workers", "started", "ended"}


def _cell_object(status: StoreStatus, cell: CellProgress) -> dict[str, Any]:
    return {
        "directory": cell.directory,
        "title": cell.title,
        "state": cell.state,
        "images": cell.images,
        "images_done": cell.images_done,
        "done_before": cell.skipped,
        "error": failure_of(status.path, cell.directory) if cell.state == "failed" else "",
        "claims": [_claim_object(claim) for claim in cell.claims],
    }


def _claim_object(claim: ClaimFacts) -> dict[str, Any]:
    return {"part": claim.part, "owner": claim.owner.name, "heartbeat_seconds_ago": round(max(0.0, claim.age), 1)}
