"""A quick look at all cells of a store, for planning: plain JSON, one file a cell."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from ..datasets.errors import UserError
from .atomic import TEMPORARY
from .cell import Cell, key_of
from .store_files import AGAIN, check_hash, check_sha256, read_json, read_record

_CLASSES_BEGIN, _CLASSES_END = b'\n    "per_class": {\n', b"\n    }"


@dataclass(frozen=True, slots=True)
class CellSummary:
    """What planning needs of a stored cell.

    Attributes:
        directory: The cell's folder name.
        status: "done", "failed", or "damaged" for a cell that cannot be read; then only ``error`` says anything.
        key: The cell's key, as its folder's name states it.
        method: As the cell's fields of these names, also below.
        detector: The detector behind the method; empty where the method brings its own.
        settings: The method's settings.
        images: Number of images evaluated.
        seconds: Wall seconds of all phases.
        started: ISO 8601, UTC.
        device: As ``Provenance.device``.
        detections_sha256: Hash of the stored detections; empty without metrics.
        error: The last line of what failed, or a sentence on the damage.
        cell: All fields of the cell, as stored.
    """

    directory: str
    status: Literal["done", "failed", "damaged"]
    key: str = ""
    method: str = ""
    detector: str = ""
    dataset: str = ""
    dataset_version: str = ""
    split: str = ""
    limit: int | None = None
    method_source: str = ""
    weights_sha256: str = ""
    dataset_fingerprint: str = ""
    precision: str = "float32"
    settings: Mapping[str, Any] = field(default_factory=dict)
    images: int = 0
    seconds: float = 0.0
    started: str = ""
    device: str = ""
    detections_sha256: str = ""
    error: str = ""
    cell: Mapping[str, Any] = field(default_factory=dict)


def summaries_of(store: Path, *, verify: bool = False) -> dict[str, CellSummary]:
    """Return a summary of every cell by its folder's name, sorted; empty where there is no store. Never raises for one.

    Args:
        store: The store's folder.
        verify: Whether identity and detections of each cell are checked too.
    """
    folder = store / "cells"
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if _is_cell(entry))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    return {name: summary_of(folder / name, verify=verify) for name in names}


def summary_of(folder: Path, *, verify: bool = False) -> CellSummary:
    """Return the summary of the cell in a folder; arguments as ``summaries_of``."""
    path = os.path.join(folder, "record.json")  # noqa: PTH118  # ten thousand of these: a Path takes longer to make
    try:
        with open(path, "rb") as stream:  # noqa: PTH123
            summary = _parse(folder.name, json.loads(_without_classes(stream.read())))
    except FileNotFoundError:
        return CellSummary(folder.name, "damaged", error=f"{path} is missing; {AGAIN}.")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        what = f"{type(error).__name__}: {error}"
        return CellSummary(folder.name, "damaged", error=f"{path} is damaged ({what}); {AGAIN}.")
    return verified(folder, summary) if verify else summary


def verified(folder: Path, summary: CellSummary) -> CellSummary:
    """Return a cell's summary after looking at its other files: one of status "damaged" if something is wrong.

    Like ``Store.has``, but of the record nothing is read again: that of a cell whose files agree with each other and
    with the folder's name was written by this package, and whatever it says beyond the summary plays no part in plans.
    """
    try:
        if not _agree(folder, summary):
            _verify(folder)  # an older form of the same, or a sentence on what is wrong
        if summary.status == "done":
            check_sha256(folder / "detections.parquet", summary.detections_sha256)
    except UserError as error:
        return CellSummary(folder.name, "damaged", error=str(error))
    return summary


def _agree(folder: Path, summary: CellSummary) -> bool:
    """Tell whether the record and cell.json state the same cell, and the folder's name its key."""
    try:
        with open(os.path.join(folder, "cell.json"), "rb") as stream:  # noqa: PTH118, PTH123
            stored = json.loads(stream.read())
        return stored == summary.cell and key_of(stored) == summary.key
    except (OSError, ValueError, TypeError):
        return False


def _without_classes(content: bytes) -> bytes:
    """Return a record without its figures by class, which make up most of it and of the time that reading it takes.

    A raw line end cannot stand inside a JSON string, so in a file as ``write_json`` indents it the two marks are found
    where the object begins and ends. A file of another form is returned as it is.
    """
    start = content.find(_CLASSES_BEGIN)
    end = content.find(_CLASSES_END, start) if start >= 0 else -1
    return content if end < 0 else content[: start + len(_CLASSES_BEGIN)] + content[end:]


def _is_cell(entry: os.DirEntry[str]) -> bool:
    return not entry.name.startswith(TEMPORARY) and entry.is_dir()


def _parse(directory: str, record: dict[str, Any]) -> CellSummary:
    """Return the summary of a record as stored.

    Raises:
        ValueError: The record says that it is neither done nor failed.
        KeyError: A field is missing.
        TypeError: A field is of another kind.
    """
    cell, status = record["cell"], record["status"]
    if status not in ("done", "failed"):
        raise ValueError(f"field status is {status!r}")
    settings = cell.get("method_settings") or {}
    return CellSummary(
        directory=directory,
        status=status,
        key=directory.rpartition("__")[2],
        method=cell["method"],
        detector=_detector(settings),
        dataset=cell["dataset"],
        dataset_version=cell["dataset_version"],
        split=cell["split"],
        limit=cell.get("limit"),
        method_source=cell["method_source"],
        weights_sha256=cell.get("weights_sha256", ""),
        dataset_fingerprint=cell["dataset_fingerprint"],
        precision=cell.get("precision", "float32"),
        settings=settings,
        images=int(record["images"]),
        seconds=float(sum(record["seconds"].values())),
        started=record["started"],
        device=record["provenance"]["device"],
        detections_sha256=(record.get("metrics") or {}).get("detections_sha256", ""),
        error=(record.get("error") or "").rpartition("\n")[2],
        cell=cell,
    )


def _detector(settings: Mapping[str, Any]) -> str:
    """Return what ``Cell.detector`` says."""
    config = settings.get("detector_config") or {}
    return ":".join(str(part) for part in (settings.get("detector", ""), config.get("name", "")) if part)


def _verify(folder: Path) -> None:
    """Check a cell's identity and, if it is done, its detections.

    Raises:
        UserError: A file is missing or damaged, or the folder holds another cell.
    """
    record = read_record(folder / "record.json")
    check_identity(folder, record.cell)
    if record.cell.directory != folder.name:
        raise UserError(f"{folder} holds another cell than its name says ({record.cell.directory}); {AGAIN}.")
    if record.status == "done":
        check_hash(folder / "detections.parquet", record)


def check_identity(folder: Path, cell: Cell) -> None:
    """Refuse a folder whose cell.json is not this cell: a key collision, or somebody edited it.

    Raises:
        UserError: So it is.
    """
    stored = read_json(folder / "cell.json", AGAIN)
    try:
        # Fields that came later are absent in older files and have their defaults.
        same = Cell.model_validate(stored).model_dump(mode="json") == cell.model_dump(mode="json")
    except ValidationError:
        same = False
    if not same:
        raise UserError(
            f"{folder / 'cell.json'} describes another cell than its folder's name (edited, or a collision of "
            f"keys); {AGAIN}."
        )
