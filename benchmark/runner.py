"""Brings the cells of a plan to their outcomes: each finished cell is stored at once, none is computed twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ..results.record import Record
from ..results.store import Store
from .engines.base import Context, Engine
from .engines.inline import InlineEngine
from .plan import Group, Job
from .progress import Display, Expected
from .sweeping import sweep
from .work import Outcome, RunOptions, Shard, shards_of, whole

__all__ = ["CellOutcome", "RunOptions", "run_cells"]

POLL_SECONDS = 2.0
"""Pause between looks at cells that another launcher computes."""


@dataclass(frozen=True)
class CellOutcome:
    """What became of a cell.

    Attributes:
        state: "computed" now, "stored" before, or "failed".
        record: The cell's record.
        mistake: As ``Outcome.mistake``.
    """

    state: Literal["computed", "stored", "failed"]
    record: Record
    mistake: bool = False


def run_cells(
    groups: Sequence[Group],
    store: Store,
    options: RunOptions,
    display: Display,
    engine: Engine | None = None,
    estimates: Mapping[str, float] | None = None,
    on_outcome: Callable[[CellOutcome], None] = lambda _: None,
    intact: Collection[str] = (),
) -> list[CellOutcome]:
    """Compute the cells that the store lacks.

    A cell whose method or dataset raises is recorded as failed and does not stop the others. Cells that another
    launcher is computing are waited for.

    Args:
        groups: The plan.
        store: Where cells are kept.
        options: How they are computed.
        display: Where it is shown.
        engine: Where they are computed; None for this process.
        estimates: Expected seconds of cells, by their folder's name, as far as known.
        on_outcome: Told each cell's outcome as soon as it is known.
        intact: Keys of finished cells whose files were checked this moment, by ``states.statuses``; reading large
            files of detections once is enough.

    Returns:
        One outcome per cell, in the order of the plan.

    Raises:
        UserError: The store cannot be read or written, or a stored file is damaged.
        KeyboardInterrupt: Finished chunks stay in the store; the same call goes on from them.
    """
    run = _Run(store, options, display, engine or InlineEngine(), estimates or {}, on_outcome, intact)
    return run.all(groups)


class _Run:
    """The state of one call of ``run_cells``."""

    def __init__(
        self,
        store: Store,
        options: RunOptions,
        display: Display,
        engine: Engine,
        estimates: Mapping[str, float],
        on_outcome: Callable[[CellOutcome], None],
        intact: Collection[str],
    ) -> None:
        self._outcomes: dict[str, CellOutcome] = {}
        self._store = store
        self._options = options
        self._display = display
        self._engine = engine
        self._estimates = estimates
        self._on_outcome = on_outcome
        self._intact = frozenset(intact)
        self._announced: set[str] = set()

    def all(self, groups: Sequence[Group]) -> list[CellOutcome]:
        """Go round by round until every cell has its outcome."""
        jobs = [(group, job) for group in groups for job in group.jobs]
        stored = {job.cell.key: outcome for _, job in jobs if (outcome := self._look(job))}
        self._display.plan([self._expected(job, job.cell.key in stored) for _, job in jobs])
        for _, job in jobs:
            if job.cell.key in stored:
                self._settle(job, stored[job.cell.key])
        shards = [
            shard for group, job in jobs if job.cell.key not in stored for shard in shards_of(group, job, self._options)
        ]
        while shards:
            shards = self._round(shards)
            if shards:
                time.sleep(POLL_SECONDS)
        done = [job.cell.directory for _, job in jobs if self._outcomes[job.cell.key].state != "failed"]
        sweep(self._store, done)
        return [self._outcomes[job.cell.key] for _, job in jobs]

    def _look(self, job: Job) -> Outcome | None:
        if self._options.redo or not (job.cell.key in self._intact or self._store.has(job.cell)):
            return None
        return Outcome("stored", self._store.record(job.cell))

    def _expected(self, job: Job, stored: bool) -> Expected:
        seconds = self._estimates.get(job.cell.directory)
        return Expected(job.title, len(job.dataset), seconds, "done" if stored else "to do")

    def _round(self, shards: Sequence[Shard]) -> list[Shard]:
        """Give shards to the engine; return those that have to be tried again."""
        context = Context(self._store, self._options, self._display, self._is_settled, self._cost)
        again: list[Shard] = []
        parts: dict[str, Shard] = {}
        for shard, outcome in self._engine.run(shards, context):
            if outcome.state == "busy":
                self._announce_wait(shard)
                again.append(shard)
            elif outcome.state == "part":
                parts[shard.job.cell.key] = shard
            else:
                self._settle(shard.job, outcome)
        # All shards of these are done, but the worker that was to put them together did not.
        busy = {shard.job.cell.key for shard in again}
        joined = [whole(shard, self._options.batch_size) for key, shard in parts.items() if key not in busy]
        return [shard for shard in [*again, *joined] if not self._is_settled(shard.job.cell.key)]

    def _is_settled(self, key: str) -> bool:
        return key in self._outcomes

    def _cost(self, shard: Shard) -> float:
        """Return a shard's share of its cell's estimate; the number of its images where there is none."""
        seconds = self._estimates.get(shard.job.cell.directory)
        images = shard.images
        return float(images) if seconds is None else seconds * images / max(1, len(shard.job.dataset))

    def _settle(self, job: Job, outcome: Outcome) -> None:
        """Note a cell's outcome; of several shards the first that tells one counts."""
        if job.cell.key not in self._outcomes:
            settled = _settled(outcome)
            self._outcomes[job.cell.key] = settled
            self._on_outcome(settled)
            if settled.state == "stored":
                self._display.finish(job.title, "stored", f"{job.title}: already done")

    def _announce_wait(self, shard: Shard) -> None:
        if shard.title not in self._announced:
            self._announced.add(shard.title)
            claims = self._store.claims()
            names = {claim.owner.name for claim in claims if claim.directory == shard.job.cell.directory}
            holder = " and ".join(sorted(names)) or "another process"
            self._display.line(f"{shard.title}: {holder} is computing it; waiting")


def _settled(outcome: Outcome) -> CellOutcome:
    assert outcome.state not in ("part", "busy") and outcome.record is not None, outcome.state
    return CellOutcome(outcome.state, outcome.record, outcome.mistake)
