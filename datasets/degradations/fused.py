"""The degradation of one image in one pass over it: blur, resizing, noise and rounding, compiled by numba.

Each step works on a few rows at a time, which stay in the processor's caches from one step to the next. Everything is
computed in single precision first; the few pixels whose rounding this leaves in doubt are computed again in double
precision, so the result has the same bytes on every processor.

This module imports numba, so import it inside functions. What is compiled is kept in a cache beside this file, or in
the user's own where that cannot be written to; the first use of a new installation takes some seconds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from ..compiled import compiled
from .noise import TableNoise, normal_table
from .resize import TIE_GUARD
from .rounding import DOUBT
from .scratch import scratch
from .separable import AxisMap

LANES = 32
"""Numbers that are summed side by side, in registers: neighbouring columns at first, then as many output rows."""
VECTOR = 16
"""Numbers of single precision in the longest registers of today's processors; others take two or four."""


_instructions: Any = intrinsic  # of no type: what it returns is called with one argument less


def degrade_planes(image: NDArray[np.uint8], rows: AxisMap, columns: AxisMap, noise: TableNoise) -> NDArray[np.uint8]:
    """Map both axes of an image, sum over the pairs of maps, add noise, clip and round to 8 bits.

    Args:
        image: uint8 (C, H, W); not modified.
        rows: The maps of the row axis, h outputs.
        columns: The maps of the column axis, w outputs.
        noise: Of shape (C, h, w), in grey levels.

    Returns:
        uint8 (C, h, w): ``map_axes`` plus the noise, rounded by ``round_levels``.
    """
    (channels, height, width), (h, terms, _), w = image.shape, rows.weight.shape, len(columns.first)
    before = max(0, -int(columns.first[0]))
    padded = before + max(width, int(columns.first[-1]) + columns.weight.shape[2])
    padded += -padded % LANES
    result = np.empty((channels, h, w), np.uint8)
    _degrade(
        np.require(image, np.uint8, ["C", "W"]),  # what it is compiled for
        (rows.first, rows.weight, columns.first, columns.weight),
        (noise.index, normal_table(), np.float32(noise.sigma)),
        (np.float32(0.5 - DOUBT), np.float32(0.5 + DOUBT), 0.5 + TIE_GUARD),
        before,
        (
            scratch("levels", (height, padded), np.float32),
            scratch("strip", (LANES * LANES,), np.float32),
            scratch("upright", (padded * terms * LANES,), np.float32),
            scratch("mapped", ((w + VECTOR) * LANES,), np.float32),
            scratch("noisy", ((w + VECTOR) * LANES,), np.float32),
            scratch("differs", (w * LANES,), np.uint8),
            scratch("doubtful", (w * LANES,), np.int32),
        ),
        result,
    )
    return result


@compiled()
def _degrade(image: Any, maps: Any, noise: Any, offsets: Any, before: int, memory: Any, result: Any) -> None:
    """Degrade plane by plane, ``LANES`` output rows at a time; ``degrade_planes`` says what the arguments are."""
    row_first, row_weight, column_first, column_weight = maps
    levels, strip, upright, mapped, noisy, differs, doubtful = memory
    channels, height, width = image.shape
    h, terms, reads = row_weight.shape
    w, padded = len(column_first), levels.shape[1]
    sources = _fold(row_first, reads, height)
    needed, kept = _rows_needed(sources, height)
    slots = sources % kept
    fold = _fold(np.arange(padded) - before, 1, width)[:, 0]
    down, across = row_weight.astype(np.float32), _single_columns(column_weight)
    lefts = column_first + before
    lanes = np.arange(across.shape[1]) * LANES
    flat = result.reshape(-1)
    for channel in range(channels):
        ready = 0
        for top in range(0, h, LANES):
            bottom = min(h, top + LANES)
            last = sources[top:bottom].max() + 1
            _to_levels(image[channel], needed, ready, last, before, fold, levels, kept)
            ready = max(ready, last)
            _map_rows(levels, slots[top:bottom], down[top:bottom], strip, upright)
            for x in range(w):
                _weighted_sum(mapped, x * LANES, upright, lefts[x] * terms * LANES, lanes, across[x])
            block, count = slice((channel * h + top) * w, (channel * h + bottom) * w), (bottom - top) * w
            _add_noise(mapped, noise, block, noisy, bottom - top, w)
            _round(noisy[:count], offsets, flat[block], differs[:count])
            for number in range(_places(differs[:count], doubtful)):
                place = block.start + doubtful[number]
                y, x = doubtful[number] // w + top, doubtful[number] % w
                level = _exact(levels, slots[y], row_weight[y], lefts[x], column_weight[x]) + _noise(noise, place)
                flat[place] = np.uint8(min(np.floor(min(max(level, 0.0), 255.0) + offsets[2]), 255.0))


