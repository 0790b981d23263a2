"""How a run shows that it goes on: a live table on a terminal, plain lines with a time elsewhere."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Protocol

from rich.console import Console

from .eta import duration

LINE_SECONDS = 10.0
"""A plain line appears after this time, or after a tenth of the images, whichever comes first."""


@dataclass(frozen=True)
class Expected:
    """A cell that a run is going to deal with.

    Attributes:
        title: Its name, unique within the run.
        images: Number of its images.
        seconds: Estimated seconds that computing it takes; None where unknown.
        state: What it is before the run begins: "done", "to do", "failed before" or another word for to do.
    """

    title: str
    images: int
    seconds: float | None = None
    state: str = "to do"


class Display(Protocol):
    """Where a run reports what it does. Used as a context manager; its methods may be called from several threads."""

    def __enter__(self) -> Display:
        """Start to show."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, leaving the terminal in order."""
        ...

    def plan(self, cells: Sequence[Expected]) -> None:
        """Tell all cells of the run, before the first one begins."""
        ...

    def start(self, title: str, done: int, total: int, worker: str = "") -> None:
        """Begin a cell of ``total`` images, of which ``done`` were there already, on a worker or device."""
        ...

    def advance(self, title: str, images: int) -> None:
        """Report that some more images of the cell are done."""
        ...

    def finish(self, title: str, state: str, message: str) -> None:
        """End a cell, begun or not.

        Args:
            title: The cell.
            state: "done", "stored" (it was there already), "failed", or "busy" (another launcher computes it).
            message: A closing line; empty for none.
        """
        ...

    def line(self, message: str) -> None:
        """Say something that belongs to no cell."""
        ...


def make_display(console: Console) -> Display:
    """Return the display that fits the console."""
    if not console.is_terminal:
        return LineDisplay(console)
    from .live import LiveDisplay

    return LiveDisplay(console)


def report_rendering(display: Display) -> Callable[[str, int, int], None]:
    """Return a function that shows (dataset, done, total) while scenes are rendered."""

    def report(dataset: str, done: int, total: int) -> None:
        title = f"rendering scenes for {dataset}"
        if done == 1:
            display.start(title, 0, total)
        display.advance(title, 1)
        if done == total:
            display.finish(title, "done", "")

    return report


@dataclass
class _Running:
    """A cell in work, as ``LineDisplay`` counts it."""

    total: int
    before: int
    done: int
    shown: int
    began: float
    shown_at: float


class LineDisplay:
    """Plain lines, for log files and continuous integration.

    Args:
        console: Where to print.
        clock: Seconds; replaced in tests.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._lock = threading.Lock()
        self._running: dict[str, _Running] = {}

    def __enter__(self) -> LineDisplay:
        """Start to show."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop; nothing has to be put in order."""

    def plan(self, cells: Sequence[Expected]) -> None:
        """Say how much there is to do, where it is more than one cell."""
        if len(cells) < 2:
            return
        states = ", ".join(f"{count} {state}" for state, count in sorted(Counter(c.state for c in cells).items()))
        left = [cell for cell in cells if cell.state != "done"]
        estimates = [cell.seconds for cell in left if cell.seconds is not None]
        known = f", about {duration(sum(estimates))} on one worker" if left and len(estimates) == len(left) else ""
        self.line(f"{len(cells)} cells: {states}; {sum(cell.images for cell in left)} images to go{known}")

    def start(self, title: str, done: int, total: int, worker: str = "") -> None:
        """Begin a cell with a line."""
        now = self._clock()
        with self._lock:
            self._running[title] = _Running(total, done, done, done, now, now)
        resumed = f", {done} of them done before" if done else ""
        self.line(f"{title}: {total} images{resumed}{f' ({worker})' if worker else ''}")

    def advance(self, title: str, images: int) -> None:
        """Count, and print a line when one is due; a cell that was not begun is left alone."""
        now = self._clock()
        with self._lock:
            cell = self._running.get(title)
            if cell is None:
                return
            cell.done += images
            due = cell.done - cell.shown >= cell.total / 10 or now - cell.shown_at >= LINE_SECONDS
            if not due or cell.done >= cell.total:
                return
            cell.shown, cell.shown_at = cell.done, now
            text = f"{title}: {cell.done} of {cell.total} images ({_pace(cell, now)})"
        self.line(text)

    def finish(self, title: str, state: str, message: str) -> None:
        """Print the closing line."""
        with self._lock:
            self._running.pop(title, None)
        if message:
            self.line(message)

    def line(self, message: str) -> None:
        """Print one line after the time of day."""
        stamp = datetime.now().astimezone().strftime("%H:%M:%S")
        self._console.print(f"{stamp} {message}", markup=False, highlight=False, soft_wrap=True)


def _pace(cell: _Running, now: float) -> str:
    """Return a cell's speed and the time left."""
    rate = (cell.done - cell.before) / max(now - cell.began, 1e-9)
    return f"{rate:.1f} a second, {(cell.total - cell.done) / max(rate, 1e-9):.0f} s left"
