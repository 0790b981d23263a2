"""What engines do about workers that die: another attempt, then a failed record."""

from __future__ import annotations

from collections import Counter

from ...datasets.errors import UserError
from ..recording import failed_record, now, summary
from ..work import Outcome, Shard
from ..worker import write_failure_of_part
from .base import Context

ATTEMPTS = 3
"""How often a shard is given to a worker that then dies, before its cell counts as failed."""


class Attempts:
    """Counts the workers that died over each shard."""

    def __init__(self) -> None:
        self._deaths: Counter[tuple[str, str]] = Counter()

    def another(self, shard: Shard) -> bool:
        """Note a death, and tell whether the shard is to be tried again."""
        key = (shard.job.cell.key, shard.part)
        self._deaths[key] += 1
        return self._deaths[key] < ATTEMPTS

    @staticmethod
    def gone(reason: str) -> RuntimeError:
        """Return the error of a shard that is given up."""
        return RuntimeError(f"the worker died {ATTEMPTS} times while it computed this cell; last: {reason}")


def fail(shard: Shard, error: Exception, context: Context, started: str = "") -> Outcome:
    """Record a cell as failed on behalf of a worker that cannot do so; "busy" while another one finishes the cell."""
    record = failed_record(shard, context.options, started or now(), error)
    if not write_failure_of_part(context.store, record):
        return Outcome("busy")
    title = shard.job.title
    context.display.finish(title, "failed", f"{title}: {summary(record)}")
    return Outcome("failed", record, isinstance(error, UserError))