@compiled()
def _rows_needed(sources: Any, height: int) -> Any:
    """Tell which source rows are read, and how many rows must be kept at a time to have all that a block reads."""
    needed = np.zeros(height, np.bool_)
    kept, last = 1, 0
    for top in range(0, len(sources), LANES):
        block = sources[top : top + LANES]
        last = max(last, block.max())
        kept = max(kept, last - block.min() + 1)
        for y in range(len(block)):
            needed[block[y]] = True
    return needed, kept


@compiled()
def _reflect(position: int, length: int) -> int:
    """Fold a position into 0 ... length - 1 as ``separable.reflect`` does."""
    if 0 <= position < length:
        return position
    if length == 1:
        return 0
    folded = abs(position) % (2 * length - 2)
    return min(folded, 2 * length - 2 - folded)


@compiled()
def _fold(first: Any, reads: int, length: int) -> Any:
    """Return the source rows of each output row, (h, reads)."""
    folded = np.empty((len(first), reads), np.int64)
    for y in range(len(first)):
        for read in range(reads):
            folded[y, read] = _reflect(first[y] + read, length)
    return folded


@compiled()
def _single_columns(weight: Any) -> Any:
    """Return weights (w, r, L) in single precision and in the order of ``upright``, (w, L * r)."""
    w, terms, reads = weight.shape
    single = np.empty((w, reads * terms), np.float32)
    for x in range(w):
        for term in range(terms):
            for read in range(reads):
                single[x, read * terms + term] = weight[x, term, read]
    return single


@compiled()
def _to_levels(plane: Any, needed: Any, start: int, stop: int, before: int, fold: Any, levels: Any, kept: int) -> None:
    """Turn rows of a plane that are read into single precision, extended by reflection; row y goes to y % kept."""
    width = plane.shape[1]
    for y in range(start, stop):
        if needed[y]:
            source, target = plane[y], levels[y % kept]
            inner = target[before : before + width]
            for x in range(width):
                inner[x] = source[x]
            for x in range(before):
                target[x] = source[fold[x]]
            for x in range(before + width, len(fold)):
                target[x] = source[fold[x]]


@compiled()
def _map_rows(levels: Any, slots: Any, weight: Any, strip: Any, upright: Any) -> None:
    """Map up to ``LANES`` rows by all terms into ``upright`` (column, term, lane), so that lanes lie side by side."""
    width, terms = levels.shape[1], weight.shape[1]
    flat, starts = levels.reshape(-1), slots * width
    for left in range(0, width, LANES):
        for term in range(terms):
            for lane in range(len(starts)):
                _weighted_sum(strip, lane * LANES, flat, left, starts[lane], weight[lane, term])
            for x in range(0, LANES, VECTOR):
                for lane in range(0, LANES, VECTOR):
                    place = ((left + x) * terms + term) * LANES + lane
                    _transpose(upright, place, terms * LANES, strip, lane * LANES + x, LANES)


