"""The engine that computes on a Slurm cluster, as one job array submitted through submitit."""

from __future__ import annotations

import pickle
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...datasets.errors import UserError
from ..recording import summary
from ..work import Outcome, Shard
from ..worker import partial_of
from .base import SHARD_IMAGES, Context, longest_first, store_id
from .failing import Attempts, fail
from .slurm_options import submitit_options
from .slurm_task import SlurmTask

POLL_SECONDS = 5.0
DEFAULT_MINUTES = 60
DEFAULT_TASKS = 8
MAX_TIMEOUTS = 20
"""How often a task that ran into its time limit is queued again: it goes on from its last chunk."""


@dataclass
class _Batch:
    """The shards of one task of the array, and submitit's job for it."""

    shards: list[Shard]
    job: Any
    open: dict[str, Shard] = field(default_factory=dict)
    shown: dict[str, int] = field(default_factory=dict)


class SlurmEngine:
    """Computes in a Slurm job array; every task works through a part of the shards in the shared store.

    Tasks claim and store cells themselves, so they finish their work even if the launcher ends; the same command then
    waits for them. Preempted tasks are queued again by Slurm and go on from the store.

    Args:
        jobs: Tasks of the array.
        parameters: What Slurm is asked for: ``time`` in minutes, ``mem`` in GB, ``cpus`` and ``gpus`` of a task, else
            sbatch's own names, such as ``partition`` or ``account``.
        cluster: "slurm", or "local" for processes of this machine, with which the engine is tried out.
    """

    name = "slurm"
    shard_images = SHARD_IMAGES

    def __init__(
        self, jobs: int = DEFAULT_TASKS, parameters: Mapping[str, str] | None = None, cluster: str = "slurm"
    ) -> None:
        self.jobs = jobs
        self._parameters = dict(parameters or {})
        self._cluster = cluster
        self._attempts = Attempts()

    def run(self, shards: Sequence[Shard], context: Context) -> Iterator[tuple[Shard, Outcome]]:
        """See ``Engine.run``."""
        held = {(claim.directory, claim.part) for claim in context.store.claims() if not claim.stale}
        free = []
        for shard in longest_first(shards, context.cost):
            if (shard.job.cell.directory, shard.part) in held:
                yield shard, Outcome("busy")
            else:
                free.append(shard)
        if free:
            yield from self._submit_and_wait(free, context)

    def close(self) -> None:
        """Leave the array alone: Slurm ends its tasks when they are done."""

    def _submit_and_wait(self, shards: Sequence[Shard], context: Context) -> Iterator[tuple[Shard, Outcome]]:
        batches = self._submit(spread(shards, self.jobs, context), context)
        while batches:
            time.sleep(POLL_SECONDS if self._cluster == "slurm" else POLL_SECONDS / 25)
            for batch in list(batches):
                yield from _look(batch, context)
                if batch.job.done():
                    batches.remove(batch)
                    yield from self._close(batch, batches, context)

    def _submit(self, parts: Sequence[Sequence[Shard]], context: Context) -> list[_Batch]:
        executor = self._executor(context)
        tasks = [
            SlurmTask(context.store.path.resolve(), store_id(context.store), context.options, pickle.dumps(list(part)))
            for part in parts
        ]
        try:
            jobs = executor.submit_array(tasks)
        except RuntimeError as error:
            raise UserError(f"sbatch does not take the job: {' '.join(str(error).split())}") from error
        context.display.line(f"submitted {len(jobs)} tasks to {self._cluster}: {', '.join(job.job_id for job in jobs)}")
        return [
            _Batch(list(part), job, {shard.title: shard for shard in part})
            for part, job in zip(parts, jobs, strict=True)
        ]

    def _executor(self, context: Context) -> Any:
        """Return submitit's executor with what Slurm is asked for.

        Raises:
            UserError: submitit is not installed, this machine has no Slurm, or an option is unknown or no number.
        """
        try:
            import submitit
        except ImportError as error:
            raise UserError(
                'the engine slurm needs the package submitit; install it by `pip install "lqbench[slurm]"`.'
            ) from error
        folder = context.store.path.resolve() / "jobs" / "%j"
        try:
            executor = submitit.AutoExecutor(folder=folder, cluster=self._cluster, slurm_max_num_timeout=MAX_TIMEOUTS)
        except RuntimeError as error:
            raise UserError(f"the engine slurm cannot submit from this machine: {error}") from error
        executor.update_parameters(**self._arguments(context))
        return executor

    def _arguments(self, context: Context) -> dict[str, Any]:
        gpus = 1 if context.options.device.startswith("cuda") else 0
        found: dict[str, Any] = {"name": "lqbench", "timeout_min": DEFAULT_MINUTES, "gpus_per_node": gpus}
        named, further = submitit_options(self._parameters)
        if self._cluster == "slurm":
            further["requeue"] = True
            found |= {"slurm_array_parallelism": self.jobs, "slurm_additional_parameters": further}
        return found | named

    def _close(self, batch: _Batch, batches: list[_Batch], context: Context) -> Iterator[tuple[Shard, Outcome]]:
        """Yield the outcomes of a task that has ended; shards that it took down with it are tried again, each alone."""
        error = batch.job.exception()
        if error is None:
            result = batch.job.result()
            if isinstance(result, str):
                raise UserError(result)
            for shard, outcome in zip(batch.shards, result, strict=True):
                if shard.title in batch.open:
                    _tell_end(shard, outcome, context)
                    yield shard, outcome
            return
        left = [shard for shard in batch.open.values() if not context.settled(shard.job.cell.key)]
        context.display.line(f"task {batch.job.job_id} ended early: {_last_line(error)}")
        again = [shard for shard in left if self._attempts.another(shard)]
        for shard in left:
            if shard not in again:
                yield shard, fail(shard, self._attempts.gone(_last_line(error)), context)
        if again:
            batches += self._submit([[shard] for shard in again], context)


