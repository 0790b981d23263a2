"""All claims of a store at one look, for `lqbench status` and for planning."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .clock import approximate_now
from .lock import look
from .owner import Owner

ENDING = ".lock"


@dataclass(frozen=True, slots=True)
class ClaimFacts:
    """A claim as found.

    Attributes:
        directory: Folder name of the cell, see ``Cell.directory``.
        part: Which part of the cell; empty for the whole.
        owner: Who holds it.
        age: Seconds since the last heartbeat, by the file system's clock.
        stale: Whether it counts as abandoned: its process is gone, or its heart stopped.
        path: The lock file.
    """

    directory: str
    part: str
    owner: Owner
    age: float
    stale: bool
    path: Path


def lock_path(store: Path, directory: str, part: str = "") -> Path:
    """Return the lock file of a cell, or of a part of it.

    Raises:
        ValueError: The part's name has a dot or a slash, which would not be told apart again.
    """
    if set(part) & set("./\\"):
        raise ValueError(f"the name of a part may have neither dot nor slash: {part!r}")
    return store / "locks" / ".".join([directory, *filter(None, [part]), ENDING[1:]])


def all_claims(store: Path) -> list[ClaimFacts]:
    """Return the current claims, sorted by cell and part. Works on stores that cannot be written."""
    folder = store / "locks"
    # Guards of claims have a further ending.
    paths = sorted(path for path in folder.glob(f"*{ENDING}") if not path.name.startswith("."))
    now = approximate_now(folder) if paths else 0.0
    return [facts for path in paths if (facts := _facts(path, now)) is not None]


def _facts(path: Path, now: float) -> ClaimFacts | None:
    """Return what is known of a claim; None if it ended since the folder was listed."""
    seen = look(path)
    if seen is None:
        return None
    # A folder's name ends in its key, which has no dot; the rest may have some.
    head, mark, tail = path.name.removesuffix(ENDING).rpartition("__")
    key, _, part = tail.partition(".")
    return ClaimFacts(f"{head}{mark}{key}", part, seen.owner, now - seen.stamped, seen.stale(now), path)
