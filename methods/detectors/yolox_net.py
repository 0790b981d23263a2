"""The YOLOX-Nano network, in inference form: each convolution carries its batch normalisation folded into the bias.

Architecture: Ge et al., "YOLOX: Exceeding YOLO Series in 2021", arXiv 2107.08430; depth factor 0.33, width factor 0.25,
depthwise-separable convolutions. Modules are registered in the order in which they run, which is also the order of the
convolutions in the published ONNX file; ``yolox_onnx`` relies on it.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STRIDES = (8, 16, 32)
WIDTH = 16
"""Channels after the stem; doubled by each down-sampling stage."""
HEAD_WIDTH = 64


class ConvAct(nn.Sequential):
    """Convolution (batch normalisation folded in) and SiLU; keeps the size at stride 1."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups), nn.SiLU())


class DepthwiseConv(nn.Sequential):
    """3x3 depthwise convolution, then 1x1 convolution, each with SiLU."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__(ConvAct(inputs, inputs, 3, stride, groups=inputs), ConvAct(inputs, outputs, 1))


class Bottleneck(nn.Module):
    """1x1 convolution and depthwise-separable 3x3 convolution, with an optional residual sum."""

    def __init__(self, channels: int, shortcut: bool) -> None:
        super().__init__()
        self.reduce = ConvAct(channels, channels, 1)
        self.spatial = DepthwiseConv(channels, channels)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, h, w) to the same shape."""
        out = self.spatial(self.reduce(x))
        return out + x if self.shortcut else out


