"""How much AP each kind of error costs, after TIDE.

Formulas: Bolya et al., "TIDE: A General Toolbox for Identifying Object Detection Errors", ECCV 2020, section 2.3: the
cost of a kind of error is the AP at IoU 0.5 with all errors of that kind mended, minus the AP as it is. What mending
means:

- Cls: the detection gets the class of the object it lies on, unless that object is found already or a better-scored
  Cls or Loc error claims it; then it is removed. Loc: likewise, the detection gets the object's box.
- Both, Dupe, Bkg: the detection is removed. Miss: an object that no detection found, and that no Cls or Loc error
  could have found, is removed from the objects.
- Special errors: without false positives (all scored below every true positive), without false negatives (all objects
  not found are removed).

The costs do not add up to 1 - AP, since errors hide each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...results.tables import GroundTruth
from .assignment import ERROR_NAMES, TIDE_SETTINGS, Assignment, AssignmentSettings, Kind, assign
from .average_precision import TIDE_POINTS, grouped_ap, ranking_order, ranks_in_order

ERRORS = ("Cls", "Loc", "Both", "Dupe", "Bkg", "Miss")
SPECIAL_ERRORS = ("FalsePos", "FalseNeg")


@dataclass(frozen=True, slots=True)
class TideErrors:
    """Result for one cell.

    Attributes:
        ap: AP at the foreground IoU, a fraction; None without objects.
        d_ap: Error name (``ERRORS`` and ``SPECIAL_ERRORS``) to the AP that mending it would add; the six main errors
            are at least 0. Empty where ``ap`` is None.
        counts: Error name to number of detections (Miss: of objects); FalsePos and FalseNeg count all false positives
            that are not ignored and all objects not found.
    """

    ap: float | None
    d_ap: dict[str, float]
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class _Ranking:
    """Detections as they enter AP; the arrays are (N,), ``objects`` is (classes,), ``order`` is by label and score."""

    label: NDArray[np.int64]
    true: NDArray[np.bool_]
    kept: NDArray[np.bool_]
    objects: NDArray[np.int64]
    order: NDArray[np.int64]


def tide_errors(
    gt: GroundTruth,
    detections: pd.DataFrame,
    settings: AssignmentSettings = TIDE_SETTINGS,
    *,
    count_foreign: bool = False,
) -> TideErrors:
    """Return the cost of each kind of error of a cell's detections.

    Args:
        gt: Images and boxes.
        detections: Columns image, x1, y1, x2, y2, score, label; degraded-image pixels.
        settings: Thresholds; the defaults are the paper's.
        count_foreign: Whether a class without objects, but with detections, counts as AP 0, as in the authors'
            toolbox; else it is left out of the mean, as in COCO's metric.
    """
    return costs(assign(gt, detections, settings), count_foreign=count_foreign)


def costs(assignment: Assignment, *, count_foreign: bool = False) -> TideErrors:
    """Return the cost of each kind of error; arguments as ``tide_errors``."""
    base = _as_it_is(assignment)
    counted = np.ones(assignment.classes, bool) if count_foreign else base.objects > 0
    ap = _mean_ap(base, counted)
    counts = _counts(assignment)
    if ap is None:
        return TideErrors(None, {}, counts)
    mended = {name: _mean_ap(ranking, counted) for name, ranking in _mended(assignment, base).items()}
    # An AP that is undefined once the errors are mended has nothing left to find: then nothing is lost either.
    gains = {name: (1.0 if value is None else value) - ap for name, value in mended.items()}
    # Mending a main error can lower the interpolated AP a little; the toolbox reports such a cost as 0.
    d_ap = {name: max(gain, 0.0) if name in ERRORS else gain for name, gain in gains.items()}
    return TideErrors(ap, d_ap, counts)


def tide_frame(
    cells: Iterable[tuple[Mapping[str, Any], GroundTruth, pd.DataFrame]],
    settings: AssignmentSettings = TIDE_SETTINGS,
) -> pd.DataFrame:
    """Return the costs of several cells, such as of a method at each severity, in long form.

    Args:
        cells: Names of the cell (such as ``{"method": "lr", "severity": 3}``), its ground truth and its detections.
        settings: Thresholds.

    Returns:
        One row per cell and error, in the order given: the names, then ``error``, ``d_ap`` (fraction; NaN without
        objects), ``count`` and ``ap`` (fraction, the same in all rows of a cell).
    """
    rows = []
    for names, gt, detections in cells:
        result = tide_errors(gt, detections, settings)
        ap = np.nan if result.ap is None else result.ap
        for error in (*ERRORS, *SPECIAL_ERRORS):
            cost = {"error": error, "d_ap": result.d_ap.get(error, np.nan), "count": result.counts[error], "ap": ap}
            rows.append({**names, **cost})
    return pd.DataFrame(rows)


def _as_it_is(assignment: Assignment) -> _Ranking:
    found = assignment.detections
    objects = np.bincount(assignment.objects.label, minlength=assignment.classes)
    order = ranking_order(found.label, found.score)
    return _Ranking(found.label, assignment.kind == Kind.TRUE, ~assignment.ignored, objects, order)


def _mended(assignment: Assignment, base: _Ranking) -> dict[str, _Ranking]:
    """Return the ranking with each kind of error mended."""
    mended = {name: _without(assignment, base, kind) for kind, name in ERROR_NAMES.items()}
    missed, not_found = _missed(assignment), ~assignment.found
    mended["Miss"] = replace(base, objects=base.objects - _per_class(assignment, missed))
    mended["FalsePos"] = replace(base, order=ranking_order(base.label, base.true.astype(np.float64)))
    mended["FalseNeg"] = replace(base, objects=base.objects - _per_class(assignment, not_found))
    return mended


def _without(assignment: Assignment, base: _Ranking, kind: Kind) -> _Ranking:
    """Return the ranking with the errors of a kind mended where an object is left for them, else removed."""
    wrong = assignment.kind == kind
    mendable = wrong & _claims(assignment)
    label = base.label.copy()
    label[mendable] = assignment.objects.label[assignment.target[mendable]]
    order = base.order if np.array_equal(label, base.label) else ranking_order(label, assignment.detections.score)
    return replace(base, label=label, order=order, true=base.true | mendable, kept=(base.kept & ~wrong) | mendable)


def _claims(assignment: Assignment) -> NDArray[np.bool_]:
    """Return which detections are the best-scored Cls or Loc error of an object that was not found."""
    claims = np.flatnonzero(_claiming(assignment))
    # Detections are sorted by score within an image, so the first claim on an object is the best-scored one.
    first = np.unique(assignment.target[claims], return_index=True)[1]
    best = np.zeros(len(assignment.kind), bool)
    best[claims[first]] = True
    return best


def _claiming(assignment: Assignment) -> NDArray[np.bool_]:
    """Return which detections are a Cls or Loc error on an object that was not found."""
    claiming = np.isin(assignment.kind, (Kind.CLS, Kind.LOC))
    claiming[claiming] = ~assignment.found[assignment.target[claiming]]
    return claiming


def _missed(assignment: Assignment) -> NDArray[np.bool_]:
    """Return which objects were not found, nor could have been by a Cls or Loc error."""
    missed = ~assignment.found
    missed[assignment.target[_claiming(assignment)]] = False
    return missed


def _per_class(assignment: Assignment, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.bincount(assignment.objects.label[chosen], minlength=assignment.classes)


def _counts(assignment: Assignment) -> dict[str, int]:
    per_kind = np.bincount(assignment.kind, minlength=len(Kind))
    counts = {name: int(per_kind[kind]) for kind, name in ERROR_NAMES.items()}
    false = (assignment.kind != Kind.TRUE) & ~assignment.ignored
    totals = {"Miss": _missed(assignment), "FalsePos": false, "FalseNeg": ~assignment.found}
    return counts | {name: int(np.count_nonzero(flags)) for name, flags in totals.items()}


def _mean_ap(ranking: _Ranking, counted: NDArray[np.bool_]) -> float | None:
    """Return the mean AP of the counted classes in which objects or detections are left; None if there is none.

    A class with detections and no objects left has AP 0, as in the authors' toolbox.
    """
    rank = ranks_in_order(ranking.label, ranking.order, ranking.kept)
    true = ranking.true & ranking.kept
    per_class = grouped_ap(ranking.label[true], rank[true], ranking.objects, TIDE_POINTS)
    left = np.bincount(ranking.label[ranking.kept], minlength=len(counted)) > 0
    used = counted & (left | (ranking.objects > 0))
    return float(np.nan_to_num(per_class[used]).mean()) if used.any() else None
