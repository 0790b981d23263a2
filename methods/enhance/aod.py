"""AOD-Net: Li, Peng, Wang, Xu, Feng, "AOD-Net: All-in-One Dehazing Network", ICCV 2017."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

NAME = "aod"
B = 1.0
"""The constant b of J = K I - K + b."""
First = Literal["gaussian", "identity"]
"""First weights. "gaussian": normal with deviation 0.02 and biases 0, the paper's distribution with the deviation of
public code. "identity": torch's own, with K near 1, so that training begins with about the image itself and K cannot
begin dead."""
_PREFIXES = ("", "e_")
"""Public names are ``conv1`` to ``conv5`` or ``e_conv1`` to ``e_conv5``."""


class AodNet(nn.Module):
    """Five convolutions of 3 channels estimate K(I), which holds transmission and atmospheric light; 1,761 parameters.

    J = relu(K I - K + b), K and J of the image's size and channels.
    """

    def __init__(self, first: First = "identity") -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 3, 1)
        self.conv2 = nn.Conv2d(3, 3, 3, padding=1)
        self.conv3 = nn.Conv2d(6, 3, 5, padding=2)
        self.conv4 = nn.Conv2d(6, 3, 7, padding=3)
        self.conv5 = nn.Conv2d(12, 3, 3, padding=1)
        self._begin(first)

    def forward(self, hazy: Tensor) -> Tensor:
        """Restore images.

        Args:
            hazy: float (B, 3, h, w), RGB in [0, 1].

        Returns:
            float (B, 3, h, w), RGB, at least 0.
        """
        x1 = F.relu(self.conv1(hazy))
        x2 = F.relu(self.conv2(x1))
        x3 = F.relu(self.conv3(torch.cat([x1, x2], 1)))
        x4 = F.relu(self.conv4(torch.cat([x2, x3], 1)))
        k = F.relu(self.conv5(torch.cat([x1, x2, x3, x4], 1)))
        return F.relu(k * hazy - k + B)

    def _begin(self, first: First) -> None:
        assert self.conv5.bias is not None
        if first == "identity":
            nn.init.ones_(self.conv5.bias)
            return
        for parameter in self.parameters():
            if parameter.ndim > 1:
                nn.init.normal_(parameter, 0, 0.02)
            else:
                nn.init.zeros_(parameter)


def recognise(tensors: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
    """Return the tensors of a published AOD-Net under our names; None where they are of another network.

    Args:
        tensors: A checkpoint's, without "module.".
    """
    wanted = {name: value.shape for name, value in AodNet().state_dict().items()}
    for prefix in _PREFIXES:
        renamed = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
        if {name: value.shape for name, value in renamed.items()} == wanted and len(renamed) == len(tensors):
            return renamed
    return None
