"""One training step of super-resolution with or without a detector behind it, and its validation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...datasets.degradations.resize import resize, to_float, to_uint8
from ...datasets.types import Detections
from ..boxes import to_dataset
from ..class_names import label_map
from ..detectors.base import Detector, TaskTargets
from ..sr.base import SrNetwork
from ..sr.classsr_losses import routing_loss
from ..sr.networks.classsr import ClassSr
from ..training.checkpoints import load_network
from ..training.finite import check_finite
from ..training.gather import gather_objects
from ..training.heldout import HeldOut
from ..training.request import Measure
from ..training.schedule import optimiser_and_schedule
from ..training.validation import MONITOR, mean_psnr
from .data import PairBatch, reduced
from .losses import detection_loss, feature_loss, reconstruction_loss
from .recipe import TdsrRecipe


class TdsrTraining(pl.LightningModule):
    """A super-resolution network, the detector behind it, their losses and their optimiser."""

    def __init__(
        self,
        sr: SrNetwork,
        detector: Detector | None,
        known: list[Tensor],
        recipe: TdsrRecipe,
        held_out: HeldOut | None = None,
        measure: Measure | None = None,
    ) -> None:
        """Keep what training needs; networks that do not learn are frozen.

        Args:
            sr: The super-resolution network with its first weights.
            detector: Loaded; None where no loss needs one.
            known: For each data set, bool (classes of the detector,): those that are labelled there.
            recipe: Losses, optimiser, schedule.
            held_out: Images to validate on.
            measure: Measures detections on them.
        """
        super().__init__()
        self.net = nn.ModuleDict({"sr": sr.requires_grad_(recipe.learns_sr)})
        self.detector, self.known, self.recipe = detector, known, recipe
        self.losses_at = recipe.loss_schedule
        self.held_out, self.measure = held_out, measure
        self._found: dict[int, tuple[Detections | None, float]] = {}
        if detector is not None and recipe.learns_task:
            self.net["task"] = detector.trainable_module().requires_grad_(True)

    @property
    def sr(self) -> SrNetwork:
        """The super-resolution network."""
        network = self.net["sr"]
        assert isinstance(network, SrNetwork)
        return network

    def load_weights(self, checkpoint: Mapping[str, Any]) -> None:
        """Load a checkpoint's weights, averaged ones where training averages, into the networks that learn."""
        load_network(self.net, checkpoint)

    def training_step(self, batch: PairBatch, batch_idx: int) -> Tensor:
        """Return the loss of one batch of pairs.

        Raises:
            NotFiniteError: The loss is infinite or no number.
        """
        phase = self.losses_at.at(self.global_step)
        parts = self.losses(batch, needs_task=bool(phase.beta))
        weights = {"reconstruction": phase.alpha, "task": phase.beta, "routing": 1.0}
        total = torch.stack([weights[name] * part for name, part in parts.items()]).sum()
        check_finite(self, total, batch_idx)
        count = len(batch.high)
        self.log("loss", total, on_step=False, on_epoch=True, prog_bar=True, batch_size=count)
        self.log_dict(parts, on_step=False, on_epoch=True, batch_size=count)
        return total

    def losses(self, batch: PairBatch, *, needs_task: bool) -> dict[str, Tensor]:
        """Return the unweighted losses of one batch by name: "reconstruction", and "task" where it is needed.

        A network that routes patches adds "routing", weighted as published.
        """
        high, low = to_float(batch.high), to_float(batch.low)
        restored, probabilities = self._seen(high, low)
        with torch.autocast(high.device.type, enabled=False):
            parts = {"reconstruction": reconstruction_loss(restored.float(), high, self.recipe.reconstruction)}
            if probabilities is not None:
                parts["routing"] = routing_loss(probabilities.float())
            if needs_task:
                parts["task"] = self._task(restored.float(), high, batch)
        return parts

    def _seen(self, high: Tensor, low: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the image in the frame of ``high`` that the detector is to see under the recipe's setting.

        With it come the probabilities of classes where a network that routes patches learns.
        """
        setting, size = self.recipe.setting, (high.shape[2], high.shape[3])
        probabilities = None
        if setting == "H->T":
            return high, None
        if setting == "L->T":
            enlarged = (low.shape[2] * self.sr.scale, low.shape[3] * self.sr.scale)
            restored = resize(low, enlarged, "bicubic", antialias=False)
        elif isinstance(self.sr, ClassSr) and self.sr.training:
            output = self.sr.classified(low)
            restored, probabilities = output.images, output.probabilities
        else:
            with torch.set_grad_enabled(self.recipe.learns_sr and torch.is_grad_enabled()):
                restored = self.sr(low)
        return restored[..., : size[0], : size[1]], probabilities

    def _task(self, restored: Tensor, high: Tensor, batch: PairBatch) -> Tensor:
        assert self.detector is not None
        task = self.recipe.task
        if task.loss == "features":
            return feature_loss(self.detector, restored, high, task.levels, task.norm)
        known = [self.known[int(source)].to(restored.device) for source in batch.source]
        targets = [TaskTargets(*one) for one in zip(batch.boxes, batch.labels, known, strict=True)]
        return detection_loss(self.detector, restored, targets)

    def on_validation_epoch_start(self) -> None:
        """Forget what an earlier validation found."""
        self._found = {}

    def validation_step(self, batch: tuple[int, Tensor], batch_idx: int) -> None:
        """Restore one held-out clean image's low-resolution form, compare, and detect in it."""
        place, high = batch
        low = to_float(reduced(high.cpu(), self.sr.scale).to(high.device))
        wanted = to_float(high)
        restored = self._seen(wanted[None], low[None])[0][0].clamp(0, 1)
        error = float(F.mse_loss(to_float(to_uint8(restored)), wanted))
        self._found[place] = (self._detect(restored, place), error)

    def _detect(self, restored: Tensor, place: int) -> Detections | None:
        if self.detector is None or self.held_out is None:
            return None
        found = self.detector.predict([to_float(to_uint8(restored))])[0]
        labels = label_map(self.detector.class_names, self.held_out.classes)
        return to_dataset(found, labels, (1.0, 1.0), self.held_out.records[place].size)

    def on_validation_epoch_end(self) -> None:
        """Measure what all processes found together; each process computes the same figures."""
        found = {place: one for part in gather_objects(self._found) for place, one in part.items()}
        if not found:
            return
        psnr = mean_psnr({place: error for place, (_, error) in found.items()})
        self.log("val_PSNR_RGB", psnr, prog_bar=True)
        detections = [(place, one) for place, (one, _) in sorted(found.items()) if one is not None]
        if self.measure is None or self.held_out is None or not detections:
            return
        for name, value in self.measure(self.held_out, detections).items():
            if value is not None:
                self.log(f"val_{name}", value, prog_bar=f"val_{name}" == MONITOR)

    def configure_optimizers(self) -> Any:
        """Return the recipe's optimiser and schedule."""
        return optimiser_and_schedule(
            self.net, self.recipe.optimiser, self.recipe.learning_rates(), self.recipe.epoch_steps
        )

    def train(self, mode: bool = True) -> TdsrTraining:
        """Keep a frozen network in evaluation mode, and a detector too: it keeps its normalisation statistics."""
        super().train(mode)
        if not self.recipe.learns_sr:
            self.net["sr"].eval()
        if "task" in self.net:
            self.net["task"].eval()
        return self