def spread(shards: Sequence[Shard], tasks: int, context: Context) -> list[list[Shard]]:
    """Deal shards out so that the tasks take about equally long; each task keeps those of one method together."""
    parts: list[list[Shard]] = [[] for _ in range(min(tasks, len(shards)))]
    loads = [0.0] * len(parts)
    for shard in longest_first(shards, context.cost):
        least = loads.index(min(loads))
        parts[least].append(shard)
        loads[least] += context.cost(shard)
    return [_by_method(part) for part in parts]


def _by_method(shards: Sequence[Shard]) -> list[Shard]:
    """Return shards with those of one method side by side, methods in the order in which they first appear."""
    choices = [shard.group for shard in shards]
    return sorted(shards, key=lambda shard: choices.index(shard.group))


def _look(batch: _Batch, context: Context) -> Iterator[tuple[Shard, Outcome]]:
    """Show how far a task's shards are, and yield those whose cell is finished in the store."""
    for title, shard in list(batch.open.items()):
        if not context.options.redo and context.store.has(shard.job.cell):
            del batch.open[title]
            outcome = Outcome("computed", context.store.record(shard.job.cell))
            _tell_end(shard, outcome, context)
            yield shard, outcome
            continue
        partial = partial_of(context.store, shard, context.options)
        done = sum(chunk.stop - chunk.first for chunk in shard.chunks if (partial.folder / chunk.file_name).exists())
        if done and title not in batch.shown:
            context.display.start(title, 0, shard.images, f"task {batch.job.job_id}")
        if done > batch.shown.get(title, 0):
            context.display.advance(title, done - batch.shown.get(title, 0))
            batch.shown[title] = done


def _tell_end(shard: Shard, outcome: Outcome, context: Context) -> None:
    """Show that a shard has ended, and what its cell gave if that is known."""
    if not shard.whole or outcome.record is None:
        context.display.finish(shard.title, "busy", "")
    if outcome.record is not None and not context.settled(shard.job.cell.key):
        state = "failed" if outcome.state == "failed" else "done"
        context.display.finish(shard.job.title, state, f"{shard.job.title}: {summary(outcome.record)}")


def _last_line(error: BaseException) -> str:
    """Return the last line of what a task wrote before it ended, from submitit's text, which closes with the logs."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip(" -")]
    end = next((index for index, line in enumerate(lines) if line.startswith("You can check full logs")), len(lines))
    return lines[end - 1] if end else type(error).__name__