@_instructions
def _weighted_sum(_: Any, total: Any, place: Any, source: Any, shift: Any, starts: Any, weight: Any) -> Any:
    """Sum ``LANES`` numbers from each of several places of ``source``, weighted, into ``total`` from ``place`` on.

    ``total[place + i] = sum(weight[k] * source[shift + starts[k] + i])``, written as instructions on vectors that stay
    in registers: compiled from a loop the sums would be stored and loaded anew for each k, which takes twice as long.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        arrays = [
            context.make_array(kind)(context, builder, value) if isinstance(kind, types.Array) else value
            for kind, value in zip(signature.args, arguments, strict=True)
        ]
        total, place, source, shift, starts, weight = arrays
        vector = ir.VectorType(ir.FloatType(), VECTOR)
        pointer = vector.as_pointer()
        sums = [cgutils.alloca_once_value(builder, ir.Constant(vector, [0.0] * VECTOR)) for _ in range(LANES // VECTOR)]
        (count,) = cgutils.unpack_tuple(builder, weight.shape)
        with cgutils.for_range(builder, count) as loop:
            one = builder.load(builder.gep(weight.data, [loop.index]))
            single = builder.insert_element(ir.Constant(vector, ir.Undefined), one, ir.Constant(ir.IntType(32), 0))
            spread = builder.shuffle_vector(
                single, single, ir.Constant(ir.VectorType(ir.IntType(32), VECTOR), [0] * VECTOR)
            )
            start = builder.add(shift, builder.load(builder.gep(starts.data, [loop.index])))
            for number, accumulated in enumerate(sums):
                at = builder.add(start, ir.Constant(start.type, number * VECTOR))
                numbers = builder.load(builder.bitcast(builder.gep(source.data, [at]), pointer), align=4)
                product = builder.fmul(spread, numbers, flags=("contract",))
                builder.store(builder.fadd(builder.load(accumulated), product, flags=("contract",)), accumulated)
        for number, accumulated in enumerate(sums):
            at = builder.add(place, ir.Constant(place.type, number * VECTOR))
            builder.store(builder.load(accumulated), builder.bitcast(builder.gep(total.data, [at]), pointer), align=4)
        return context.get_dummy_value()

    return types.void(total, types.int64, source, types.int64, starts, weight), generate


@_instructions
def _transpose(_: Any, target: Any, place: Any, apart: Any, source: Any, start: Any, step: Any) -> Any:
    """Turn rows into columns: ``target[place + apart * i + k] = source[start + step * k + i]``, i and k below VECTOR.

    Blocks of half the size are exchanged, then blocks in these, all of it in registers: number by number it would take
    four times as long.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        made = [
            context.make_array(kind)(context, builder, value) if isinstance(kind, types.Array) else value
            for kind, value in zip(signature.args, arguments, strict=True)
        ]
        target, place, apart, source, start, step = made
        pointer = ir.VectorType(ir.FloatType(), VECTOR).as_pointer()

        def address(array: Any, first: Any, between: Any, number: int) -> Any:
            at = builder.add(first, builder.mul(between, ir.Constant(between.type, number)))
            return builder.bitcast(builder.gep(array.data, [at]), pointer)

        rows = [builder.load(address(source, start, step, number), align=4) for number in range(VECTOR)]
        half = VECTOR // 2
        while half:
            low = [k if not k & half else VECTOR + k - half for k in range(VECTOR)]
            high = [k + half if not k & half else VECTOR + k for k in range(VECTOR)]
            masks = [ir.Constant(ir.VectorType(ir.IntType(32), VECTOR), mask) for mask in (low, high)]
            for number in range(VECTOR):
                if not number & half:
                    pair = rows[number], rows[number + half]
                    rows[number], rows[number + half] = (builder.shuffle_vector(*pair, mask) for mask in masks)
            half //= 2
        for number, row in enumerate(rows):
            builder.store(row, address(target, place, apart, number), align=4)
        return context.get_dummy_value()

    whole = types.int64
    return types.void(target, whole, whole, source, whole, whole), generate


@compiled()
def _noise(noise: Any, place: int) -> Any:
    """Return the noise of a pixel, in single precision."""
    index, table, sigma = noise
    return np.float32(table[index[place]] * sigma)


@compiled()
def _add_noise(mapped: Any, noise: Any, block: Any, noisy: Any, lanes: int, w: int) -> None:
    """Turn what is ``mapped`` (column, lane) into rows and add the noise of a block of pixels."""
    for lane in range(0, lanes, VECTOR):
        for x in range((w - 1) // VECTOR * VECTOR, -1, -VECTOR):  # from the right: what is too much is overwritten
            _transpose(noisy, lane * w + x, w, mapped, x * LANES + lane, LANES)
    index, table, sigma = noise
    inside = index[block]
    for place in range(len(inside)):
        noisy[place] += table[inside[place]] * sigma


@compiled()
def _round(levels: Any, offsets: Any, rounded: Any, differs: Any) -> None:
    """Round levels, with and without doubt, and tell where that differs."""
    low, high, _ = offsets
    for place in range(len(levels)):
        clipped = min(max(levels[place], np.float32(0)), np.float32(255))
        lower, upper = np.int32(clipped + low), np.int32(clipped + high)
        rounded[place] = upper
        differs[place] = upper - lower


@compiled()
def _places(differs: Any, places: Any) -> int:
    """Write down where bytes are not 0, looking at eight at a time, and return how many there are."""
    count, whole = 0, len(differs) // 8
    words = differs[: 8 * whole].view(np.uint64)
    for number in range(whole + 1):
        if number == whole or words[number]:
            for place in range(8 * number, min(8 * number + 8, len(differs))):
                if differs[place]:
                    places[count] = place
                    count += 1
    return count


@compiled(fastmath={"contract", "reassoc"})
def _exact(levels: Any, slots: Any, row_weight: Any, left: int, column_weight: Any) -> float:
    """Return one pixel in double precision, whose errors are far below ``TIE_GUARD`` in whatever order it is summed."""
    terms, reads = row_weight.shape
    total = 0.0
    for read in range(reads):
        source = levels[slots[read], left : left + column_weight.shape[1]]
        for term in range(terms):
            across = column_weight[term]
            part = 0.0
            for x in range(len(source)):
                part += np.float64(source[x]) * across[x]
            total += row_weight[term, read] * part
    return total
