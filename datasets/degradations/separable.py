"""Linear maps of images that are sums of a few separable ones: a map of the rows times a map of the columns.

Resizing is one such map, blur by an isotropic Gaussian another; a blur by any small kernel is a sum of a few. Blur and
the resizing after it become one map, so that a blurred image never exists at full size where fewer pixels are needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .taps import Taps

if TYPE_CHECKING:
    import torch

BLOCK = 16
"""Outputs of one product: as many as a processor multiplies at once; more would multiply more zeros."""
NEGLIGIBLE = 1e-10
"""Taps of a blur kernel below this are left out: all of them together weigh less than 1e-7."""


@dataclass(frozen=True, slots=True)
class AxisMap:
    """Maps along one axis: each of n outputs reads the same L neighbouring pixels in each of r maps.

    Attributes:
        first: int64 (n,), the first pixel that an output reads, never decreasing. Pixels before the image's first, 0,
            and behind its last are those of its mirror image, see ``reflect``.
        weight: float64 (n, r, L).
    """

    first: NDArray[np.int64]
    weight: NDArray[np.float64]


def blur_then_resize(taps: Taps, kernels: NDArray[np.float64]) -> AxisMap:
    """Return the maps that correlate an axis with r kernels (r, k), k odd, and then take the taps.

    Args:
        taps: The resizing; the source pixels of each output never decrease, nor do those of one output after another.
        kernels: float64 (r, k).
    """
    reads, (terms, size) = taps.index.shape[1], kernels.shape
    first = taps.index[:, 0]
    offset = taps.index - first[:, None]
    by_offset = taps.weight
    clamped = np.flatnonzero(offset[:, -1] != reads - 1)
    if len(clamped):  # at the border, where several taps read the same pixel
        by_offset = by_offset.copy()
        by_offset[clamped] = 0
        np.add.at(by_offset, (clamped[:, None], offset[clamped]), taps.weight[clamped])
    shifted = np.zeros((reads, terms, reads - 1 + size))
    for tap in range(reads):
        shifted[tap, :, tap : tap + size] = kernels
    weight = (by_offset @ shifted.reshape(reads, -1)).reshape(len(first), terms, -1)
    return AxisMap(first.astype(np.int64) - size // 2, weight)


def separate(kernel: NDArray[np.float64], tolerance: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Write a kernel as a sum of r outer products by its singular value decomposition.

    Args:
        kernel: float64 (k, k), k odd, not 0 in the centre.
        tolerance: How much may be missing, as the sum of the absolute deviations of all taps; decides r.

    Returns:
        Factors along rows and along columns, float64 (r, k') each, k' <= k, the heaviest pair first.
    """
    kernel = without_tails(kernel)
    centre = len(kernel) // 2
    column, row = kernel[:, centre], kernel[centre] / kernel[centre, centre]
    if np.abs(kernel - column[:, None] * row).sum() <= tolerance:  # isotropic, or elongated along an axis
        return column[None], row[None]
    left, value, right = np.linalg.svd(kernel)
    rows = (left * value).T
    sums = np.cumsum(rows[:, :, None] * right[:, None, :], axis=0)
    enough = np.flatnonzero(np.abs(kernel - sums).sum((1, 2)) <= tolerance)
    terms = int(enough[0]) + 1 if len(enough) else len(kernel)
    return rows[:terms], right[:terms]


