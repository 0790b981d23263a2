"""The side of the Slurm engine that computes: what one task of the job array does."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ...datasets.errors import UserError
from ...results.lock import Claim

if TYPE_CHECKING:
    from ...results.store import Store
    from ..progress import Expected
    from ..work import Outcome, RunOptions, Shard


@dataclass
class SlurmTask:
    """Computes a list of shards in the store, one after the other; submitit pickles it and calls it on a node.

    The shards are pickled bytes, since their methods may come from plug-ins that must be loaded before. A task that is
    preempted or runs into its time limit is queued again and finds in the store what it has done so far.
    """

    store: Path
    store_id: str
    options: RunOptions
    shards: bytes
    _claims: list[Claim] = field(default_factory=list)

    def __call__(self) -> list[Outcome] | str:
        """Return what became of each shard, or one sentence on what the user has to put right.

        The latter is no exception, since submitit hands on nothing of those but the text of their traceback.
        """
        try:
            return self._run()
        except UserError as error:
            return str(error)

    def _run(self) -> list[Outcome]:
        """Compute the shards.

        Raises:
            UserError: The node does not see the store, or cannot write it, or a plug-in cannot be imported.
        """
        from ...methods.catalog import load_plugin
        from ...results.store import Store
        from .base import is_at

        for plugin in self.options.plugins:
            load_plugin(plugin)
        if not is_at(self.store, self.store_id):
            raise UserError(
                f"the node does not see the store {self.store} of the launcher; name one on a file system that all "
                "nodes share with --store."
            )
        shards: Sequence[Shard] = pickle.loads(self.shards)  # noqa: S301  (written by our own launcher)
        return self._compute(Store(self.store), shards)

    def checkpoint(self, *_: Any, **__: Any) -> Any:
        """Return what Slurm shall queue in this task's place: the same; called by submitit before the task is ended."""
        from submitit.helpers import DelayedSubmission

        for claim in self._claims:
            claim.release()
        self._claims.clear()
        return DelayedSubmission(self)

    def _compute(self, store: Store, shards: Sequence[Shard]) -> list[Outcome]:
        from ..worker import Worker

        worker = Worker(store, self.options, LogDisplay(), on_claim=self._claims.append)
        try:
            return [worker.run(shard) for shard in shards]
        finally:
            worker.close()


class LogDisplay:
    """A display for Slurm's log files: closing lines and notices; images are counted by the launcher."""

    def __enter__(self) -> LogDisplay:
        """Nothing to begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to end."""

    def plan(self, cells: Sequence[Expected]) -> None:
        """The plan is the launcher's."""

    def start(self, title: str, done: int, total: int, worker: str = "") -> None:
        """Write that a shard begins."""
        self.line(f"{title}: {total - done} of {total} images to do")

    def advance(self, title: str, images: int) -> None:
        """Say nothing."""

    def finish(self, title: str, state: str, message: str) -> None:
        """Write the closing line."""
        if message:
            self.line(message)

    def line(self, message: str) -> None:
        """Write a line to the task's standard output, which Slurm keeps."""
        print(message, flush=True)  # noqa: T201
