"""Losses of AERIS: CenterNet's three and the restoration's.

L = heat + 0.1 size + 1.0 offset + 0.4 |restored - clean|, the weights of the released code (cuiziteng/ECCV_AERIS at
42ab63c). The detection losses are normalised as mmdetection's ``CenterNetHead`` does.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch.nn import functional as F

from .targets import Targets

ALPHA, GAMMA = 2.0, 4.0
"""Exponents of the focal loss: of the error at centres and elsewhere, and of the distance from a centre."""


class LossWeights(BaseModel):
    """Weights of the losses in their sum."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    heat: float = Field(default=1.0, ge=0)
    size: float = Field(default=0.1, ge=0)
    offset: float = Field(default=1.0, ge=0)
    restoration: float = Field(default=0.4, ge=0)


class Losses(NamedTuple):
    """Scalars, not yet weighted; ``restoration`` is None for networks without the branch."""

    heat: torch.Tensor
    size: torch.Tensor
    offset: torch.Tensor
    restoration: torch.Tensor | None = None

    def total(self, weights: LossWeights) -> torch.Tensor:
        """Return the weighted sum, the scalar to minimise."""
        detection = weights.heat * self.heat + weights.size * self.size + weights.offset * self.offset
        return detection if self.restoration is None else detection + weights.restoration * self.restoration


def heat_loss(logits: torch.Tensor, heat: torch.Tensor) -> torch.Tensor:
    """Return the Gaussian focal loss, summed and divided by the number of centres (at least 1).

    Args:
        logits: float (B, C, h, w).
        heat: float (B, C, h, w), targets; exactly 1 at centres.
    """
    logits = logits.float()
    centre = heat == 1
    probability = logits.sigmoid()
    found = -F.logsigmoid(logits) * (1 - probability) ** ALPHA
    background = -F.logsigmoid(-logits) * probability**ALPHA * (1 - heat) ** GAMMA
    return torch.where(centre, found, background).sum() / centre.sum().clamp(min=1)


def centre_loss(maps: torch.Tensor, wanted: torch.Tensor, targets: Targets) -> torch.Tensor:
    """Return the L1 loss at the centre cells, summed and divided by twice the number of centres (at least 1).

    Args:
        maps: float (B, 2, h, w), sizes or offsets.
        wanted: float (P, 2), their values at the centre cells.
        targets: Names the centre cells.
    """
    predicted = maps.float().permute(0, 2, 3, 1).reshape(-1, 2)[targets.cells]
    centres = (targets.heat == 1).sum().clamp(min=1)
    return (predicted - wanted).abs().sum() / (2 * centres)


def restoration_loss(restored: torch.Tensor, clean: torch.Tensor) -> torch.Tensor:
    """Return the mean absolute difference of two images (B, 3, H, W) in [0, 1]."""
    return F.l1_loss(restored.float(), clean)
