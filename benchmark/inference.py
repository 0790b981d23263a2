"""One method over one dataset, in chunks that are kept as soon as they are done."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..results.partial import Chunk, ChunkResult
from .batch_run import BatchRunner, Gathered, Work
from .buckets import sized_batches
from .loader import load_batches
from .precision import check_precision

if TYPE_CHECKING:
    from ..datasets.dataset import Dataset
    from ..methods.base import Method

__all__ = ["CHUNK_IMAGES", "InferenceOptions", "chunks_of", "run_chunks"]

CHUNK_IMAGES = 16
"""Least number of images in a chunk: what an interruption can cost at most."""


@dataclass(frozen=True)
class InferenceOptions:
    """How a method is run.

    Attributes:
        batch_size: Images per call of ``detect``; fewer from where GPU memory runs out.
        workers: Loader processes; 0 loads in this process.
        crop: Pixels at each border that PSNR and SSIM of restored images leave out.
        precision: One of ``precision.PRECISIONS``.
        device: torch device string on which the method was set up.
    """

    batch_size: int = 4
    workers: int = 0
    crop: int = 0
    precision: str = "float32"
    device: str = "cpu"


def chunks_of(images: int, batch_size: int) -> list[Chunk]:
    """Cut a dataset into chunks of whole batches, the same however often a run is interrupted."""
    length = -(-CHUNK_IMAGES // batch_size) * batch_size
    return [Chunk(first, min(first + length, images)) for first in range(0, images, length)]


def run_chunks(
    method: Method,
    dataset: Dataset,
    chunks: Sequence[Chunk],
    options: InferenceOptions,
    *,
    on_images: Callable[[int], None],
    on_notice: Callable[[str], None],
) -> Generator[tuple[Chunk, ChunkResult]]:
    """Run a method over chunks of a dataset, and yield each as soon as it is done, in the order given.

    What a chunk holds depends on its images and the options alone, not on the other chunks. Images of later batches
    are loaded meanwhile; close the generator (``contextlib.closing``) to end that where not all chunks are taken. Where
    GPU memory runs out, the batch size is halved for all that follows, and the chunk's notes tell.

    Args:
        method: Set up.
        dataset: What to run it on.
        chunks: Of ``chunks_of``, with the options' batch size; any of them.
        options: How to run.
        on_images: Called with the number of images after every batch.
        on_notice: Called with each note as it arises.

    Raises:
        UserError: An image cannot be loaded, or the options do not fit the device.
        MethodFailureError: The method raised; the text names the images, and the cause is what it raised.
        MalformedOutputError: The method broke its contract.
    """
    check_precision(options.precision, options.device)
    measure = method.card.restores and dataset.has_clean
    sizes = [record.size for record in dataset.records]
    batches = {chunk: sized_batches(chunk, options.batch_size, sizes) for chunk in chunks}
    loaded = load_batches(
        dataset,
        [batch for chunk in chunks for batch in batches[chunk]],
        clean=method.card.needs_clean or measure,
        workers=options.workers,
        device=options.device,
    )
    work = Work(method, dataset.classes, measure, options.crop, options.precision, options.device)
    runner = BatchRunner(work, on_images, on_notice)
    with closing(loaded):
        for chunk in chunks:
            gathered = Gathered()
            for _ in batches[chunk]:
                with gathered.timed("load"):
                    samples = next(loaded)
                runner.run(samples, gathered)
            yield chunk, gathered.result()
