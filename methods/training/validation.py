"""Validation by COCO's figures on held-out images, as Lightning calls it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

import lightning.pytorch as pl
import torch

from ...datasets.degradations.resize import to_float
from ...datasets.types import Detections
from .gather import gather_objects
from .heldout import HeldOut
from .request import Measure

MONITOR = "val_AP"
"""The figure that chooses among checkpoints."""


def mean_psnr(errors: Mapping[int, float]) -> float:
    """Return the mean PSNR, dB, of images in [0, 1] from their mean squared errors, by each image's number."""
    ordered = torch.tensor([error for _, error in sorted(errors.items())], dtype=torch.float64)
    return float((-10 * torch.log10(ordered.clamp(min=1e-10))).mean())


class DetectionTraining(pl.LightningModule):
    """A training whose network detects; a subclass says how."""

    def __init__(self, held_out: HeldOut | None, measure: Measure | None) -> None:
        """Keep what validation needs.

        Args:
            held_out: Images to validate on.
            measure: Measures detections on them.
        """
        super().__init__()
        self.held_out, self.measure = held_out, measure
        self._found: dict[int, Detections] = {}

    @abstractmethod
    def detect(self, image: torch.Tensor) -> Detections:
        """Detect in one image, float (3, h, w) in [0, 1], as the method does at test time."""

    def on_validation_epoch_start(self) -> None:
        """Forget what an earlier validation found."""
        self._found = {}

    def validation_step(self, batch: tuple[int, torch.Tensor], batch_idx: int) -> None:
        """Detect in one held-out image."""
        place, image = batch
        self._found[place] = self.detect(to_float(image))

    def on_validation_epoch_end(self) -> None:
        """Measure what all processes found together; each process computes the same figure."""
        if self.measure is None or self.held_out is None:
            return
        found = {place: one for part in gather_objects(self._found) for place, one in part.items()}
        figures = self.measure(self.held_out, sorted(found.items()))
        for name, value in figures.items():
            if value is not None:
                self.log(f"val_{name}", value, prog_bar=f"val_{name}" == MONITOR)
