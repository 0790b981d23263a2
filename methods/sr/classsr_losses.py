"""The training losses of ClassSR (Kong et al., CVPR 2021): L = 1000 L1 + 0.5 L_class + 3 L_average.

Formulas and weights after the authors' released code (github XPixelGroup/ClassSR). There the branches are trained
first, each on patches of its own difficulty, and stay fixed while the class module learns; Adam with (0.9, 0.99), a
step of 2e-4, 96 patches a batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch.nn.functional as F
from torch import Tensor

WEIGHTS: Mapping[str, float] = MappingProxyType({"l1": 1000.0, "class": 0.5, "average": 3.0})
"""The published weights, for images in [0, 1]."""


@dataclass(frozen=True, slots=True)
class Classified:
    """What ClassSR computes in training.

    Attributes:
        images: float (B, 3, scale * h, scale * w), branches mixed by their probabilities.
        probabilities: float (patches of all images, classes), rows sum to one.
    """

    images: Tensor
    probabilities: Tensor


def classsr_losses(output: Classified, high: Tensor, weights: Mapping[str, float] = WEIGHTS) -> dict[str, Tensor]:
    """Return the weighted losses by name; their sum is the training loss.

    Args:
        output: Of ``ClassSr.classified``.
        high: float (B, 3, scale * h, scale * w) RGB in [0, 1].
        weights: Factors of "l1", "class" and "average".
    """
    losses = {
        "l1": F.l1_loss(output.images, high),
        "class": class_loss(output.probabilities),
        "average": average_loss(output.probabilities),
    }
    return {name: weights[name] * loss for name, loss in losses.items()}


def routing_loss(probabilities: Tensor, weights: Mapping[str, float] = WEIGHTS) -> Tensor:
    """Return the weighted losses of the class module alone.

    Args:
        probabilities: float (patches, M).
        weights: Factors of "class" and "average".
    """
    return weights["class"] * class_loss(probabilities) + weights["average"] * average_loss(probabilities)


def class_loss(probabilities: Tensor) -> Tensor:
    """Return how undecided the class module is: (M - 1) minus the sum of |p_j - p_k| over pairs, mean over patches.

    Zero where each patch has all its probability in one class, M - 1 where all classes are equally likely.

    Args:
        probabilities: float (patches, M).
    """
    classes = probabilities.shape[1]
    differences = (probabilities.unsqueeze(2) - probabilities.unsqueeze(1)).abs()
    # The square of differences holds each pair twice.
    return (classes - 1) - differences.sum(dim=(1, 2)).mean() / 2


def average_loss(probabilities: Tensor) -> Tensor:
    """Return how unequally the classes are used over a batch: the sum over classes of |sum_i p_im - B/M| / (4 B/M).

    Without it the class module would learn to send every patch to the widest branch.

    Args:
        probabilities: float (B patches, M).
    """
    patches, classes = probabilities.shape
    equal_share = patches / classes
    return (probabilities.sum(dim=0) - equal_share).abs().sum() / (4 * equal_share)
