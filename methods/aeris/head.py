"""The head of CenterNet: centres, sizes and offsets at a quarter of the image's size."""

from __future__ import annotations

import math
from typing import NamedTuple

from torch import Tensor, nn

FIRST_PROBABILITY = 0.1
"""What the heat map says everywhere before training (mmdetection's CenterNetHead): a bias of -2.197."""
BOX_SPREAD = 0.001
"""Standard deviation of the first weights of the other two branches."""


class HeadMaps(NamedTuple):
    """What the head says of a batch of B images in cells of 4 x 4 pixels, C classes.

    Attributes:
        heatmap_logits: float (B, C, H/4, W/4); the sigmoid is the score of "an object's centre lies in this cell".
        size: float (B, 2, H/4, W/4), width and height of the object, cells.
        offset: float (B, 2, H/4, W/4), x and y of its centre within the cell.
    """

    heatmap_logits: Tensor
    size: Tensor
    offset: Tensor


class CenterHead(nn.Module):
    """Three branches of a 3x3 and a 1x1 convolution, initialised as mmdetection's ``CenterNetHead``."""

    def __init__(self, inputs: int, channels: int, classes: int) -> None:
        super().__init__()
        self.heatmap = _branch(inputs, channels, classes)
        self.size = _branch(inputs, channels, 2)
        self.offset = _branch(inputs, channels, 2)
        rare = -math.log((1 - FIRST_PROBABILITY) / FIRST_PROBABILITY)
        nn.init.constant_(self.heatmap[-1].get_parameter("bias"), rare)
        for branch in (self.size, self.offset):
            for layer in (branch[0], branch[2]):
                nn.init.normal_(layer.get_parameter("weight"), std=BOX_SPREAD)
                nn.init.zeros_(layer.get_parameter("bias"))

    def forward(self, x: Tensor) -> HeadMaps:
        """Map float (B, inputs, h, w) to the three maps of the same size."""
        return HeadMaps(self.heatmap(x), self.size(x), self.offset(x))


def _branch(inputs: int, channels: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, channels, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(channels, outputs, 1)
    )
