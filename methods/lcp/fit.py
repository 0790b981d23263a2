"""One training step of LCP and of its baseline, and their validation, as Lightning calls them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from ...datasets.types import Detections
from ..training.finite import check_finite
from ..training.heldout import HeldOut
from ..training.request import Measure
from ..training.schedule import optimiser_and_schedule
from ..training.validation import DetectionTraining
from .data import TrainBatch
from .modes import Mode, enter_mode
from .net import LcpNet
from .recipe import Recipe

CRUX = "crux_learner"
"""What the names of the crux learner's parameters hold."""


class LcpTraining(DetectionTraining):
    """A network whose learners take turns, or one without that learns to detect all the time."""

    def __init__(
        self,
        net: LcpNet,
        recipe: Recipe,
        modes: Sequence[Mode],
        held_out: HeldOut | None = None,
        measure: Measure | None = None,
    ) -> None:
        """Keep what training needs.

        Args:
            net: The network with its first weights.
            recipe: Optimiser, schedule, weight of the catch-up loss.
            modes: The mode of each epoch.
            held_out: Images to validate on.
            measure: Measures detections on them.
        """
        super().__init__(held_out, measure)
        self.net, self.recipe, self.modes = net, recipe, tuple(modes)
        self._entered = -1
        self.train()  # Lightning takes modules as they are

    def training_step(self, batch: TrainBatch, batch_idx: int) -> Tensor:
        """Return the loss of one batch: the only one of its epoch's mode.

        Raises:
            NotFiniteError: The loss is infinite or no number.
        """
        parts = self.losses(batch)
        total = torch.stack(list(parts.values())).sum()
        check_finite(self, total, batch_idx)
        count = len(batch.images)
        self.log("loss", total, on_step=False, on_epoch=True, prog_bar=True, batch_size=count)
        self.log_dict(parts, on_step=False, on_epoch=True, batch_size=count)
        return total

    def losses(self, batch: TrainBatch) -> dict[str, Tensor]:
        """Return the weighted losses of one batch by name."""
        if batch.favoured:
            return {"catch_up": self.recipe.kl_weight * self.net.catch_up_loss(batch.images, batch.favoured)}
        losses = self.net.detection_losses(batch.images, batch.boxes, batch.labels)
        # Losses are logged by name, and mmdet names some with a dot.
        return {name.replace(".", "_"): value for name, value in losses.items()}

    def on_train_batch_start(self, batch: TrainBatch, batch_idx: int) -> None:
        """Let learn what learns in this epoch, and forget gradients of the epoch before.

        Not at the epoch's start, of which Lightning says nothing where a training is resumed within an epoch.
        """
        if self.net.lcp is None or self._entered == self.current_epoch:
            return
        self._entered = self.current_epoch
        self.zero_grad(set_to_none=not self.recipe.legacy.drift)
        enter_mode(self.net.model, self.modes[self.current_epoch])

    def optimizer_zero_grad(self, epoch: int, batch_idx: int, optimizer: Any) -> None:
        """Forget gradients; under the legacy switch they become 0, on which momentum and decay still act."""
        optimizer.zero_grad(set_to_none=not self.recipe.legacy.drift)

    def detect(self, image: Tensor) -> Detections:
        """Detect in one image; see ``DetectionTraining.detect``."""
        return self.net.detect(image)

    def configure_optimizers(self) -> Any:
        """Return one optimiser of all that learns in any epoch, and its schedule."""
        if self.net.lcp is not None:
            self._let_all_learn()
        epoch_length = int(self.trainer.estimated_stepping_batches) // self.recipe.schedule.epochs
        rates = {CRUX: self.recipe.crux_rate}
        return optimiser_and_schedule(self.net, self.recipe.optimiser, self.recipe.schedule, epoch_length, rates)

    def _let_all_learn(self) -> None:
        learning: set[Tensor] = set()
        for mode in dict.fromkeys(self.modes):
            enter_mode(self.net.model, mode)
            learning |= {one for one in self.net.parameters() if one.requires_grad}
        for one in learning:
            one.requires_grad_(True)

    def train(self, mode: bool = True) -> LcpTraining:
        """Let batch normalisation learn if the recipe says so, whatever mmdet's config says of it."""
        super().train(mode)
        for module in self.net.modules():
            if isinstance(module, _BatchNorm):
                module.train(mode and self.recipe.train_norms)
        return self
