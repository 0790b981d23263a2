"""Whether a detector knows any class of a dataset, told before anything is computed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..datasets.errors import UserError
from ..methods.class_names import COCO80, VOC20, label_map
from ..methods.lcp.bundle import CLEAR, bundled
from ..methods.lcp.header import read_header
from ..methods.weights import WEIGHT_FILES

if TYPE_CHECKING:
    from ..datasets.spec import DatasetSpec

VOC_DETECTORS = ("ssd300-voc", "ssd300-voc-caffe")
"""Detectors of which only weights for PASCAL VOC's classes can be loaded."""
SHOWN = 4
"""Class names that a message lists."""


def class_complaint(detector: str, spec: DatasetSpec, weights: Path | None) -> str:
    """Return one sentence if a detector knows none of a dataset's classes; empty where it does, or nobody can tell.

    Args:
        detector: Name in the detector registry.
        spec: The dataset.
        weights: What ``--weights`` gave; None for the bundled or published checkpoint.
    """
    known = known_classes(detector, weights)
    if not known:
        return ""
    try:
        label_map(known, spec.classes)
    except UserError:
        return (
            f"the detector {detector!r} knows none of the classes of {spec.name} ({_some(spec.classes)}): its weights "
            f"were trained on {_some(known)}; choose --detector mini --weights FILE with weights for these classes, "
            "which `lqbench train --method detector --dataset coco:FOLDER` writes for a folder with the splits train "
            "and val, or bring a method of your own by --plugin."
        )
    return ""


def known_classes(detector: str, weights: Path | None) -> tuple[str, ...]:
    """Return the classes that a detector's weights were trained on, without building it; empty where unknown.

    Published checkpoints know COCO's classes, or VOC's where the detector's name says so; what is in a checkpoint of
    the user's is told by the file of the bundled detector alone.
    """
    if detector == "mini":
        return _classes_in_header(weights)
    if detector == "cascade-mini":
        return _cascade_classes(weights)
    if detector in VOC_DETECTORS:
        return VOC20
    return COCO80 if detector in WEIGHT_FILES and weights is None else ()


def _cascade_classes(weights: Path | None) -> tuple[str, ...]:
    """Return the classes in the header of a weight file of Cascade R-CNN; see ``_classes_in_header``."""
    path = weights or bundled(*CLEAR)
    try:
        return read_header(path).classes if path else ()
    except UserError:
        return ()


def _classes_in_header(weights: Path | None) -> tuple[str, ...]:
    """Return the classes in the header of a weight file; a file that cannot be read is told when it is loaded."""
    from pydantic import ValidationError
    from safetensors import SafetensorError, safe_open

    from ..methods.detector.header import BUNDLED, Header

    try:
        with safe_open(weights or BUNDLED, framework="numpy") as file:
            return Header.model_validate_json((file.metadata() or {})["lqbench"]).classes
    except (OSError, SafetensorError, KeyError, ValidationError):
        return ()


def _some(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
