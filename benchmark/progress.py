"""How a run shows that it goes on: a bar on a terminal, plain lines with a time elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

LINE_SECONDS = 10.0
"""A plain line appears after this time, or after a tenth of the images, whichever comes first."""


class Display(Protocol):
    """Where a run reports what it does. Used as a context manager."""

    def __enter__(self) -> Display:
        """Start to show."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, leaving the terminal in order."""
        ...

    def start(self, title: str, done: int, total: int) -> None:
        """Begin a cell of ``total`` images, of which ``done`` were there already."""
        ...

    def advance(self, images: int) -> None:
        """Report that some more images of the cell are done."""
        ...

    def finish(self, message: str) -> None:
        """End the cell with a closing line; empty for none."""
        ...

    def line(self, message: str) -> None:
        """Say something that belongs to no cell."""
        ...


def make_display(console: Console) -> Display:
    """Return the display that fits the console."""
    return BarDisplay(console) if console.is_terminal else LineDisplay(console)


def report_rendering(display: Display) -> Callable[[str, int, int], None]:
    """Return a function that shows (dataset, done, total) while scenes are rendered."""

    def report(dataset: str, done: int, total: int) -> None:
        if done == 1:
            display.start(f"rendering scenes for {dataset}", 0, total)
        display.advance(1)
        if done == total:
            display.finish("")

    return report


class BarDisplay:
    """A rich progress bar per cell."""

    def __init__(self, console: Console) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=console, transient=True)
        self._task: TaskID | None = None

    def __enter__(self) -> BarDisplay:
        """Start to show."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, leaving the terminal in order."""
        self._progress.stop()

    def start(self, title: str, done: int, total: int) -> None:
        """Begin a cell."""
        self._task = self._progress.add_task(_escaped(title), total=total, completed=done)

    def advance(self, images: int) -> None:
        """Move the bar."""
        if self._task is not None:
            self._progress.advance(self._task, images)

    def finish(self, message: str) -> None:
        """Take the bar away, leaving the closing line."""
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None
        if message:
            self.line(message)

    def line(self, message: str) -> None:
        """Print above the bar."""
        self._progress.console.print(_escaped(message), highlight=False)


class LineDisplay:
    """Plain lines, for log files and continuous integration.

    Args:
        console: Where to print.
        clock: Seconds; replaced in tests.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._title, self._done, self._total = "", 0, 0
        self._start = self._shown_at = 0.0
        self._done_at_start = self._shown = 0

    def __enter__(self) -> LineDisplay:
        """Start to show."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop; nothing has to be put in order."""

    def start(self, title: str, done: int, total: int) -> None:
        """Begin a cell with a line."""
        self._title, self._done, self._total = title, done, total
        self._done_at_start = self._shown = done
        self._start = self._shown_at = self._clock()
        resumed = f", {done} of them done before" if done else ""
        self.line(f"{title}: {total} images{resumed}")

    def advance(self, images: int) -> None:
        """Count, and print a line when one is due."""
        self._done += images
        due = self._done - self._shown >= self._total / 10 or self._clock() - self._shown_at >= LINE_SECONDS
        if due and self._done < self._total:
            self._shown, self._shown_at = self._done, self._clock()
            self.line(f"{self._title}: {self._done} of {self._total} images ({self._pace()})")

    def finish(self, message: str) -> None:
        """Print the closing line."""
        if message:
            self.line(message)

    def line(self, message: str) -> None:
        """Print one line after the time of day."""
        stamp = datetime.now().astimezone().strftime("%H:%M:%S")
        self._console.print(f"{stamp} {message}", markup=False, highlight=False, soft_wrap=True)

    def _pace(self) -> str:
        """Return the speed and the time left."""
        rate = (self._done - self._done_at_start) / max(self._clock() - self._start, 1e-9)
        return f"{rate:.1f} a second, {(self._total - self._done) / max(rate, 1e-9):.0f} s left"


def _escaped(text: str) -> str:
    """Return the text with what rich would read as markup escaped."""
    from rich.markup import escape

    return escape(text)
