"""The feature maps of one resolution that densely connected units read all at once."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


class Maps:
    """Feature maps of one resolution, newest first, as upstream joins them.

    Without gradients on a CPU they lie in one channels-last buffer from the start, so that no reader copies them. Each
    of n maps is otherwise copied for each of up to n readers.
    """

    def __init__(self, count: int, buffered: bool) -> None:
        """Make room.

        Args:
            count: How many maps will be added.
            buffered: Keep them in one buffer.
        """
        self._count = count
        self._buffered = buffered
        self._buffer: Tensor | None = None
        self._maps: list[Tensor] = []

    def __len__(self) -> int:
        return len(self._maps)

    @property
    def newest(self) -> Tensor:
        """Return the map that was added last, (B, C, H, W)."""
        return self._maps[0]

    def add(self, new: Tensor) -> None:
        """Add a map, (B, C, H, W)."""
        if not self._buffered:
            self._maps.insert(0, new)
            return
        batch, channels, height, width = new.shape
        if self._buffer is None:
            self._buffer = new.new_empty(batch, height, width, self._count * channels)
        start = (self._count - len(self._maps) - 1) * channels
        slot = self._buffer[..., start : start + channels].permute(0, 3, 1, 2)
        slot.copy_(new)
        # Only the newest is read alone, and it is quicker to read where it lies in one piece.
        self._maps = [new, *([slot] * len(self._maps))]

    def joined(self) -> Tensor:
        """Return all maps side by side, (B, n * C, H, W)."""
        if len(self._maps) == 1:
            return self.newest
        if self._buffer is None:
            return torch.cat(self._maps, 1)
        channels = len(self._maps) * self.newest.shape[1]
        return self._buffer[..., -channels:].permute(0, 3, 1, 2)

    def read_by(self, unit: nn.Module, *, recompute: bool) -> Tensor:
        """Return what a unit makes of all maps.

        Args:
            unit: Takes the maps side by side.
            recompute: Keep nothing of the unit for the backward pass but these maps, and run it again then.
        """
        if not recompute:
            return unit(self.joined())

        def run(newest: Tensor, *others: Tensor) -> Tensor:
            return unit(torch.cat([newest, *others], 1) if others else newest)

        result = checkpoint(run, *self._maps, use_reentrant=False, preserve_rng_state=False)
        assert isinstance(result, Tensor)
        return result
