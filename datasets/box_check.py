"""Checks of annotated boxes: what is wrong with one, and whether wrong ones end the run or are dropped and counted."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from .errors import UserError

TOLERANCE = 2.0
"""Pixels by which a box may reach beyond its image: COCO's own boxes overshoot through rounding, and VOC tools disagree
on 0- and 1-based pixel indices. Such boxes are clipped to the image."""

INVALID_BOXES = ("error", "drop")
LIST = "list"
"""The policy of a verification: as "drop", and every problem is told in the notes under ``invalid_boxes``."""

Box = tuple[float, float, float, float]


def box_problem(box: Box, size: tuple[int, int]) -> str:
    """Say what is wrong with a box x1 y1 x2 y2 in an image of size (height, width); "" if nothing is."""
    x1, y1, x2, y2 = box
    height, width = size
    if not all(math.isfinite(value) for value in box):
        return "holds a value that is not a finite number"
    if x2 <= x1:
        return "has zero or negative width"
    if y2 <= y1:
        return "has zero or negative height"
    if x1 >= width or y1 >= height or x2 <= 0 or y2 <= 0:
        return f"lies outside its {width} x {height} image"
    overshoot = max(-x1, -y1, x2 - width, y2 - height)
    if overshoot > TOLERANCE:
        return f"reaches {overshoot:.4g} px beyond its {width} x {height} image"
    return ""


def clip_box(box: Box, size: tuple[int, int]) -> Box:
    """Clip a box x1 y1 x2 y2 to an image of size (height, width)."""
    height, width = size
    x1, y1, x2, y2 = box
    return max(x1, 0.0), max(y1, 0.0), min(x2, float(width)), min(y2, float(height))


@dataclass
class BoxChecker:
    """Checks the boxes of a whole source and keeps the counts.

    Attributes:
        policy: "error" to refuse a source with invalid boxes, "drop" or ``LIST`` to leave such boxes out.
        problems: One sentence part for each invalid box, in order.
        clipped: Number of boxes that were clipped.
    """

    policy: str
    problems: list[str] = field(default_factory=list)
    clipped: int = 0

    def __post_init__(self) -> None:
        if self.policy not in (*INVALID_BOXES, LIST):
            known = " or ".join(INVALID_BOXES)
            raise UserError(f"--invalid-boxes {self.policy!r} is not known; give {known}.")

    def check(self, where: str, box: Box, size: tuple[int, int]) -> Box | None:
        """Return the box clipped to its image, or None (and take note) if it is invalid.

        Args:
            where: File, annotation and field, such as ``a.json: annotation 7: field 'bbox'``.
            box: x1 y1 x2 y2, continuous pixel coordinates.
            size: (height, width) of the image.
        """
        problem = box_problem(box, size)
        if problem:
            self.problems.append(f"{where} {problem}")
            return None
        clipped = clip_box(box, size)
        self.clipped += clipped != box
        return clipped

    def finish(self) -> dict[str, Any]:
        """Return the notes of the source.

        Raises:
            UserError: The policy is "error" and there were invalid boxes; the first is told and all are counted.
        """
        if self.problems and self.policy == "error":
            more = f" (the first of {len(self.problems)} invalid boxes)" if len(self.problems) > 1 else ""
            raise UserError(
                f"{self.problems[0]}{more}; correct the annotation, or pass --invalid-boxes drop to leave such boxes "
                "out and count them in the report."
            )
        told = {"invalid_boxes": self.problems} if self.policy == LIST else {}
        return {"dropped_boxes": len(self.problems), "clipped_boxes": self.clipped, **told}
