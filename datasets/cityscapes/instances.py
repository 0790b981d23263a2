"""From an image of instance ids to boxes, by the two published rules.

Ids are those of ``*_gtFine_instanceIds.png``: label id * 1000 + number for an instance, the bare label id (below 1000)
for a group that annotators could not separate and for everything without instances (cityscapesScripts,
json2instanceImg.py and labels.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..classes import CITYSCAPES_CLASSES
from ..source import AnnotatedObject

BoxRule = Literal["mmdet", "dafrcnn"]
"""Which rule makes boxes of instances.

"mmdet" (tools/dataset_converters/cityscapes.py of mmdet): groups are crowd regions, areas those of the masks.
"dafrcnn" (prepare_data.m of DA-Faster-RCNN, which writes VOC XML): groups are ordinary objects, areas those of the
boxes, since VOC files hold none.
Both take the tight box of the visible pixels, of any size, of the same 8 classes.
"""

LABEL_IDS: dict[str, int] = dict(zip(CITYSCAPES_CLASSES, (24, 25, 26, 27, 28, 31, 32, 33), strict=True))
"""Class name to label id. Caravan (29) and trailer (30) have instances too, but are left out of evaluation."""

INSTANCES_PER_LABEL = 1000
FIRST_LABEL = min(LABEL_IDS.values())

_CLASS_OF_LABEL = {label: index for index, label in enumerate(LABEL_IDS.values())}


@dataclass(frozen=True, slots=True)
class Region:
    """The visible pixels of one id.

    Attributes:
        number: The id.
        box: x1 y1 x2 y2 in continuous coordinates: a region in the first column alone has x1 = 0 and x2 = 1.
        pixels: Their number.
    """

    number: int
    box: tuple[float, float, float, float]
    pixels: int

    @property
    def group(self) -> bool:
        """Whether the id stands for a group, not for a single instance."""
        return self.number < INSTANCES_PER_LABEL

    @property
    def label(self) -> int:
        """The label id."""
        return self.number if self.group else self.number // INSTANCES_PER_LABEL


def boxes_of_instances(ids: NDArray[np.integer], rule: BoxRule) -> tuple[list[AnnotatedObject], int]:
    """Return the objects of the 8 classes in ascending order of their ids, and how many of them are groups.

    Args:
        ids: (H, W), instance ids.
        rule: How groups and areas are treated.
    """
    found = [region for region in regions(ids) if region.label in _CLASS_OF_LABEL]
    objects = [_object(region, rule) for region in found]
    return objects, sum(region.group for region in found)


def regions(ids: NDArray[np.integer]) -> Iterator[Region]:
    """Yield the regions of all ids from the first label with instances on, in ascending order.

    Works on runs of equal ids in rows, of which there are a hundred times fewer than pixels.
    """
    width = ids.shape[1]
    change = np.ones(ids.shape, bool)
    change[:, 1:] = ids[:, 1:] != ids[:, :-1]
    firsts = np.flatnonzero(change)
    lengths = np.diff(np.append(firsts, ids.size))
    values = ids.ravel()[firsts]
    wanted = np.flatnonzero(values >= FIRST_LABEL)
    order = wanted[np.argsort(values[wanted], kind="stable")]
    values, firsts, lengths = values[order], firsts[order], lengths[order]
    if len(values) == 0:
        return
    rows, lefts = np.divmod(firsts, width)
    starts = np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1])))
    ends = np.append(starts[1:], len(values)) - 1
    x1, x2 = np.minimum.reduceat(lefts, starts), np.maximum.reduceat(lefts + lengths, starts)
    pixels = np.add.reduceat(lengths, starts)
    for i, (start, end) in enumerate(zip(starts, ends, strict=True)):  # rows ascend inside each id
        box = (float(x1[i]), float(rows[start]), float(x2[i]), float(rows[end]) + 1)
        yield Region(int(values[start]), box, int(pixels[i]))


def _object(region: Region, rule: BoxRule) -> AnnotatedObject:
    x1, y1, x2, y2 = region.box
    label = _CLASS_OF_LABEL[region.label]
    if rule == "dafrcnn":
        return AnnotatedObject(region.box, label, (x2 - x1) * (y2 - y1))
    return AnnotatedObject(region.box, label, float(region.pixels), crowd=region.group)
