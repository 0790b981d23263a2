"""What the runs on a store are doing, told from its files alone; nothing is written and torch is not needed."""

from __future__ import annotations

import json
import math
import shlex
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path
from typing import Literal

import pyarrow as pa

from ..datasets.errors import UserError
from ..results.atomic import read_parquet_facts
from ..results.cell_claims import ClaimFacts
from ..results.runs import PlannedCell, RunNote, is_alive, runs
from ..results.store import Store
from .eta import Work, seconds_left

RunState = Literal["running", "silent", "dead", "ended"]
CellState = Literal["done", "failed", "running", "to do"]
UNFINISHED = ("to do", "stale", "failed", "failed before", "running")
"""States at planning in which there is no finished record of the cell."""
SLACK_SECONDS = 2.0
"""How much earlier than its run, by the file system's clock, a record may seem to be written."""


@dataclass(frozen=True)
class CellProgress:
    """A cell of a run.

    Attributes:
        directory: ``Cell.directory``.
        title: Its name for people.
        state: "running" while a live claim is on it.
        images: Number of its images.
        images_done: Images whose detections are stored.
        before: Images that were stored before the run began.
        seconds: Estimate at planning; None where unknown.
        skipped: Whether the run leaves it alone, as it was done before.
        claims: Who computes it.
    """

    directory: str
    title: str
    state: CellState
    images: int
    images_done: int
    before: int = 0
    seconds: float | None = None
    skipped: bool = False
    claims: tuple[ClaimFacts, ...] = ()


@dataclass(frozen=True)
class RunStatus:
    """A run.

    Attributes:
        store: The store's folder.
        note: What its launcher wrote.
        state: "running"; "silent" if it is on another machine and no claim on its cells is alive, so that it waits in
            a queue or is dead; "dead" if its process is gone; "ended".
        cells: In the order of the plan.
        eta: Seconds still to go; None where unknown, or where nothing runs.
    """

    store: Path
    note: RunNote
    state: RunState
    cells: tuple[CellProgress, ...]
    eta: float | None = None

    @property
    def counts(self) -> Counter[str]:
        """Return the number of cells by state."""
        return Counter(cell.state for cell in self.cells)

    @property
    def again(self) -> str:
        """Return the shell command that goes on where the run stopped, from any folder."""
        command = shlex.join(self.note.command)
        if not any(word.partition("=")[0] == "--store" for word in self.note.command):
            # The store may have come from a variable of the shell it was given in.
            command = f"LQBENCH_STORE={shlex.quote(str(self.store.resolve()))} {command}"
        return f"cd {shlex.quote(self.note.folder)} && {command}" if self.note.folder else command


@dataclass(frozen=True)
class StoreStatus:
    """What goes on in a store.

    Attributes:
        path: The store.
        runs: Those that did not end, and the last one that did; the oldest first.
        others: Live claims on cells of no run shown, such as those of an earlier version of lqbench.
        problems: Sentences on damaged notes.
    """

    path: Path
    runs: tuple[RunStatus, ...]
    others: tuple[ClaimFacts, ...] = ()
    problems: tuple[str, ...] = field(default=())

    @property
    def active(self) -> bool:
        """Return whether any run may still go on."""
        return any(run.state in ("running", "silent") for run in self.runs)


def store_status(path: Path, clock: Callable[[], datetime] = lambda: datetime.now(timezone.utc)) -> StoreStatus:
    """Look at a store.

    Args:
        path: Its folder, which may be read-only.
        clock: The present time; replaced in tests.

    Raises:
        UserError: There is no store, or a newer lqbench made it.
    """
    store = Store(path)
    if not (path / "cells").is_dir():
        raise UserError(f"there is no store at {path}; fill one with `lqbench run`, or name another with --store.")
    problems: list[str] = []
    notes = runs(path, problems.append)
    claims = store.claims()
    by_cell: dict[str, list[ClaimFacts]] = defaultdict(list)
    for claim in claims:
        by_cell[claim.directory].append(claim)
    shown = tuple(_run_status(path, note, by_cell, clock()) for note in _worth_showing(path, notes))
    named = {cell.directory for run in shown for cell in run.cells}
    others = tuple(claim for claim in claims if not claim.stale and claim.directory not in named)
    return StoreStatus(path, shown, others, tuple(problems))


def _worth_showing(path: Path, notes: Sequence[RunNote]) -> list[RunNote]:
    """Return the runs that did not end, and the last that did; dead ones only while nobody took up what they left."""
    ended = [note for note in notes if note.ended is not None]
    shown = []
    for index, note in enumerate(notes):
        if note.ended is not None:
            if note is ended[-1]:
                shown.append(note)
        elif is_alive(note) is not False or _left_behind(path, note, notes[index + 1 :]):
            shown.append(note)
    return shown


