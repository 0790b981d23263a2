"""Class names of the public data sets, in the order that their label indices follow.

COCO: the 80 names of the 2017 detection task, ordered by category id (whose values run to 91 with holes); published at
cocodataset.org. VOC: the 20 names of the PASCAL VOC 2007 development kit, alphabetical.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

COCO_CLASSES: tuple[str, ...] = (
    *("person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light"),
    *("fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow"),
    *("elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee"),
    *("skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard"),
    *("tennis racket", "bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple"),
    *("sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch"),
    *("potted plant", "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone"),
    *("microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors", "teddy bear"),
    *("hair drier", "toothbrush"),
)

COCO_HOLES = frozenset({0, 12, 26, 29, 30, 45, 66, 68, 69, 71, 83})
"""Numbers below 91 that are no category id of the 2017 detection task."""

VOC_CLASSES: tuple[str, ...] = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog"),
    *("horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)

CITYSCAPES_CLASSES: tuple[str, ...] = ("person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle")
"""The 8 detection classes of Cityscapes, in the order of their label ids."""

URPC_CLASSES: tuple[str, ...] = ("holothurian", "echinus", "scallop", "starfish")
"""The 4 classes of the Underwater Robot Professional Contest, in the order of its configurations."""


def close_name(name: str, classes: Sequence[str]) -> str:
    """Return a hint at the class that a wrong name may mean, such as one of other case; empty where none is close."""
    folded = {known.casefold(): known for known in classes}
    close = difflib.get_close_matches(name.strip().casefold(), folded, n=1)
    return f" (did you mean {folded[close[0]]!r}?)" if close else ""
