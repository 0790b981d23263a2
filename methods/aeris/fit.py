"""One training step of AERIS and of its comparison methods, and their validation, as Lightning calls them."""

from __future__ import annotations

from typing import Any

import torch

from ...datasets.degradations.resize import to_float
from ...datasets.types import Detections
from ..boxes import MAX_DETECTIONS, finish
from ..training.finite import check_finite
from ..training.heldout import HeldOut
from ..training.request import Measure
from ..training.schedule import optimiser_and_schedule
from ..training.validation import DetectionTraining
from .data import TrainBatch
from .decode import find_objects
from .loss import Losses, centre_loss, heat_loss, restoration_loss
from .net import AerisNet
from .recipe import Recipe
from .targets import encode
from .transform import InModelDegradation


class AerisTraining(DetectionTraining):
    """A network with its losses, its optimiser and the degradation of its training images."""

    def __init__(
        self,
        net: AerisNet,
        recipe: Recipe,
        degradation: InModelDegradation | None,
        held_out: HeldOut | None = None,
        measure: Measure | None = None,
    ) -> None:
        """Keep what training needs.

        Args:
            net: The network with its first weights.
            recipe: Losses, optimiser, schedule.
            degradation: Makes the network's input from clean images; None trains on clean ones.
            held_out: Images to validate on.
            measure: Measures detections on them.
        """
        super().__init__(held_out, measure)
        self.net, self.recipe, self.degradation = net, recipe, degradation

    def training_step(self, batch: TrainBatch, batch_idx: int) -> torch.Tensor:
        """Return the loss of one batch of clean crops."""
        losses = self.losses(batch, self.global_step)
        total = losses.total(self.recipe.losses)
        check_finite(self, total, batch_idx)
        count = len(batch.images)
        self.log("loss", total, on_step=False, on_epoch=True, prog_bar=True, batch_size=count)
        parts = {name: value for name, value in losses._asdict().items() if value is not None}
        self.log_dict(parts, on_step=False, on_epoch=True, batch_size=count)
        self.log("step_loss", total, on_step=True, on_epoch=False)
        return total

    def losses(self, batch: TrainBatch, step: int) -> Losses:
        """Return the unweighted losses of one batch.

        The heat maps are drawn for the size of the degraded images, with the boxes in their pixels.
        """
        clean = to_float(batch.images)
        images, boxes = clean, batch.boxes
        if self.degradation is not None:
            images, boxes = self.degradation(clean, boxes, step, self.global_rank)
        size = (images.shape[2], images.shape[3])
        maps, restored = self.net.forward_with_restoration(images, (clean.shape[2], clean.shape[3]))
        with torch.autocast(images.device.type, enabled=False):
            targets = encode(boxes, batch.labels, batch.owners, len(images), self.net.classes, size)
            return Losses(
                heat_loss(maps.heatmap_logits, targets.heat),
                centre_loss(maps.size, targets.sizes, targets),
                centre_loss(maps.offset, targets.offsets, targets),
                None if restored is None else restoration_loss(restored, clean),
            )

    def detect(self, image: torch.Tensor) -> Detections:
        """Detect in one image; see ``DetectionTraining.detect``."""
        return detect(self.net, image)

    def configure_optimizers(self) -> Any:
        """Return the recipe's optimiser and schedule."""
        epoch_length = int(self.trainer.estimated_stepping_batches) // self.recipe.schedule.epochs
        return optimiser_and_schedule(self.net, self.recipe.optimiser, self.recipe.schedule, epoch_length)


def detect(net: AerisNet, image: torch.Tensor) -> Detections:
    """Detect in one image, float (3, h, w) in [0, 1], as the method does at test time."""
    peaks = find_objects(net, image)
    arrays = (one.cpu().numpy() for one in (peaks.xyxy, peaks.scores, peaks.labels))
    return finish(*arrays, size=(image.shape[1], image.shape[2]), limit=MAX_DETECTIONS)