def without_tails(kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cut a kernel (k, k), k odd, down to the taps of at least ``NEGLIGIBLE``, around its centre.

    Narrow Gaussians have taps of 1e-40 and less. They change nothing, but processors take a hundred times as long for
    numbers that small in single precision.
    """
    heavy = np.abs(kernel) >= NEGLIGIBLE
    centre = len(kernel) // 2
    reach = int(np.abs(np.argwhere(heavy) - centre).max(initial=0))
    core = slice(centre - reach, centre + reach + 1)
    return np.where(heavy, kernel, 0.0)[core, core]


def reflect(position: NDArray[np.intp], length: int) -> NDArray[np.intp]:
    """Fold positions into 0 ... length - 1 by reflection at the border pixels, again and again where needed."""
    if length == 1:
        return np.zeros_like(position)
    period = 2 * (length - 1)
    folded = np.abs(position) % period
    return np.minimum(folded, period - folded)


def map_axes(image: NDArray[Any], rows: AxisMap, columns: AxisMap) -> NDArray[np.float64]:
    """Map both axes of an image in double precision and sum over the r pairs of maps.

    Args:
        image: (C, H, W) of any real type that OpenCV knows, in any units; not modified.
        rows: The maps of the row axis, h outputs.
        columns: The maps of the column axis, w outputs.

    Returns:
        float64 (C, h, w).
    """
    import cv2

    down, across = _in_blocks(rows, image.shape[1]), _in_blocks(columns, image.shape[2])
    result = np.empty((len(image), len(rows.first), len(columns.first)))
    for plane, mapped in zip(image, result, strict=True):
        padded: Any = cv2.copyMakeBorder(
            np.asarray(plane, np.float64), *down.margin, *across.margin, cv2.BORDER_REFLECT_101
        )
        mapped[:] = _map_columns(_map_rows(padded, down), across, mapped.shape)
    return result


@dataclass(frozen=True, slots=True)
class _Blocks:
    """A map whose outputs are computed ``BLOCK`` at a time, as a product of a matrix and a window of pixels.

    Attributes:
        margin: Pixels to extend the axis by, before it and after it.
        start: The first pixel of the first block's window, counted from the extended axis' start.
        step: Pixels between the windows of two blocks.
        matrix: float64 (blocks, BLOCK, r, pixels of a window), zero beyond the last output.
    """

    margin: tuple[int, int]
    start: int
    step: int
    matrix: NDArray[np.float64]


def _in_blocks(axis: AxisMap, length: int) -> _Blocks:
    """Lay out the blocks of a map of an axis of ``length`` pixels."""
    first, (count, terms, reads) = axis.first, axis.weight.shape
    starts = first[::BLOCK]
    step = round((int(starts[-1]) - int(starts[0])) / max(1, len(starts) - 1))
    index = np.arange(len(starts))
    start = int((starts - step * index).min())
    last = first[np.minimum(index * BLOCK + BLOCK, count) - 1]
    window = int((last - step * index).max()) - start + reads
    before = max(0, -start)
    after = max(0, start + step * (len(starts) - 1) + window - length)
    matrix = np.zeros((len(starts) * BLOCK, terms, window))
    output = np.arange(count)
    places = np.lib.stride_tricks.sliding_window_view(matrix, reads, axis=2, writeable=True)
    places[output, :, first - start - step * (output // BLOCK)] = axis.weight
    return _Blocks((before, after), start + before, step, matrix.reshape(len(starts), BLOCK, terms, window))


def _map_rows(padded: NDArray[np.float64], down: _Blocks) -> torch.Tensor:
    """Map the rows of a padded plane (H', W') by all terms, in one batch of products.

    Returns:
        (B, BLOCK * r, W'): B blocks of rows, which may reach beyond the last.
    """
    import torch

    matrix, width = torch.from_numpy(down.matrix).flatten(1, 2), padded.shape[1]
    blocks, _, window = matrix.shape
    strides = (down.step * width, width, 1)
    windows = torch.from_numpy(padded.ravel()[down.start * width :]).as_strided((blocks, window, width), strides)
    return torch.bmm(matrix, windows)


def _map_columns(upright: torch.Tensor, across: _Blocks, size: tuple[int, ...]) -> NDArray[np.float64]:
    """Map the columns of what ``_map_rows`` returned and sum over the terms, in one batch of products for each.

    Returns:
        (h, w), the size that is asked for.
    """
    import torch

    (height, size_across), matrix, width = size, torch.from_numpy(across.matrix), upright.shape[2]
    blocks, _, terms, window = matrix.shape
    result = torch.zeros((blocks, height, BLOCK), dtype=torch.float64)
    for term in range(terms):
        start, strides = term * width + across.start, (across.step, terms * width, 1)
        sources = upright.view(-1)[start:].as_strided((blocks, height, window), strides)
        result.baddbmm_(sources, matrix[:, :, term].mT)
    return result.numpy().transpose(1, 0, 2).reshape(height, -1)[:, :size_across]
