"""Random numbers that torch draws without asking for a generator, made a function of (seed, step, rank)."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback

from ...datasets.seeds import stable_seed


class SeedEachStep(Callback):
    """Seeds torch's own generators before every step.

    Dropout and stochastic depth take no generator, and a checkpoint does not hold the state of torch's own: without
    this, a resumed training of a network with either would go another way than an uninterrupted one.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Seed the generators of all devices."""
        torch.manual_seed(stable_seed(self.seed, "torch", trainer.global_step, trainer.global_rank))
