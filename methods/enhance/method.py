"""One adapter for all methods that enhance an image in its own size and then detect."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from ...datasets.types import Batch, ImageRecord, Sample
from ..base import MethodSettings
from ..bicubic.method import fit, resized
from ..detecting import DetectingMethod, View

if TYPE_CHECKING:
    import torch


class EnhanceThenDetect(DetectingMethod):
    """Enhances each degraded image in its own size, rounds it to 8 bits as a saved image would be, and detects in it.

    Where the degraded image is smaller than the clean one, detection happens in the degraded size, and ``restore``
    enlarges the enhanced image to the clean size bicubically, as ``bicubic`` does. The detector treats the
    enhanced image as any other of its size: its own resizing may enlarge it, which it may not behind ``lr``.

    A subclass gives a card and ``enhance``. Images go through one by one.
    """

    def __init__(self, settings: MethodSettings) -> None:
        super().__init__(settings)
        self._kept: list[tuple[torch.Tensor, torch.Tensor]] = []

    @abstractmethod
    def enhance(self, image: torch.Tensor) -> torch.Tensor:
        """Return an enhanced image.

        Args:
            image: float32 (3, h, w), RGB in [0, 1], on the CPU.

        Returns:
            float (3, h, w) on the CPU; it is clipped to [0, 1].
        """

    def detect(self, batch: Batch) -> list:
        """Detect in the enhanced images, which are kept for ``restore``; see ``Method.detect``."""
        self._kept = []
        return super().detect(batch)

    def view(self, sample: Sample) -> View:
        """Return the enhanced image."""
        from ...datasets.degradations.resize import to_float

        return View(to_float(self._enhanced(sample)), (1.0, 1.0))

    def restore(self, batch: Batch) -> list[torch.Tensor]:
        """Return what the detector saw, enlarged to the clean images' sizes where it is smaller; see the class."""
        return [in_clean_size(self._enhanced(sample), sample.record) for sample in batch.samples]

    def teardown(self) -> None:
        """Let go of the detector and of kept images."""
        self._kept = []
        super().teardown()

    def _enhanced(self, sample: Sample) -> torch.Tensor:
        """Return the enhanced image, uint8 (3, h, w); the last batch's are not computed twice."""
        from ...datasets.degradations.resize import to_float, to_uint8

        found = next((enhanced for degraded, enhanced in self._kept if degraded is sample.image), None)
        if found is None:
            found = to_uint8(self.enhance(to_float(sample.image)))
            self._kept.append((sample.image, found))
        return found


def in_clean_size(image: torch.Tensor, record: ImageRecord) -> torch.Tensor:
    """Enlarge a uint8 image (3, h, w) by the inverse of its scale, and crop or continue it to the clean size."""
    height, width = image.shape[-2:]
    if record.scale == (1.0, 1.0):
        return fit(image, record.clean_size)
    sx, sy = record.scale
    return fit(resized(image, (max(1, round(height / sy)), max(1, round(width / sx)))), record.clean_size)
