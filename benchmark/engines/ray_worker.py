"""The side of the Ray engine that computes: an actor that tells what it does as a stream of events."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from ...results.cell import Cell
from ...results.lock import Claim
from ...results.partial import Chunk, encode_chunk
from ...results.store import Store
from ..holder import MethodHolder
from ..plan import Group, Job
from ..progress import Expected
from ..waiting import wait_briefly
from ..work import Outcome, RunOptions, Shard
from ..worker import CellFailedError, Worker, cause_of, conditions_of, results
from .base import is_at

if TYPE_CHECKING:
    from ...datasets.dataset import Dataset


@dataclass(frozen=True)
class Event:
    """One thing that happened on a worker.

    Attributes:
        kind: A call of the display ("start", "advance", "finish", "line"), "claim" (path and owner), "chunk" (the chunk
            and its file), "setup" (seconds), "error" (what the method raised) or "outcome".
        values: What belongs to it.
    """

    kind: Literal["start", "advance", "finish", "line", "claim", "chunk", "setup", "error", "outcome"]
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Order:
    """A shard without its dataset, which travels once for all shards of it."""

    group: Group
    cell: Cell
    label: str
    chunks: tuple[Chunk, ...]
    whole: bool

    @staticmethod
    def of(shard: Shard) -> Order:
        """Return the order for a shard."""
        return Order(shard.group, shard.job.cell, shard.job.label, shard.chunks, shard.whole)

    def shard(self, dataset: Dataset) -> Shard:
        """Return the shard again."""
        return Shard(self.group, Job(self.cell, dataset, self.label), self.chunks, self.whole)


@dataclass(frozen=True)
class Place:
    """What a worker has to know of the launcher's process.

    Attributes:
        store: The store's folder there.
        store_id: By which the worker recognises it.
        folder: The working folder, to which paths of data and weights may be relative.
        variables: The launcher's environment variables of lqbench, such as ``LQBENCH_CACHE``.
    """

    store: Path
    store_id: str
    folder: Path
    variables: Mapping[str, str]

    def enter(self) -> None:
        """Make this process work in the same place, as far as it exists here; the node's own variables win."""
        for name, value in self.variables.items():
            os.environ.setdefault(name, value)
        if self.folder.is_dir():
            os.chdir(self.folder)


def own_variables() -> dict[str, str]:
    """Return the environment variables of lqbench."""
    return {name: value for name, value in os.environ.items() if name.startswith("LQBENCH_")}


class EventDisplay:
    """A display whose calls become events."""

    def __init__(self, events: queue.SimpleQueue[Event | None]) -> None:
        self._events = events

    def __enter__(self) -> EventDisplay:
        """Nothing to begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to end."""

    def plan(self, cells: Sequence[Expected]) -> None:
        """The plan is the launcher's."""

    def start(self, title: str, done: int, total: int, worker: str = "") -> None:
        """See ``Display.start``."""
        self._events.put(Event("start", (title, done, total, worker)))

    def advance(self, title: str, images: int) -> None:
        """See ``Display.advance``."""
        self._events.put(Event("advance", (title, images)))

    def finish(self, title: str, state: str, message: str) -> None:
        """See ``Display.finish``."""
        self._events.put(Event("finish", (title, state, message)))

    def line(self, message: str) -> None:
        """See ``Display.line``."""
        self._events.put(Event("line", (message,)))


class RayWorker:
    """Computes shards in a process of its own; Ray makes an actor of it.

    Where it sees the launcher's store it claims and stores cells itself. Elsewhere it sends each chunk as the bytes of
    its file, and the launcher claims, joins, scores and stores.
    """

    def __init__(self, place: Place, options: RunOptions, name: str) -> None:
        from ...methods.catalog import load_plugin

        wait_briefly()
        place.enter()
        for plugin in options.plugins:
            load_plugin(plugin)
        self._options = options
        self._name = name
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._display = EventDisplay(self._events)
        self._shared = is_at(place.store, place.store_id)
        self._holder = MethodHolder(options.device, options.threads, self._display.line)
        self._worker = (
            Worker(Store(place.store), options, self._display, name, self._tell_claim) if self._shared else None
        )

    def ready(self) -> bool:
        """Return whether this worker sees the launcher's store; answered once it runs."""
        return self._shared

    def run(self, order: Order, dataset: Dataset, done: Sequence[Chunk]) -> Iterator[Event]:
        """Yield what happens while a shard is computed; the last event is the outcome.

        Args:
            order: The shard.
            dataset: Its dataset.
            done: Chunks that the launcher has already; only of use where the store is not shared.
        """
        shard = order.shard(dataset)
        work = threading.Thread(target=self._work, args=(shard, set(done)), daemon=True)
        work.start()
        while (event := self._events.get()) is not None:
            yield event
        work.join()

    def _work(self, shard: Shard, done: set[Chunk]) -> None:
        """Compute in a thread, so that events leave while it goes on; what it raises is an event too."""
        try:
            outcome = self._worker.run(shard) if self._worker else self._send_chunks(shard, done)
            self._events.put(Event("outcome", (outcome,)))
        except BaseException as error:  # one that left no event would never end for the launcher
            self._events.put(Event("error", (_portable(error),)))
        finally:
            self._events.put(None)  # the end

    def _send_chunks(self, shard: Shard, done: set[Chunk]) -> Outcome:
        missing = [chunk for chunk in shard.chunks if chunk not in done]
        self._display.start(shard.title, shard.images - _images(missing), shard.images, self._name)

        def advance(images: int) -> None:
            self._display.advance(shard.title, images)

        try:
            if missing:
                self._compute(shard, missing, advance)
        except CellFailedError as failure:
            raise cause_of(failure) from None
        self._events.put(Event("setup", (self._holder.seconds,)))
        return Outcome("part")

    def _compute(self, shard: Shard, missing: list[Chunk], advance: Callable[[int], None]) -> None:
        def notice(text: str) -> None:
            self._display.line(f"{shard.title}: {text}")

        with closing(results(self._holder, shard, missing, self._options, advance, notice)) as computed:
            for chunk, result in computed:
                self._events.put(Event("chunk", (chunk, encode_chunk(chunk, result, conditions_of(self._options)))))

    def _tell_claim(self, claim: Claim) -> None:
        self._events.put(Event("claim", (claim.path, claim.text)))


def _images(chunks: Sequence[Chunk]) -> int:
    return sum(chunk.stop - chunk.first for chunk in chunks)


def _portable(error: BaseException) -> Exception:
    """Return an error that can be pickled, with the traceback in its text unless it is a user's mistake."""
    from ...datasets.errors import UserError
    from ..recording import tail

    if isinstance(error, UserError):
        return UserError(str(error))
    return RuntimeError(tail(error))
