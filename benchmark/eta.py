"""How long a run still takes: estimates from earlier records, corrected by the pace so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Work:
    """One cell of a run, as far as it has come.

    Attributes:
        images: Images of the cell.
        seconds: Estimated seconds of the whole cell; None where unknown.
        before: Images that were done before the run began.
        done: Images done by now, those of ``before`` included.
        over: Whether nothing is left to do on it: finished, failed or computed by another launcher.
    """

    images: int
    seconds: float | None = None
    before: int = 0
    done: int = 0
    over: bool = False


def seconds_left(cells: Sequence[Work], elapsed: float, workers: int = 1) -> float | None:
    """Return the seconds that a run still takes, or None where nothing tells.

    Each image of a cell weighs the seconds that its cell is estimated at; those of cells without an estimate weigh the
    mean of the others. The pace is the weight done since the run began over the time since then, so several workers
    and a machine faster or slower than the one of the estimates are both accounted for. Before anything is done the
    estimates are taken as they are, shared by the workers. Where no cell has an estimate, all of this is a count of
    images.

    Args:
        cells: All cells of the run.
        elapsed: Seconds since the run began.
        workers: Cells computed at once.
    """
    known = [cell for cell in cells if cell.seconds is not None and cell.images]
    images = sum(cell.images for cell in known)
    usual = sum(cell.seconds or 0.0 for cell in known) / images if images else 0.0
    usual = usual or 1.0
    left = sum(_weight(cell, usual) * max(0, cell.images - cell.done) for cell in cells if not cell.over)
    done = sum(_weight(cell, usual) * max(0, cell.done - cell.before) for cell in cells)
    if not left:
        return 0.0
    if done > 0 and elapsed > 0:
        return left * elapsed / done
    return left / max(1, workers) if known else None


def duration(seconds: float) -> str:
    """Return a length of time as people say it: "45 s", "3 min 20 s", "2 h 05 min", "3 d 4 h"."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def _weight(cell: Work, usual: float) -> float:
    """Return what one image of a cell weighs."""
    return usual if cell.seconds is None or not cell.images else cell.seconds / cell.images
