"""Going on with a training that was stopped."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from .checkpoints import LAST, prepare_work, progress_of, read_checkpoint
from .request import FitRequest
from .sampler import EpochSampler
from .trainer import process_rank

_WITHOUT_EFFECT: Any = {"cache": True, "run": {"workers", "checkpoint_steps"}}
"""Fields of a recipe on which the result does not depend."""


def prepare(request: FitRequest, recipe: BaseModel, data: Mapping[str, Any]) -> Path | None:
    """Return the checkpoint to go on from; the first process makes or examines the work folder for all.

    Args:
        request: What to train.
        recipe: How.
        data: What else makes the training what it is, by the words in which a user is told that it differs.

    Raises:
        UserError: There is nothing to resume, or it is of another training.
    """
    if process_rank() != 0:
        return request.work / LAST if request.resume else None
    identity = {
        "method": request.method,
        "seed": request.seed,
        "config": recipe.model_dump(mode="json", exclude=_WITHOUT_EFFECT),
        "number of processes": request.devices * request.nodes,
        **data,
    }
    return prepare_work(request.work, identity, resume=request.resume)


def enter(sampler: EpochSampler, checkpoint: Path | None) -> None:
    """Let samples begin where a checkpoint ended; with None, at the start."""
    if checkpoint is None:
        return
    at = progress_of(read_checkpoint(checkpoint), sampler.batches)
    sampler.first_epoch, sampler.first_batch, sampler.epoch = at.epoch, at.batch, at.epoch
