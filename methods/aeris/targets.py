"""What a CenterNet head should say of a batch: centre heat maps, box sizes and centre offsets.

After CenterNet (Zhou et al., "Objects as Points", 2019) as mmdetection 2.23 and 3.x implement it in
``CenterNetHead.get_targets``. Boxes must be in the pixels of the images that the network sees: after a degradation that
shrinks them, boxes are divided first and the size given here is the degraded one. (Reading the size from a picture's
meta data that the degradation did not update is how such targets go wrong unnoticed.)
"""

from __future__ import annotations

from typing import NamedTuple

import torch

STRIDE = 4
"""Image pixels per cell of the maps."""
MIN_OVERLAP = 0.3
"""A box moved by the Gaussian's radius still overlaps the true one by this IoU."""
_CHUNK = 256
"""Objects drawn at once; bounds the memory of crowded batches."""


class Targets(NamedTuple):
    """Targets of a batch of B images with P distinct centre cells.

    Attributes:
        heat: float (B, C, h, w) in [0, 1]; exactly 1 in cells that hold an object's centre.
        cells: int64 (P,), flat indices into (B, h, w) of the centre cells.
        sizes: float (P, 2), width and height of the object there, cells.
        offsets: float (P, 2), x and y of its centre within the cell, in [0, 1).
    """

    heat: torch.Tensor
    cells: torch.Tensor
    sizes: torch.Tensor
    offsets: torch.Tensor


def encode(
    boxes: torch.Tensor, labels: torch.Tensor, owners: torch.Tensor, count: int, classes: int, size: tuple[int, int]
) -> Targets:
    """Draw the targets of a batch.

    Where two centres fall into one cell, the cell learns the box of the later one, as in mmdetection.

    Args:
        boxes: float (N, 4), x1 y1 x2 y2 of all images' objects, pixels of the network's input.
        labels: int64 (N,), class indices.
        owners: int64 (N,), the image of the batch to which each box belongs.
        count: Images in the batch, B.
        classes: Number of classes, C.
        size: (height, width) of the network's input, multiples of ``STRIDE``.
    """
    h, w = size[0] // STRIDE, size[1] // STRIDE
    scaled = boxes.float() / STRIDE
    sides = (scaled[:, 2:] - scaled[:, :2]).clamp(min=0)
    centres = (scaled[:, :2] + scaled[:, 2:]) / 2
    limits = torch.tensor([w - 1, h - 1], device=boxes.device)
    spots = torch.minimum(centres.long(), limits).clamp(min=0)
    radii = gaussian_radius(sides[:, 0], sides[:, 1]).long().clamp(min=0)
    heat = scaled.new_zeros(count * classes, h, w)
    for part in torch.arange(len(boxes), device=boxes.device).split(_CHUNK):
        bells = gaussians(spots[part], radii[part], (h, w))
        maps = (owners[part] * classes + labels[part])[:, None, None].expand_as(bells)
        heat.scatter_reduce_(0, maps, bells, "amax")
    cells, last = _last_of_each_cell(owners * (h * w) + spots[:, 1] * w + spots[:, 0], count * h * w)
    return Targets(heat.view(count, classes, h, w), cells, sides[last], (centres - spots)[last])


def gaussian_radius(width: torch.Tensor, height: torch.Tensor, min_overlap: float = MIN_OVERLAP) -> torch.Tensor:
    """Return how far corners may move before a box overlaps the true one by less than ``min_overlap``.

    The smallest of three cases: both corners move in the same direction, both inward, both outward. Each is the root
    of a quadratic equation, as derived in CornerNet (Law and Deng, ECCV 2018), in the form that mmdetection solves.

    Args:
        width: float (N,).
        height: float (N,).
        min_overlap: IoU.

    Returns:
        float (N,), in the units of the sides.
    """
    total, area = width.double() + height.double(), width.double() * height.double()
    moved = (total - (total**2 - 4 * area * (1 - min_overlap) / (1 + min_overlap)).sqrt()) / 2
    shrunk = (total - (total**2 - 4 * (1 - min_overlap) * area).sqrt()) / 4
    grown = ((total**2 + 4 * (1 - min_overlap) / min_overlap * area).sqrt() - total) / 4
    return torch.minimum(torch.minimum(moved, shrunk), grown)


def gaussians(centres: torch.Tensor, radii: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """Return float (N, h, w): bells of height 1 at the centres, 0 beyond their radii.

    Args:
        centres: int64 (N, 2), x and y in cells.
        radii: int64 (N,), cells; sigma is a third of radius + 1/2.
        shape: (h, w) in cells.
    """
    rows, columns = (torch.arange(length, device=centres.device) for length in shape)
    dy, dx = (rows - centres[:, 1:]).float(), (columns - centres[:, :1]).float()
    radius = radii[:, None].float()
    sigma = (2 * radius + 1) / 6
    across = torch.exp(-(dx**2) / (2 * sigma**2)) * (dx.abs() <= radius)
    down = torch.exp(-(dy**2) / (2 * sigma**2)) * (dy.abs() <= radius)
    return down[:, :, None] * across[:, None, :]


def _last_of_each_cell(cells: torch.Tensor, total: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the distinct cells in ascending order, and for each the last object whose centre it holds."""
    order = torch.arange(len(cells), device=cells.device)
    last = torch.full((total,), -1, device=cells.device).scatter_reduce(0, cells, order, "amax")
    distinct = (last >= 0).nonzero()[:, 0]
    return distinct, last[distinct]
