"""The crux learner: a soft mask over the image, learnt from the detection loss alone."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from .config import LcpConfig

KERNELS = (3, 5)
"""Sides of the depth-wise kernels: of all blocks, and of the last one."""
BAND = 128
"""Rows of the image whose heat map is computed at a time."""


class Block(nn.Module):
    """1x1 convolution to thrice the channels, depth-wise convolution, 1x1 convolution; ReLU after the first two."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int) -> None:
        super().__init__()
        hidden = 3 * channels_in
        self.conv1 = nn.Conv2d(channels_in, hidden, 1)
        self.conv2 = nn.Conv2d(hidden, hidden, kernel, padding=kernel // 2, groups=hidden)
        self.conv3 = nn.Conv2d(hidden, channels_out, 1)

    def forward(self, maps: Tensor) -> Tensor:
        """Return (B, channels_out, H, W) of (B, channels_in, H, W)."""
        return self.conv3(F.relu_(self.conv2(F.relu_(self.conv1(maps)))))


class CruxLearner(nn.Module):
    """Multiplies an image with a soft mask (source: ``LCP/models/lcp.py`` of the release, ``CruxLearner``).

    All layers have the image's full resolution, so memory is the cost: 48 channels of 800 x 1344 pixels take 206 MB.
    The heat map is therefore computed in bands of ``BAND`` rows, each with the rows around it that its convolutions
    read, and while training each band is computed again for the gradient. The outputs stay the same.
    """

    def __init__(self, config: LcpConfig) -> None:
        super().__init__()
        widths = [3, *[config.channels] * (config.blocks - 1), 1]
        usual, last = KERNELS
        kernels = [usual] * (config.blocks - 1) + [last]
        steps = zip(pairwise(widths), kernels, strict=True)
        self.h_evaluation = nn.ModuleList(Block(*sides, kernel) for sides, kernel in steps)
        self.steepness, self.threshold = config.steepness, config.threshold
        self.reach = sum(kernel // 2 for kernel in kernels)
        """Rows beyond a pixel that its heat depends on."""
        self.band: int | None = BAND
        """None computes the whole image at once, and keeps all that the gradient needs."""

    def forward(self, images: Tensor) -> Tensor:
        """Return the crux: normalised images (B, 3, H, W) times their masks, the same shape."""
        return images * self.mask(images)

    def mask(self, images: Tensor) -> Tensor:
        """Return the masks (B, 1, H, W), each value in (0, 1): 1 / (1 + exp(-k (h - threshold)))."""
        return torch.sigmoid(self.steepness * (self.heat(images) - self.threshold))

    def heat(self, images: Tensor) -> Tensor:
        """Return the heat maps h (B, 1, H, W), of any value."""
        # Depth-wise convolutions take two thirds of the time where a pixel's channels lie side by side.
        images = images.contiguous(memory_format=torch.channels_last)
        height = images.shape[2]
        if self.band is None or height <= self.band:
            return self._blocks(images)
        return torch.cat([self._band(images, top, height) for top in range(0, height, self.band)], dim=2)

    def _band(self, images: Tensor, top: int, height: int) -> Tensor:
        """Return the heat of a band, from its rows and those within reach."""
        assert self.band is not None
        bottom = min(height, top + self.band)
        start, stop = max(0, top - self.reach), min(height, bottom + self.reach)
        rows = images[:, :, start:stop]
        again = torch.is_grad_enabled() and any(one.requires_grad for one in (images, *self.parameters()))
        heat = checkpoint(self._blocks, rows, use_reentrant=False) if again else self._blocks(rows)
        assert isinstance(heat, Tensor)
        return heat[:, :, top - start : bottom - start]

    def _blocks(self, maps: Tensor) -> Tensor:
        for block in self.h_evaluation:
            maps = block(maps)
        return maps
