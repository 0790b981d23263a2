"""Images resampled with replacement, as weights: how often each image is in each replicate.

The bootstrap is Efron's, "Bootstrap Methods: Another Look at the Jackknife", Annals of Statistics 1979. The image is
the unit that is resampled, because objects of one image are not independent. Two methods measured with the same weights
are compared on the same images in every replicate, which makes the comparison paired.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ...datasets.seeds import generator

Weights = NDArray[np.unsignedinteger]
"""How often each image counts: (images, R), rows in the order of the ground truth's images."""

BATCH = 1024
"""Replicates computed side by side: long rows keep numpy busy, and bound the memory for many replicates."""


def bootstrap_weights(images: int, replicates: int, seed: int) -> Weights:
    """Return how often each image is drawn in each replicate.

    Args:
        images: Number of images; each replicate draws as many, with replacement.
        replicates: Number of replicates.
        seed: Decides the draw together with ``images`` alone, so that every method gets the same weights; the first
            replicates of a longer draw are those of a shorter one.

    Returns:
        Unsigned integers (images, replicates + 1). Column 0 is the data as it is, each image once; every other column
        sums to ``images``.
    """
    random = generator(seed, "bootstrap")
    weights = np.ones((images, replicates + 1), np.min_scalar_type(images))
    for replicate in range(1, replicates + 1):
        weights[:, replicate] = np.bincount(random.integers(images, size=images), minlength=images)
    return weights


def batches(weights: Weights) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """Yield ranges of columns with their weights as float64, in which sums of counts are exact."""
    for first in range(0, weights.shape[1], BATCH):
        columns = slice(first, first + BATCH)
        yield columns, np.ascontiguousarray(weights[:, columns], np.float64)