class CspLayer(nn.Module):
    """Cross-stage partial layer: half of the channels pass through bottlenecks, half go around them."""

    def __init__(self, inputs: int, outputs: int, depth: int, shortcut: bool) -> None:
        super().__init__()
        half = outputs // 2
        self.through = ConvAct(inputs, half, 1)
        self.around = ConvAct(inputs, half, 1)
        self.blocks = nn.Sequential(*(Bottleneck(half, shortcut) for _ in range(depth)))
        self.merge = ConvAct(outputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, h, w) to (N, outputs, h, w)."""
        return self.merge(torch.cat([self.blocks(self.through(x)), self.around(x)], dim=1))


class SpatialPyramid(nn.Module):
    """Max pooling with windows of 5, 9 and 13 beside the input, between two 1x1 convolutions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduce = ConvAct(channels, channels // 2, 1)
        self.merge = ConvAct(channels * 2, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, h, w) to the same shape."""
        x = self.reduce(x)
        pooled = [F.max_pool2d(x, window, stride=1, padding=window // 2) for window in (5, 9, 13)]
        return self.merge(torch.cat([x, *pooled], dim=1))


def space_to_depth(x: Tensor) -> Tensor:
    """Move each 2x2 block of pixels to channels: (N, C, h, w) to (N, 4C, h/2, w/2), column by column in the block."""
    return torch.cat([x[..., i::2, j::2] for j in (0, 1) for i in (0, 1)], dim=1)


class Backbone(nn.Module):
    """CSPDarknet; returns features at strides 8, 16 and 32."""

    def __init__(self) -> None:
        super().__init__()
        w = WIDTH
        self.stem = ConvAct(12, w, 3)
        self.stage4 = nn.Sequential(DepthwiseConv(w, 2 * w, 2), CspLayer(2 * w, 2 * w, 1, shortcut=True))
        self.stage8 = nn.Sequential(DepthwiseConv(2 * w, 4 * w, 2), CspLayer(4 * w, 4 * w, 3, shortcut=True))
        self.stage16 = nn.Sequential(DepthwiseConv(4 * w, 8 * w, 2), CspLayer(8 * w, 8 * w, 3, shortcut=True))
        self.stage32 = nn.Sequential(
            DepthwiseConv(8 * w, 16 * w, 2), SpatialPyramid(16 * w), CspLayer(16 * w, 16 * w, 1, shortcut=False)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map (N, 3, H, W) to features with 64, 128 and 256 channels at strides 8, 16 and 32."""
        c8 = self.stage8(self.stage4(self.stem(space_to_depth(x))))
        c16 = self.stage16(c8)
        return c8, c16, self.stage32(c16)


class Neck(nn.Module):
    """Path-aggregation feature pyramid: top-down, then bottom-up."""

    def __init__(self) -> None:
        super().__init__()
        c8, c16, c32 = 4 * WIDTH, 8 * WIDTH, 16 * WIDTH
        self.lateral32 = ConvAct(c32, c16, 1)
        self.down_path16 = CspLayer(2 * c16, c16, 1, shortcut=False)
        self.lateral16 = ConvAct(c16, c8, 1)
        self.down_path8 = CspLayer(2 * c8, c8, 1, shortcut=False)
        self.shrink8 = DepthwiseConv(c8, c8, 2)
        self.up_path16 = CspLayer(2 * c8, c16, 1, shortcut=False)
        self.shrink16 = DepthwiseConv(c16, c16, 2)
        self.up_path32 = CspLayer(2 * c16, c32, 1, shortcut=False)

    def forward(self, c8: Tensor, c16: Tensor, c32: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return fused features of the same shapes as the inputs."""
        l32 = self.lateral32(c32)
        l16 = self.lateral16(self.down_path16(torch.cat([_doubled(l32), c16], dim=1)))
        p8 = self.down_path8(torch.cat([_doubled(l16), c8], dim=1))
        p16 = self.up_path16(torch.cat([self.shrink8(p8), l16], dim=1))
        p32 = self.up_path32(torch.cat([self.shrink16(p16), l32], dim=1))
        return p8, p16, p32


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


class LevelHead(nn.Module):
    """Decoupled head of one pyramid level."""

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        w = HEAD_WIDTH
        self.stem = ConvAct(inputs, w, 1)
        self.class_branch = nn.Sequential(DepthwiseConv(w, w), DepthwiseConv(w, w))
        self.class_logits = nn.Conv2d(w, classes, 1)
        self.box_branch = nn.Sequential(DepthwiseConv(w, w), DepthwiseConv(w, w))
        self.box_offsets = nn.Conv2d(w, 4, 1)
        self.objectness = nn.Conv2d(w, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, h, w) to (N, h*w, 5 + classes): raw box, objectness and class probabilities."""
        box, objectness, classes = self._branches(x)
        return _by_cell(box, objectness.sigmoid(), classes.sigmoid())

    def logits(self, x: Tensor) -> Tensor:
        """Map (N, inputs, h, w) to (N, h*w, 5 + classes): raw box, logits of objectness and classes."""
        return _by_cell(*self._branches(x))

    def _branches(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return box offsets and logits of objectness and classes, (N, 4, 1 and classes, h, w)."""
        x = self.stem(x)
        classes = self.class_logits(self.class_branch(x))
        branch = self.box_branch(x)
        return self.box_offsets(branch), self.objectness(branch), classes


def _by_cell(*maps: Tensor) -> Tensor:
    """Join maps (N, C_i, h, w) to (N, h*w, sum of C_i)."""
    return torch.cat(maps, dim=1).flatten(2).transpose(1, 2)


class YoloxNanoNet(nn.Module):
    """YOLOX-Nano with the outputs of the published ONNX file."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.backbone = Backbone()
        self.neck = Neck()
        self.heads = nn.ModuleList(LevelHead(width * WIDTH, classes) for width in (4, 8, 16))

    def forward(self, x: Tensor) -> Tensor:
        """Return raw predictions.

        Args:
            x: float (N, 3, H, W), BGR with values in [0, 255]; H and W multiples of 32.

        Returns:
            float (N, cells, 5 + classes), cells of strides 8, 16, 32 in raster order: centre offset and log size in
            strides, then objectness and class probabilities in [0, 1].
        """
        return torch.cat([head(level) for head, level in zip(self.heads, self.features(x), strict=True)], dim=1)

    def features(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return what the heads see: 64, 128 and 256 channels at strides 8, 16 and 32; ``x`` as in ``forward``."""
        return self.neck(*self.backbone(x))

    def logits(self, x: Tensor) -> Tensor:
        """Return what ``forward`` does, objectness and classes before their sigmoid."""
        levels = zip(self._heads(), self.features(x), strict=True)
        return torch.cat([head.logits(level) for head, level in levels], dim=1)

    def _heads(self) -> Iterator[LevelHead]:
        for head in self.heads:
            assert isinstance(head, LevelHead)
            yield head


def decode(raw: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Turn raw predictions into boxes and class scores.

    Args:
        raw: (N, cells, 5 + classes) from ``YoloxNanoNet`` for an input of ``size``.
        size: (H, W) of the network's input, pixels.

    Returns:
        Boxes (N, cells, 4) as x1 y1 x2 y2 in input pixels, and scores (N, cells, classes): objectness times class
        probability.
    """
    return decode_boxes(raw, size), raw[..., 4:5] * raw[..., 5:]


def decode_boxes(raw: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the boxes of ``decode``."""
    cells, strides = grid(size, raw.device)
    centre = (raw[..., 0:2] + cells) * strides
    half = raw[..., 2:4].exp() * strides / 2
    return torch.cat([centre - half, centre + half], dim=-1)


def grid(size: tuple[int, int], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the cells' (x, y) indices (cells, 2) and their strides (cells, 1)."""
    cells, strides = [], []
    for stride in STRIDES:
        height, width = size[0] // stride, size[1] // stride
        y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        cells.append(torch.stack([x, y], dim=-1).reshape(-1, 2))
        strides.append(torch.full((height * width, 1), stride))
    return torch.cat(cells).to(device, torch.float32), torch.cat(strides).to(device, torch.float32)
