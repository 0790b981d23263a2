"""The engine that computes one shard after the other in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..work import Outcome, Shard
from ..worker import Worker
from .base import Context


class InlineEngine:
    """Computes in this process, in the plan's order, so that each method is constructed once."""

    name = "inline"
    jobs = 1
    shard_images = 0

    def run(self, shards: Sequence[Shard], context: Context) -> Iterator[tuple[Shard, Outcome]]:
        """See ``Engine.run``."""
        worker = Worker(context.store, context.options, context.display)
        try:
            for shard in shards:
                if not context.settled(shard.job.cell.key):
                    yield shard, worker.run(shard)
        finally:
            worker.close()

    def close(self) -> None:
        """Nothing is held between runs."""
