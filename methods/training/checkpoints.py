"""Checkpoints of a training's whole state: the last one, to go on from, and the best one by validation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from torch import nn

from ...datasets.atomic import write_bytes
from ...datasets.errors import UserError

LAST, BEST = "last.ckpt", "best.ckpt"
_NOTE = "job.json"
"""Says which training a work folder belongs to."""


class CheckpointInsideEpochs(Callback):
    """Writes the last checkpoint every so many steps, besides the one after each epoch."""

    def __init__(self, path: Path, every: int) -> None:
        self.path, self.every = path, every

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Write it, unless the epoch's own checkpoint follows at once."""
        done = batch_idx + 1
        if done % self.every == 0 and done < trainer.num_training_batches:
            trainer.save_checkpoint(self.path)


def checkpoint_callbacks(work: Path, monitor: str, every_steps: int) -> list[Callback]:
    """Return the callbacks that write the last and the best checkpoint.

    Args:
        work: Folder of the checkpoints.
        monitor: Logged figure of which the highest is best; empty where nothing is validated.
        every_steps: Steps between checkpoints inside an epoch; 0 for none.
    """
    shared: dict[str, Any] = {"save_on_train_epoch_end": True, "enable_version_counter": False}
    inside = [CheckpointInsideEpochs(work / LAST, every_steps)] if every_steps else []
    best = [ModelCheckpoint(work, Path(BEST).stem, monitor=monitor, mode="max", **shared)] if monitor else []
    # After the best one, so that it knows which that is.
    return [*inside, *best, ModelCheckpoint(work, Path(LAST).stem, every_n_epochs=1, **shared)]


@dataclass(frozen=True)
class Progress:
    """Where a training stands.

    Attributes:
        epoch: The epoch in which to go on.
        batch: Batches of that epoch which are done.
    """

    epoch: int = 0
    batch: int = 0


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Load a checkpoint onto the CPU; it holds tensors and plain values only."""
    return torch.load(path, map_location="cpu", weights_only=True)


def progress_of(checkpoint: Mapping[str, Any], epoch_length: int) -> Progress:
    """Return where a checkpoint's training stands, given the number of batches in an epoch."""
    done = int(checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]["current"]["processed"])
    epoch = int(checkpoint["epoch"])
    return Progress(epoch + 1) if done >= epoch_length else Progress(epoch, done)


def best_figure(checkpoint: Mapping[str, Any]) -> dict[str, float]:
    """Return the highest monitored figure up to a checkpoint, by its name without ``val_``; empty without one."""
    states = [state for key, state in checkpoint["callbacks"].items() if key.startswith("ModelCheckpoint")]
    found = [state for state in states if state.get("monitor") and state.get("best_model_score") is not None]
    return {state["monitor"].removeprefix("val_"): round(float(state["best_model_score"]), 4) for state in found}


def load_network(net: nn.Module, checkpoint: Mapping[str, Any], prefix: str = "net.") -> None:
    """Load the weights that are to be used, averaged ones where training averages, into the network of a module."""
    net.load_state_dict({name.removeprefix(prefix): value for name, value in checkpoint["state_dict"].items()})


def prepare_work(work: Path, identity: Mapping[str, Any], *, resume: bool) -> Path | None:
    """Make the work folder, or check that the one to resume belongs to this very training.

    Args:
        work: The folder.
        identity: JSON-able values that make the training what it is.
        resume: Whether to go on.

    Returns:
        The checkpoint to go on from; None for a fresh start.

    Raises:
        UserError: There is nothing to resume, or it is of another training; says in which value they differ.
    """
    last, note = work / LAST, work / _NOTE
    plain = json.loads(json.dumps(identity))
    if not resume:
        work.mkdir(parents=True, exist_ok=True)
        for old in (last, work / BEST):
            old.unlink(missing_ok=True)
        write_bytes(note, (json.dumps(plain, indent=2) + "\n").encode())
        return None
    if not (last.is_file() and note.is_file()):
        raise UserError(f"{last}: there is no checkpoint to resume from; leave --resume away.")
    before = json.loads(note.read_text(encoding="utf-8"))
    differing = [name for name in sorted(plain.keys() | before.keys()) if plain.get(name) != before.get(name)]
    if differing:
        raise UserError(f"{last}: this training began with another {' and '.join(differing)}; leave --resume away.")
    return last
