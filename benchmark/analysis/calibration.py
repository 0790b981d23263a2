"""Do scores tell how often a detector is right: reliability curve and detection expected calibration error (D-ECE).

Formula: Küppers et al., "Multivariate Confidence Calibration for Object Detection", CVPR Workshops 2020: detections
are sorted into bins, of the score alone or of score and box together, and

    D-ECE = sum over bins b of (n_b / N) |precision(b) - mean score(b)|.

The figure depends on which detections enter (a detector that stores many low scores looks well calibrated), on the IoU
that makes a detection right and on the bins, so all three are part of the result. A detection is right if it is the
true positive of an object: a duplicate is wrong, as precision has it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...results.tables import GroundTruth
from .assignment import AssignmentSettings, Kind, assign

SCORE = "score"
DIMENSIONS = (SCORE, "cx", "cy", "w", "h")
"""Score, and the box's centre and size as shares of the image's width and height."""


@dataclass(frozen=True, slots=True)
class CalibrationSettings:
    """What enters and how it is binned.

    Attributes:
        min_score: Only detections of at least this score enter; in [0, 1).
        iou: IoU that a detection needs to be right.
        bins: Equal bins of [0, 1] along each dimension.
        dimensions: Names out of ``DIMENSIONS``, score first. Score alone is the usual, confidence-only D-ECE.
        min_samples: Bins with fewer detections are left out of the sum; N stays the number of all detections.
        ignore_difficult: As in ``AssignmentSettings``.
    """

    min_score: float = 0.05
    iou: float = 0.5
    bins: int = 10
    dimensions: tuple[str, ...] = (SCORE,)
    min_samples: int = 1
    ignore_difficult: bool = False

    def __post_init__(self) -> None:
        if not 0.0 <= self.min_score < 1.0:
            raise ValueError(f"min_score must lie in [0, 1), not at {self.min_score}")
        if self.bins < 1:
            raise ValueError(f"at least one bin is needed, not {self.bins}")
        if self.dimensions[:1] != (SCORE,) or not set(self.dimensions) <= set(DIMENSIONS):
            raise ValueError(f"dimensions must start with score and come from {DIMENSIONS}, not {self.dimensions}")


CONFIDENCE_ONLY = CalibrationSettings()


@dataclass(frozen=True, slots=True)
class Calibration:
    """Result for one cell.

    Attributes:
        dece: In [0, 1]; None if no detection enters.
        detections: Detections that entered (N).
        mean_score: Their mean score; None if none entered.
        precision: Share of them that is right; None if none entered.
        curve: The reliability curve, see ``reliability_curve``.
        settings: How it was made.
    """

    dece: float | None
    detections: int
    mean_score: float | None
    precision: float | None
    curve: pd.DataFrame
    settings: CalibrationSettings


@dataclass(frozen=True, slots=True)
class _Scored:
    """The detections that enter: features (N, dimensions) in [0, 1], score first, and whether each is right."""

    features: NDArray[np.float64]
    right: NDArray[np.bool_]


def calibration(
    gt: GroundTruth, detections: pd.DataFrame, settings: CalibrationSettings = CONFIDENCE_ONLY
) -> Calibration:
    """Return D-ECE and the reliability curve of a cell's detections.

    Detections on regions that nobody is asked to look at (crowds; VOC's difficult objects where chosen) do not enter.

    Args:
        gt: Images and boxes.
        detections: Columns image, x1, y1, x2, y2, score, label; degraded-image pixels.
        settings: What enters and how it is binned.
    """
    scored = _scored(gt, detections, settings)
    score, count = scored.features[:, 0], len(scored.right)
    return Calibration(
        dece=detection_ece(scored.features, scored.right, settings.bins, settings.min_samples) if count else None,
        detections=count,
        mean_score=float(score.mean()) if count else None,
        precision=float(scored.right.mean()) if count else None,
        curve=reliability_curve(score, scored.right, settings.bins),
        settings=settings,
    )


def detection_ece(
    features: NDArray[np.float64], right: NDArray[np.bool_], bins: int = 10, min_samples: int = 1
) -> float:
    """Return D-ECE, see the module's formula.

    Args:
        features: (N, D) in [0, 1], the score in the first column; N > 0.
        right: bool (N,).
        bins: Equal bins of [0, 1] along each column.
        min_samples: Bins with fewer detections are left out of the sum.
    """
    places = _bin_of(features, bins)
    _, flat, counts = np.unique(np.ravel_multi_index(tuple(places.T), (bins,) * features.shape[1]), False, True, True)
    gaps = np.abs(np.bincount(flat, weights=right) - np.bincount(flat, weights=features[:, 0]))
    return float(gaps[counts >= min_samples].sum() / len(right))


def reliability_curve(score: NDArray[np.float64], right: NDArray[np.bool_], bins: int = 10) -> pd.DataFrame:
    """Return precision against score.

    Args:
        score: (N,) in [0, 1].
        right: bool (N,).
        bins: Equal bins of [0, 1].

    Returns:
        One row per bin, empty ones included: ``low`` and ``high`` (bounds), ``detections``, ``mean_score``,
        ``precision`` (both NaN in empty bins) and ``gap`` (precision minus mean score; negative: over-confident).
    """
    place = _bin_of(score[:, np.newaxis], bins)[:, 0]
    counts = np.bincount(place, minlength=bins)
    edges = np.arange(bins + 1) / bins
    frame = pd.DataFrame({"low": edges[:-1], "high": edges[1:], "detections": counts})
    with np.errstate(invalid="ignore"):  # empty bins: 0 / 0 is the NaN that is wanted
        frame["mean_score"] = np.bincount(place, weights=score, minlength=bins) / counts
        frame["precision"] = np.bincount(place, weights=right, minlength=bins) / counts
    frame["gap"] = frame["precision"] - frame["mean_score"]
    return frame


def _bin_of(features: NDArray[np.float64], bins: int) -> NDArray[np.int64]:
    """Return the bin of each value; a bin includes its lower bound, the last one its upper bound too."""
    return np.clip((features * bins).astype(np.int64), 0, bins - 1)


def _scored(gt: GroundTruth, detections: pd.DataFrame, settings: CalibrationSettings) -> _Scored:
    matching = AssignmentSettings(settings.iou, min(0.1, settings.iou), ignore_difficult=settings.ignore_difficult)
    made = assign(gt, detections.loc[detections["score"] >= settings.min_score], matching)
    used = ~made.ignored
    found = made.detections.take(used)
    sizes = gt.images.set_index("index").loc[found.image, ["width", "height"]].to_numpy(np.float64)
    low, high = found.xyxy[:, :2] / sizes, found.xyxy[:, 2:] / sizes
    columns = np.column_stack([found.score, (low + high) / 2, high - low])
    chosen = [DIMENSIONS.index(name) for name in settings.dimensions]
    return _Scored(columns[:, chosen], made.kind[used] == Kind.TRUE)
