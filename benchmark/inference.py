"""One method over one dataset, in chunks that are kept as soon as they are done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..datasets.types import Batch, Detections, Sample
from ..results.partial import Chunk, ChunkResult, Partial, merge
from ..results.tables import detections_frame, quality_frame
from .checks import check_output, check_restored
from .determinism import seed_everything
from .loader import load_batches, without_clean
from .metrics.quality import image_quality

if TYPE_CHECKING:
    from ..datasets.dataset import Dataset
    from ..methods.base import Method

CHUNK_IMAGES = 16
"""Least number of images in a chunk: what an interruption can cost at most."""


def chunks_of(images: int, batch_size: int) -> list[Chunk]:
    """Cut a dataset into chunks of whole batches, the same however often a run is interrupted."""
    length = -(-CHUNK_IMAGES // batch_size) * batch_size
    return [Chunk(first, min(first + length, images)) for first in range(0, images, length)]


def batches_of(chunk: Chunk, batch_size: int) -> list[range]:
    """Return the image indices of a chunk's batches."""
    return [range(first, min(first + batch_size, chunk.stop)) for first in range(chunk.first, chunk.stop, batch_size)]


def infer(
    method: Method,
    dataset: Dataset,
    partial: Partial,
    *,
    batch_size: int,
    workers: int,
    on_batch: Callable[[int], None],
    crop: int = 0,
) -> ChunkResult:
    """Run a method over the images that no stored chunk covers yet, and return all detections.

    Args:
        method: Set up.
        dataset: What to run it on.
        partial: Where chunks are kept.
        batch_size: Images per call of ``detect``.
        workers: Loader processes.
        on_batch: Called with the number of images after every batch.
        crop: Pixels at each border that PSNR and SSIM leave out.

    Raises:
        UserError: An image cannot be loaded.
        MalformedOutputError: The method broke its contract.
    """
    chunks = chunks_of(len(dataset), batch_size)
    missing = [chunk for chunk in chunks if not partial.has(chunk)]
    batches = [indices for chunk in missing for indices in batches_of(chunk, batch_size)]
    measure = method.card.restores and dataset.has_clean
    clean = method.card.needs_clean or measure
    loaded = load_batches(dataset, batches, clean=clean, workers=workers)
    for chunk in missing:
        worker = _ChunkRun(method, dataset.classes, measure, crop)
        for _ in batches_of(chunk, batch_size):
            on_batch(worker.run_batch(loaded))
        partial.write(chunk, worker.result())
    return merge([partial.read(chunk) for chunk in chunks])


class _ChunkRun:
    """Collects what a method finds in the batches of one chunk."""

    def __init__(self, method: Method, classes: tuple[str, ...], measure: bool, crop: int) -> None:
        self._method = method
        self._classes = classes
        self._measure = measure
        self._crop = crop
        self._found: list[tuple[int, Detections]] = []
        self._quality: dict[int, dict[str, float]] = {}
        self._seconds: dict[str, float] = {}
        self._costs: list[tuple[int, int]] = []

    def run_batch(self, loaded: Iterator[list[Sample]]) -> int:
        """Take the next batch, detect in it, and return its number of images."""
        with self._timed("load"):
            samples = next(loaded)
        self._detect(samples)
        if self._measure:
            self._restore(samples)
        self._count(samples)
        return len(samples)

    def result(self) -> ChunkResult:
        """Return the chunk's tables."""
        return ChunkResult(detections_frame(self._found), quality_frame(self._quality), self._seconds, self._costs)

    def _detect(self, samples: Sequence[Sample]) -> None:
        batch = self._batch(samples)
        with self._timed("detect"):
            output = _call(self._method.detect, batch)
        found = check_output(self._method.card.name, batch, output)
        self._found += [(sample.record.index, item) for sample, item in zip(samples, found, strict=True)]

    def _restore(self, samples: Sequence[Sample]) -> None:
        """Measure restored images against the clean ones, which the method does not get to see."""
        batch = self._batch(samples)
        with self._timed("restore"):
            images = check_restored(self._method.card.name, batch, _call(self._method.restore, batch))
        with self._timed("quality"):
            for sample, image in zip(samples, images, strict=True):
                assert sample.clean is not None
                clean = sample.clean.permute(1, 2, 0).numpy()
                self._quality[sample.record.index] = image_quality(image, clean, self._crop)

    def _count(self, samples: Sequence[Sample]) -> None:
        """Ask the method what restoring each image takes; nothing is kept where it does not tell."""
        costs = [self._method.cost(sample) for sample in self._batch(samples).samples]
        self._costs += [(cost.flops, cost.parameters) for cost in costs if cost is not None]

    def _batch(self, samples: Sequence[Sample]) -> Batch:
        shown = samples if self._method.card.needs_clean else without_clean(samples)
        return Batch(list(shown), self._classes)

    @contextmanager
    def _timed(self, phase: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self._seconds[phase] = self._seconds.get(phase, 0.0) + time.perf_counter() - start


def _call(function: Callable[[Batch], object], batch: Batch) -> object:
    """Call a method without gradients, with global seeds that depend on the batch's first image alone."""
    import torch

    seed_everything("batch", batch.samples[0].record.seed)
    with torch.no_grad():
        return function(batch)
