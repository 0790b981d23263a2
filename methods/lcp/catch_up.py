"""The catch-up learner: what low-quality features lack, beside the backbone's medium stage."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class CatchUpLearner(nn.Module):
    """Takes the shallow features and returns what is added to the medium ones.

    Max pooling and three 3x3 convolutions with biases (source: ``LCP/models/lcp_resnet.py`` of the release).
    """

    def __init__(self, shallow: int, medium: int, relus: int) -> None:
        """Build the layers.

        Args:
            shallow: Channels of the shallow features.
            medium: Channels of the medium features.
            relus: 1 as released, or 2, the second one after the second convolution.
        """
        super().__init__()
        layers: list[tuple[str, nn.Module]] = [
            # Odd sides are halved as the backbone's strided convolution halves them; even ones do not notice.
            ("pooling", nn.MaxPool2d(2, 2, ceil_mode=True)),
            ("conv1", nn.Conv2d(shallow, medium, 3, padding=1)),
            ("relu", nn.ReLU(inplace=True)),
            ("conv2", nn.Conv2d(medium, medium, 3, padding=1)),
            *([("relu2", nn.ReLU(inplace=True))] if relus == 2 else []),
            ("conv3", nn.Conv2d(medium, medium, 3, padding=1)),
        ]
        self.layers = nn.Sequential(OrderedDict(layers))

    def forward(self, shallow: Tensor) -> Tensor:
        """Return (B, medium, ceil(h / 2), ceil(w / 2)) of (B, shallow, h, w)."""
        return self.layers(shallow)


def catch_up_loss(low: Tensor, favoured: Tensor) -> Tensor:
    """Return KL(softmax(favoured) || softmax(low)), the softmax over all channels and positions of an image together.

    Args:
        low: float (B, C, h, w), the caught-up medium features of low-quality images.
        favoured: The medium features of as many favoured images, the same shape.

    Returns:
        The sum over the features, averaged over the batch.
    """
    found, wanted = (torch.log_softmax(one.flatten(1), dim=1) for one in (low, favoured))
    return F.kl_div(found, wanted, reduction="batchmean", log_target=True)
