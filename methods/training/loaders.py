"""Data loaders of a training, and the order in which they give out samples."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from ...datasets.errors import UserError
from .heldout import EqualShares, HeldOut
from .request import FitRequest
from .sampler import EpochSampler
from .trainer import process_rank


def epoch_sampler(request: FitRequest, samples: int, batch: int) -> EpochSampler:
    """Return the order of samples for this process.

    Args:
        request: Says the seed and the number of processes.
        samples: Samples in an epoch of all processes together.
        batch: Samples in a step of all processes together.

    Raises:
        UserError: A batch does not divide among the processes, or there are fewer samples than a batch has.
    """
    processes = request.devices * request.nodes
    if batch % processes:
        raise UserError(f"the field 'batch' is {batch} and does not divide among {processes} processes.")
    if samples < batch:
        raise UserError(f"{samples} crops in an epoch are fewer than the field 'batch' asks for, {batch}.")
    return EpochSampler(samples, batch // processes, request.seed, rank=process_rank(), processes=processes)


def train_loader(
    samples: TorchDataset[Any],
    sampler: EpochSampler,
    collate: Callable[[Sequence[Any]], Any],
    request: FitRequest,
    workers: int,
) -> DataLoader[Any]:
    """Return batches in the sampler's order, prepared by at most ``workers`` processes."""
    count = min(workers, os.cpu_count() or 1)
    return DataLoader(
        samples,
        sampler.batch,
        sampler=sampler,
        collate_fn=collate,
        num_workers=count,
        persistent_workers=count > 0,
        pin_memory=torch.cuda.is_available() and request.device != "cpu",
        drop_last=True,
    )


def val_loader(held_out: HeldOut, sampler: EpochSampler) -> DataLoader[Any]:
    """Return held-out images one by one, since their sizes differ, shared out among the processes."""
    share = EqualShares(len(held_out), sampler.rank, sampler.processes)
    return DataLoader(held_out, batch_size=None, sampler=share)
