"""The engine that computes on Ray: one actor a device or processor, on this machine or on the nodes of a cluster."""

from __future__ import annotations

import os
import socket
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ...datasets.errors import UserError
from ...results.lock import Claim
from ...results.partial import Chunk
from ..recording import now, summary
from ..work import Outcome, Shard
from ..worker import claim_shard, complete, partial_of
from .base import SHARD_IMAGES, Context, longest_first, store_id
from .failing import ATTEMPTS, Attempts, fail
from .ray_worker import Event, Order, Place, RayWorker, own_variables

WAIT_SECONDS = 1.0
KNOCK_SECONDS = 10.0


@dataclass
class _Task:
    """A shard on a worker.

    Attributes:
        shard: What is computed.
        events: Ray's stream of what happens.
        started: When, for the record.
        claims: The worker's claims, where it sees the store.
        held: The launcher's claim with its heartbeat, where the worker does not.
        setup: Seconds that the method took to set up, as told.
    """

    shard: Shard
    events: Any
    started: str
    claims: list[Claim] = field(default_factory=list)
    held: ExitStack = field(default_factory=ExitStack)
    setup: float = 0.0

    def let_go(self) -> None:
        """End all claims on the shard, of a worker that is gone or about to be ended as well."""
        self.held.close()
        for claim in self.claims:
            claim.release()


@dataclass
class _Actor:
    """A worker: being started, idle, or at a task."""

    handle: Any
    name: str
    starting: Any
    shared: bool = True
    task: _Task | None = None
    last: Shard | None = None


