"""Linear maps of images that are sums of a few separable ones: a map of the rows times a map of the columns.

Resizing is one such map, blur by an isotropic Gaussian another; a blur by any small kernel is a sum of a few. Blur and
the resizing after it become one map, so that a blurred image never exists at full size where fewer pixels are needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .scratch import scratch
from .taps import Taps

if TYPE_CHECKING:
    import torch

BLOCK = 16
"""Outputs of one product: as many as a processor multiplies at once; more would multiply more zeros."""
FEWEST = 8
"""Rows of the smallest matrix that a processor multiplies at full speed."""
NEGLIGIBLE = 1e-10
"""Taps of a blur kernel below this are left out: all of them together weigh less than 1e-7."""


@dataclass(frozen=True, slots=True)
class Bands:
    """Maps along one axis: each of n outputs reads the same L neighbouring pixels of the padded axis in each of r maps.

    Outputs are computed in blocks. The block i reads a window that begins ``start + i * step`` pixels after the start
    of the padded axis.

    Attributes:
        margin: Pixels to pad, see ``pad_reflect``: before the axis, and after it.
        first: intp (n,), the first pixel that an output reads, counted from the padded axis' start.
        weight: float64 (n, r, L).
        block: Outputs of one block.
        start: The first pixel of the first block's window.
        step: Pixels between the windows of two blocks.
        window: Pixels of a window.
    """

    margin: tuple[int, int]
    first: NDArray[np.intp]
    weight: NDArray[np.float64]
    block: int
    start: int
    step: int
    window: int

    @property
    def is_choice(self) -> bool:
        """Whether each output is one pixel as it is."""
        return self.weight[0].size == 1 and bool((self.weight == 1).all())

    def matrices(self, dtype: type[np.floating[Any]]) -> NDArray[Any]:
        """Return the map of each block, (blocks, outputs, r, window) of ``dtype``, zero beyond the last output."""
        count, terms, width = self.weight.shape
        blocks = -(-count // self.block)
        dense = np.zeros((blocks * self.block, terms, self.window), dtype)
        output = np.arange(count)
        offset = self.first - self.start - self.step * (output // self.block)
        places = np.lib.stride_tricks.sliding_window_view(dense, width, axis=2, writeable=True)
        places[output, :, offset] = self.weight
        return dense.reshape(blocks, self.block, terms, self.window)


def blur_then_resize(taps: Taps, kernels: NDArray[np.float64], blocks: range = range(BLOCK, BLOCK + 1)) -> Bands:
    """Return the maps that correlate an axis with r kernels (r, k), k odd, and then take the taps.

    Args:
        taps: The resizing; the source pixels of each output never decrease, nor do those of one output after another.
        kernels: float64 (r, k).
        blocks: Outputs of a block to choose from; the choice is the one that multiplies the fewest zeros.
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
    return _in_blocks(first - size // 2, weight, int(taps.index[-1, -1]) + 1, blocks)


def _in_blocks(first: NDArray[np.intp], weight: NDArray[np.float64], length: int, blocks: range) -> Bands:
    """Lay out the blocks of maps whose reads start at ``first``, counted from the axis' first of ``length`` pixels."""
    count, _, width = weight.shape
    pace = (int(first[-1]) - int(first[0])) / max(1, count - 1)

    def cost(block: int) -> float:
        number = -(-count // block)
        # Windows are whole pixels apart: what that adds up to over all blocks makes each window longer.
        return number * block * ((block - 1) * pace + width + number * abs(block * pace - round(block * pace)))

    block = min(blocks, key=cost)
    starts = first[::block]
    step = round((int(starts[-1]) - int(starts[0])) / max(1, len(starts) - 1))
    index = np.arange(len(starts))
    start = int((starts - step * index).min())
    window = int((first[np.minimum(index * block + block, count) - 1] - step * index).max()) - start + width
    before = max(0, -start)
    after = max(0, start + step * (len(starts) - 1) + window - length)
    return Bands((before, after), first + before, weight, block, start + before, step, window)


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


def pad_reflect(image: NDArray[Any], rows: Bands, columns: Bands, reuse: bool = False) -> NDArray[Any]:
    """Extend (C, H, W) by its mirror image, border pixels not repeated; again and again where a side is short.

    Args:
        image: (C, H, W) of a type that OpenCV knows.
        rows: The maps that will read the rows.
        columns: The maps that will read the columns.
        reuse: Return memory that the next call with this option overwrites.
    """
    import cv2

    (top, bottom), (left, right) = rows.margin, columns.margin
    channels, height, width = image.shape
    shape = (channels, top + height + bottom, left + width + right)
    padded = scratch("padded image", shape, image.dtype.type) if reuse else np.empty(shape, image.dtype)
    for plane, extended in zip(image, padded, strict=True):
        cv2.copyMakeBorder(plane, top, bottom, left, right, cv2.BORDER_REFLECT_101, dst=extended)
    return padded


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
    mapping = SeparableMap(rows, columns, dtype)
    result = np.empty((len(padded), len(rows.first), len(columns.first)), dtype)
    for plane, mapped in zip(padded, result, strict=True):
        mapping(plane, mapped)
    return result


class SeparableMap:
    """A sum of r pairs of maps, ready to be applied to padded planes."""

    def __init__(self, rows: Bands, columns: Bands, dtype: type[np.floating[Any]]) -> None:
        self._rows = rows
        self._columns = columns
        self._dtype = dtype
        self._chooses = rows.is_choice and columns.is_choice
        if not self._chooses:
            import torch

            self._down, self._across = (torch.from_numpy(bands.matrices(dtype)) for bands in (rows, columns))

    def __call__(self, plane: NDArray[Any], result: NDArray[Any]) -> None:
        """Map a padded plane (H', W'), see ``pad_reflect``, into a plane (h, w) of the precision asked for.

        What lies in between is scratch memory: one map must not be applied within another of the same thread.
        """
        rows, columns = self._rows.first, self._columns.first
        if self._chooses:
            result[:] = plane[rows][:, columns]
            return
        block, whole = self._columns.block, len(columns) // self._columns.block
        blocks = self._map_columns(self._map_rows(plane)).numpy()
        width = whole * block
        result[:, :width].reshape(len(rows), whole, block)[:] = blocks[:whole].transpose(1, 0, 2)
        if width < len(columns):
            result[:, width:] = blocks[whole, :, : len(columns) - width]

    def _map_rows(self, plane: NDArray[Any]) -> torch.Tensor:
        """Map the rows of a padded plane by all terms, in one batch of products.

        Returns:
            (B, b * r, W'): B blocks of b rows, which may reach beyond the last.
        """
        import torch

        down, width = self._down.flatten(1, 2), plane.shape[1]
        blocks, outputs, window = down.shape
        levels = scratch("levels to map", plane.shape, self._dtype)
        np.copyto(levels, plane)
        strides, start = (self._rows.step * width, width, 1), self._rows.start * width
        windows = torch.from_numpy(levels.ravel()[start:]).as_strided((blocks, window, width), strides)
        result = torch.from_numpy(scratch("mapped rows", (blocks, outputs, width), self._dtype))
        return torch.bmm(down, windows, out=result)

    def _map_columns(self, upright: torch.Tensor) -> torch.Tensor:
        """Map the columns of what ``_map_rows`` returned and sum over the terms, in one batch of products for each.

        Returns:
            (B, h, b): B blocks of b columns, which may reach beyond the last.
        """
        import torch

        columns, height, width = self._columns, len(self._rows.first), upright.shape[2]
        blocks, outputs, terms, window = self._across.shape
        result = torch.from_numpy(scratch("mapped columns", (blocks, height, outputs), self._dtype))
        flat = upright.view(-1)
        for term in range(terms):
            start = term * width + columns.start
            sources = flat[start:].as_strided((blocks, height, window), (columns.step, terms * width, 1))
            torch.baddbmm(result, sources, self._across[:, :, term].mT, beta=min(term, 1), out=result)
        return result


def map_pixels(
    padded: NDArray[Any], rows: Bands, columns: Bands, at: tuple[NDArray[np.intp], ...]
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
    shape = (1, rows.weight.shape[2], columns.weight.shape[2])
    windows = np.lib.stride_tricks.sliding_window_view(padded, shape)[:, :, :, 0]
    result = np.empty(len(at[0]))
    for start in range(0, len(result), 4096):  # bounds the memory where an image is full of doubtful pixels
        channel, y, x = (one[start : start + 4096] for one in at)
        patch = windows[channel, rows.first[y], columns.first[x]].astype(np.float64)
        upright = rows.weight[y] @ patch
        result[start : start + 4096] = (upright * columns.weight[x]).sum((1, 2))
    return result
