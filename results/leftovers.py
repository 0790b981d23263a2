"""Unfinished files and folders of processes that were killed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from .atomic import TEMPORARY
from .clock import file_system_now

ABANDONED_SECONDS = 86_400.0
"""A temporary file or folder that was not touched for a day belongs to nobody any more."""
BUSY_FOLDERS = ("", "cells", "ground-truth", "locks", "runs")
"""Where launchers write; the folders of unfinished cells come in addition."""


def remove_leftovers(store: Path, older_than: float = ABANDONED_SECONDS) -> None:
    """Remove what killed processes left half-written in the folders that launchers write, as far as permitted.

    Args:
        store: The store's folder, which can be written.
        older_than: Seconds by the file system's clock.
    """
    for path in leftovers(store, older_than, [store / folder for folder in BUSY_FOLDERS]):
        remove_tree(path)


def leftovers(store: Path, older_than: float, folders: list[Path] | None = None) -> list[Path]:
    """Return the unfinished files and folders that nobody touched for some seconds, sorted.

    Args:
        store: The store's folder.
        older_than: Seconds by the file system's clock.
        folders: Where to look, beside the folders of unfinished cells; None for the whole store.
    """
    looked_at = [*folders, *_sub_folders(store / "partial")] if folders is not None else list(_every_folder(store))
    found = [entry for folder in looked_at for entry in _temporaries(folder)]
    if not found:
        return []
    now = file_system_now(store)
    return sorted(Path(entry.path) for entry in found if _age(entry, now) > older_than)


def remove_tree(path: Path) -> None:
    """Remove a file or folder as far as permitted; one that is gone already is fine."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _age(entry: os.DirEntry[str], now: float) -> float:
    try:
        return now - entry.stat(follow_symlinks=False).st_mtime
    except OSError:
        return 0.0


def _temporaries(folder: Path) -> Iterator[os.DirEntry[str]]:
    with suppress(OSError), os.scandir(folder) as entries:
        yield from [entry for entry in entries if entry.name.startswith(TEMPORARY) or _is_guard(folder, entry.name)]


def _is_guard(folder: Path, name: str) -> bool:
    """Return whether a file guards a claim, see ``lock``; it is held for an instant, an old one was left behind."""
    return folder.name == "locks" and ".lock." in name


def _sub_folders(folder: Path) -> Iterator[Path]:
    with suppress(OSError), os.scandir(folder) as entries:
        yield from [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]


def _every_folder(store: Path) -> Iterator[Path]:
    """Yield the store's folder and all in it, but not what lies inside of unfinished ones."""
    for folder, names, _ in os.walk(store):
        names[:] = [name for name in names if not name.startswith(TEMPORARY)]
        yield Path(folder)
