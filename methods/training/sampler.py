"""The order of training samples: a function of (seed, epoch), shared out among processes, entered at any batch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler

from ...datasets.seeds import stable_seed


class EpochSampler(Sampler[tuple[int, int]]):
    """Yields (epoch, position) keys: each epoch all positions once, in a fresh order.

    Batch b of process r holds the positions from (b * processes + r) * batch of the common order: all processes
    together see what a single one with a batch as large would. Positions that fill no batch on every process are left
    out of that epoch.

    Lightning calls ``set_epoch`` before each epoch, but for the first one that it runs only after workers began to
    fetch: that one is given here, and is not 0 when training is resumed.
    """

    def __init__(
        self,
        length: int,
        batch: int,
        seed: int,
        *,
        rank: int = 0,
        processes: int = 1,
        first_epoch: int = 0,
        first_batch: int = 0,
    ) -> None:
        """Describe the order.

        Args:
            length: Positions in an epoch.
            batch: Samples in a batch of one process.
            seed: Decides the order.
            rank: Number of this process.
            processes: Number of processes.
            first_epoch: The epoch in which training begins or goes on.
            first_batch: Batches of that epoch which were already learnt.
        """
        self.length, self.batch, self.seed = length, batch, seed
        self.rank, self.processes = rank, processes
        self.first_epoch, self.first_batch = first_epoch, first_batch
        self.epoch = first_epoch

    @property
    def batches(self) -> int:
        """Batches of one process in a whole epoch."""
        return self.length // (self.batch * self.processes)

    def __len__(self) -> int:
        """Return the samples of one process in a whole epoch, also where the first one is entered late."""
        return self.batches * self.batch

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch comes next."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[tuple[int, int]]:
        epoch = self.epoch
        order = np.random.Generator(np.random.Philox(stable_seed(self.seed, "order", epoch))).permutation(self.length)
        for batch in range(self.first_batch if epoch == self.first_epoch else 0, self.batches):
            start = (batch * self.processes + self.rank) * self.batch
            for position in order[start : start + self.batch]:
                yield epoch, int(position)
