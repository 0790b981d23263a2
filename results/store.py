"""The store: finished cells, ground truth and unfinished work, in folders that appear whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..datasets.errors import UserError
from .atomic import TEMPORARY, encode_parquet, replacing_directory, write_bytes, write_json
from .cell import Cell
from .cell_claims import ClaimFacts, all_claims, lock_path
from .identity import StoreIdentity, ensure_identity, read_identity
from .leftovers import remove_leftovers
from .lock import Claim, claim, holder
from .record import Record
from .store_files import (
    AGAIN,
    check_hash,
    detections_sha256,
    is_done,
    read_json,
    read_record,
    read_table,
    sha256_of_bytes,
)
from .summaries import CellSummary, check_identity, summaries_of

if TYPE_CHECKING:
    import pandas as pd

    from .partial import Partial
    from .tables import GroundTruth, ImageSet

__all__ = ["AGAIN", "FOLDERS", "Store", "detections_sha256"]

FOLDERS = ("cells", "ground-truth", "partial", "locks")


class Store:
    """Cells and ground truth under one folder.

    Layout: ``cells/<cell.directory>/{cell.json, detections.parquet, quality.parquet, record.json}``,
    ``ground-truth/<fingerprint[:16]>/{images.parquet, boxes.parquet, dataset.json}``, ``pictures/`` (see
    ``pictures.py``), ``partial/<cell.directory>/`` and ``locks/`` while cells are computed, ``store.json``.

    Made by ``Store(path)`` it reads only, and the folder may be missing or read-only; ``Store.open`` makes it ready
    for writing.

    Attributes:
        path: The folder.
        identity: What the store says of itself; None for a folder without a store or one of before there were ids.

    Raises:
        UserError: A newer lqbench made the store.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.identity: StoreIdentity | None = read_identity(path)

    @staticmethod
    def open(path: Path) -> Store:
        """Return the store, made if it does not exist yet.

        What killed processes left half-written a day ago and earlier is removed.

        Raises:
            UserError: The path is a file, cannot be written, or a newer lqbench made the store.
        """
        read_identity(path)
        try:
            for folder in FOLDERS:
                (path / folder).mkdir(parents=True, exist_ok=True)
            if not os.access(path / "cells", os.W_OK):
                raise PermissionError(f"no write permission for {path / 'cells'}")
        except OSError as error:
            raise UserError(
                f"the store {path} cannot be written ({error.strerror or error}); name another folder with --store."
            ) from error
        ensure_identity(path)
        remove_leftovers(path)
        return Store(path)

    def cell_path(self, cell: Cell) -> Path:
        """Return the folder of a cell, whether it exists or not."""
        return self.path / "cells" / cell.directory

    def has(self, cell: Cell) -> bool:
        """Return whether the cell is finished and intact; failed cells do not count.

        Raises:
            UserError: The folder holds another cell, or one of its files is damaged or was edited.
        """
        folder = self.cell_path(cell)
        while True:
            before = _which(folder)
            if before is None:
                return False
            try:
                return _is_finished(folder, cell)
            except UserError:
                # Another launcher may have put a new folder in its place between two looks into it.
                if _which(folder) == before:
                    raise

    def record(self, cell: Cell) -> Record:
        """Return the record of a cell.

        Raises:
            UserError: There is none, or it is damaged.
        """
        return read_record(self.cell_path(cell) / "record.json")

    def records(self) -> list[Record]:
        """Return the records of all cells, failed ones included, sorted by folder name.

        Raises:
            UserError: The store does not exist, or a record is damaged.
        """
        folder = self.path / "cells"
        if not folder.is_dir():
            raise UserError(
                f"there is no store at {self.path}; fill one with `lqbench run`, or name another with --store."
            )
        cells = sorted(path for path in folder.iterdir() if not path.name.startswith(TEMPORARY))
        return [read_record(path / "record.json") for path in cells if path.is_dir()]

    def detections(self, cell: Cell) -> pd.DataFrame:
        """Return the stored detections, columns ``tables.DETECTION_COLUMNS``.

        Raises:
            UserError: The file is missing, damaged, or not the one that the record's numbers come from.
        """
        path = self.cell_path(cell) / "detections.parquet"
        check_hash(path, self.record(cell))
        return read_table(path)

    def quality(self, cell: Cell) -> pd.DataFrame | None:
        """Return PSNR-Y and SSIM-Y per image, see ``tables.quality_frame``; None if nothing was restored.

        Raises:
            UserError: The file is damaged.
        """
        path = self.cell_path(cell) / "quality.parquet"
        return read_table(path) if path.exists() else None

    def write_cell(self, record: Record, detections: pd.DataFrame, quality: pd.DataFrame | None = None) -> None:
        """Store a finished cell; an older one in the same folder is replaced.

        Raises:
            ValueError: The record's metrics carry another hash than these detections have.
        """
        payload = encode_parquet(detections)
        if record.metrics is not None and record.metrics.detections_sha256 != sha256_of_bytes(payload):
            raise ValueError("the record's metrics were not computed from these detections")
        with replacing_directory(self.cell_path(record.cell)) as folder:
            write_json(folder / "cell.json", record.cell.model_dump(mode="json"))
            write_bytes(folder / "detections.parquet", payload)
            if quality is not None:
                write_bytes(folder / "quality.parquet", encode_parquet(quality))
            write_json(folder / "record.json", record.model_dump(mode="json"))

    def write_failure(self, record: Record) -> None:
        """Store the record of a failed cell; a finished cell of the same key, computed earlier, is kept."""
        folder = self.cell_path(record.cell)
        if is_done(folder):
            return
        with replacing_directory(folder) as temporary:
            write_json(temporary / "cell.json", record.cell.model_dump(mode="json"))
            write_json(temporary / "record.json", record.model_dump(mode="json"))

    def update_record(self, record: Record) -> None:
        """Replace the record of a stored cell, such as after scoring again."""
        write_json(self.cell_path(record.cell) / "record.json", record.model_dump(mode="json"))

    def save_ground_truth(self, dataset: ImageSet) -> GroundTruth:
        """Store a dataset's images and boxes, once per fingerprint, and return them.

        Raises:
            UserError: Ground truth of another dataset lies in its place.
        """
        from .tables import ground_truth_of

        folder = self._ground_truth_path(dataset.fingerprint)
        if not folder.exists():
            truth = ground_truth_of(dataset)
            facts = {"fingerprint": dataset.fingerprint, "classes": truth.classes, "facts": truth.facts}
            with replacing_directory(folder, keep_older=True) as temporary:
                write_bytes(temporary / "images.parquet", encode_parquet(truth.images))
                write_bytes(temporary / "boxes.parquet", encode_parquet(truth.boxes))
                write_json(temporary / "dataset.json", facts)
        return self.ground_truth(dataset.fingerprint)

    def ground_truth(self, fingerprint: str) -> GroundTruth:
        """Return the ground truth of a dataset fingerprint.

        Raises:
            UserError: It is missing, damaged, or that of another dataset.
        """
        from .tables import GroundTruth

        folder = self._ground_truth_path(fingerprint)
        what = f"delete the folder {folder} and run the same `lqbench run` command with --always"
        content = read_json(folder / "dataset.json", what)
        if content.get("fingerprint") != fingerprint:
            raise UserError(f"{folder / 'dataset.json'} describes another dataset than its folder's name; {what}.")
        images = read_table(folder / "images.parquet", what)
        boxes = read_table(folder / "boxes.parquet", what)
        return GroundTruth(images, boxes, tuple(content["classes"]), content["facts"])

    def partial(self, cell: Cell, conditions: dict[str, Any]) -> Partial:
        """Return the unfinished work on a cell under the given conditions, see ``Partial``."""
        from .partial import Partial

        return Partial(self.path / "partial" / cell.directory, conditions)

    def claim(self, cell: Cell, part: str = "") -> Claim | None:
        """Claim the right to compute a cell, or a part of it; None while another live launcher holds it.

        Args:
            cell: The cell.
            part: Which part, such as "000512" for the images from there on; empty for the whole. Claims on parts and on
                the whole know nothing of each other.

        Raises:
            WriteError: The store cannot be written.
        """
        return claim(lock_path(self.path, cell.directory, part))

    def holder(self, cell: Cell, part: str = "") -> str:
        """Return who holds the claim on a cell, for messages."""
        return holder(lock_path(self.path, cell.directory, part))

    def claims(self) -> list[ClaimFacts]:
        """Return all current claims, abandoned ones included, sorted by cell and part."""
        return all_claims(self.path)

    def summaries(self, verify: bool = False) -> dict[str, CellSummary]:
        """Return what planning needs of every cell, by folder name, from one quick look at each record.

        Args:
            verify: Whether each cell is checked as ``has`` does, which reads all detections.
        """
        return summaries_of(self.path, verify=verify)

    def _ground_truth_path(self, fingerprint: str) -> Path:
        return self.path / "ground-truth" / fingerprint[:16]


def _which(folder: Path) -> tuple[int, int] | None:
    """Return what tells a folder from another one that takes its place; None if there is none."""
    try:
        found = folder.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_ino, found.st_ctime_ns


def _is_finished(folder: Path, cell: Cell) -> bool:
    """Return whether a folder holds a cell, finished and intact; errors as of ``Store.has``."""
    check_identity(folder, cell)
    record = read_record(folder / "record.json")
    if record.status == "done":
        check_hash(folder / "detections.parquet", record)
    return record.status == "done"
