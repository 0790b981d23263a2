"""Progress of a training on the terminal: a live bar, or one line an epoch."""

from __future__ import annotations

import time

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback, RichProgressBar

from .request import Tell


class EpochLines(Callback):
    """Plain progress: one line an epoch, from the first process."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._started = 0.0
        self._validated = False

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the epoch's clock."""
        self._started = time.monotonic()
        self._validated = False

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Remember that this epoch's figures of validation are new ones."""
        self._validated = True

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Say the epoch's mean losses, what validation found, and how long it took."""
        if not trainer.is_global_zero:
            return
        names = [name for name in sorted(trainer.callback_metrics) if self._validated or not name.startswith("val_")]
        shown = ", ".join(f"{name} {float(trainer.callback_metrics[name]):.3f}" for name in names)
        seconds = time.monotonic() - self._started
        self._tell(f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}: {shown}, {seconds:.0f} s")


def progress_callback(rich: bool, tell: Tell) -> Callback:
    """Return a live progress bar, or plain lines where the output is no terminal."""
    return RichProgressBar() if rich else EpochLines(tell)
