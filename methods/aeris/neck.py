"""The necks of CenterNet and AERIS: deconvolutions from stride 32 to stride 4, with or without skip connections.

After ``CTResNetNeck`` of mmdetection and ``CTNeck_SR``, ``CTNeck_SR_Stage1``, ``CTNeck_SR_Stage2`` of
cuiziteng/ECCV_AERIS at 42ab63c. The last three find objects by the same layers; they differ in where a restoration
branch leaves.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torchvision.ops import deform_conv2d

TAPS = 9
"""Weights of a 3x3 kernel."""


class NeckMaps(NamedTuple):
    """Maps of a batch at three strides; the first two are what a restoration branch may leave from.

    Attributes:
        sixteenth: float (B, c, H/16, W/16).
        eighth: float (B, c, H/8, W/8).
        quarter: float (B, c, H/4, W/4), for the head.
    """

    sixteenth: Tensor
    eighth: Tensor
    quarter: Tensor


class DeformableConv(nn.Module):
    """A 3x3 convolution whose taps are moved and weighed by what it sees (DCNv2, Zhu et al., CVPR 2019).

    The convolution that predicts offsets and weights begins with zeros: no movement, all weights a half.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        # Range of mmcv's ModulatedDeformConv2d.
        bound = 1 / math.sqrt(inputs * TAPS)
        self.weight = nn.Parameter(torch.empty(outputs, inputs, 3, 3).uniform_(-bound, bound))
        self.conv_offset = nn.Conv2d(inputs, 3 * TAPS, 3, padding=1)
        nn.init.zeros_(self.conv_offset.weight)
        nn.init.zeros_(self.conv_offset.get_parameter("bias"))

    def forward(self, x: Tensor) -> Tensor:
        """Map float (B, inputs, h, w) to float (B, outputs, h, w)."""
        # The compiled operator takes one dtype; under autocast its inputs would differ.
        with torch.autocast(x.device.type, enabled=False):
            x = x.float()
            offset, mask = self.conv_offset(x).split([2 * TAPS, TAPS], dim=1)
            return deform_conv2d(x, offset, self.weight, padding=(1, 1), mask=mask.sigmoid())


class ConvNorm(nn.Module):
    """A convolution without bias, batch normalisation and ReLU."""

    def __init__(self, conv: nn.Module, channels: int) -> None:
        super().__init__()
        self.conv = conv
        self.bn = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map float (B, c, h, w) to what the convolution makes of it, at least 0."""
        return self.relu(self.bn(self.conv(x)))


class Doubling(nn.Module):
    """A 3x3 convolution, deformable or not, then a transposed one that doubles both sides."""

    def __init__(self, inputs: int, outputs: int, *, dcn: bool) -> None:
        super().__init__()
        conv = DeformableConv(inputs, outputs) if dcn else nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.mix = ConvNorm(conv, outputs)
        self.up = ConvNorm(nn.ConvTranspose2d(outputs, outputs, 4, stride=2, padding=1, bias=False), outputs)
        _start_bilinear(self.up.conv.get_parameter("weight"))

    def forward(self, x: Tensor) -> Tensor:
        """Map float (B, inputs, h, w) to float (B, outputs, 2 h, 2 w)."""
        return self.up(self.mix(x))


class DeconvolutionNeck(nn.Module):
    """Brings the coarsest map of an encoder to stride 4.

    Attributes:
        channels: Channels of the map for the head, those of the encoder's finest map.
    """

    def __init__(self, channels: tuple[int, int, int, int], *, skips: bool, dcn: bool) -> None:
        """Build the neck.

        Args:
            channels: Those of the encoder's maps at strides 4, 8, 16 and 32.
            skips: Whether the encoder's maps at strides 16 and 8 are concatenated to the neck's.
            dcn: Whether the 3x3 convolutions are deformable.
        """
        super().__init__()
        c2, c3, c4, c5 = channels
        width = 2 if skips else 1
        self.channels = c2
        self.skips = skips
        self.stage1 = Doubling(c5, c4, dcn=dcn)
        self.stage2 = Doubling(width * c4, c3, dcn=dcn)
        self.stage3 = Doubling(width * c3, c2, dcn=dcn)

    def forward(self, maps: list[Tensor]) -> NeckMaps:
        """Map the encoder's four maps, the finest first, to the neck's three."""
        sixteenth = self._joined(self.stage1(maps[3]), maps[2])
        eighth = self._joined(self.stage2(sixteenth), maps[1])
        return NeckMaps(sixteenth, eighth, self.stage3(eighth))

    def _joined(self, x: Tensor, skip: Tensor) -> Tensor:
        return torch.cat([x, skip.to(x.dtype)], dim=1) if self.skips else x


def _start_bilinear(weight: Tensor) -> None:
    """Write the bilinear up-sampling kernel into the weights of the first output channel, as CenterNet does.

    That is how the published code starts. It reads as if made for one kernel a channel; here all other output
    channels keep their random weights, and the first one sums all inputs.

    Args:
        weight: float (inputs, outputs, 4, 4), changed in place.
    """
    taps = torch.tensor([0.25, 0.75, 0.75, 0.25])
    with torch.no_grad():
        weight[:, 0] = taps[:, None] * taps
