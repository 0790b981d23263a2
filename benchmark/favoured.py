"""The images that a detector does well on: the recipe of DFUI for any data set.

DFUI ("detector-friendly underwater images") holds the training photographs on which a detector, trained on that kind of
photographs before, reaches an AP of at least 60 % in the single image (github.com/xiaoDetection/
Learning-Heavily-Degraded-Prior at 383c2cb, README and issue 4).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..datasets.errors import UserError
from ..datasets.prepare.coco_file import coco_ids, write_coco_file
from ..datasets.prepare.tables import annotation_entries, image_entries
from ..results.tables import ground_truth_of
from .analysis.image_ap import image_ap

if TYPE_CHECKING:
    from ..datasets.dataset import Dataset
    from ..datasets.spec import DatasetSpec
    from ..results.record import Record
    from ..results.store import Store


@dataclass(frozen=True)
class Favoured:
    """What was chosen.

    Attributes:
        images: Position to AP in [0, 1] of the favoured images.
        judged: Number of images that have an AP, those with objects.
        folder: The image folder to which the file names of the COCO file are relative.
    """

    images: dict[int, float]
    judged: int
    folder: Path


def check_files(spec: DatasetSpec, command: str) -> None:
    """Refuse a dataset whose images are no files as the detector saw them.

    Args:
        spec: The dataset.
        command: The command that writes its images into files.

    Raises:
        UserError: Images are rendered or degraded on the fly; the command that writes them is told.
    """
    if spec.embedded or spec.degradation != "none" or spec.recipe:
        raise UserError(
            f"the images of {spec.name} are made when they are read, so no COCO file can name them; write them with "
            f"`{command}`, run the detector on coco:FOLDER and choose from that."
        )


def cell_of(dataset: Dataset, records: list[Record], command: str) -> Record:
    """Return the one finished cell of a dataset among some records.

    Args:
        dataset: The dataset; the cell must have seen it with the very same content.
        records: Finished cells.
        command: The command that makes such a cell.

    Raises:
        UserError: There is none, or several; the keys are told.
    """
    own = [record for record in records if record.cell.dataset_fingerprint == dataset.fingerprint]
    if not own:
        raise UserError(
            f"the store has no detections of {dataset.spec.name} ({dataset.split}) as it is now; make them with "
            f"`{command}`."
        )
    if len(own) > 1:
        found = ", ".join(f"{r.cell.key} ({r.cell.method} {r.cell.detector})" for r in own)
        raise UserError(f"several cells have detections of {dataset.spec.name}: {found}; choose one with --cell KEY.")
    return own[0]


def write_favoured(dataset: Dataset, record: Record, store: Store, out: Path, min_ap: float) -> Favoured:
    """Write a COCO file of the images whose own AP is high enough, with all their objects.

    Args:
        dataset: Images in files, see ``check_files``.
        record: The cell whose detections judge.
        store: The store that the cell lies in.
        out: The JSON file.
        min_ap: Smallest AP that is favoured, in [0, 1]; see ``analysis.image_ap``. Images without objects have no AP
            and are left out.

    Raises:
        UserError: No image is favoured, or the file cannot be written.
    """
    aps = image_ap(ground_truth_of(dataset), store.detections(record.cell))
    # AP is a mean of decimals: 0.6 may come out as 0.5999999999999999.
    chosen = {int(index): float(ap) for index, ap in aps.items() if ap >= min_ap - 1e-9}  # pyright: ignore[reportArgumentType]
    if not chosen:
        best = f"the best has {100 * aps.max():.1f} %" if len(aps) else "no image has objects"
        raise UserError(f"no image of {dataset.spec.name} reaches an AP of {100 * min_ap:g} %: {best}; lower --min-ap.")
    folder = Path(os.path.commonpath([Path(record.file).resolve().parent for record in dataset.records]))
    every = coco_ids([record.image_id for record in dataset.records])
    ids, records = [every[index] for index in chosen], [dataset.records[index] for index in chosen]
    names = [Path(record.file).resolve().relative_to(folder).as_posix() for record in records]
    entries = zip(image_entries(ids, names, records), chosen.values(), strict=True)
    images = ({**entry, "ap": ap} for entry, ap in entries)
    annotations = annotation_entries(ids, [dataset.boxes[index] for index in chosen], dataset.classes)
    info = _info(dataset, record, min_ap, len(chosen), len(aps))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_coco_file(out, info, images, annotations, dataset.classes)
    except OSError as error:
        raise UserError(f"{out} cannot be written ({error.strerror or error}); name another file with --out.") from None
    return Favoured(chosen, len(aps), folder)


def _info(dataset: Dataset, record: Record, min_ap: float, favoured: int, judged: int) -> dict[str, Any]:
    """Return how the images were chosen."""
    return {
        "description": f"images of {dataset.spec.name} ({dataset.split}) with an AP of at least {100 * min_ap:g} %",
        "min_ap": min_ap,
        "images_favoured": favoured,
        "images_judged": judged,
        "images_without_objects": len(dataset) - judged,
        "dataset_fingerprint": dataset.fingerprint,
        "method": record.cell.method,
        "detector": record.cell.detector,
        "weights_sha256": record.cell.weights_sha256,
        "cell": record.cell.key,
    }
