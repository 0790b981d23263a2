"""Training losses: penalty-reduced focal loss on the heat map, generalised IoU on the boxes."""

from __future__ import annotations

import torch
from torch.nn import functional as F
from torchvision.ops import generalized_box_iou_loss

from .net import Prediction
from .targets import Targets

BOX_WEIGHT = 5.0
"""Weight of the box loss against the heat loss (TTFNet, section 4.1)."""


def heat_loss(logits: torch.Tensor, targets: Targets, labelled: torch.Tensor | None = None) -> torch.Tensor:
    """Return the focal loss of CenterNet (alpha 2, beta 4), summed and divided by the number of objects.

    Args:
        logits: float (B, C, h, w).
        targets: Of the batch.
        labelled: bool (B, C), the classes that count in each image; None for all.
    """
    positive = targets.heat == 1
    found, missed = F.logsigmoid(logits), F.logsigmoid(-logits)
    probability = logits.sigmoid()
    at_centres = -found * (1 - probability) ** 2
    elsewhere = -missed * probability**2 * (1 - targets.heat) ** 4 * targets.known[:, None]
    if labelled is not None:
        elsewhere = torch.where(labelled[:, :, None, None], elsewhere, 0.0)
    return torch.where(positive, at_centres, elsewhere).sum() / positive.sum().clamp(min=1)


def box_loss(boxes: torch.Tensor, targets: Targets) -> torch.Tensor:
    """Return the weighted mean of the generalised IoU loss (Rezatofighi et al. 2019) over cells under an object."""
    chosen = targets.weight > 0
    weight = targets.weight[chosen]
    predicted, wanted = (maps.permute(0, 2, 3, 1)[chosen] for maps in (boxes, targets.boxes))
    return (generalized_box_iou_loss(predicted, wanted) * weight).sum() / weight.sum().clamp(min=1)


def detector_loss(prediction: Prediction, targets: Targets) -> torch.Tensor:
    """Return the scalar to minimise."""
    return heat_loss(prediction.heat, targets) + BOX_WEIGHT * box_loss(prediction.boxes, targets)
