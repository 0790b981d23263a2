"""Linear maps of images that are sums of a few separable ones: a map of the rows times a map of the columns.

Resizing is one such map, blur by an isotropic Gaussian another; a blur by any small kernel is a sum of a few. Blur and
the resizing after it become one map, so that a blurred image never exists at full size where fewer pixels are needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .taps import Interpolation, Taps, resize_taps

BLOCK = 16
"""Outputs of one product: a multiple of what a processor multiplies at once; more would multiply more zeros."""
BLOCK_OF_MANY = 8
"""The same where a map has several terms, which make the products larger anyway."""
NEGLIGIBLE = 1e-10
"""Taps of a blur kernel below this are left out: all of them together weigh less than 1e-7."""


@dataclass(frozen=True, slots=True)
class Bands:
    """Maps along one axis: each of n outputs reads the same L neighbouring pixels of the padded axis in each of r maps.

    Attributes:
        margin: Pixels to pad, see ``pad_reflect``: before the axis, and after it.
        first: intp (n,), the first pixel read, counted from the padded axis' start.
        weight: float64 (n, L, r).
    """

    margin: tuple[int, int]
    first: NDArray[np.intp]
    weight: NDArray[np.float64]


def blur_then_resize(taps: Taps, kernels: NDArray[np.float64]) -> Bands:
    """Return the maps that correlate an axis with r kernels (r, k), k odd, and then take the taps."""
    count, reads = taps.index.shape
    size = kernels.shape[1]
    columns = np.ascontiguousarray(kernels.T)
    first = taps.index[:, 0]
    weight = np.zeros((count, reads - 1 + size, len(kernels)))
    for tap in range(reads):
        weight[:, tap : tap + size] += taps.weight[:, tap, None, None] * columns
    # Where taps were clamped to the border they are no neighbours in a row: these few outputs are built anew.
    for row in np.flatnonzero(taps.index[:, -1] - first != reads - 1):
        weight[row] = 0
        for offset, tap_weight in zip(taps.index[row] - first[row], taps.weight[row], strict=True):
            weight[row, offset : offset + size] += tap_weight * columns
    return Bands((size // 2, size // 2 + reads - 1), first, weight)


def separate(kernel: NDArray[np.float64], tolerance: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Write a kernel as a sum of r outer products by its singular value decomposition.

    Args:
        kernel: float64 (k, k).
        tolerance: How much may be missing, as the sum of the absolute deviations of all taps; decides r.

    Returns:
        Factors along rows and along columns, float64 (r, k') each, k' <= k, the heaviest pair first.
    """
    kernel = without_tails(kernel)
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


def pad_reflect(image: NDArray[Any], rows: Bands, columns: Bands) -> NDArray[Any]:
    """Extend (C, H, W) by its mirror image, border pixels not repeated; again and again where a side is short."""
    return np.pad(image, ((0, 0), rows.margin, columns.margin), mode="reflect")


def map_axes(padded: NDArray[Any], rows: Bands, columns: Bands, dtype: type[np.floating[Any]]) -> NDArray[Any]:
    """Map both axes of a padded image and sum over the r pairs of maps.

    Args:
        padded: (C, H', W') of any real type, in any units, from ``pad_reflect``.
        rows: The maps of the row axis, h outputs; ``first`` never decreases.
        columns: The maps of the column axis, w outputs; ``first`` never decreases.
        dtype: The precision to compute in.

    Returns:
        (C, h, w) of ``dtype``.
    """
    height, width = len(rows.first), len(columns.first)
    if rows.weight.size == height and columns.weight.size == width:
        weight = (rows.weight[:, 0] * columns.weight[:, 0, 0]).astype(dtype)
        return padded[:, rows.first][:, :, columns.first].astype(dtype) * weight
    upright = _map_rows(padded.astype(dtype), rows)
    blocks, channels, _, terms, count = upright.shape
    step, matrices = _blocks(columns, dtype)
    result = np.empty((blocks, channels, count, width), dtype)
    for index, matrix in enumerate(matrices):
        begin, end = index * step, min(width, (index + 1) * step)
        part = upright[:, :, columns.first[begin] :][:, :, : matrix.shape[1]]
        reads = part.shape[2] * terms
        # Reads and terms lie one after the other in memory: one product sums over both.
        sources = part.reshape(blocks, channels, reads, count).transpose(0, 1, 3, 2)
        flat = matrix.reshape(step, -1)[: end - begin, :reads]
        np.matmul(sources, flat.T, out=result[..., begin:end])
    return result.transpose(1, 0, 2, 3).reshape(channels, blocks * count, width)[:, :height]