class RayEngine:
    """Computes on the workers of a Ray cluster.

    A worker that dies, alone or with its node, is replaced; the shard that it had goes to another one and goes on from
    the chunks that were stored.

    Args:
        jobs: Number of workers; None for one a GPU, or one a processor where there is none.
        address: Of a running cluster; None starts Ray on this machine.
    """

    name = "ray"
    shard_images = SHARD_IMAGES

    def __init__(self, jobs: int | None = None, address: str | None = None) -> None:
        self._wanted_jobs = jobs
        self.jobs = jobs or 1
        self._address = address
        self._ray: Any = None
        self._actors: list[_Actor] = []
        self._count = 0
        self._datasets: dict[str, Any] = {}
        self._attempts = Attempts()
        self._stillborn = 0

    def run(self, shards: Sequence[Shard], context: Context) -> Iterator[tuple[Shard, Outcome]]:
        """See ``Engine.run``."""
        self._connect(context)
        waiting = deque(longest_first(shards, context.cost))
        while waiting or any(actor.task for actor in self._actors):
            self._hire(context, len(waiting))
            yield from self._assign(waiting, context)
            yield from self._listen(waiting, context)

    def close(self) -> None:
        """End the workers, and Ray if this engine started it."""
        if self._ray is None:
            return
        for actor in self._actors:
            self._ray.kill(actor.handle)
            if actor.task is not None:
                actor.task.let_go()
        self._actors.clear()
        self._datasets.clear()
        self._ray.shutdown()
        self._ray = None

    def _connect(self, context: Context) -> None:
        """Start Ray, or connect to the cluster; once.

        Raises:
            UserError: Ray is not installed, or there is no cluster at the address.
        """
        if self._ray is not None:
            return
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
        try:
            import ray
        except ImportError as error:
            raise UserError(
                'the engine ray needs the package ray; install it by `pip install "lqbench[ray]"`.'
            ) from error
        try:
            _knock(self._address or "")
            ray.init(**self._arguments(context))
        except (OSError, ValueError, RuntimeError, SystemExit) as error:  # the last of a port that is not Ray's
            place = self._address or "this machine"
            raise UserError(
                f"no Ray cluster answers at {place} ({_reason(error)}); start one by `ray start --head` "
                "and give its address, or leave --address out."
            ) from error
        self._ray = ray

    def _arguments(self, context: Context) -> dict[str, Any]:
        quiet = {"log_to_driver": False, "logging_level": "ERROR", "namespace": "lqbench"}
        if self._address is not None:
            return {**quiet, "address": self._address}
        threads = max(1, context.options.threads)
        jobs = {} if self._wanted_jobs is None or _on_gpu(context) else {"num_cpus": self._wanted_jobs * threads}
        # "local": a cluster that happens to run here is used only where its address is given.
        return {**quiet, **jobs, "address": "local", "include_dashboard": False}

    def _hire(self, context: Context, waiting: int) -> None:
        """Bring the number of workers to what was asked for, but not above the work there is."""
        busy = sum(actor.task is not None for actor in self._actors)
        wanted = min(self._wanted(context), busy + waiting)
        while len(self._actors) < wanted:
            self._actors.append(self._start(context))

    def _wanted(self, context: Context) -> int:
        if self._wanted_jobs is not None:
            return self._wanted_jobs
        resources = self._ray.cluster_resources()
        if _on_gpu(context):
            return max(1, int(resources.get("GPU", 1)))
        return max(1, int(resources.get("CPU", 1)) // max(1, context.options.threads))

    def _start(self, context: Context) -> _Actor:
        cpus = max(1, context.options.threads)
        needs = {"num_cpus": cpus, "num_gpus": 1} if _on_gpu(context) else {"num_cpus": cpus}
        make = self._ray.remote(RayWorker).options(**needs, max_restarts=0)
        self._count += 1
        name = f"worker {self._count}"
        place = Place(context.store.path.resolve(), store_id(context.store), Path.cwd(), own_variables())
        options = replace(context.options, jobs=self._wanted(context))
        handle = make.remote(place, options, name)
        return _Actor(handle, name, handle.ready.remote())

    def _assign(self, waiting: deque[Shard], context: Context) -> Iterator[tuple[Shard, Outcome]]:
        """Give every idle worker a shard, of its last method where there is one; yield those that others hold."""
        for actor in self._actors:
            while actor.starting is None and actor.task is None and waiting:
                shard = _take(waiting, actor.last)
                if context.settled(shard.job.cell.key):
                    continue
                task = self._begin(actor, shard, context)
                if task is None:
                    yield shard, Outcome("busy")
                actor.task = task

    def _begin(self, actor: _Actor, shard: Shard, context: Context) -> _Task | None:
        """Start a shard on a worker; None where the launcher cannot claim it on the worker's behalf."""
        held, done = ExitStack(), []
        if not actor.shared:
            claim = claim_shard(context.store, shard)
            if claim is None:
                return None
            held.callback(claim.release)
            held.enter_context(claim.beating())
            partial = partial_of(context.store, shard, context.options)
            done = [chunk for chunk in shard.chunks if partial.has(chunk)]
        events = self._order(actor, shard, done)
        actor.last = shard
        return _Task(shard, events, now(), held=held)

    def _order(self, actor: _Actor, shard: Shard, done: list[Chunk]) -> Any:
        dataset = shard.job.dataset
        if dataset.fingerprint not in self._datasets:
            self._datasets[dataset.fingerprint] = self._ray.put(dataset)
        reference = self._datasets[dataset.fingerprint]
        return actor.handle.run.options(num_returns="streaming").remote(Order.of(shard), reference, done)

    def _listen(self, waiting: deque[Shard], context: Context) -> Iterator[tuple[Shard, Outcome]]:
        """Wait for the next event of any worker and deal with it."""
        sources = {id(source): actor for actor in self._actors if (source := _source(actor)) is not None}
        if not sources:
            return
        ready, _ = self._ray.wait(
            [_source(actor) for actor in sources.values()], num_returns=1, timeout=WAIT_SECONDS, fetch_local=False
        )
        for source in ready:
            actor = sources[id(source)]
            # To the end of the line: one worker with much to tell must not silence the others.
            self._actors.remove(actor)
            self._actors.append(actor)
            try:
                outcome = self._hear(actor, context)
            except self._ray.exceptions.RayError as error:
                outcome = self._bury(actor, error, waiting, context)
            if outcome is not None:
                yield outcome

    def _hear(self, actor: _Actor, context: Context) -> tuple[Shard, Outcome] | None:
        """Take one event of a worker; return its shard's outcome once it is known."""
        task = actor.task
        if task is None:
            actor.shared = self._ray.get(actor.starting)
            actor.starting = None
            self._stillborn = 0
            return None
        event: Event = self._ray.get(next(task.events))
        if event.kind in ("start", "advance", "finish", "line"):
            getattr(context.display, event.kind)(*event.values)
        elif event.kind == "claim":
            task.claims.append(Claim(*event.values))
        elif event.kind == "setup":
            (task.setup,) = event.values
        elif event.kind == "chunk":
            partial_of(context.store, task.shard, context.options).write_encoded(*event.values)
        else:
            return self._end(actor, task, event, context)
        return None

    def _end(self, actor: _Actor, task: _Task, event: Event, context: Context) -> tuple[Shard, Outcome]:
        """Close a task; where the worker does not see the store, what is left to do is done here."""
        actor.task = None
        try:
            if event.kind == "outcome" and actor.shared:
                return task.shard, event.values[0]
            if event.kind == "outcome":
                return task.shard, _join(task, context)
            if actor.shared:
                raise event.values[0]  # the worker could not read or write the store
            return task.shard, fail(task.shard, event.values[0], context, task.started)
        finally:
            task.held.close()

    def _bury(
        self, actor: _Actor, error: Exception, waiting: deque[Shard], context: Context
    ) -> tuple[Shard, Outcome] | None:
        """Strike a dead worker off; its shard waits for another one, unless it has taken too many with it.

        Raises:
            UserError: Workers cannot even be started.
        """
        self._actors.remove(actor)
        task = actor.task
        if task is None:
            self._stillborn += 1
            if getattr(error, "actor_init_failed", False) or self._stillborn >= ATTEMPTS:
                raise UserError(f"a Ray worker cannot be started: {_reason(error)}") from error
            return None
        task.let_go()
        context.display.line(f"{task.shard.title}: {actor.name} is gone ({_reason(error)})")
        if self._attempts.another(task.shard):
            waiting.appendleft(task.shard)
            return None
        return task.shard, fail(task.shard, self._attempts.gone(_reason(error)), context, task.started)


def _join(task: _Task, context: Context) -> Outcome:
    """Score and store a cell if all of its chunks have come."""
    shard = task.shard
    partial = partial_of(context.store, shard, context.options)
    if not shard.whole:
        context.display.finish(shard.title, "busy", "")
        return Outcome("part")
    record = complete(context.store, shard, partial, context.options, task.started, task.setup)
    context.display.finish(shard.job.title, "done", f"{shard.job.title}: {summary(record)}")
    return Outcome("computed", record)


def _take(waiting: deque[Shard], last: Shard | None) -> Shard:
    """Take the longest shard of the method that a worker has set up, else the longest of all."""
    same = next((shard for shard in waiting if last is not None and shard.group == last.group), waiting[0])
    waiting.remove(same)
    return same


def _source(actor: _Actor) -> Any:
    """Return what tells of a worker next: that it has started, or an event of its task; None for an idle one."""
    return actor.starting if actor.task is None else actor.task.events


def _knock(address: str) -> None:
    """Look whether anything listens at an address; Ray itself would try for minutes.

    Raises:
        OSError: Nothing does.
    """
    host, colon, port = address.rpartition("//")[2].rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), KNOCK_SECONDS).close()


def _on_gpu(context: Context) -> bool:
    return context.options.device.startswith("cuda")


def _reason(error: BaseException) -> str:
    """Return why a worker is gone, in one line: what it raised itself comes last in Ray's text, after its traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    if getattr(error, "actor_init_failed", False):
        return lines[-1].partition("UserError: ")[2] or lines[-1]
    return lines[0]
