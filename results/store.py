"""The store: finished cells, ground truth and unfinished work, in folders that appear whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from pydantic import ValidationError

from ..datasets.errors import UserError
from .atomic import (
    TEMPORARY,
    encode_parquet,
    read_parquet,
    replacing_directory,
    sha256_of_file,
    write_bytes,
    write_json,
)
from .cell import Cell
from .lock import Claim, claim, holder
from .partial import Partial
from .record import Record
from .tables import GroundTruth, ImageSet, ground_truth_of

AGAIN = "compute the cell again by adding --redo to the `lqbench run` command that made it"


class Store:
    """Cells and ground truth under one folder.

    Layout: ``cells/<cell.directory>/{cell.json, detections.parquet, quality.parquet, record.json}``,
    ``ground-truth/<fingerprint[:16]>/{images.parquet, boxes.parquet, dataset.json}``, ``pictures/`` (see
    ``pictures.py``), ``partial/<cell.directory>/`` and ``locks/`` while cells are computed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @staticmethod
    def open(path: Path) -> Store:
        """Return the store, made if it does not exist yet.

        Raises:
            UserError: The path is a file, or cannot be written.
        """
        try:
            for folder in ("cells", "ground-truth", "partial", "locks"):
                (path / folder).mkdir(parents=True, exist_ok=True)
            if not os.access(path / "cells", os.W_OK):
                raise PermissionError(f"no write permission for {path / 'cells'}")
        except OSError as error:
            raise UserError(
                f"the store {path} cannot be written ({error.strerror or error}); name another folder with --store."
            ) from error
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
        if not folder.exists():
            return False
        self._check_identity(folder, cell)
        record = _read_record(folder / "record.json")
        if record.status != "done":
            return False
        _check_hash(folder / "detections.parquet", record)
        return True

    def record(self, cell: Cell) -> Record:
        """Return the record of a cell.

        Raises:
            UserError: There is none, or it is damaged.
        """
        return _read_record(self.cell_path(cell) / "record.json")

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
        return [_read_record(path / "record.json") for path in cells if path.is_dir()]

    def detections(self, cell: Cell) -> pd.DataFrame:
        """Return the stored detections, columns ``tables.DETECTION_COLUMNS``.

        Raises:
            UserError: The file is missing, damaged, or not the one that the record's numbers come from.
        """
        path = self.cell_path(cell) / "detections.parquet"
        _check_hash(path, self.record(cell))
        return _read_table(path)

    def quality(self, cell: Cell) -> pd.DataFrame | None:
        """Return PSNR-Y and SSIM-Y per image, see ``tables.quality_frame``; None if nothing was restored.

        Raises:
            UserError: The file is damaged.
        """
        path = self.cell_path(cell) / "quality.parquet"
        return _read_table(path) if path.exists() else None

    def write_cell(self, record: Record, detections: pd.DataFrame, quality: pd.DataFrame | None = None) -> None:
        """Store a finished cell; an older one in the same folder is replaced.

        Raises:
            ValueError: The record's metrics carry another hash than these detections have.
        """
        payload = encode_parquet(detections)
        if record.metrics is not None and record.metrics.detections_sha256 != _sha256(payload):
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
        if _is_done(folder):
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
        folder = self._ground_truth_path(dataset.fingerprint)
        if not folder.exists():
            truth = ground_truth_of(dataset)
            facts = {"fingerprint": dataset.fingerprint, "classes": truth.classes, "facts": truth.facts}
            with replacing_directory(folder) as temporary:
                write_bytes(temporary / "images.parquet", encode_parquet(truth.images))
                write_bytes(temporary / "boxes.parquet", encode_parquet(truth.boxes))
                write_json(temporary / "dataset.json", facts)
        return self.ground_truth(dataset.fingerprint)

    def ground_truth(self, fingerprint: str) -> GroundTruth:
        """Return the ground truth of a dataset fingerprint.

        Raises:
            UserError: It is missing, damaged, or that of another dataset.
        """
        folder = self._ground_truth_path(fingerprint)
        what = f"delete the folder {folder} and run the same `lqbench run` command with --redo"
        content = _read_json(folder / "dataset.json", what)
        if content.get("fingerprint") != fingerprint:
            raise UserError(f"{folder / 'dataset.json'} describes another dataset than its folder's name; {what}.")
        images = _read_table(folder / "images.parquet", what)
        boxes = _read_table(folder / "boxes.parquet", what)
        return GroundTruth(images, boxes, tuple(content["classes"]), content["facts"])

    def partial(self, cell: Cell, conditions: dict[str, Any]) -> Partial:
        """Return the unfinished work on a cell under the given conditions, see ``Partial``."""
        return Partial(self.path / "partial" / cell.directory, conditions)

    def claim(self, cell: Cell) -> Claim | None:
        """Claim the right to compute a cell; None while another live launcher holds it."""
        return claim(self._lock_path(cell))

    def holder(self, cell: Cell) -> str:
        """Return who holds the claim on a cell, for messages."""
        return holder(self._lock_path(cell))

    def _lock_path(self, cell: Cell) -> Path:
        return self.path / "locks" / f"{cell.directory}.lock"

    def _ground_truth_path(self, fingerprint: str) -> Path:
        return self.path / "ground-truth" / fingerprint[:16]

    def _check_identity(self, folder: Path, cell: Cell) -> None:
        """Refuse a folder whose cell.json is not this cell: a key collision, or somebody edited it."""
        stored = _read_json(folder / "cell.json", AGAIN)
        if stored != json.loads(json.dumps(cell.model_dump(mode="json"))):
            raise UserError(
                f"{folder / 'cell.json'} describes another cell than its folder's name (edited, or a collision of "
                f"keys); {AGAIN}."
            )


def detections_sha256(detections: pd.DataFrame) -> str:
    """Return the hash that the detections' stored file will have."""
    return _sha256(encode_parquet(detections))


def _sha256(payload: bytes) -> str:
    return hashlib.sha256(payload).hexdigest()


def _read_json(path: Path, what: str) -> dict[str, Any]:
    """Read a JSON object, or say in one sentence what to do about the file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing; {what}.") from error
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is damaged ({error}); {what}.") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} is damaged (no JSON object); {what}.")
    return content


def _read_record(path: Path) -> Record:
    content = _read_json(path, AGAIN)
    try:
        return Record.model_validate(content)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise UserError(f"{path} is no valid record (field {place}: {error.errors()[0]['msg']}); {AGAIN}.") from error


def _is_done(folder: Path) -> bool:
    """Return whether a folder holds a finished cell; a damaged one does not count."""
    try:
        return _read_record(folder / "record.json").status == "done"
    except UserError:
        return False


def _read_table(path: Path, what: str = AGAIN) -> pd.DataFrame:
    try:
        return read_parquet(path)
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing; {what}.") from error
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(f"{path} is damaged (not a whole parquet file); {what}.") from error


def _check_hash(path: Path, record: Record) -> None:
    """Refuse a detections file that is not the one the record's numbers come from."""
    if not path.exists():
        raise UserError(f"{path} is missing; {AGAIN}.")
    if record.metrics is not None and sha256_of_file(path) != record.metrics.detections_sha256:
        raise UserError(f"{path} is damaged or was edited (its sha256 is not the one in record.json); {AGAIN}.")
