"""One training step of a restoration network, and its validation."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl
from torch import Tensor
from torch.nn import functional as F

from ...datasets.degradations.resize import to_float, to_uint8
from ..training.finite import check_finite
from ..training.gather import gather_objects
from ..training.schedule import optimiser_and_schedule
from ..training.validation import mean_psnr
from .aod import AodNet
from .recipe import RestorerRecipe


class RestorerTraining(pl.LightningModule):
    """AOD-Net, the mean squared difference from the clean image, and an optimiser."""

    def __init__(self, network: AodNet, recipe: RestorerRecipe, epoch_steps: int) -> None:
        """Keep what training needs.

        Args:
            network: With its first weights.
            recipe: Optimiser and schedule.
            epoch_steps: Optimiser steps in an epoch.
        """
        super().__init__()
        self.net, self.recipe, self.epoch_steps = network, recipe, epoch_steps
        self._errors: dict[int, float] = {}

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        """Return the loss of one batch of pairs, uint8 (B, 2, 3, h, w).

        Raises:
            NotFiniteError: The loss is infinite or no number.
        """
        degraded, clean = to_float(batch).unbind(dim=1)
        loss = F.mse_loss(self.net(degraded), clean)
        check_finite(self, loss, batch_idx)
        self.log("loss", loss, on_step=False, on_epoch=True, prog_bar=True, batch_size=len(batch))
        return loss

    def on_validation_epoch_start(self) -> None:
        """Forget what an earlier validation found."""
        self._errors = {}

    def validation_step(self, batch: tuple[int, Tensor], batch_idx: int) -> None:
        """Restore one held-out image and compare it, rounded to 8 bits, with its clean one."""
        place, pair = batch
        degraded, clean = to_float(pair)
        restored = to_float(to_uint8(self.net(degraded[None])[0].float()))
        self._errors[place] = float(F.mse_loss(restored, clean))

    def on_validation_epoch_end(self) -> None:
        """Log the mean PSNR in RGB over what all processes restored; each computes the same figure."""
        errors = {place: error for part in gather_objects(self._errors) for place, error in part.items()}
        if errors:
            self.log("val_PSNR_RGB", mean_psnr(errors), prog_bar=True)

    def configure_optimizers(self) -> Any:
        """Return the recipe's optimiser and schedule."""
        return optimiser_and_schedule(self.net, self.recipe.optimiser, self.recipe.schedule, self.epoch_steps)
