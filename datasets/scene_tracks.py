"""The suite's embedded datasets as data: rendered scenes, clean and degraded as the datasets of photographs are."""

from __future__ import annotations

from typing import Any

from .scenes.objects import MAKERS
from .spec import DatasetSpec
from .tracks import AERIS_PROTOCOL

SCENE_SIZE = 512
"""Side of the rendered scenes of all tracks, pixels."""

SCENE_COUNTS = {"val": 100, "train": 1200}
"""Images of each split where no limit is given; the renderer's own defaults, repeated so that lists need no OpenCV."""


def _scenes(name: str, title: str, protocol: str, degradation: str, settings: dict[str, Any]) -> DatasetSpec:
    """Return a track of rendered scenes."""
    return DatasetSpec(
        name=name,
        version="1",
        title=title,
        protocol=f"Procedurally rendered scenes of {SCENE_SIZE}x{SCENE_SIZE} pixels with boxes and areas of visible "
        f"pixels; no photograph is in them. {protocol}",
        reader="scenes",
        classes=tuple(MAKERS),
        splits=("val", "train"),
        default_split="val",
        degradation=degradation,
        settings=settings,
        default_detector="mini",
        official_images=SCENE_COUNTS,
        embedded=True,
        licence="Apache-2.0, rendered by this package",
    )


def _scenes_lr(factor: int) -> DatasetSpec:
    """Return scenes at a down-sampling factor; unlike VOC-LR there is no squeeze, the scenes are square."""
    low = SCENE_SIZE // factor
    return _scenes(
        f"scenes-lr-x{factor}",
        f"Scenes-LR x{factor}: rendered scenes at 1/{factor} resolution",
        f"Low resolution is {low}x{low} by antialiased bicubic interpolation, the reduction of VOC-LR, here from the "
        f"scene's own {SCENE_SIZE}x{SCENE_SIZE} pixels instead of 300x300.",
        "voc-lr",
        {"factor": factor, "hr_size": SCENE_SIZE},
    )


SCENES_CLEAN = _scenes("scenes-clean", "Scenes: rendered, not degraded", "Nothing is degraded.", "none", {})
SCENES_D = _scenes("scenes-d", "Scenes-d: rendered scenes degraded as in COCO-d", AERIS_PROTOCOL.strip(), "aeris", {})
SCENES_LR_X4 = _scenes_lr(4)
SCENES_LR_X8 = _scenes_lr(8)
