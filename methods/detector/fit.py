"""The training loop on Lightning: optimiser, schedule, averaged weights, checkpoints after each epoch, progress."""

from __future__ import annotations

import ctypes
import logging
import os
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging, ModelCheckpoint, RichProgressBar
from torch.utils.data import DataLoader

from ...datasets.errors import UserError
from .config import OptimiserConfig
from .crops import Crops, CropSampler
from .loss import detector_loss
from .net import MiniNet
from .targets import Targets

CHECKPOINT = "last"
"""Stem of the checkpoint's file name in the working folder."""
_WORKERS = 2
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Options of glibc's ``mallopt``, as numbered in its malloc.h."""

Tell = Callable[[str], None]
"""Shows one line of progress to the user."""


class TrainingModule(pl.LightningModule):
    """The network with its loss and optimiser."""

    def __init__(self, net: MiniNet, config: OptimiserConfig) -> None:
        super().__init__()
        self.net, self.config = net, config

    def training_step(self, batch: tuple[torch.Tensor, Targets], batch_idx: int) -> torch.Tensor:
        """Return the loss of one batch of crops (B, 3, size, size) with their targets."""
        images, targets = batch
        loss = detector_loss(self.net(images), targets)
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


class EpochLines(Callback):
    """Plain progress: one line an epoch."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._started = 0.0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the epoch's clock."""
        self._started = time.monotonic()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Say the epoch's mean loss and how long it took."""
        loss = float(trainer.callback_metrics["loss"])
        seconds = time.monotonic() - self._started
        self._tell(f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}: loss {loss:.3f}, {seconds:.0f} s")


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
    progress: list[Callback] = [RichProgressBar()] if rich else [EpochLines(tell)]
    with _quiet():
        trainer = pl.Trainer(
            **accelerator(device),
            max_epochs=config.epochs,
            gradient_clip_val=config.clip,
            callbacks=[EMAWeightAveraging(decay=config.average), _checkpoints(work), *progress, *callbacks],
            enable_progress_bar=rich,
            enable_model_summary=False,
            logger=False,
            default_root_dir=work,
        )
        checkpoint = work / f"{CHECKPOINT}.ckpt"
        first_epoch = _read(checkpoint)["epoch"] + 1 if resume else 0
        _run(trainer, module, _loader(crops, config.batch, first_epoch), checkpoint if resume else None)
    return _take_average(net, _read(checkpoint))


def accelerator(device: str) -> dict[str, Any]:
    """Translate a torch device name into Lightning's arguments.

    Raises:
        UserError: The device is unknown, or absent on this machine.
    """
    kind, _, index = device.partition(":")
    if kind not in ("auto", "cpu", "cuda") or (index and not index.isdecimal()):
        raise UserError(f"unknown device {device!r}; give auto, cpu, cuda or cuda:<index>.")
    if kind != "cuda":
        return {"accelerator": kind, "devices": 1}
    if int(index or 0) >= torch.cuda.device_count():
        raise UserError(f"the device {device!r} is not on this machine; give --device cpu.")
    return {"accelerator": "gpu", "devices": [int(index or 0)]}


def keep_freed_memory() -> None:
    """Let glibc keep freed blocks for the next step, where the C library is glibc.

    By default it hands blocks of feature-map size back to the system at once and asks for them anew in the next step;
    clearing their pages took a quarter of the training time.
    """
    try:
        library = ctypes.CDLL("libc.so.6")
    except OSError:
        return
    for option in (_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD):
        library.mallopt(option, 2**30)


def _checkpoints(work: Path) -> ModelCheckpoint:
    return ModelCheckpoint(work, CHECKPOINT, save_top_k=1, every_n_epochs=1, enable_version_counter=False)


def _read(checkpoint: Path) -> dict[str, Any]:
    return torch.load(checkpoint, map_location="cpu", weights_only=True)


def _take_average(net: MiniNet, checkpoint: dict[str, Any]) -> int:
    """Load the averaged weights, which Lightning itself leaves out where no epoch was left to run."""
    net.load_state_dict({name.removeprefix("net."): value for name, value in checkpoint["state_dict"].items()})
    return int(checkpoint["global_step"])


def _loader(crops: Crops, batch: int, first_epoch: int) -> DataLoader[tuple[torch.Tensor, Targets]]:
    """Batches of one size only: a small last batch would disturb the normalisation statistics."""
    workers = min(_WORKERS, os.cpu_count() or 1)
    sampler = CropSampler(len(crops), crops.seed, first_epoch)
    return DataLoader(
        crops, batch, sampler=sampler, drop_last=len(crops) >= batch, num_workers=workers, persistent_workers=True
    )


def _run(trainer: pl.Trainer, module: TrainingModule, loader: DataLoader[Any], checkpoint: Path | None) -> None:
    """Fit, and turn Lightning's exit after Ctrl-C back into the interrupt that it was."""
    try:
        trainer.fit(module, loader, ckpt_path=checkpoint, weights_only=True)
    except SystemExit as error:
        raise KeyboardInterrupt from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Lightning's notices of devices, tips and loader sizes, which say nothing to a user of this command."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
