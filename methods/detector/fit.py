"""The training loop on Lightning: optimiser, schedule, averaged weights, checkpoints after each epoch, progress."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging, ModelCheckpoint
from torch.utils.data import DataLoader

from ..memory import keep_freed_memory
from ..training.checkpoints import load_network, read_checkpoint
from ..training.finite import check_finite
from ..training.progress import progress_callback
from ..training.request import Tell
from ..training.trainer import accelerator, quiet, run_fit
from .config import OptimiserConfig
from .crops import Crops, CropSampler
from .loss import detector_loss
from .net import MiniNet
from .targets import Targets

CHECKPOINT = "last"
"""Stem of the checkpoint's file name in the working folder."""
_WORKERS = 2


class TrainingModule(pl.LightningModule):
    """The network with its loss and optimiser."""

    def __init__(self, net: MiniNet, config: OptimiserConfig) -> None:
        super().__init__()
        self.net, self.config = net, config

    def training_step(self, batch: tuple[torch.Tensor, Targets], batch_idx: int) -> torch.Tensor:
        """Return the loss of one batch of crops (B, 3, size, size) with their targets."""
        images, targets = batch
        loss = detector_loss(self.net(images), targets)
        check_finite(self, loss, batch_idx)
        self.log("loss", loss, on_step=False, on_epoch=True, prog_bar=True, batch_size=len(images))
        return loss

    def configure_optimizers(self) -> Any:
        """AdamW under a one-cycle schedule (Smith and Topin 2019), stepped after every batch."""
        optimiser = torch.optim.AdamW(
            parameter_groups(self.net, self.config.weight_decay), lr=self.config.learning_rate
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser,
            max_lr=self.config.learning_rate,
            total_steps=int(self.trainer.estimated_stepping_batches),
            pct_start=self.config.warm_up,
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def parameter_groups(net: torch.nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Split parameters: convolution kernels are decayed, biases and normalisation gains are not."""
    parameters = list(net.parameters())
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def fit(
    net: MiniNet,
    crops: Crops,
    config: OptimiserConfig,
    work: Path,
    *,
    device: str,
    resume: bool,
    rich: bool,
    tell: Tell,
    callbacks: tuple[Callback, ...] = (),
) -> int:
    """Train a network in place; it ends with the averaged weights.

    Args:
        net: The network with its initial weights.
        crops: The training crops.
        config: Optimiser settings.
        work: Folder of the checkpoint, written after every epoch.
        device: "auto", "cpu", "cuda" or "cuda:<index>".
        resume: Go on from the checkpoint in ``work``.
        rich: Show a live progress bar instead of one line an epoch.
        tell: Where the lines go.
        callbacks: More Lightning callbacks.

    Returns:
        The number of optimiser steps taken in all.

    Raises:
        KeyboardInterrupt: The user stopped the training; the checkpoint of the last whole epoch stays.
        UserError: The device is unknown or absent.
    """
    keep_freed_memory()
    module = TrainingModule(net, config)
    with quiet():
        trainer = pl.Trainer(
            **accelerator(device),
            max_epochs=config.epochs,
            gradient_clip_val=config.clip,
            callbacks=[
                EMAWeightAveraging(decay=config.average),
                _checkpoints(work),
                progress_callback(rich, tell),
                *callbacks,
            ],
            enable_progress_bar=rich,
            enable_model_summary=False,
            logger=False,
            default_root_dir=work,
        )
        checkpoint = work / f"{CHECKPOINT}.ckpt"
    first_epoch = read_checkpoint(checkpoint)["epoch"] + 1 if resume else 0
    run_fit(
        checkpoint, trainer, module, _loader(crops, config.batch, first_epoch), None, checkpoint if resume else None
    )
    last = read_checkpoint(checkpoint)
    load_network(net, last)  # Lightning itself leaves the averaged weights out where no epoch was left to run
    return int(last["global_step"])


def _checkpoints(work: Path) -> ModelCheckpoint:
    return ModelCheckpoint(work, CHECKPOINT, save_top_k=1, every_n_epochs=1, enable_version_counter=False)


def _loader(crops: Crops, batch: int, first_epoch: int) -> DataLoader[tuple[torch.Tensor, Targets]]:
    """Batches of one size only: a small last batch would disturb the normalisation statistics."""
    workers = min(_WORKERS, os.cpu_count() or 1)
    sampler = CropSampler(len(crops), crops.seed, first_epoch)
    return DataLoader(
        crops, batch, sampler=sampler, drop_last=len(crops) >= batch, num_workers=workers, persistent_workers=True
    )
