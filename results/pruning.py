"""What a store no longer needs: superseded and failed cells, and what cells that are gone or finished left behind."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from ..datasets.atomic import TEMPORARY, temporary_sibling
from .cell import Cell
from .failures import told_if_unwritable
from .leftovers import leftovers, remove_tree
from .lock import remove_abandoned
from .store import Store
from .summaries import CellSummary

Kind = Literal["superseded", "failed", "partial", "claims", "temporaries", "ground-truth", "pictures", "analysis"]
KINDS: tuple[Kind, ...] = get_args(Kind)
DEFAULT_KINDS: tuple[Kind, ...] = ("superseded", *KINDS[2:])
"""All but failed cells."""

TEMPORARY_SECONDS = 3600.0
"""A temporary file that was not touched for so long was left behind: writing one takes seconds."""
_MAY_DIFFER = ("method_source", "weights_sha256", "dataset_fingerprint", "dataset_version")
"""What tells a newer cell from the one that it supersedes."""
_WORDS = {
    "method_source": "source of the method",
    "weights_sha256": "weights",
    "dataset_fingerprint": "content of the dataset",
    "dataset_version": "version of the dataset",
}


@dataclass(frozen=True, slots=True)
class Waste:
    """A file or folder that can be removed.

    Attributes:
        kind: What sort it is.
        path: The file or folder.
        why: Why nobody needs it.
        size: Bytes on disk.
    """

    kind: Kind
    path: Path
    why: str
    size: int


def find_waste(store: Store, kinds: Collection[Kind] = DEFAULT_KINDS) -> list[Waste]:
    """Return what can be removed, by kind, then by path.

    What a live launcher works on is never named: neither its cells nor their unfinished work. While any launcher is
    alive no ground truth is named either, since one is stored before the cell that needs it.

    Args:
        store: The store.
        kinds: Which sorts to look for.
    """
    claims = store.claims()
    busy = {claim.directory for claim in claims if not claim.stale}
    every = store.summaries()
    cells = {name: cell for name, cell in every.items() if name not in busy}
    gone = dict(_superseded(cells)) if "superseded" in kinds else {}
    failed = {name for name, cell in cells.items() if cell.status == "failed"} if "failed" in kinds else set()
    left = {name: cell for name, cell in every.items() if name not in gone and name not in failed}
    found: dict[Kind, Iterable[tuple[Path, str]]] = {
        "superseded": ((store.path / "cells" / name, why) for name, why in gone.items()),
        "failed": ((store.path / "cells" / name, f"failed: {cells[name].error}") for name in failed),
        "partial": _partial(store.path, cells),
        "claims": ((claim.path, f"abandoned by {claim.owner.name}") for claim in claims if claim.stale),
        "temporaries": ((path, "left half-written") for path in leftovers(store.path, TEMPORARY_SECONDS)),
        "ground-truth": [] if busy else _unused_truth(store.path, left),
        "pictures": _of_no_cell(store.path / "pictures", busy.union(left)),
        "analysis": _of_no_cell(store.path / "analysis", busy.union(left)),
    }
    return [Waste(kind, path, why, _size(path)) for kind in KINDS if kind in kinds for path, why in sorted(found[kind])]


def remove_waste(waste: Iterable[Waste]) -> int:
    """Remove what ``find_waste`` named and return the bytes that were freed.

    A claim that was taken meanwhile stays. A folder is renamed before it is emptied, so that a stop in between leaves
    no half cell.

    Raises:
        WriteError: The store cannot be written.
    """
    freed = 0
    for one in waste:
        with told_if_unwritable(one.path):
            freed += one.size if _remove(one) else 0
    return freed


def _remove(waste: Waste) -> bool:
    if waste.kind == "claims":
        return remove_abandoned(waste.path)
    if waste.kind != "temporaries":
        aside = temporary_sibling(waste.path)
        waste.path.rename(aside)
        remove_tree(aside)
    else:
        remove_tree(waste.path)
    return True


def _superseded(cells: Mapping[str, CellSummary]) -> Iterable[tuple[str, str]]:
    """Yield the names of finished cells of which there is a newer one, and what differs."""
    families: dict[str, list[CellSummary]] = {}
    for cell in cells.values():
        if cell.status == "done":
            # As a cell: fields that came later are absent in older files and have their defaults.
            kept = Cell.model_validate(cell.cell).model_dump(mode="json", exclude=set(_MAY_DIFFER))
            families.setdefault(json.dumps(kept, sort_keys=True), []).append(cell)
    for family in families.values():
        *older, newest = sorted(family, key=lambda cell: (cell.started, cell.directory))
        for cell in older:
            differing = [_WORDS[name] for name in _MAY_DIFFER if cell.cell.get(name) != newest.cell.get(name)]
            yield cell.directory, f"{newest.directory} is newer, with other {' and '.join(differing)}"


def _partial(store: Path, cells: Mapping[str, CellSummary]) -> Iterable[tuple[Path, str]]:
    for path in _entries(store / "partial"):
        cell = cells.get(path.name)
        if cell is not None and cell.status == "done":
            yield path, "the cell is finished"


def _of_no_cell(folder: Path, names: Collection[str]) -> Iterable[tuple[Path, str]]:
    """Yield the entries of a folder that has one for each cell, under the cell's folder name, but for no such cell."""
    for path in _entries(folder):
        if path.name not in names:
            yield path, "there is no such cell"


def _unused_truth(store: Path, cells: Mapping[str, CellSummary]) -> Iterable[tuple[Path, str]]:
    """Yield the ground truth that no remaining cell was scored with; nothing while a cell cannot be read."""
    if any(cell.status == "damaged" for cell in cells.values()):
        return
    used = {cell.dataset_fingerprint[:16] for cell in cells.values()}
    for path in _entries(store / "ground-truth"):
        if path.name not in used:
            yield path, "no cell uses it"


def _entries(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*") if not path.name.startswith(TEMPORARY)] if folder.is_dir() else []


def _size(path: Path) -> int:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)
