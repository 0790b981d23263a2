"""Class names of the label sets that pretrained detectors bring, and the mapping onto a dataset's classes by name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..datasets.classes import COCO_CLASSES, COCO_HOLES, VOC_CLASSES
from ..datasets.errors import UserError

UNUSED = ""
"""Stands at label indices that name no class: background and the holes of COCO's category ids."""

COCO80: tuple[str, ...] = COCO_CLASSES
"""The 80 classes of COCO detection without holes, in order of their ids."""


def _with_holes(names: tuple[str, ...]) -> tuple[str, ...]:
    remaining = iter(names)
    return tuple(UNUSED if number in COCO_HOLES else next(remaining) for number in range(91))


COCO91: tuple[str, ...] = _with_holes(COCO80)
"""Names by COCO category id: index 0 is background, ids without a class are unused (torchvision's convention)."""

VOC20: tuple[str, ...] = VOC_CLASSES
"""The 20 classes of PASCAL VOC, in the devkit's order."""

VOC21: tuple[str, ...] = (UNUSED, *VOC20)
"""PASCAL VOC with background at index 0 (torchvision's convention)."""

SYNONYMS: dict[str, str] = {
    "aeroplane": "airplane",
    "motorbike": "motorcycle",
    "tvmonitor": "tv",
    "sofa": "couch",
    "pedestrian": "person",
}
"""Normalised name to the normalised name that stands for the same class; VOC's words beside COCO's."""


def normalised(name: str) -> str:
    """Return the form in which class names are compared: lower case, no spaces, hyphens, underscores; one synonym."""
    plain = "".join(c for c in name.lower() if c.isalnum())
    return SYNONYMS.get(plain, plain)


def label_map(detector_names: Sequence[str], dataset_classes: Sequence[str]) -> NDArray[np.int64]:
    """Map each class of a detector to the dataset's class of the same name or a synonym.

    Args:
        detector_names: The detector's class names by label index; unused indices carry "".
        dataset_classes: The dataset's class names by class index.

    Returns:
        int64 (detector classes,): dataset class index, or -1 where the dataset has no such class.

    Raises:
        UserError: No class of the detector occurs in the dataset.
    """
    targets = {normalised(name): index for index, name in enumerate(dataset_classes)}
    mapped = [targets.get(normalised(name), -1) if name else -1 for name in detector_names]
    if max(mapped, default=-1) < 0:
        raise UserError(
            f"the detector knows none of the dataset's classes: it was trained on {_some(detector_names)}, "
            f"the dataset asks for {_some(dataset_classes)}; choose a detector trained on these classes."
        )
    return np.array(mapped, np.int64)


def _some(names: Sequence[str], count: int = 4) -> str:
    used = [name for name in names if name]
    return ", ".join(used[:count]) + (f" and {len(used) - count} more" if len(used) > count else "")
