"""Which images share a batch: those of nearly one size, so that a method that pads its batch pads little."""

from __future__ import annotations

from collections.abc import Sequence

from ..results.partial import Chunk


def batches_of(chunk: Chunk, batch_size: int) -> list[range]:
    """Cut a chunk into the places of its batches; the last one may be shorter."""
    return [range(first, min(first + batch_size, chunk.stop)) for first in range(chunk.first, chunk.stop, batch_size)]


def sized_batches(chunk: Chunk, batch_size: int, sizes: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Return the image indices of a chunk's batches: its images by height, then width, then index.

    A batch never reaches beyond its chunk. So it depends on the chunk and the batch size alone: not on the worker that
    computes the chunk, on the chunks that were finished before, or on how the cell is cut into shards. Ordering over
    several chunks would pad less, but then a chunk could be finished only together with its neighbours. Images of one
    size keep their order.

    Pixels of the padded batches over pixels of the images, by drawing 4096 images from the sizes of 128 COCO images,
    chunks of 16: batches of 4 take 1.34 in the dataset's order, 1.16 ordered within the chunk, 1.07 ordered over four
    chunks; batches of 8 take 1.43, 1.27 and 1.13. Ordering by area helps little, since upright and lying images have
    the same. Where a chunk is one batch there is nothing to order.

    Args:
        chunk: The images to cut into batches.
        batch_size: Images per batch.
        sizes: (height, width) of each image of the dataset, by index.
    """
    order = sorted(range(chunk.first, chunk.stop), key=lambda index: (sizes[index], index))
    return [[order[place - chunk.first] for place in places] for places in batches_of(chunk, batch_size)]
