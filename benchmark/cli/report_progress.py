"""How the analysis of cells shows that it goes on, on standard error, so that printed tables stay alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress

TITLE = "analysing cells"
LINE_SECONDS = 10.0
"""Away from a terminal a line appears after this time, or after a tenth of the cells."""

Told = Callable[[int, int], None]
"""Called with (cells done, all cells)."""


@contextmanager
def showing_cells(console: Console) -> Iterator[Told]:
    """Yield a function to be told how far the analysis is: a bar on a terminal, plain lines elsewhere.

    Nothing is shown where the first call says that there is nothing left to do.
    """
    if not console.is_terminal:
        yield _Lines(console)
        return
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task(TITLE, visible=False)
        yield lambda done, total: bar.update(task, completed=done, total=total, visible=done < total)


class _Lines:
    """Plain lines, for log files and continuous integration."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: tuple[int, float] | None = None

    def __call__(self, done: int, total: int) -> None:
        """Print a line if one is due."""
        if self._due(done, total):
            self._console.print(f"{TITLE}: {done} of {total}", markup=False, highlight=False, soft_wrap=True)
            self._shown = done, time.monotonic()

    def _due(self, done: int, total: int) -> bool:
        if self._shown is None:
            return done < total
        before, at = self._shown
        return done == total or done - before >= total / 10 or time.monotonic() - at >= LINE_SECONDS
