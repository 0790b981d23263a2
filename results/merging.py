"""Joining stores: cells, ground truth, pictures and timings of some are copied into another, or nothing is."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..datasets.errors import UserError
from .atomic import TEMPORARY, make_folder, replacing, replacing_directory
from .store import Store
from .summaries import CellSummary

BESIDE_CELLS = ("pictures", "timings")
"""Folders with something for each cell, under the cell's own folder name."""


@dataclass(frozen=True, slots=True)
class Held:
    """A cell and the store that holds it."""

    store: Path
    cell: CellSummary

    @property
    def path(self) -> Path:
        """Return the cell's folder."""
        return self.store / "cells" / self.cell.directory


@dataclass(frozen=True, slots=True)
class MergePlan:
    """What a merge will copy; made by ``plan_merge``.

    Attributes:
        target: The store that is filled.
        copies: Cells to copy, in order.
        equal: Number of cells that the target, or an earlier source, holds with equal results.
        passed_over: Number of failed cells of which there is something already.
    """

    target: Path
    copies: tuple[Held, ...]
    equal: int
    passed_over: int


def plan_merge(target: Path, sources: Sequence[Path]) -> MergePlan:
    """Check everything and return what is to be copied; nothing is changed.

    Raises:
        UserError: A store is missing, named twice or of a newer version; a source's cell is damaged; two stores hold
            different results under one key; or cells of one dataset were computed on different contents of it.
    """
    _check_places(target, sources)
    held = {name: Held(target, cell) for name, cell in Store(target).summaries().items()}
    copies: dict[str, Held] = {}
    equal = passed_over = 0
    for source in sources:
        for name, cell in _source_cells(source).items():
            mine, theirs = held.get(name), Held(source, cell)
            if mine is not None and mine.cell.status == "done" and cell.status == "done":
                _check_equal(mine, theirs)
                equal += 1
            elif mine is not None and cell.status == "failed":
                passed_over += 1
            else:
                held[name] = copies[name] = theirs
    _check_fingerprints(held.values())
    return MergePlan(target, tuple(copies.values()), equal, passed_over)


def merge(plan: MergePlan) -> Iterator[Held]:
    """Copy what a plan names, cell by cell, each whole or not at all, and yield each cell that was copied.

    Stopped in between, the same merge goes on where it was.

    Raises:
        WriteError: The target cannot be written.
    """
    Store.open(plan.target)
    for held in plan.copies:
        _copy_truth(held, plan.target)
        for name in BESIDE_CELLS:
            _copy_missing(held.store / name / held.cell.directory, plan.target / name / held.cell.directory)
        with replacing_directory(plan.target / "cells" / held.cell.directory) as folder:
            _copy_files(held.path, folder)
        yield held


def _check_places(target: Path, sources: Sequence[Path]) -> None:
    seen = {target.resolve()}
    for source in sources:
        if not (source / "cells").is_dir():
            raise UserError(f"there is no store at {source}: name folders that `lqbench run --store` filled.")
        if source.resolve() in seen:
            raise UserError(f"the store {source} is named twice: name each store once, the one to fill first.")
        seen.add(source.resolve())


def _source_cells(source: Path) -> dict[str, CellSummary]:
    """Return a source's cells, each checked with its files.

    Raises:
        UserError: One is damaged.
    """
    store = Store(source)
    cells = store.summaries(verify=True)
    for cell in cells.values():
        if cell.status == "damaged":
            raise UserError(f"nothing was merged: {cell.error}")
    for fingerprint in sorted({cell.dataset_fingerprint for cell in cells.values() if cell.status == "done"}):
        store.ground_truth(fingerprint)
    return cells


def _check_equal(mine: Held, theirs: Held) -> None:
    """Refuse two different results of one cell.

    Raises:
        UserError: So it is.
    """
    hashes = mine.cell.detections_sha256, theirs.cell.detections_sha256
    if hashes[0] != hashes[1]:
        raise UserError(
            f"nothing was merged: {mine.path} and {theirs.path} are one cell with different results (detections sha256 "
            f"{hashes[0][:12]} and {hashes[1][:12]}, such as from another device or batch size); delete the folder of "
            "the one that you do not want."
        )


def _check_fingerprints(cells: Iterable[Held]) -> None:
    """Refuse finished cells of one dataset whose contents differed: their numbers do not belong in one table.

    Raises:
        UserError: So it is.
    """
    first: dict[tuple[str, str, str, int | None], Held] = {}
    for held in cells:
        cell = held.cell
        if cell.status != "done":
            continue
        other = first.setdefault((cell.dataset, cell.dataset_version, cell.split, cell.limit), held)
        if other.cell.dataset_fingerprint != cell.dataset_fingerprint:
            raise UserError(
                f"nothing was merged: {other.path} and {held.path} were computed on different contents of "
                f"{cell.dataset} (fingerprints {other.cell.dataset_fingerprint[:12]} and "
                f"{cell.dataset_fingerprint[:12]}): compute one side again on the other's data, or remove superseded "
                "cells with `lqbench results prune`."
            )


def _copy_truth(held: Held, target: Path) -> None:
    """Copy the ground truth that a cell was scored with, where the target has none of its fingerprint."""
    name = held.cell.dataset_fingerprint[:16]
    source, place = held.store / "ground-truth" / name, target / "ground-truth" / name
    if source.is_dir() and not place.exists():
        with replacing_directory(place, keep_older=True) as folder:
            _copy_files(source, folder)


def _copy_missing(source: Path, place: Path) -> None:
    """Copy the files of a folder, with those of its folders, that another lacks."""
    for path in sorted(source.rglob("*")):
        copy = place / path.relative_to(source)
        if path.is_file() and not path.name.startswith(TEMPORARY) and not copy.exists():
            make_folder(copy.parent)
            with replacing(copy) as temporary:
                shutil.copyfile(path, temporary)


def _copy_files(source: Path, folder: Path) -> None:
    """Copy the files of a folder without folders; ``shutil.copytree`` would hide which error of the disk it met."""
    for path in sorted(source.iterdir()):
        if path.is_file() and not path.name.startswith(TEMPORARY):
            shutil.copyfile(path, folder / path.name)
