"""The live table of a run on a terminal: what is done, what runs where, and how long it still takes."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType

from rich.console import Console, ConsoleOptions, OverflowMethod, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from .eta import Work, duration, seconds_left
from .progress import Expected

FINISHED_ROWS = 3
"""Cells that ended last, shown under those that run."""
WIDE, MIDDLE = 80, 56
"""Columns of a terminal from which on a row has a bar, and a worker."""
WORDS = {"done": "done", "stored": "done", "failed": "failed", "busy": "elsewhere"}
"""What a summary calls the states that a cell ends in."""
COUNTED = ("done", "running", "to do", "failed", "elsewhere")
STYLES = {"done": "green", "failed": "red", "elsewhere": "yellow"}


@dataclass
class _Cell:
    """A cell as the table knows it; ``state`` is one of ``COUNTED``."""

    title: str
    total: int
    seconds: float | None = None
    state: str = "to do"
    planned: bool = False
    worker: str = ""
    before: int = 0
    done: int = 0
    began: float = 0.0
    parts: dict[str, _Cell] = field(default_factory=dict)
    """Shards of a planned cell that were begun, by title."""

    def begin(self, done: int, total: int, worker: str, now: float) -> None:
        self.total, self.before, self.done = total, done, done
        self.state, self.worker, self.began = "running", worker, now

    def rows(self) -> list[_Cell]:
        """Return what is shown of a cell in work: its shards in work, or the cell itself where it has none."""
        if self.state != "running":
            return []
        return [part for part in self.parts.values() if part.state == "running"] if self.parts else [self]

    def work(self) -> Work:
        over = self.state not in ("running", "to do")
        shards = list(self.parts.values()) or [self]
        before, done = sum(shard.before for shard in shards), sum(shard.done for shard in shards)
        return Work(self.total, self.seconds, before, done, over)


@dataclass
class _Counts:
    """All that the table shows."""

    cells: dict[str, _Cell] = field(default_factory=dict)
    finished: deque[_Cell] = field(default_factory=lambda: deque(maxlen=FINISHED_ROWS))
    began: float | None = None
    advanced: int = 0

    def whole_of(self, title: str) -> _Cell | None:
        """Return the planned cell that a title such as "hr on scenes-d [0-511]" is a shard of; None for others."""
        cell = self.cells.get(title.rpartition(" [")[0])
        return cell if cell is not None and cell.planned and title not in self.cells else None

    def find(self, title: str) -> _Cell | None:
        """Return the cell or shard of a title."""
        whole = self.whole_of(title)
        return self.cells.get(title) if whole is None else whole.parts.get(title)


class LiveDisplay:
    """A table at the foot of the terminal, redrawn in place; messages appear above it and stay.

    Args:
        console: A terminal; any width from 40 columns.
        clock: Seconds; replaced in tests.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        # Never held while printing: the thread that redraws holds the console's lock when it asks for this one.
        self._lock = threading.Lock()
        self._counts = _Counts()
        self._live = Live(self, console=console, transient=True, refresh_per_second=4, vertical_overflow="crop")

    def __enter__(self) -> LiveDisplay:
        """Start to show."""
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the table away; the messages stay."""
        self._live.stop()

    def plan(self, cells: Sequence[Expected]) -> None:
        """Take the cells of a run; those of a plan before it are forgotten."""
        with self._lock:
            self._counts = _Counts()
            for cell in cells:
                state = "done" if cell.state == "done" else "to do"
                done = cell.images if state == "done" else 0
                known = _Cell(cell.title, cell.images, cell.seconds, state, planned=True, before=done, done=done)
                self._counts.cells[cell.title] = known

    def start(self, title: str, done: int, total: int, worker: str = "") -> None:
        """Begin a cell, or a shard of one; what no plan named gets a row but is not counted."""
        now = self._clock()
        with self._lock:
            whole = self._counts.whole_of(title)
            place = self._counts.cells if whole is None else whole.parts
            place.setdefault(title, _Cell(title, total)).begin(done, total, worker, now)
            if whole is not None:
                whole.state = "running"
            if self._counts.began is None:
                self._counts.began = now

    def advance(self, title: str, images: int) -> None:
        """Move the bar of a cell or shard; one that was not begun is left alone."""
        with self._lock:
            cell = self._counts.find(title)
            if cell is not None and cell.state == "running":
                cell.done += images
                self._counts.advanced += images

    def finish(self, title: str, state: str, message: str) -> None:
        """Take the row of a cell or shard away, leaving the closing line above the table."""
        with self._lock:
            whole = self._counts.whole_of(title)
            if whole is None:
                self._finish_cell(title, WORDS.get(state, "done"), state != "stored")
            else:
                self._finish_part(whole, title)
        if message:
            self.line(message)

    def _finish_cell(self, title: str, state: str, computed: bool) -> None:
        cell = self._counts.cells.get(title)
        if cell is None:
            return
        if not cell.planned:
            del self._counts.cells[title]
            return
        cell.state = state
        if computed and state != "elsewhere":
            self._counts.finished.appendleft(cell)

    def _finish_part(self, whole: _Cell, title: str) -> None:
        """End a shard; its cell waits for others, or for being put together, unless it has come to an end already."""
        if title in whole.parts:
            whole.parts[title].state = "done"
        if whole.state == "running" and not whole.rows():
            whole.state = "to do"

    def line(self, message: str) -> None:
        """Print above the table."""
        self._console.print(message, markup=False, highlight=False)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the table, never wider than the terminal and at least one line lower than it."""
        overflow: OverflowMethod = "crop" if options.ascii_only else "ellipsis"
        room = max(1, console.height - 1)
        with self._lock:
            summary = self._summary(options.max_width)
            rows = list(self._rows(options.max_width, room - len(summary), overflow))
        yield from (Text(line, no_wrap=True, overflow=overflow) for line in summary[:room])
        yield from rows

    def _summary(self, width: int) -> list[str]:
        """Return the cells by state, the pace and the time left, in as many lines as they need."""
        planned = [cell for cell in self._counts.cells.values() if cell.planned]
        if not planned:
            return []
        by_state = Counter(cell.state for cell in planned)
        parts = [f"{by_state[state]} {state}" for state in COUNTED if by_state[state] or state in ("done", "to do")]
        elapsed = 0.0 if self._counts.began is None else self._clock() - self._counts.began
        if self._counts.advanced and elapsed > 0:
            parts.append(f"{self._counts.advanced / elapsed:.1f} images/s")
        left = seconds_left([cell.work() for cell in planned], elapsed, by_state["running"])
        if left:
            parts.append(f"{duration(left)} left")
        return _filled(parts, width)

    def _rows(self, width: int, room: int, overflow: OverflowMethod) -> Iterator[Table | Text]:
        """Return a row for each running cell and for the last that ended, as far as there is room."""
        running = [row for cell in self._counts.cells.values() for row in cell.rows()]
        if room <= 0:
            return
        shown = running if len(running) <= room else running[: room - 1]
        if shown:
            yield _table(shown, width, self._clock(), overflow)
        if len(shown) < len(running):
            more = f"... and {len(running) - len(shown)} more"
            yield Text(more, style="dim", no_wrap=True, overflow=overflow)
            return
        for cell in list(self._counts.finished)[: room - len(shown)]:
            style = STYLES.get(cell.state, "")
            yield Text.assemble((f"{cell.state:7}", style), cell.title, no_wrap=True, overflow=overflow)


