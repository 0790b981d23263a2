"""Average precision of weighted images, from matches that were computed once.

A replicate of the bootstrap changes neither which detection is a true positive nor the order of scores; it only changes
how often each image counts. Precision and recall are then ratios of cumulative sums of weights. Interpolated precision
has its steps at true positives, so the curves are followed there only; the false positives between two of them enter
as one sum.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..metrics.voc import RECALL_POINTS

RECALL_LEVELS_101 = np.linspace(0.0, 1.0, 101, dtype=np.float64)
"""COCO's recall levels, formed as pycocotools forms them; some lie one rounding step above k / 100."""

Settled = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""From hits (E, R) to how much of the average is settled at that recall (E, R), in any unit; never falls."""

RecallMeasure = Callable[[NDArray[np.float64]], Settled]
"""From objects (R,), at least 1, to what is settled at each number of hits among them."""

_NUDGE = 1e-9


@dataclass(frozen=True, slots=True)
class Curves:
    """The precision-recall curves of one class at T IoU thresholds, ready for weighting.

    Attributes:
        object_image: int64 (M,), the image of each object that counts.
        image: int64 (E,), the image of each event, best score first. Events are the detections that are true positives
            at some threshold, or ignored at some but not at all.
        true_positive: bool (T, E).
        occasional: bool (T, E), events that count at this threshold though not at all of them.
        always: (E, images) number of detections that count at every threshold, in the run that ends with each event.
    """

    object_image: NDArray[np.int64]
    image: NDArray[np.int64]
    true_positive: NDArray[np.bool_]
    occasional: NDArray[np.bool_]
    always: csr_array


def curves_of(
    image: NDArray[np.int64],
    true_positive: NDArray[np.bool_],
    ignored: NDArray[np.bool_],
    object_image: NDArray[np.int64],
    images: int,
) -> Curves:
    """Condense the detections of one class.

    Args:
        image: (N,), position in [0, images) of each detection's image, best score first.
        true_positive: (T, N).
        ignored: (T, N), neither true nor false positives.
        object_image: (M,), position of the image of each object that counts.
        images: Number of images.
    """
    never, always = np.logical_and.reduce(ignored), ~np.logical_or.reduce(ignored)
    event = np.logical_or.reduce(true_positive) | ~(always | never)
    positions = np.flatnonzero(event)
    run = np.searchsorted(positions, np.arange(len(image)))
    steady = np.flatnonzero(always & (run < len(positions)))
    return Curves(
        object_image=object_image,
        image=image[positions],
        true_positive=true_positive[:, positions],
        occasional=~ignored[:, positions] & ~always[positions],
        always=csr_array((np.ones(len(steady)), (run[steady], image[steady])), shape=(len(positions), images)),
    )


def average_precision(
    curves: Curves, weights: NDArray[np.float64], measures: Sequence[RecallMeasure]
) -> NDArray[np.float64]:
    """Return the interpolated average precision by each measure, at each threshold and for each column of weights.

    Interpolated precision at a recall is the highest precision at that recall or beyond (Everingham et al., "The PASCAL
    Visual Object Classes (VOC) Challenge", IJCV 2010, section 4.2); the average over recall is the sum of interpolated
    precision times the increase of the measure, divided by its value at a recall of 1.

    Args:
        curves: The class.
        weights: (images, R) whole numbers: how often each image counts.
        measures: M out of ``coco_levels``, ``voc07_levels`` and ``area_under``.

    Returns:
        float64 (M, T, R) in [0, 1]; NaN where the weighted images hold no object of the class.
    """
    objects = weights[curves.object_image].sum(axis=0)
    some = np.maximum(objects, 1.0)
    every = [measure(some) for measure in measures]
    result = np.zeros((len(every), len(curves.true_positive), weights.shape[1]))
    own, steady = weights[curves.image], _running_sum(curves.always @ weights)
    # Where nothing was found yet, nothing was hit: 0 / 1 stands for 0 / 0.
    at_least_one = np.maximum(steady, 1.0)
    for threshold in range(len(curves.true_positive)):
        true = np.flatnonzero(curves.true_positive[threshold])
        if len(true):
            hits, occasional = _running_sum(own[true]), curves.occasional[threshold]
            if occasional.any():
                found = np.maximum(steady[true] + _occasional_sum(own, occasional, true), 1.0)
            else:
                found = at_least_one[true]
            precision = _best_from_here(np.divide(hits, found, out=found))
            for settled, of_measure in zip(every, result, strict=True):
                of_measure[threshold] = _average(precision, settled(hits))
    result /= np.stack([settled(some[np.newaxis]) for settled in every])
    result[:, :, objects == 0] = np.nan
    return result


class LevelsReached:
    """How many recall levels lie at or below the recall hits / objects.

    Args:
        levels: k / n for k = 0 to n, or one rounding step above; a recall of k / n does not reach such a level.
        objects: (R,) whole numbers from 1 up to some millions.
    """

    def __init__(self, levels: NDArray[np.float64], objects: NDArray[np.float64]) -> None:
        last = len(levels) - 1
        self._per_hit = last / objects
        raised = np.flatnonzero(levels > np.arange(last + 1) / last)
        # Rounding matters only where some number of hits gives exactly such a level.
        products = raised[:, None] * objects.astype(np.int64)
        level, self._columns = np.nonzero(products % last == 0)
        self._short = (products[level, self._columns] // last).astype(np.float64)

    def __call__(self, hits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the number of levels (E, R) for whole numbers of hits (E, R), at most ``objects``."""
        reached = hits * self._per_hit
        reached += 1.0 + _NUDGE
        np.floor(reached, out=reached)
        if len(self._columns):
            event, pair = np.nonzero(hits[:, self._columns] == self._short)
            reached[event, self._columns[pair]] -= 1.0
        return reached


def coco_levels(objects: NDArray[np.float64]) -> Settled:
    """Return the measure that counts COCO's 101 recall levels."""
    return LevelsReached(RECALL_LEVELS_101, objects)


def voc07_levels(objects: NDArray[np.float64]) -> Settled:
    """Return the measure that counts the eleven recall levels of VOC 2007."""
    return LevelsReached(RECALL_POINTS, objects)


def area_under(objects: NDArray[np.float64]) -> Settled:
    """Return recall itself: the average is the area under the interpolated curve (VOC 2010 and later)."""
    return lambda hits: hits / objects


def _average(precision: NDArray[np.float64], so_far: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum (R,) of interpolated precision (E, R) times the increase of what is settled (E, R)."""
    return precision[0] * so_far[0] + np.einsum("er,er->r", precision[1:], so_far[1:] - so_far[:-1])


def _occasional_sum(
    own: NDArray[np.float64], occasional: NDArray[np.bool_], true: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return (len(true), R): weight of the occasional events up to each of the events ``true``."""
    sums = _running_sum(np.concatenate([np.zeros((1, own.shape[1])), own[occasional]]))
    return sums[np.cumsum(occasional)[true]]


def _running_sum(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum the rows up, in place. Row by row, which is several times as fast as ``np.cumsum`` across long rows."""
    for above, row in itertools.pairwise(rows):
        np.add(row, above, out=row)
    return rows


def _best_from_here(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Replace each row by the maximum of itself and all rows below, in place and row by row like ``_running_sum``."""
    for below, row in itertools.pairwise(rows[::-1]):
        np.maximum(row, below, out=row)
    return rows
