"""Removes what killed launchers left of cells that are finished: unfinished work and abandoned claims."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from ..datasets.errors import UserError
from ..results.leftovers import remove_tree
from ..results.lock import remove_abandoned
from ..results.store import Store


def sweep(store: Store, directories: Collection[str]) -> None:
    """Remove partial work and abandoned claims of finished cells, but of none that somebody has a live claim on.

    A launcher that is killed right after it stored a cell leaves both, and nobody would claim that cell again.

    Args:
        store: Open for writing; what cannot be removed stays.
        directories: Folder names of finished cells, see ``Cell.directory``.
    """
    with suppress(OSError, UserError):
        finished = set(directories)
        for path in _locks(store):
            if _cell_of(path) in finished:
                remove_abandoned(path)
        held = {_cell_of(path) for path in _locks(store)}
        for folder in (store.path / "partial").iterdir():
            if folder.name in finished - held:
                remove_tree(folder)


def _locks(store: Store) -> list[Path]:
    """Return claims and the guards of claims, the latter first: a claim whose guard is held cannot be removed."""
    return sorted((store.path / "locks").iterdir(), key=lambda path: len(path.name), reverse=True)


def _cell_of(lock: Path) -> str:
    """Return the folder name of a claim's cell: it ends in the key, which has no dot; what is before may have some."""
    head, mark, tail = lock.name.rpartition("__")
    return f"{head}{mark}{tail.partition('.')[0]}"
