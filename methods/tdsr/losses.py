"""The losses of task-driven super-resolution: reconstruction, and what a detector says of the restored image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from ..detectors.base import Detector, TaskTargets


def reconstruction_loss(restored: Tensor, high: Tensor, kind: Literal["mse", "l1"]) -> Tensor:
    """Return the mean squared or absolute difference of images with values in [0, 1]."""
    return F.mse_loss(restored, high) if kind == "mse" else F.l1_loss(restored, high)


def detection_loss(detector: Detector, images: Tensor, targets: Sequence[TaskTargets]) -> Tensor:
    """Return the sum of the detector's own training losses, differentiable with respect to the images.

    After TDSR: L_task = (L_conf + L_loc) / matched boxes, with SSD's weight of 1 between the two. Images are not
    clamped: beyond [0, 1] the gradient would vanish and never lead back.

    Args:
        detector: Loaded.
        images: float (B, 3, H, W), RGB in [0, 1].
        targets: What is in each image.
    """
    losses = detector.task_loss(images, targets)
    return torch.stack([loss.float() for loss in losses.values()]).sum()


def feature_loss(
    detector: Detector, restored: Tensor, high: Tensor, levels: Sequence[int] | None, norm: Literal["l1", "l2"]
) -> Tensor:
    """Return the distance of a detector's features on restored and on high-resolution images, averaged over levels.

    After FDSR (Wang, Lu, Zhang, arXiv 2004.00554), which has a pixel loss and this one.

    Args:
        detector: Loaded.
        restored: float (B, 3, H, W), RGB in [0, 1].
        high: As ``restored``; no gradient is sent there.
        levels: Numbers of the feature maps; None for all.
        norm: "l1" for the mean absolute difference, "l2" for the mean squared one.

    Raises:
        IndexError: There is no such level.
    """
    found = detector.features(restored)
    with torch.no_grad():
        wanted = detector.features(high)
    chosen = range(len(found)) if levels is None else levels
    distance = F.mse_loss if norm == "l2" else F.l1_loss
    return torch.stack([distance(found[level], wanted[level]) for level in chosen]).mean()
