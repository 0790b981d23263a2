"""SRResNet, the generator of SRGAN.

Ledig et al., "Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network", CVPR 2017. Input
and output are in [0, 1]; the names of tensors are those of Lornatang/SRGAN-PyTorch (Apache-2.0), so that its
checkpoints load.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor, nn

from ..base import Recognised, SrNetwork, at_least
from .tensors import count, has_all


class SrResNet(SrNetwork):
    """Residual blocks with batch normalisation and PReLU, then one pixel shuffle for each doubling."""

    def __init__(self, scale: int, *, features: int = 64, blocks: int = 16) -> None:
        """Build the network.

        Args:
            scale: 2, 4 or 8.
            features: Channels.
            blocks: Residual blocks.
        """
        at_least(1, features=features, blocks=blocks)
        super().__init__(scale, {"features": features, "blocks": blocks})
        self.conv1 = nn.Sequential(nn.Conv2d(3, features, 9, padding=4), nn.PReLU())
        self.trunk = nn.Sequential(*(_ResidualBlock(features) for _ in range(blocks)))
        self.conv2 = nn.Sequential(nn.Conv2d(features, features, 3, padding=1, bias=False), nn.BatchNorm2d(features))
        self.upsampling = nn.Sequential(*(_Doubling(features) for _ in range(scale.bit_length() - 1)))
        self.conv3 = nn.Conv2d(features, 3, 9, padding=4)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, low: Tensor) -> Tensor:
        """See ``SrNetwork.forward``."""
        first = self.conv1(low)
        return self.conv3(self.upsampling(first + self.conv2(self.trunk(first))))

    @classmethod
    def recognise(cls, tensors: Mapping[str, Tensor]) -> Recognised | None:
        """See ``SrNetwork.recognise``; the scale from the number of pixel shuffles."""
        renamed = cls.adapt(tensors, 0)
        if not has_all(renamed, "conv1.0.weight", "trunk.0.rcb.0.weight", "conv3.weight"):
            return None
        doublings = count(renamed, r"upsampling\.(\d+)\.upsample_block\.0\.weight")
        features = renamed["conv1.0.weight"].shape[0]
        if doublings not in (1, 2, 3) or renamed["upsampling.0.upsample_block.0.weight"].shape[0] != 4 * features:
            return None
        blocks = count(renamed, r"trunk\.(\d+)\.rcb\.0\.weight")
        return Recognised("srresnet", (2**doublings,), {"features": features, "blocks": blocks})

    @classmethod
    def adapt(cls, tensors: Mapping[str, Tensor], scale: int) -> dict[str, Tensor]:
        """See ``SrNetwork.adapt``; an earlier version called its parts ``conv_block1`` to ``conv_block3``."""
        del scale
        return {re.sub(r"^conv_block(\d)\.", r"conv\1.", name): value for name, value in tensors.items()}


class _ResidualBlock(nn.Module):
    def __init__(self, features: int) -> None:
        super().__init__()
        self.rcb = nn.Sequential(
            nn.Conv2d(features, features, 3, padding=1, bias=False),
            nn.BatchNorm2d(features),
            nn.PReLU(),
            nn.Conv2d(features, features, 3, padding=1, bias=False),
            nn.BatchNorm2d(features),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.rcb(x)


class _Doubling(nn.Module):
    def __init__(self, features: int) -> None:
        super().__init__()
        self.upsample_block = nn.Sequential(
            nn.Conv2d(features, 4 * features, 3, padding=1), nn.PixelShuffle(2), nn.PReLU()
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.upsample_block(x)
