"""From the network's maps to detections: peaks, then non-maximum suppression within each class."""

from __future__ import annotations

import torch
from torch.nn import functional as F
from torchvision.ops import batched_nms, clip_boxes_to_image

from ...datasets.types import Detections
from .net import Prediction

LIMIT = 100
"""Detections per image, as COCO's protocol counts them."""
MIN_SCORE = 0.01
MAX_OVERLAP = 0.6
"""Boxes of one class that overlap a better one by a larger IoU are dropped."""
_CANDIDATES = 300


def decode(prediction: Prediction, size: tuple[int, int]) -> Detections:
    """Turn one image's prediction (batch dimension 1) into detections.

    Args:
        prediction: The network's output.
        size: (height, width) of the image before padding; boxes are clipped to it.

    Returns:
        At most ``LIMIT`` detections with scores of at least ``MIN_SCORE``, best first.
    """
    # Under autocast the map comes in half precision, in which neighbours would often tie.
    scores, labels, cells = peaks(prediction.heat[0].float().sigmoid())
    boxes = clip_boxes_to_image(prediction.boxes[0].float().flatten(1).T[cells], size)
    # A peak in the padding leaves nothing after clipping.
    solid = ((boxes[:, 2:] - boxes[:, :2]) > 0).all(dim=1)
    boxes, scores, labels = boxes[solid], scores[solid], labels[solid]
    kept = batched_nms(boxes, scores, labels, MAX_OVERLAP)[:LIMIT]
    return Detections(boxes[kept].cpu().numpy(), scores[kept].cpu().numpy(), labels[kept].cpu().numpy())


def peaks(heat: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Find the cells that are the maximum of their 3x3 neighbourhood.

    Args:
        heat: float (C, h, w) in [0, 1].

    Returns:
        Scores (N,), class indices (N,) and flat cell indices (N,), best first.
    """
    is_peak = (heat == F.max_pool2d(heat, 3, stride=1, padding=1)) & (heat >= MIN_SCORE)
    scores = torch.where(is_peak, heat, 0.0).flatten()
    order = torch.argsort(scores, descending=True, stable=True)[:_CANDIDATES]
    order = order[scores[order] > 0]
    cells = heat.shape[1] * heat.shape[2]
    return scores[order], order // cells, order % cells