def _filled(parts: Sequence[str], width: int) -> list[str]:
    """Join parts by commas into lines no longer than the width."""
    lines = [parts[0]]
    for part in parts[1:]:
        joined = f"{lines[-1]}, {part}"
        if len(joined) <= width:
            lines[-1] = joined
        else:
            lines.append(part)
    return lines


def _table(cells: Sequence[_Cell], width: int, now: float, overflow: OverflowMethod) -> Table:
    """Return one line for each cell: title, worker, bar, images and pace; narrow terminals get less of it."""
    workers = width >= MIDDLE and any(cell.worker for cell in cells)
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(ratio=1, no_wrap=True, overflow=overflow)
    if workers:
        table.add_column(no_wrap=True, overflow=overflow, max_width=width // 4)
    if width >= WIDE:
        table.add_column(width=20)
    table.add_column(justify="right", no_wrap=True, overflow=overflow)
    table.add_column(justify="right", no_wrap=True, overflow=overflow)
    for cell in cells:
        row: list[Text | ProgressBar] = [Text(cell.title)]
        if workers:
            row.append(Text(cell.worker, style="dim"))
        if width >= WIDE:
            row.append(ProgressBar(total=max(1, cell.total), completed=cell.done, width=20))
        elapsed = now - cell.began
        pace = f"{(cell.done - cell.before) / elapsed:.1f}/s" if cell.done > cell.before and elapsed > 0 else ""
        table.add_row(*row, Text(f"{cell.done}/{cell.total}"), Text(pace))
    return table
