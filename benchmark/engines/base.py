"""What an engine is: it takes shards of cells and yields what became of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ...datasets.errors import UserError
from ...results.identity import read_identity
from ...results.store import Store
from ..progress import Display
from ..work import Outcome, RunOptions, Shard

SHARD_IMAGES = 512
"""Images of a shard of engines with several workers: minutes of work, so that little is lost with a worker."""


@dataclass(frozen=True)
class Context:
    """What an engine needs to know of the run.

    Attributes:
        store: Where cells are kept, as this process sees it.
        options: How cells are computed.
        display: Where it is shown.
        settled: Tells whether a cell needs no more work, by its key: another shard of it failed or finished it.
        cost: Estimated seconds of a shard; its images where nothing is known. Only comparisons between shards count.
    """

    store: Store
    options: RunOptions
    display: Display
    settled: Callable[[str], bool]
    cost: Callable[[Shard], float]


class Engine(Protocol):
    """A place to compute in. An engine orders the work and starts again what was lost; it knows nothing of methods.

    Attributes:
        name: As on the command line.
        jobs: How many shards it computes at once, as far as known before it starts.
        shard_images: Images of a shard where the user does not say; 0 for whole cells.
    """

    name: str
    jobs: int
    shard_images: int

    def run(self, shards: Sequence[Shard], context: Context) -> Iterator[tuple[Shard, Outcome]]:
        """Yield each shard with its outcome as soon as it is known; shards of settled cells are left out.

        Raises:
            UserError: The engine cannot be started, or the store cannot be written.
        """
        ...

    def close(self) -> None:
        """Free what the engine holds beyond one call of ``run``."""
        ...


def longest_first(shards: Sequence[Shard], cost: Callable[[Shard], float]) -> list[Shard]:
    """Return shards by falling cost, so that no long one is left for the end; equal ones stay in the plan's order."""
    return sorted(shards, key=cost, reverse=True)


def store_id(store: Store) -> str:
    """Return the name by which a worker recognises the launcher's store."""
    assert store.identity is not None, "a store that is open for writing has an identity"
    return store.identity.id


def is_at(path: Path, name: str) -> bool:
    """Tell whether the store at a path of this machine is the one of this name: whether it is shared with us."""
    try:
        found = read_identity(path)
    except UserError:
        return False
    return found is not None and found.id == name
