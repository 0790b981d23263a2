"""SimOTA, which decides during training which cells of YOLOX answer for which object.

Ge et al., "YOLOX: Exceeding YOLO Series in 2021", arXiv 2107.08430, section 2.3: an object takes the cells near its
centre whose predictions cost least, and takes as many as their overlaps with it add up to.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torchvision.ops import box_iou

CENTRE_RADIUS = 2.5
"""Half the side, in strides, of the square around an object's centre in which cells are preferred."""
IOU_WEIGHT = 3.0
_CANDIDATES = 10
"""Best overlaps that are added up to the number of cells an object takes."""
_FAR = 1e5
"""Cost of a cell that lies outside the box or outside the centre's square."""
_EPS = 1e-7
_LOG_FLOOR = -100.0
"""Smallest logarithm in the classes' cost, as in torch's cross entropy."""


class Assignment(NamedTuple):
    """Which cells answer for an object.

    Attributes:
        cells: int64 (P,), indices of these cells, ascending.
        objects: int64 (P,), the object each answers for.
        overlaps: float (P,), IoU of each cell's predicted box with that object.
    """

    cells: Tensor
    objects: Tensor
    overlaps: Tensor


@torch.no_grad()
def assign(predicted: Tensor, scores: Tensor, cells: Tensor, boxes: Tensor, labels: Tensor) -> Assignment:
    """Assign the cells of one image to its objects.

    Args:
        predicted: (cells, 4), predicted boxes, x1 y1 x2 y2 in pixels of the network's input.
        scores: (cells, classes), square root of objectness times class probability.
        cells: (cells, 3), centre x and y of each cell and its stride, pixels.
        boxes: (N, 4), the objects' boxes.
        labels: int64 (N,), their classes.

    Returns:
        The assignment; every object that has a cell inside its box or near its centre takes at least one, unless
        other objects want its cells more.
    """
    inside, near = _places(cells, boxes)
    candidates = (inside | near).any(dim=1).nonzero()[:, 0]
    if not len(candidates):
        return Assignment(candidates, candidates, predicted.new_zeros(0))
    overlaps = box_iou(predicted[candidates], boxes)
    cost = _class_cost(scores[candidates], labels) - IOU_WEIGHT * torch.log(overlaps + _EPS)
    cost = cost + _FAR * ~(inside & near)[candidates]
    chosen = _cheapest(cost, overlaps)
    taken = chosen.any(dim=1)
    objects = chosen[taken].int().argmax(dim=1)
    return Assignment(candidates[taken], objects, overlaps[taken].gather(1, objects[:, None])[:, 0])


def _places(cells: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Return whether each cell's centre lies in each box, and in the square around its centre: bool (cells, N)."""
    centres, radius = cells[:, None, :2], CENTRE_RADIUS * cells[:, None, 2:]
    inside = ((centres > boxes[:, :2]) & (centres < boxes[:, 2:])).all(dim=-1)
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    near = ((centres > middle - radius) & (centres < middle + radius)).all(dim=-1)
    return inside, near


def _class_cost(scores: Tensor, labels: Tensor) -> Tensor:
    """Return the binary cross entropy of each cell's scores for each object's class, (cells, N)."""
    yes, no = scores.log().clamp(min=_LOG_FLOOR), (1 - scores).log().clamp(min=_LOG_FLOOR)
    return -no.sum(dim=1, keepdim=True) + (no - yes)[:, labels]


def _cheapest(cost: Tensor, overlaps: Tensor) -> Tensor:
    """Let each object take its cheapest cells and each cell keep its cheapest object: bool (cells, N)."""
    counts = overlaps.topk(min(_CANDIDATES, len(overlaps)), dim=0).values.sum(dim=0).int().clamp(min=1)
    chosen = torch.zeros_like(cost, dtype=torch.bool)
    for index, count in enumerate(counts.tolist()):
        chosen[cost[:, index].topk(count, largest=False).indices, index] = True
    contested = chosen.sum(dim=1) > 1
    chosen[contested] = False
    chosen[contested.nonzero()[:, 0], cost[contested].argmin(dim=1)] = True
    return chosen