def _map_rows(padded: NDArray[Any], rows: Bands) -> NDArray[Any]:
    """Map the rows of (C, H', W') by each of the r maps.

    Returns:
        (b, C, W', r, n) where the b blocks of n outputs each cover the output rows and may reach beyond the last.
    """
    columns = padded.transpose(0, 2, 1)
    step, matrices = _blocks(rows, padded.dtype.type)
    terms, count = matrices.shape[3], len(rows.first)
    # (blocks, outputs, reads, terms) -> (blocks, reads, terms x outputs)
    turned = np.ascontiguousarray(matrices.transpose(0, 2, 3, 1)).reshape(len(matrices), -1, terms * step)
    if terms == 1:  # all blocks side by side make the products over the columns larger
        result = np.empty((1, *columns.shape[:2], count), padded.dtype)
        targets = [result[0, ..., index * step : (index + 1) * step] for index in range(len(turned))]
    else:
        result = np.empty((len(turned), *columns.shape[:2], terms * step), padded.dtype)
        targets = list(result)
    for index, (matrix, target) in enumerate(zip(turned, targets, strict=True)):
        part = columns[:, :, rows.first[index * step] :][:, :, : len(matrix)]
        np.matmul(part, matrix[: part.shape[2], : target.shape[2]], out=target)
    return result.reshape(*result.shape[:3], terms, -1)


def _blocks(bands: Bands, dtype: type[np.floating[Any]]) -> tuple[int, NDArray[Any]]:
    """Write bands as dense blocks of rows that all start at the first pixel of the block's first output.

    Returns:
        The outputs of a block, and (blocks, outputs of a block, K, r) of ``dtype``, zero beyond the last output.
    """
    count, width, terms = bands.weight.shape
    step = BLOCK if terms == 1 else BLOCK_OF_MANY
    output = np.arange(count)
    offset = bands.first - bands.first[output // step * step]
    dense = np.zeros((-(-count // step) * step, int(offset.max()) + width, terms), dtype)
    dense[output[:, None], offset[:, None] + np.arange(width)] = bands.weight
    return step, dense.reshape(-1, step, *dense.shape[1:])


def resize_levels(image: NDArray[np.float64], size: tuple[int, int], mode: Interpolation) -> NDArray[np.float64]:
    """Resize (C, H, W) to (C, h, w) in double precision without antialiasing, by the rules of ``resize_taps``."""
    kernel = np.ones((1, 1))
    taps = (resize_taps(length, new, mode) for length, new in zip(image.shape[1:], size, strict=True))
    rows, columns = (blur_then_resize(one, kernel) for one in taps)
    return map_axes(pad_reflect(image, rows, columns), rows, columns, np.float64)


def map_pixels(
    padded: NDArray[Any], rows: Bands, columns: Bands, at: tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]
) -> NDArray[np.float64]:
    """Map single pixels in float64; the sum that ``map_axes`` makes, at a few places.

    Args:
        padded: (C, H', W') of any real type.
        rows: The maps of the row axis.
        columns: The maps of the column axis.
        at: Channel, output row and output column of n pixels.

    Returns:
        float64 (n,).
    """
    shape = (1, rows.weight.shape[1], columns.weight.shape[1])
    windows = np.lib.stride_tricks.sliding_window_view(padded, shape)[:, :, :, 0]
    result = np.empty(len(at[0]))
    for start in range(0, len(result), 4096):  # bounds the memory where an image is full of doubtful pixels
        channel, y, x = (one[start : start + 4096] for one in at)
        patch = windows[channel, rows.first[y], columns.first[x]].astype(np.float64)
        across = patch @ columns.weight[x]
        result[start : start + 4096] = (across * rows.weight[y]).sum((1, 2))
    return result