def _left_behind(path: Path, note: RunNote, later: Sequence[RunNote]) -> bool:
    """Return whether a run has cells that are not finished and that no later run took up."""
    taken_up = {cell.directory for other in later for cell in other.cells}
    left = (cell for cell in note.cells if cell.directory not in taken_up)
    return any(_settled(path, cell, _began(note)) != "done" for cell in left)


def _run_status(path: Path, note: RunNote, claims: Mapping[str, Sequence[ClaimFacts]], now: datetime) -> RunStatus:
    """Put together what a run's note, its cells and its claims tell."""
    cells = tuple(_cell_status(path, note, cell, claims.get(cell.directory, ())) for cell in note.cells)
    state = _run_state(note, cells)
    if state not in ("running", "silent"):
        return RunStatus(path, note, state, cells)
    work = [
        Work(cell.images, cell.seconds, cell.before, cell.images_done, cell.skipped or cell.state in ("done", "failed"))
        for cell in cells
    ]
    elapsed = max(0.0, now.timestamp() - _began(note))
    return RunStatus(path, note, state, cells, seconds_left(work, elapsed, note.workers))


def _run_state(note: RunNote, cells: Sequence[CellProgress]) -> RunState:
    if note.ended is not None:
        return "ended"
    alive = is_alive(note)
    if alive is None:
        return "running" if any(cell.state == "running" for cell in cells) else "silent"
    return "running" if alive else "dead"


def _cell_status(path: Path, note: RunNote, cell: PlannedCell, claims: Sequence[ClaimFacts]) -> CellProgress:
    """Tell a cell's state: settled in the store, held by somebody who lives, or to do."""
    live = () if note.ended is not None else tuple(claim for claim in claims if not claim.stale)
    settled = _settled(path, cell, _began(note))
    state: CellState = "running" if live and settled != "done" else settled or "to do"
    chunks = path / "partial" / cell.directory
    done = cell.images if state == "done" else images_stored(chunks)
    skipped = cell.state == "done"
    before = cell.images if skipped else images_stored(chunks, _began(note))
    shown = live if state == "running" else ()
    return CellProgress(cell.directory, cell.title, state, cell.images, done, before, cell.seconds, skipped, shown)


def _settled(path: Path, cell: PlannedCell, began: float) -> Literal["done", "failed"] | None:
    """Return what the store says of a cell that the run found finished, or has brought to an end itself.

    A failed cell has no detections. A record from before the run is that of an earlier attempt, unless there was none
    at planning: then another launcher finished the cell in between.
    """
    folder = path / "cells" / cell.directory
    try:
        written = (folder / "record.json").stat().st_mtime
    except OSError:
        return None
    fresh = written >= began - SLACK_SECONDS
    if (folder / "detections.parquet").exists():
        return "done" if fresh or cell.state in ("done", *UNFINISHED) else None
    return "failed" if fresh else None


def failure_of(path: Path, directory: str) -> str:
    """Return the last line of a failed cell's error; empty where its record cannot be read."""
    try:
        record = json.loads((path / "cells" / directory / "record.json").read_text(encoding="utf-8"))
        return str(record["error"]).strip().splitlines()[-1]
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def images_stored(folder: Path, until: float = math.inf) -> int:
    """Return how many images the chunks of an unfinished cell cover; a chunk that cannot be read does not count.

    Args:
        folder: Where the chunks lie.
        until: Only chunks written before this time count, seconds since 1970.
    """
    ranges = []
    for place in sorted(folder.glob("chunk-*.parquet")):
        try:
            facts = place.stat()
            if facts.st_mtime < until:
                ranges.append(_chunk_range(place, facts.st_mtime_ns))
        except (OSError, pa.ArrowInvalid, ValueError, KeyError, TypeError):
            continue
    covered = reached = 0
    for first, stop in sorted(ranges):
        covered += max(0, stop - max(first, reached))
        reached = max(reached, stop)
    return covered


@lru_cache(maxsize=100_000)
def _chunk_range(place: Path, stamped: int) -> tuple[int, int]:
    """Return the images of a chunk's file, which is read once as long as it keeps its time stamp."""
    first, stop = read_parquet_facts(place)["chunk"]
    return int(first), int(stop)


def _began(note: RunNote) -> float:
    """Return when a run began, seconds since 1970; 0 for a note whose time cannot be read."""
    try:
        return datetime.fromisoformat(note.started).timestamp()
    except ValueError:
        return 0.0
