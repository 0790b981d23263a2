"""A loss that is no number any more stops the training, and what was learnt before is kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lightning.pytorch as pl
import torch

from ...datasets.errors import UserError


class NotFiniteError(ArithmeticError):
    """A loss is no number any more. The last checkpoint, from before, is kept."""


def check_finite(module: pl.LightningModule, total: torch.Tensor, batch_idx: int) -> None:
    """Refuse to go on with a loss.

    Args:
        module: The training.
        total: The loss of a step.
        batch_idx: Number of the batch in its epoch.

    Raises:
        NotFiniteError: The loss is infinite or no number; the step and the batch are named.
    """
    if not torch.isfinite(total):
        raise NotFiniteError(
            f"the loss of step {module.global_step} (batch {batch_idx} of epoch {module.current_epoch + 1}) is "
            f"{float(total.detach())}"
        )


@contextmanager
def divergence_told(last: Path) -> Iterator[None]:
    """Turn a ``NotFiniteError`` into a sentence for the user.

    Args:
        last: Where the training writes its last checkpoint.

    Raises:
        UserError: The loss is no number any more; the last checkpoint stays.
    """
    try:
        yield
    except NotFiniteError as error:
        kept = f"the checkpoint before it is {last}" if last.is_file() else "there was no checkpoint before it"
        raise UserError(
            f"{error}; {kept}. Train again with a lower --set optimiser.learning_rate= or with --set optimiser.clip=1."
        ) from error
