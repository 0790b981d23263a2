"""What the network should say of an image: heat map, boxes and their weights.

An object's centre cell has heat 1, around it heat falls off as a Gaussian whose extent follows the box's width and
height, and every cell under that Gaussian learns the box. This is the scheme of TTFNet (Liu et al., "Training-Time-
Friendly Network for Real-Time Object Detection", AAAI 2020), which learns in a tenth of CenterNet's time because large
objects give more than one cell to learn from.
"""

from __future__ import annotations

from typing import NamedTuple

import torch

STRIDE = 4
"""Image pixels per cell of the maps."""
_EXTENT = 0.54
"""Share of the box's width and height that its Gaussian covers (alpha and beta of TTFNet, section 3.2)."""


class Targets(NamedTuple):
    """Targets of one crop, or of a batch of them when collated.

    Attributes:
        heat: float (C, h, w) in [0, 1]; exactly 1 in the cells that hold an object's centre.
        boxes: float (4, h, w), the box each cell should predict, image pixels; meaningful where ``weight`` > 0.
        weight: float (h, w), weight of each cell's box; sums to 1 over the cells of an object that nothing hides.
        known: float (h, w), 0 where objects lie that are not to count as background, else 1.
    """

    heat: torch.Tensor
    boxes: torch.Tensor
    weight: torch.Tensor
    known: torch.Tensor


def encode(
    boxes: torch.Tensor, labels: torch.Tensor, ignored: torch.Tensor, classes: int, size: tuple[int, int]
) -> Targets:
    """Draw the targets of one image.

    Where objects overlap, a cell learns the smaller one's box.

    Args:
        boxes: float (N, 4), x1 y1 x2 y2 inside the image, pixels.
        labels: int64 (N,), class indices.
        ignored: float (M, 4), boxes of what is to count neither as object nor as background.
        classes: Number of classes.
        size: (height, width) of the image, multiples of ``STRIDE``.
    """
    h, w = size[0] // STRIDE, size[1] // STRIDE
    known = _unmasked(ignored, h, w)
    if not len(boxes):
        empty = torch.zeros(h, w)
        return Targets(torch.zeros(classes, h, w), torch.zeros(4, h, w), empty, known)
    spots = _gaussian(boxes[:, 1], boxes[:, 3], h)[:, :, None] * _gaussian(boxes[:, 0], boxes[:, 2], w)[:, None, :]
    heat = torch.zeros(classes, h, w)
    for label, spot in zip(labels, spots, strict=True):
        heat[label] = heat[label].maximum(spot)
    owner, weight = _owners(spots, boxes)
    return Targets(heat, boxes[owner].permute(2, 0, 1), weight, known)


def _gaussian(low: torch.Tensor, high: torch.Tensor, cells: int) -> torch.Tensor:
    """Return float (N, cells): each box's bell along one axis, 1 in its centre cell, 0 beyond its extent."""
    centre = ((low + high) / 2 / STRIDE).floor().clamp(0, cells - 1)
    radius = ((high - low) / STRIDE / 2 * _EXTENT).floor()
    sigma = (2 * radius + 1) / 6
    distance = torch.arange(cells)[None, :] - centre[:, None]
    bell = torch.exp(-(distance**2) / (2 * sigma[:, None] ** 2))
    return bell * (distance.abs() <= radius[:, None])


def _owners(spots: torch.Tensor, boxes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return, per cell, the smallest object that covers it (int64 (h, w)) and the weight of its box (float (h, w))."""
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    claims = torch.where(spots > 0, areas[:, None, None], torch.inf)
    owner = claims.argmin(dim=0)
    weights = spots / spots.sum(dim=(1, 2), keepdim=True)
    return owner, weights.gather(0, owner[None])[0]


def _unmasked(ignored: torch.Tensor, h: int, w: int) -> torch.Tensor:
    """Return float (h, w): 0 in cells whose centre lies in one of the boxes, else 1."""
    x, y = (torch.arange(w) + 0.5) * STRIDE, (torch.arange(h) + 0.5) * STRIDE
    inside_x = (x >= ignored[:, 0:1]) & (x <= ignored[:, 2:3])
    inside_y = (y >= ignored[:, 1:2]) & (y <= ignored[:, 3:4])
    return (~(inside_y[:, :, None] & inside_x[:, None, :]).any(dim=0)).float()
