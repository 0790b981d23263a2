"""Cells from detections that were found elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..datasets.errors import UserError
from ..methods.card import MethodCard
from ..methods.catalog import method_registry
from ..results.cell import Cell
from ..results.coco_export import Frame
from ..results.coco_import import MOST, Imported, read_detections
from ..results.record import Record
from ..results.store import Store, detections_sha256
from ..results.tables import ground_truth_of
from .evaluate import evaluate
from .provenance import provenance
from .recording import now

if TYPE_CHECKING:
    from ..datasets.dataset import Dataset

SOURCE = "imported"
"""Stands where other cells have the hash of the method's source."""


@dataclass(frozen=True)
class ImportedCell:
    """What became of a file.

    Attributes:
        record: The cell's record.
        new: Whether the store did not have it yet.
        dropped: Detections left out, since their images had too many.
    """

    record: Record
    new: bool
    dropped: int


def import_detections(
    file: Path, method: str, dataset: Dataset, store_path: Path, frame: Frame, command: Sequence[str]
) -> ImportedCell:
    """Store the detections of a COCO results file as a finished cell.

    Args:
        file: The file.
        method: What to call the method; not a name of the suite's own methods.
        dataset: The dataset that it ran on.
        store_path: The store that is to keep the cell; made where there is none, after the file was checked.
        frame: In whose pixels the file's boxes are.
        command: The command line, for the record.

    Raises:
        UserError: The name is taken, or the file is wrong, see ``coco_import.read_detections``.
        WriteError: The store cannot be written.
    """
    if method in method_registry():
        raise UserError(
            f"--method {method}: the suite has a method of this name, and imported detections must not pass for its "
            f"own; choose another name, such as {method}-imported."
        )
    started, start = now(), time.perf_counter()
    found = read_detections(file, ground_truth_of(dataset), frame)
    store = Store.open(store_path)
    truth = store.save_ground_truth(dataset)
    cell = _cell(method, dataset, detections_sha256(found.detections))
    if store.has(cell):
        return ImportedCell(store.record(cell), False, found.dropped)
    record = Record(
        cell=cell,
        status="done",
        images=len(dataset),
        images_official=dataset.facts().get("images_official"),
        detections=len(found.detections),
        started=started,
        finished=now(),
        seconds={},
        provenance=provenance("cpu", command),
        metrics=evaluate(truth, found.detections, None),
        dataset_facts=dataset.facts(),
        method_card=_card(method, file).model_dump(mode="json"),
        notes=_notes(found),
    )
    record = record.model_copy(update={"seconds": {"score": round(time.perf_counter() - start, 3)}})
    store.write_cell(record, found.detections)
    return ImportedCell(record, True, found.dropped)


def _cell(method: str, dataset: Dataset, sha256: str) -> Cell:
    return Cell(
        method=method,
        method_settings={"detections_sha256": sha256},
        method_source=SOURCE,
        dataset=dataset.spec.name,
        dataset_version=dataset.spec.version,
        split=dataset.split,
        limit=dataset.limit,
        dataset_fingerprint=dataset.fingerprint,
    )


def _card(method: str, file: Path) -> MethodCard:
    return MethodCard(
        name=method,
        title=method,
        summary=f"Ran elsewhere; its detections were imported from {file.name}.",
        kind="external",
        licence="",
    )


def _notes(found: Imported) -> tuple[str, ...]:
    if not found.dropped:
        return ()
    return (
        f"{found.dropped} detections left out in {found.crowded} images: only the best {MOST} of an image are kept",
    )
