"""The residual encoder with four maps: ResNet-18 (He et al., CVPR 2016)."""

from __future__ import annotations

from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock

Four = tuple[int, int, int, int]


class ResNet(nn.Module):
    """A residual network of basic blocks; tensors are named as in torchvision and mmdetection.

    Attributes:
        channels: Of the maps at strides 4, 8, 16 and 32.
    """

    def __init__(self, channels: Four, blocks: Four, stem: int) -> None:
        """Build the network.

        Args:
            channels: Of the four stages.
            blocks: Of the four stages.
            stem: Side of the first convolution's kernel, odd.
        """
        super().__init__()
        self.channels = channels
        self.conv1 = nn.Conv2d(3, channels[0], stem, stride=2, padding=stem // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(channels[0])
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = _stage(channels[0], channels[0], blocks[0], 1)
        self.layer2 = _stage(channels[0], channels[1], blocks[1], 2)
        self.layer3 = _stage(channels[1], channels[2], blocks[2], 2)
        self.layer4 = _stage(channels[2], channels[3], blocks[3], 2)
        self._initialise()

    @classmethod
    def resnet18(cls) -> ResNet:
        """Return ResNet-18 without its classifier, 11.2 million parameters."""
        return cls((64, 128, 256, 512), (2, 2, 2, 2), stem=7)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Map float (B, 3, H, W) to four maps, the finest first."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        maps = []
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
            maps.append(x)
        return maps

    def _initialise(self) -> None:
        """Draw weights as He et al. (ICCV 2015); residual branches begin at zero, as mmdetection starts them."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, BasicBlock):
                nn.init.zeros_(module.bn2.get_parameter("weight"))


def _stage(inputs: int, outputs: int, blocks: int, stride: int) -> nn.Sequential:
    shortcut = None
    if stride != 1 or inputs != outputs:
        shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
    first = BasicBlock(inputs, outputs, stride, shortcut)
    return nn.Sequential(first, *(BasicBlock(outputs, outputs) for _ in range(blocks - 1)))
