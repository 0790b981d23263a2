"""Building and running Lightning's trainer: devices, precision, checkpoints, logs, progress, averaged weights."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging
from pydantic import BaseModel, ConfigDict, Field

from ...datasets.errors import UserError
from ..memory import keep_freed_memory
from .checkpoints import checkpoint_callbacks
from .finite import divergence_told
from .loggers import make_loggers
from .progress import progress_callback
from .request import FitRequest
from .seeding import SeedEachStep


class RunConfig(BaseModel):
    """How a training runs, as far as its result may depend on it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    precision: Literal["32", "bf16"] = "32"
    """"bf16": matrix products and convolutions in bfloat16, weights and losses in single precision."""
    average: float = Field(default=0.0, ge=0, lt=1)
    """Decay per step of an exponential moving average of the weights, which is then what is validated and written; 0
    for none."""
    validate_every: int = Field(default=1, gt=0)
    """Epochs between validations."""
    checkpoint_steps: int = Field(default=0, ge=0)
    """Steps between checkpoints inside an epoch, 0 for none; there is one after every epoch in any case."""
    workers: int = Field(default=2, ge=0)
    """Processes that prepare samples, for each training process."""


@dataclass(frozen=True)
class Limits:
    """How long and how steeply to train.

    Attributes:
        epochs: Number of epochs.
        clip: Largest L2 norm of the gradient; None for no limit.
    """

    epochs: int
    clip: float | None


def build_trainer(
    request: FitRequest,
    config: RunConfig,
    limits: Limits,
    monitor: str,
    callbacks: Sequence[Callback] = (),
    *,
    some_unused: bool = False,
) -> pl.Trainer:
    """Return a trainer that keeps the last checkpoint and the one with the highest ``monitor`` in ``request.work``.

    Args:
        request: What is trained, and where.
        config: How it runs.
        limits: How long and how steeply.
        monitor: Logged figure of which the highest is best; empty where nothing is validated.
        callbacks: Further ones.
        some_unused: Whether steps leave parameters without a gradient, for which several processes must look.

    Raises:
        UserError: The device is unknown, or there are fewer devices than asked for.
    """
    keep_freed_memory()
    average = [EMAWeightAveraging(decay=config.average)] if config.average else []
    with quiet():
        return pl.Trainer(
            **accelerator(request.device, request.devices),
            num_nodes=request.nodes,
            strategy="ddp_find_unused_parameters_true" if some_unused and _several(request) else "auto",
            precision="bf16-mixed" if config.precision == "bf16" else "32-true",
            max_epochs=limits.epochs,
            gradient_clip_val=limits.clip,
            check_val_every_n_epoch=config.validate_every,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            callbacks=[
                SeedEachStep(request.seed),
                *average,
                *checkpoint_callbacks(request.work, monitor, config.checkpoint_steps),
                progress_callback(request.rich, request.tell),
                *callbacks,
            ],
            logger=make_loggers(request.work),
            log_every_n_steps=10,
            enable_progress_bar=request.rich,
            enable_model_summary=False,
            default_root_dir=request.work,
        )


def _several(request: FitRequest) -> bool:
    return request.devices * request.nodes > 1


def accelerator(device: str, devices: int = 1) -> dict[str, Any]:
    """Translate a torch device name and a number of processes into Lightning's arguments.

    Raises:
        UserError: The device is unknown, or there are fewer on this machine than asked for.
    """
    kind, _, index = device.partition(":")
    if kind not in ("auto", "cpu", "cuda") or (index and (kind != "cuda" or not index.isdecimal())):
        raise UserError(f"unknown device {device!r}; give auto, cpu, cuda or cuda:<index>.")
    if index and devices > 1:
        raise UserError(f"--device {device} names one device, --devices {devices} several; give --device cuda.")
    present = torch.cuda.device_count()
    if kind == "cuda" and (int(index or 0) >= present or devices > present):
        raise UserError(f"{devices} x {device!r} asked for, {present} CUDA devices on this machine; give --device cpu.")
    if kind == "cpu" or not torch.cuda.is_available():
        return {"accelerator": "cpu", "devices": devices}
    return {"accelerator": "gpu", "devices": [int(index)] if index else devices}


def run_fit(
    last: Path,
    trainer: pl.Trainer,
    module: pl.LightningModule,
    train: Any,
    val: Any,
    checkpoint: Path | None,
) -> None:
    """Train, from a checkpoint where one is given.

    Args:
        last: Where the trainer writes its last checkpoint.
        trainer: Lightning's trainer.
        module: What is trained.
        train: Loader of the training batches.
        val: Loader of the batches to validate on; None for no validation.
        checkpoint: What to go on from; None to begin.

    Raises:
        KeyboardInterrupt: The user stopped the training; Lightning's own exit is turned back into it.
        UserError: The loss is no number any more; see ``divergence_told``.
    """
    try:
        with quiet(), divergence_told(last):
            trainer.fit(module, train, val, ckpt_path=checkpoint, weights_only=True)
    except SystemExit as error:
        raise KeyboardInterrupt from error


def process_rank() -> int:
    """Return this process' number among all of a training, before and after they found each other."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank()
    return int(os.environ.get("RANK") or os.environ.get("SLURM_PROCID") or os.environ.get("LOCAL_RANK") or 0)


@contextmanager
def quiet() -> Iterator[None]:
    """Silence Lightning's notices of devices, tips and loader sizes, which say nothing to a user of the command."""
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
