"""The files that a request's detectors need: the config that describes one, and the checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..datasets.errors import UserError
from ..methods.detectors.base import DetectorConfig
from ..methods.detectors.catalog import DESCRIBED_BY_CONFIG
from ..methods.weights import find_file, find_weights

if TYPE_CHECKING:
    from .request import Request

EXAMPLE = "retinanet/retinanet_r50_fpn_1x_coco.py"
"""A config that comes with mmdet."""


def detector_config(detector: str, request: Request) -> DetectorConfig | None:
    """Return what describes a detector; None for one that no config describes.

    Raises:
        UserError: The config is not given, not there, or cannot be read.
    """
    if detector not in DESCRIBED_BY_CONFIG:
        return None
    if request.config is None:
        raise UserError(
            f"the detector {detector!r} needs a config: give an mmdet config file, or the name of one that comes with "
            f"mmdet, such as --config {EXAMPLE}, and its checkpoint with --weights."
        )
    from ..methods.mmdet_adapter.config import describe

    return describe(request.config)


def detector_weights(detector: str, config: DetectorConfig | None, request: Request) -> Path | None:
    """Return a detector's checkpoint: the one given, else one found among the folders of weights.

    Raises:
        UserError: It is not there; says where to get it.
    """
    if config is None or request.weights is not None:
        return find_weights(detector, request.weights, request.data_root)
    from ..methods.mmdet_adapter.files import MODEL_ZOO, published_weights

    entry = published_weights(config.path)
    if entry is None:
        raise UserError(
            f"the config {config.path} needs its checkpoint: give its path with --weights; "
            f"{MODEL_ZOO} lists those that are published for mmdet's own configs."
        )
    return find_file(entry, request.data_root)


def file_complaints(detector: str, request: Request) -> list[str]:
    """Return one sentence for each file of a detector that is missing or wrong."""
    try:
        detector_weights(detector, detector_config(detector, request), request)
    except UserError as error:
        return [str(error)]
    return []


def idle_config_complaint(detectors: list[str], request: Request) -> list[str]:
    """Return a sentence if a config is given that none of the detectors takes."""
    if request.config is None or not detectors or DESCRIBED_BY_CONFIG.intersection(detectors):
        return []
    takers = ", ".join(sorted(DESCRIBED_BY_CONFIG))
    return [
        f"--config {request.config} describes an mmdet model, but this run has the detectors {', '.join(detectors)}; "
        f"add --detector {takers}, or leave --config out."
    ]
