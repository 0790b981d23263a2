"""The structural similarity of two planes in one pass over them, compiled by numba.

Row by row, so that what belongs to a row stays in the processor's caches; filtering whole planes one after the other
took five times as long. This module imports numba, so import it inside functions. What is compiled is kept in a cache
beside this file, or in the user's own where that cannot be written to; the first use of a new installation takes some
seconds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...datasets.compiled import compiled


def mean_similarity(
    a: NDArray[np.float64], b: NDArray[np.float64], window: tuple[float, ...], constants: tuple[float, float]
) -> float:
    """Return the mean SSIM over the places where the window lies inside.

    Args:
        a: (H, W), a plane.
        b: As ``a``.
        window: Weights along both axes, of sum 1; at most H and W of them.
        constants: C1 and C2 of Wang et al. 2004.
    """
    rows = np.empty((9, a.shape[1]))  # four sums down the window, the same across it, and the similarity
    return float(_mean_similarity(np.ascontiguousarray(a), np.ascontiguousarray(b), window, constants, rows))


@compiled()
def _mean_similarity(a: Any, b: Any, window: Any, constants: Any, rows: Any) -> Any:
    height, width = a.shape[0] - len(window) + 1, a.shape[1] - len(window) + 1
    total = 0.0
    for i in range(height):
        _down(a, b, window, i, rows)
        _across(rows, window, constants, width)
        total += rows[8, :width].sum()
    return total / (height * width)


@compiled()
def _down(a: Any, b: Any, window: Any, first: int, rows: Any) -> None:
    """Weigh the window's rows of a, b, a² + b² and ab into the first four rows."""
    rows[:4] = 0.0
    mean_a, mean_b, squares, product = rows[0], rows[1], rows[2], rows[3]
    for k in range(len(window)):
        weight, row_a, row_b = window[k], a[first + k], b[first + k]
        for j in range(len(row_a)):
            x, y = row_a[j], row_b[j]
            mean_a[j] += weight * x
            mean_b[j] += weight * y
            squares[j] += weight * (x * x + y * y)
            product[j] += weight * (x * y)


@compiled()
def _across(rows: Any, window: Any, constants: Any, width: int) -> None:
    """Weigh the window's columns of the first four rows, and put the similarity of each place into the last row."""
    c1, c2 = constants
    for row in range(4):
        for j in range(width):
            rows[4 + row, j] = 0.0
        for k in range(len(window)):
            weight = window[k]
            for j in range(width):
                rows[4 + row, j] += weight * rows[row, j + k]
    mean_a, mean_b, squares, product = rows[4], rows[5], rows[6], rows[7]
    for j in range(width):
        both, of_both = mean_a[j] * mean_a[j] + mean_b[j] * mean_b[j], mean_a[j] * mean_b[j]
        above = (2 * of_both + c1) * (2 * (product[j] - of_both) + c2)
        rows[8, j] = above / ((both + c1) * (squares[j] - both + c2))
