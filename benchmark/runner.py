"""Runs the cells of a plan in this process: each method is constructed once, each finished cell is stored at once."""

from __future__ import annotations

import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Literal

from ..datasets.errors import UserError
from ..results.lock import Claim
from ..results.partial import ChunkResult, Partial
from ..results.record import Metrics, Record, RestorationCost
from ..results.store import Store
from .determinism import make_deterministic
from .evaluate import evaluate
from .inference import chunks_of, infer
from .plan import Group, Job
from .progress import Display
from .provenance import provenance

if TYPE_CHECKING:
    from ..methods.base import Method

POLL_SECONDS = 2.0
"""Pause between looks at cells that another launcher computes."""
ERROR_LINES = 20
"""Lines of a traceback that a record keeps."""


@dataclass(frozen=True)
class RunOptions:
    """How cells are computed; none of it is part of a cell's key.

    Attributes:
        device: torch device string.
        batch_size: Images per call of ``detect``.
        workers: Loader processes; 0 loads in this process.
        redo: Whether finished cells are computed again.
        command: The command line, for the record.
        crop: Pixels at each border that PSNR and SSIM of restored images leave out; the metrics' names state it.
    """

    device: str = "cpu"
    batch_size: int = 4
    workers: int = 0
    redo: bool = False
    command: tuple[str, ...] = ()
    crop: int = 0


@dataclass(frozen=True)
class Outcome:
    """What became of one cell: computed now, found finished in the store, or failed."""

    state: Literal["computed", "stored", "failed"]
    record: Record


def run_cells(groups: Sequence[Group], store: Store, options: RunOptions, display: Display) -> list[Outcome]:
    """Compute the cells that the store lacks.

    A cell whose method raises is recorded as failed and does not stop the others. Cells that another launcher is
    computing are waited for.

    Returns:
        One outcome per cell, in the order of the plan.

    Raises:
        UserError: A mistake of the user: an image, weights or stored file is missing or damaged.
        KeyboardInterrupt: Finished chunks stay in the store; the same call goes on from them.
    """
    run = _Run(store, options, display)
    busy = [left for group in groups if (left := run.group(group)).jobs]
    while busy:
        time.sleep(POLL_SECONDS)
        busy = [left for group in busy if (left := run.group(group)).jobs]
    return [run.outcomes[job.cell.key] for group in groups for job in group.jobs]


