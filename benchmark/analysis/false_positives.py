"""False positives per image at a stated score threshold."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .assignment import ERROR_NAMES, Assignment, Kind

ALL = "all"


def false_positives_per_image(assignment: Assignment, threshold: float) -> pd.DataFrame:
    """Return how many false positives an image has on average, in total and of each kind.

    The measure of Dollár et al., "Pedestrian Detection: An Evaluation of the State of the Art", PAMI 2012 (FPPI), at
    one operating point, split into TIDE's kinds of error (see ``assignment.assign``). Ignored detections do not count,
    images without objects do.

    Args:
        assignment: What each detection is.
        threshold: Score that a detection must reach, in (0, 1]. At 0 the figure would only tell how many detections
            a method chose to store.

    Returns:
        One row per kind, then one for all: ``error``, ``count``, ``per_image``, ``threshold``.

    Raises:
        ValueError: The threshold leaves (0, 1], or there are no images.
    """
    if not 0.0 < threshold <= 1.0:
        raise ValueError(f"the score threshold must lie above 0 and at most at 1, not at {threshold}")
    if assignment.images == 0:
        raise ValueError("false positives per image need at least one image")
    wrong = (assignment.kind != Kind.TRUE) & ~assignment.ignored & (assignment.detections.score >= threshold)
    counts = np.bincount(assignment.kind[wrong], minlength=len(Kind))
    named = {name: int(counts[kind]) for kind, name in ERROR_NAMES.items()}
    frame = pd.DataFrame({"error": [*named, ALL], "count": [*named.values(), int(counts.sum())]})
    frame["per_image"] = frame["count"] / assignment.images
    frame["threshold"] = threshold
    return frame
