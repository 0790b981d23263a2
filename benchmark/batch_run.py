"""A method on batch after batch: smaller batches where GPU memory runs out, and failures told with their images."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..datasets.errors import UserError
from ..datasets.types import Batch, Detections, Sample
from ..results.partial import ChunkResult
from ..results.tables import detections_frame, quality_frame
from .checks import MalformedOutputError, check_output, check_restored
from .determinism import seed_everything
from .failures import MethodFailureError, device_failure, failure, image_name, memory_failure
from .gpu_memory import free_gpu_memory, is_device_lost, is_out_of_memory
from .loader import without_clean
from .metrics.quality import image_quality
from .precision import computing_in

if TYPE_CHECKING:
    from ..methods.base import Method


@dataclass
class Gathered:
    """What was found so far in the images of a chunk, by image index; images may come in any order."""

    found: dict[int, Detections] = field(default_factory=dict)
    quality: dict[int, dict[str, float]] = field(default_factory=dict)
    costs: dict[int, tuple[int, int]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        """Add the wall seconds of a block to a phase; those of a block that raises are not counted."""
        start = time.perf_counter()
        yield
        self.seconds[phase] = self.seconds.get(phase, 0.0) + time.perf_counter() - start

    def result(self) -> ChunkResult:
        """Return the chunk's tables, sorted by image."""
        costs = [self.costs[index] for index in sorted(self.costs)]
        found = detections_frame(self.found.items())
        return ChunkResult(found, quality_frame(self.quality), self.seconds, costs, self.notes)


@dataclass(frozen=True)
class Work:
    """What is done with each batch.

    Attributes:
        method: Set up.
        classes: Class names of the dataset.
        measure: Whether restored images are measured against the clean ones.
        crop: Pixels at each border that PSNR and SSIM leave out.
        precision: One of ``precision.PRECISIONS``.
        device: torch device string of the method.
    """

    method: Method
    classes: tuple[str, ...]
    measure: bool
    crop: int
    precision: str
    device: str

    @property
    def name(self) -> str:
        """Return the method's name."""
        return self.method.card.name

    def run(self, samples: Sequence[Sample], gathered: Gathered) -> None:
        """Detect in samples, measure what the method restores, and ask what it took.

        Raises:
            MalformedOutputError: The method broke its contract.
        """
        self._detect(samples, gathered)
        if self.measure:
            self._restore(samples, gathered)
        self._count(samples, gathered)

    def _detect(self, samples: Sequence[Sample], gathered: Gathered) -> None:
        batch = self._batch(samples)
        with gathered.timed("detect"):
            output = self._call(self.method.detect, batch)
        found = check_output(self.name, batch, output)
        gathered.found |= {sample.record.index: item for sample, item in zip(samples, found, strict=True)}

    def _restore(self, samples: Sequence[Sample], gathered: Gathered) -> None:
        """Measure restored images against the clean ones, which the method does not get to see."""
        batch = self._batch(samples)
        with gathered.timed("restore"):
            images = check_restored(self.name, batch, self._call(self.method.restore, batch))
        with gathered.timed("quality"):
            for sample, image in zip(samples, images, strict=True):
                assert sample.clean is not None
                clean = sample.clean.permute(1, 2, 0).numpy()
                gathered.quality[sample.record.index] = image_quality(image, clean, self.crop)

    def _count(self, samples: Sequence[Sample], gathered: Gathered) -> None:
        """Ask the method what restoring each image takes; nothing is kept where it does not tell."""
        for sample in self._batch(samples).samples:
            cost = self.method.cost(sample)
            if cost is not None:
                gathered.costs[sample.record.index] = (cost.flops, cost.parameters)

    def _batch(self, samples: Sequence[Sample]) -> Batch:
        shown = samples if self.method.card.needs_clean else without_clean(samples)
        return Batch(list(shown), self.classes)

    def _call(self, function: Callable[[Batch], object], batch: Batch) -> object:
        """Call the method without gradients, with global seeds that depend on the batch's first image alone."""
        import torch

        seed_everything("batch", batch.samples[0].record.seed)
        with torch.no_grad(), computing_in(self.precision, self.device):
            return function(batch)


class BatchRunner:
    """Does a piece of work with batches that may have to become smaller.

    Args:
        work: What to do.
        on_images: Called with the number of images after each part of a batch.
        on_notice: Called with each note.
    """

    def __init__(self, work: Work, on_images: Callable[[int], None], on_notice: Callable[[str], None]) -> None:
        self._work = work
        self._on_images = on_images
        self._on_notice = on_notice
        self._most: int | None = None

    def run(self, samples: Sequence[Sample], gathered: Gathered) -> None:
        """Do the work with a batch, in parts where the whole does not fit into GPU memory.

        Raises:
            MethodFailureError: The method raised; the text names the images.
            MalformedOutputError: It broke its contract.
            UserError: It found a mistake of the user.
        """
        left = list(samples)
        while left:
            part = left[: self._most]
            if self._fits(part, gathered):
                left = left[len(part) :]
                self._on_images(len(part))
            else:
                self._halve(part, gathered)

    def _fits(self, part: Sequence[Sample], gathered: Gathered) -> bool:
        """Do the work with a part; False where GPU memory ran out and fewer images may fit."""
        try:
            self._work.run(part, gathered)
        except (UserError, MalformedOutputError):
            raise
        except Exception as error:
            if is_out_of_memory(error) and len(part) > 1:
                return False
            raise self._failure(part, error) from error
        return True

    def _halve(self, part: Sequence[Sample], gathered: Gathered) -> None:
        """Take half as many images from now on; called when no error holds tensors any more."""
        free_gpu_memory()
        self._most = len(part) // 2
        note = (
            f"batch size halved from {len(part)} to {self._most} at {image_name(part[0].record)}: out of GPU memory; "
            "detections of an image do not depend on its batch beyond rounding"
        )
        gathered.notes.append(note)
        self._on_notice(note)

    def _failure(self, part: Sequence[Sample], error: Exception) -> MethodFailureError:
        """Return the error that tells on which images the method failed."""
        if is_out_of_memory(error):
            return memory_failure(self._work.name, part[0], error)
        if is_device_lost(error):
            return device_failure(self._work.name, part, error)
        alone = [sample for sample in part if len(part) > 1 and self._fails_on(sample)]
        return failure(self._work.name, part, alone, error)

    def _fails_on(self, sample: Sample) -> bool:
        try:
            self._work.run([sample], Gathered())
        except Exception:
            return True
        return False
