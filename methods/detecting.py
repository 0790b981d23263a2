"""What all methods with a detector behind them share: construction, label mapping and mapping boxes back."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..datasets.errors import UserError
from ..datasets.types import Batch, Detections, Sample
from .base import Method, MethodSettings
from .boxes import to_dataset
from .class_names import label_map
from .detectors.catalog import detector_registry
from .weights import WEIGHT_FILES, WeightFile

if TYPE_CHECKING:
    import torch

    from .detectors.base import Detector


@dataclass(frozen=True, slots=True)
class View:
    """What a method shows its detector in place of a degraded image.

    Attributes:
        image: float32 (3, H, W), RGB in [0, 1].
        scale: (sx, sy), degraded pixels per pixel of the view.
    """

    image: torch.Tensor
    scale: tuple[float, float]


class DetectingMethod(Method):
    """A method that turns each sample into one view and lets a detector look at it.

    A subclass gives a card and ``view``. Detections come back in the degraded image's pixels, clipped to it, with the
    dataset's classes; classes that the dataset does not have are dropped, then the best 100 are kept.
    """

    enlarge = True
    """Whether the detector's own resizing may enlarge a view."""
    own_detector: ClassVar[str] = ""
    """Name of the one detector that the method is made for; empty where a user chooses."""

    def __init__(self, settings: MethodSettings) -> None:
        super().__init__(settings)
        self._detector: Detector | None = None
        self._label_maps: dict[tuple[str, ...], NDArray[np.int64]] = {}

    @property
    def detector(self) -> Detector:
        """Return the loaded detector.

        Raises:
            RuntimeError: ``setup`` was not called.
        """
        if self._detector is None:
            raise RuntimeError(f"method {self.card.name}: call setup before detect")
        return self._detector

    def setup(self, device: str, weights: Path | None) -> None:
        """Construct the detector named in the settings and load it; see ``Method.setup``."""
        if not self.settings.detector:
            known = ", ".join(detector_registry())
            raise UserError(f"method {self.card.name!r} needs a detector; give one with --detector, known are {known}.")
        detector = detector_registry().get(self.settings.detector).create(self.settings.detector_config)
        detector.load(device, weights)
        self._device = device
        self._detector = detector
        self._label_maps.clear()

    def detect(self, batch: Batch) -> list[Detections]:
        """Detect in each sample's view and map the boxes back; see ``Method.detect``."""
        views = [self.view(sample) for sample in batch.samples]
        found = self.detector.predict([view.image for view in views], enlarge=self.enlarge)
        labels = self._labels(batch.classes)
        return [
            to_dataset(one, labels, view.scale, sample.record.size)
            for one, view, sample in zip(found, views, batch.samples, strict=True)
        ]

    @abstractmethod
    def view(self, sample: Sample) -> View:
        """Return what the detector looks at for a sample; the sample is left unchanged."""

    def on_device(self, image: torch.Tensor) -> torch.Tensor:
        """Return an image on the device, moved as the bytes that it is, and from pinned memory without waiting."""
        return image.to(self._device, non_blocking=True)

    def teardown(self) -> None:
        """Let go of the detector."""
        self._detector = None

    @classmethod
    def weight_requirements(cls, settings: MethodSettings) -> tuple[WeightFile, ...]:
        """Return the checkpoint of the detector named in the settings, unless it is bundled."""
        entry = WEIGHT_FILES.get(settings.detector)
        return () if entry is None else (entry,)

    def _labels(self, classes: Sequence[str]) -> NDArray[np.int64]:
        key = tuple(classes)
        if key not in self._label_maps:
            self._label_maps[key] = label_map(self.detector.class_names, key)
        return self._label_maps[key]
