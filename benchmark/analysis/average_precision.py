"""Interpolated average precision of many ranked lists at once, from the ranks of their true positives alone.

Between two true positives recall does not change and precision only falls, so the interpolated curve is known from the
true positives: AP = sum over them of (recall points that each one is the first to reach) x (best precision from it on),
divided by the number of recall points. Same numbers as COCO's accumulation (Lin et al., "Microsoft COCO", ECCV 2014;
101 recall points, precision made monotonically decreasing), without a loop over lists.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

COCO_POINTS = np.linspace(0.0, 1.0, 101).astype(np.float64)
"""Recall points as COCO's evaluators form them."""

TIDE_POINTS = np.arange(101) / 100
"""Recall points as TIDE's toolbox forms them; some differ from COCO's in the last digit."""


def grouped_ap(
    group: NDArray[np.integer],
    rank: NDArray[np.integer],
    objects: NDArray[np.integer],
    points: NDArray[np.float64] = COCO_POINTS,
) -> NDArray[np.float64]:
    """Return the average precision of each group, such as of each class.

    Args:
        group: (T,) group of each true positive, in [0, G); at most ``objects[g]`` per group.
        rank: (T,) 1-based place of the true positive among all counted detections of its group, distinct in a group.
        objects: (G,) objects to be found in each group.
        points: Ascending recall points in [0, 1], 0 among them.

    Returns:
        float64 (G,) in [0, 1]; NaN for groups without objects.
    """
    order = np.lexsort((rank, group))
    group, rank = group[order], rank[order]
    found = place_in_group(group)
    precision = (found + 1) / rank
    table = np.zeros((len(objects), int(found.max(initial=-1)) + 1))
    table[group, found] = precision
    best = np.maximum.accumulate(table[:, ::-1], axis=1)[:, ::-1][group, found]
    reached = np.searchsorted(points, (found + 1) / objects[group], side="right")
    before = np.where(found == 0, 0, np.searchsorted(points, found / objects[group], side="right"))
    sums = np.bincount(group, weights=(reached - before) * best, minlength=len(objects))
    return np.where(objects > 0, sums / len(points), np.nan)


def ranks_in_group(
    group: NDArray[np.integer], score: NDArray[np.float64], kept: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Return the 1-based place of each kept detection in its group, best score first; 0 for those not kept.

    Equal scores keep the order of the arrays, all of shape (N,).
    """
    return ranks_in_order(group, ranking_order(group, score), kept)


def ranking_order(group: NDArray[np.integer], score: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the order (N,) by group, best score first; equal scores keep the order of the arrays."""
    return np.lexsort((-score, group))


def ranks_in_order(group: NDArray[np.integer], order: NDArray[np.int64], kept: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return ``ranks_in_group`` from a ``ranking_order``, which many choices of kept detections may share."""
    chosen = order[kept[order]]
    ranks = np.zeros(len(group), np.int64)
    ranks[chosen] = place_in_group(group[chosen]) + 1
    return ranks


def place_in_group(sorted_group: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return the 0-based place of each element among its equals, for groups (N,) that lie together."""
    starts = np.flatnonzero(np.diff(sorted_group, prepend=-1))
    sizes = np.diff(np.append(starts, len(sorted_group)))
    return np.arange(len(sorted_group), dtype=np.int64) - np.repeat(starts, sizes)
