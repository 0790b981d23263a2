"""The narrow encoder for CPUs: the backbone of the `mini` detector, whose bundled weights it may begin with."""

from __future__ import annotations

from torch import nn

from ..detector.config import load_config
from ..detector.net import Backbone
from .resnet import Four


class MiniEncoder(Backbone):
    """Four maps from plain residual blocks, 1.7 million parameters; tensors are named as in the `mini` detector.

    Attributes:
        channels: Of the maps at strides 4, 8, 16 and 32.
    """

    def __init__(self) -> None:
        config = load_config("mini").network
        super().__init__(config)
        _, *finer = config.widths
        self.channels: Four = (finer[0], finer[1], finer[2], finer[3])
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
