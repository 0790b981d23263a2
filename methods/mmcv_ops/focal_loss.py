"""Focal loss (Lin et al., ICCV 2017) on sigmoid and on softmax probabilities, with written-out gradients."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

TINY = torch.finfo(torch.float32).tiny
"""Least probability of which a logarithm is taken (mmcv's FLT_MIN)."""


def sigmoid_focal_loss_forward(
    logits: Tensor, target: Tensor, weight: Tensor, output: Tensor, gamma: float, alpha: float
) -> None:
    """Fill ``output`` (N, C) with the loss of every logit.

    Args:
        logits: (N, C).
        target: int64 (N,), class indices; C is background, for which every class is a negative.
        weight: (C,) weight of a sample by its class, or empty.
        output: (N, C).
        gamma: Exponent of the modulating factor.
        alpha: Share of the positives in [0, 1].
    """
    p, positive = logits.float().sigmoid(), _one_hot(target, logits.shape[1])
    if_positive = -alpha * (1 - p) ** gamma * p.clamp(min=TINY).log()
    if_negative = -(1 - alpha) * p**gamma * (1 - p).clamp(min=TINY).log()
    output.copy_(torch.where(positive, if_positive, if_negative) * _sample_weights(weight, target)[:, None])


def sigmoid_focal_loss_backward(
    logits: Tensor, target: Tensor, weight: Tensor, grad_input: Tensor, gamma: float, alpha: float
) -> None:
    """Fill ``grad_input`` (N, C) with the derivative of every loss by its logit; see ``sigmoid_focal_loss_forward``."""
    p, positive = logits.float().sigmoid(), _one_hot(target, logits.shape[1])
    if_positive = -alpha * (1 - p) ** gamma * (1 - p - gamma * p * p.clamp(min=TINY).log())
    if_negative = -(1 - alpha) * p**gamma * (gamma * (1 - p) * (1 - p).clamp(min=TINY).log() - p)
    grad_input.copy_(torch.where(positive, if_positive, if_negative) * _sample_weights(weight, target)[:, None])


def softmax_focal_loss_forward(
    softmax: Tensor, target: Tensor, weight: Tensor, output: Tensor, gamma: float, alpha: float
) -> None:
    """Fill ``output`` (N,) from probabilities (N, C); samples with a negative target have no loss."""
    p, used = _target_probability(softmax, target)
    loss = -alpha * (1 - p) ** gamma * p.clamp(min=TINY).log()
    output.copy_(loss * used * _sample_weights(weight, target))


def softmax_focal_loss_backward(
    softmax: Tensor, target: Tensor, weight: Tensor, buff: Tensor, grad_input: Tensor, gamma: float, alpha: float
) -> None:
    """Fill ``grad_input`` (N, C) with the derivative of every sample's loss by its logits; ``buff`` (N,) is scratch."""
    p, used = _target_probability(softmax, target)
    slope = alpha * (gamma * (1 - p) ** (gamma - 1) * p * p.clamp(min=TINY).log() - (1 - p) ** gamma)
    buff.copy_(slope * used * _sample_weights(weight, target))
    grad_input.copy_(buff[:, None] * (_one_hot(target, softmax.shape[1]).to(softmax) - softmax))


def _one_hot(target: Tensor, classes: int) -> Tensor:
    return target[:, None] == torch.arange(classes, device=target.device)


def _target_probability(softmax: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return each sample's probability of its target class, and whether it has one."""
    return softmax.float().gather(1, target.clamp(min=0)[:, None])[:, 0], target >= 0


def _sample_weights(weight: Tensor, target: Tensor) -> Tensor:
    """Return each sample's weight: that of its class; 1 for background, for which mmcv's kernel reads past the end."""
    if not weight.numel():
        return torch.ones(len(target), device=target.device)
    known = (target >= 0) & (target < len(weight))
    return torch.where(known, weight.float()[target.clamp(0, len(weight) - 1)], 1.0)


OPERATORS: tuple[Callable[..., object], ...] = (
    sigmoid_focal_loss_forward,
    sigmoid_focal_loss_backward,
    softmax_focal_loss_forward,
    softmax_focal_loss_backward,
)