class _Run:
    """The state of one call of ``run_cells``."""

    def __init__(self, store: Store, options: RunOptions, display: Display) -> None:
        self.outcomes: dict[str, Outcome] = {}
        self._store = store
        self._options = options
        self._display = display
        self._announced: set[str] = set()

    def group(self, group: Group) -> Group:
        """Go through a group's cells; return it with those that another launcher holds."""
        holder = _MethodHolder(group, self._options.device)
        try:
            busy = tuple(job for job in group.jobs if not self._settle(job, holder))
        finally:
            complaint = holder.close()
        if complaint:
            self._display.line(complaint)
        return replace(group, jobs=busy)

    def _settle(self, job: Job, holder: _MethodHolder) -> bool:
        """Bring a cell to its outcome; False while another launcher holds it."""
        if self._take_stored(job):
            return True
        claim = self._store.claim(job.cell)
        if claim is None:
            self._announce_wait(job)
            return False
        try:
            # It may have been finished between the look above and the claim.
            if not self._take_stored(job):
                self._compute(job, holder, claim)
        finally:
            claim.release()
        return True

    def _take_stored(self, job: Job) -> bool:
        if self._options.redo or not self._store.has(job.cell):
            return False
        self.outcomes[job.cell.key] = Outcome("stored", self._store.record(job.cell))
        self._display.line(f"{job.title}: already done")
        return True

    def _announce_wait(self, job: Job) -> None:
        if job.cell.key not in self._announced:
            self._announced.add(job.cell.key)
            self._display.line(f"{job.title}: {self._store.holder(job.cell)} is computing it; waiting")

    def _compute(self, job: Job, holder: _MethodHolder, claim: Claim) -> None:
        """Compute, score and store one cell; what its method raises becomes a failed record."""
        started = datetime.now(timezone.utc).isoformat(timespec="seconds")
        try:
            outcome = Outcome("computed", self._complete(job, holder, claim, started))
            self._display.finish(f"{job.title}: {_summary(outcome.record)}")
        except UserError:
            self._display.finish("")
            raise
        except Exception as error:
            record = self._record(job, holder, started, error=_tail(error))
            self._store.write_failure(record)
            outcome = Outcome("failed", record)
            self._display.finish(f"{job.title}: failed: {_last_line(record.error)}")
        self.outcomes[job.cell.key] = outcome

    def _complete(self, job: Job, holder: _MethodHolder, claim: Claim, started: str) -> Record:
        """Detect, score and store; return the record."""
        method = holder.get()
        partial = self._partial(job, holder.device)
        result = self._infer(method, job, partial, claim)
        quality = result.quality if len(result.quality) else None
        start = time.perf_counter()
        truth = self._store.save_ground_truth(job.dataset)
        metrics = evaluate(truth, result.detections, quality)
        seconds = {"setup": holder.seconds, **result.seconds, "score": time.perf_counter() - start}
        record = self._record(job, holder, started, result=result, metrics=metrics, seconds=seconds)
        self._store.write_cell(record, result.detections, quality)
        partial.remove()
        return record

    def _partial(self, job: Job, device: str) -> Partial:
        conditions: dict[str, int | str] = {"batch_size": self._options.batch_size, "device": device}
        if self._options.crop:
            conditions["crop"] = self._options.crop
        partial = self._store.partial(job.cell, conditions)
        if self._options.redo:
            partial.remove()
        return partial

    def _infer(self, method: Method, job: Job, partial: Partial, claim: Claim) -> ChunkResult:
        images, batch_size = len(job.dataset), self._options.batch_size
        done = sum(chunk.stop - chunk.first for chunk in chunks_of(images, batch_size) if partial.has(chunk))
        self._display.start(job.title, done, images)

        def on_batch(count: int) -> None:
            claim.heartbeat()
            self._display.advance(count)

        options = self._options
        return infer(
            method,
            job.dataset,
            partial,
            batch_size=batch_size,
            workers=options.workers,
            on_batch=on_batch,
            crop=options.crop,
        )

    def _record(
        self,
        job: Job,
        holder: _MethodHolder,
        started: str,
        *,
        result: ChunkResult | None = None,
        metrics: Metrics | None = None,
        seconds: dict[str, float] | None = None,
        error: str = "",
    ) -> Record:
        facts = job.dataset.facts()
        return Record(
            cell=job.cell,
            status="failed" if result is None else "done",
            error=error,
            images=0 if result is None else len(job.dataset),
            images_official=facts.get("images_official"),
            detections=0 if result is None else len(result.detections),
            started=started,
            seconds={name: round(value, 3) for name, value in (seconds or {}).items()},
            provenance=provenance(holder.device, self._options.command),
            metrics=metrics,
            cost=None if result is None else RestorationCost.of(result.costs, len(job.dataset)),
            dataset_facts=facts,
            method_card=holder.group.method.card.model_dump(mode="json"),
        )


class _MethodHolder:
    """Constructs a group's method when the first cell needs it, so that finished cells load no weights."""

    def __init__(self, group: Group, device: str) -> None:
        self.group = group
        self.device = device
        self.seconds = 0.0
        self._method: Method | None = None
        self._error: Exception | None = None

    def get(self) -> Method:
        """Return the method, set up; a failure of the first attempt is raised again by all later ones."""
        if self._error is not None:
            raise self._error
        if self._method is None:
            self._method = self._make()
        return self._method

    def close(self) -> str:
        """Tear the method down if it was constructed; return what that raised, which concerns no cell's numbers."""
        method, self._method = self._method, None
        try:
            if method is not None:
                method.teardown()
        except Exception as error:
            return f"{self.group.method.card.name}: teardown failed: {type(error).__name__}: {error}"
        return ""

    def _make(self) -> Method:
        make_deterministic()
        start = time.perf_counter()
        try:
            method = self.group.method(self.group.settings)
            self._method = method
            method.setup(self.device, self.group.weights)
        except Exception as error:
            self._error = error
            raise
        self.seconds = time.perf_counter() - start
        return method


def _tail(error: Exception) -> str:
    """Return the last lines of an error's traceback."""
    lines = "".join(traceback.format_exception(error)).rstrip().splitlines()
    return "\n".join(lines[-ERROR_LINES:])


def _last_line(text: str) -> str:
    return text.splitlines()[-1] if text else ""


def _summary(record: Record) -> str:
    """Return one line of what a cell gave."""
    assert record.metrics is not None
    metric = "VOC07_AP50" if record.dataset_facts.get("metric") == "voc07" else "AP"
    value = record.metrics.values.get(metric)
    shown = "undefined" if value is None else f"{value:.3f}"
    total = sum(record.seconds.values())
    return f"{record.images} images, {record.detections} detections, {metric} {shown}, {total:.1f} s"
