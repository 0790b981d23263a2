"""What the store holds of a plan's cells: what is done, what has gone stale and why, and how long the rest may take."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from ..results.cell import Cell
from ..results.store import Store
from ..results.summaries import CellSummary, verified
from .plan import Group, Job

CellState = Literal["done", "stale", "failed", "damaged", "running", "to do"]
Policy = Literal["only-missing", "only-stale", "always", "never"]

Name = tuple[str, str, str, str, int | None, str]
"""What a cell is called, whatever its content: method, detector, dataset, split, limit and precision."""


@dataclass(frozen=True)
class CellStatus:
    """A cell of a plan, beside what the store holds of it.

    Attributes:
        job: The cell.
        state: "done"; "stale" where a result of another version is there (``why`` names what has changed); "failed" at
            the last attempt; "damaged"; "running" on another launcher; "to do".
        why: One sentence on the state; "" where there is nothing to tell.
        seconds: Estimate of what computing it takes; None where no record tells.
    """

    job: Job
    state: CellState
    why: str
    seconds: float | None

    def wanted(self, policy: Policy) -> bool:
        """Tell whether a run with this policy computes the cell."""
        if policy == "only-missing":
            return self.state != "done"
        if policy == "only-stale":
            return self.state == "stale"
        return policy == "always"


def statuses(groups: Sequence[Group], store: Store) -> list[CellStatus]:
    """Return the status of every cell of a plan, in its order. Nothing of the store is changed; it need not exist.

    Raises:
        UserError: The store is of a newer version.
    """
    summaries = store.summaries()
    earlier = _by_name(summaries.values())
    estimate = estimator(summaries.values())
    running = {claim.directory: claim.owner.name for claim in store.claims() if not claim.stale}
    found = []
    for job in (job for group in groups for job in group.jobs):
        directory = job.cell.directory
        summary = summaries.get(directory)
        if summary is not None:  # of the cells that nobody asks for no detections are read
            summary = verified(store.path / "cells" / directory, summary)
        state, why = _state(job.cell, summary, earlier, running.get(directory, ""))
        found.append(CellStatus(job, state, why, estimate(job.cell, len(job.dataset))))
    return found


def estimator(summaries: Iterable[CellSummary]) -> Callable[[Cell, int], float | None]:
    """Return a function that estimates the seconds of a cell from its number of images.

    It takes the mean seconds an image of finished cells: those of the same method, detector and dataset where there are
    any, else of the same method and detector, else of the method. Other machines and batch sizes are not told apart.
    """
    paces: dict[tuple[str, ...], list[float]] = {}
    for one in summaries:
        if one.status == "done" and one.images and one.seconds:
            for key in _keys(one.method, one.detector, one.dataset):
                paces.setdefault(key, []).append(one.seconds / one.images)
    means = {key: fmean(values) for key, values in paces.items()}

    def estimate(cell: Cell, images: int) -> float | None:
        keys = _keys(cell.method, cell.detector, cell.dataset)
        pace = next((means[key] for key in keys if key in means), None)
        return None if pace is None else pace * images

    return estimate


def _keys(method: str, detector: str, dataset: str) -> tuple[tuple[str, ...], ...]:
    return (method, detector, dataset), (method, detector), (method,)


def _by_name(summaries: Iterable[CellSummary]) -> dict[Name, list[CellSummary]]:
    found: dict[Name, list[CellSummary]] = {}
    for one in summaries:
        if one.status == "done":
            precision = one.cell.get("precision", "float32")
            name = (one.method, one.detector, one.dataset, one.split, one.limit, precision)
            found.setdefault(name, []).append(one)
    return found


def _state(
    cell: Cell, summary: CellSummary | None, earlier: Mapping[Name, list[CellSummary]], owner: str
) -> tuple[CellState, str]:
    """Return a cell's state and what there is to say about it; ``owner`` is who computes it now, or ""."""
    if owner:
        return "running", f"{owner} is computing it"
    if summary is not None and summary.status == "done":
        return "done", ""
    if summary is not None and summary.status == "failed":
        return "failed", summary.error
    if summary is not None:
        return "damaged", summary.error
    others = earlier.get((cell.method, cell.detector, cell.dataset, cell.split, cell.limit, cell.precision), [])
    if not others:
        return "to do", ""
    newest = max(others, key=lambda one: one.started)
    return "stale", f"changed since {newest.started}: {', '.join(_changes(cell, newest))}"


def _changes(cell: Cell, other: CellSummary) -> list[str]:
    """Return what makes two cells of one name differ."""
    compared = {
        "the method's source": (cell.method_source, other.method_source),
        "the weights": (cell.weights_sha256, other.weights_sha256),
        "the settings": (cell.method_settings, other.settings),
        "the dataset's version": (cell.dataset_version, other.dataset_version),
        "the dataset's content": (cell.dataset_fingerprint, other.dataset_fingerprint),
    }
    return [what for what, (mine, theirs) in compared.items() if mine != theirs]
