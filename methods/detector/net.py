"""A small anchor-free detector: residual backbone, feature pyramid, heat map and boxes at stride 4.

The plan follows CenterNet (Zhou et al., "Objects as Points", 2019): every cell of a map at a quarter of the image's
size says for each class whether an object's centre lies in it, and where the box around it would be.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from .config import NetworkConfig
from .targets import STRIDE

PAD_MULTIPLE = 32
"""Images are padded to a multiple of the coarsest stride."""
MEAN, SPREAD = 0.5, 0.25
"""Pixels in [0, 1] are normalised by these; padding after it is therefore mid-grey."""
_RARE = -4.6
"""First bias of the heat map: logit of 0.01, since nearly every cell is background (Lin et al. 2017)."""
_TYPICAL = 2.0
"""First bias of the boxes' sides: e^2 strides are 30 pixels."""


class Prediction(NamedTuple):
    """What the network says of a batch.

    Attributes:
        heat: float (B, C, h, w), logits of "the centre of an object of this class lies in this cell".
        boxes: float (B, 4, h, w), x1 y1 x2 y2 of the box around each cell, image pixels.
    """

    heat: torch.Tensor
    boxes: torch.Tensor


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with a skip connection (He et al. 2016)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _conv(channels, channels)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, C, h, w) to the same shape."""
        return F.relu(x + self.second(self.first(x)))


class Backbone(nn.Module):
    """Feature maps at strides 4, 8, 16 and 32."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.stem = _conv(3, config.widths[0], stride=2)
        self.stages = nn.ModuleList(
            nn.Sequential(_conv(inputs, outputs, stride=2), *(ResidualBlock(outputs) for _ in range(blocks)))
            for inputs, outputs, blocks in zip(config.widths[:-1], config.widths[1:], config.blocks, strict=True)
        )

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Map (B, 3, H, W) to four maps, the finest first."""
        x = self.stem(x)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


class Pyramid(nn.Module):
    """Top-down path that brings coarse features to stride 4 (Lin et al., "Feature Pyramid Networks", 2017)."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(width, config.neck, 1) for width in config.widths[1:])
        self.smooth = nn.ModuleList(_conv(config.neck, config.neck) for _ in config.widths[2:])

    def forward(self, maps: list[torch.Tensor]) -> torch.Tensor:
        """Map four feature maps, the finest first, to one of the finest size."""
        x = self.lateral[-1](maps[-1])
        for level in reversed(range(len(self.smooth))):
            x = self.smooth[level](self.lateral[level](maps[level]) + F.interpolate(x, scale_factor=2.0))
        return x


class MiniNet(nn.Module):
    """The whole network. Input sides must be multiples of ``PAD_MULTIPLE``, see ``pad``."""

    def __init__(self, config: NetworkConfig, classes: int, seed: int = 0) -> None:
        super().__init__()
        self.backbone = Backbone(config)
        self.pyramid = Pyramid(config)
        self.heat = nn.Sequential(_conv(config.neck, config.neck), nn.Conv2d(config.neck, classes, 1))
        self.box = nn.Sequential(_conv(config.neck, config.neck), nn.Conv2d(config.neck, 4, 1))
        self._initialise(seed)
        # Kernels in this layout are a tenth quicker on CPUs, forward and backward.
        self.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    def forward(self, images: torch.Tensor) -> Prediction:
        """Predict for normalised images, float (B, 3, H, W)."""
        features = self.features(images)
        return Prediction(self.heat(features), decode_boxes(self.box(features)))

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """Return what the heads see of normalised images, at stride 4."""
        return self.pyramid(self.backbone(images.contiguous(memory_format=torch.channels_last)))

    def _initialise(self, seed: int) -> None:
        """Draw all weights from a generator of their own: the same seed gives the same network in any process."""
        generator = torch.Generator().manual_seed(seed)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for head in (self.heat, self.box):
            nn.init.normal_(head[-1].get_parameter("weight"), std=0.01, generator=generator)
        nn.init.constant_(self.heat[-1].get_parameter("bias"), _RARE)
        nn.init.constant_(self.box[-1].get_parameter("bias")[2:], _TYPICAL)


def decode_boxes(regression: torch.Tensor) -> torch.Tensor:
    """Turn the box head's output into boxes.

    The four channels are the box centre's offset from the cell's centre, in units of the box's own width and height,
    and the logarithms of width and height in units of the stride. So a box of any size, even one narrower than a
    cell, has a finite code, and errors count relative to its size.

    Args:
        regression: float (B, 4, h, w).

    Returns:
        float (B, 4, h, w), x1 y1 x2 y2 in image pixels.
    """
    height, width = regression.shape[-2:]
    dx, dy, log_w, log_h = regression.unbind(dim=1)
    x = (torch.arange(width, device=regression.device) + 0.5) * STRIDE
    y = (torch.arange(height, device=regression.device) + 0.5)[:, None] * STRIDE
    # Bounds keep a wild early step from overflowing; e^6 strides are 1600 pixels to each side.
    w, h = (STRIDE * side.clamp(-6, 6).exp() for side in (log_w, log_h))
    return torch.stack([x + (dx - 0.5) * w, y + (dy - 0.5) * h, x + (dx + 0.5) * w, y + (dy + 0.5) * h], dim=1)


def normalise(images: torch.Tensor) -> torch.Tensor:
    """Map pixels in [0, 1] to the network's input range."""
    return (images - MEAN) / SPREAD


def pad(images: torch.Tensor) -> torch.Tensor:
    """Pad normalised images (..., H, W) at the right and the bottom to multiples of ``PAD_MULTIPLE``."""
    height, width = images.shape[-2:]
    return F.pad(images, (0, -width % PAD_MULTIPLE, 0, -height % PAD_MULTIPLE))
