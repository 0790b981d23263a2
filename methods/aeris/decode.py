"""Before and after the network: padding as in the published test pipeline, and from maps to boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from .head import HeadMaps

if TYPE_CHECKING:
    from .net import AerisNet

TOP = 100
"""Peaks taken of an image, over all classes."""
NEIGHBOURHOOD = 3
"""Side of the window of which a peak is the maximum, cells."""
STRIDE = 4
"""Image pixels per cell."""


class Peaks(NamedTuple):
    """Boxes of one image, best first.

    Attributes:
        xyxy: float (N, 4), x1 y1 x2 y2 in pixels, not clipped.
        scores: float (N,) in (0, 1).
        labels: int64 (N,), the heat map's channels.
    """

    xyxy: Tensor
    scores: Tensor
    labels: Tensor


def pad_centred(image: Tensor, divisor: int) -> tuple[Tensor, tuple[int, int]]:
    """Put an image into the middle of a black frame whose sides are multiples of ``divisor``, both larger.

    That is mmdetection's ``RandomCenterCropPad`` in test mode with ``logical_or`` and one added pixel, as published:
    each side becomes (side | divisor - 1) + 1 for divisors that are powers of two, so that 512 becomes 544. Black is
    that of the image, before any normalisation.

    Args:
        image: float (..., H, W), RGB in [0, 1]; any size of at least 1 x 1.
        divisor: Of the padded sides.

    Returns:
        The padded image and the image's (left, top) in it.
    """
    height, width = image.shape[-2:]
    frame_height, frame_width = ((side // divisor + 1) * divisor for side in (height, width))
    left, top = frame_width // 2 - width // 2, frame_height // 2 - height // 2
    pads = (left, frame_width - width - left, top, frame_height - height - top)
    return F.pad(image, pads), (left, top)


def pad_at_end(image: Tensor, divisor: int) -> Tensor:
    """Repeat the last row and column of (B, C, H, W) until both sides are multiples of ``divisor``.

    Images are restored so: a black frame would darken the restored border, and the image stays at the top left.
    """
    height, width = image.shape[-2:]
    return F.pad(image, (0, -width % divisor, 0, -height % divisor), mode="replicate")


def decode(maps: HeadMaps) -> Peaks:
    """Find the best peaks of one image (batch dimension 1) and the boxes around them.

    As mmdetection's ``CenterNetHead``: a peak is the maximum of its 3 x 3 cells, the best 100 of all classes count,
    a box lies around (cell + offset) with the size predicted in that cell, times 4. There is no suppression and no
    least score. Where an image has fewer peaks, mmdetection fills up with boxes of score 0; here they are left out.
    """
    heat = maps.heatmap_logits[0].float().sigmoid()
    is_peak = F.max_pool2d(heat, NEIGHBOURHOOD, stride=1, padding=NEIGHBOURHOOD // 2) == heat
    candidates = torch.where(is_peak, heat, 0.0).flatten()
    scores, found = candidates.topk(min(TOP, len(candidates)))
    found, scores = found[scores > 0], scores[scores > 0]
    rows, columns = heat.shape[-2:]
    cells = found % (rows * columns)
    size, offset = (one[0].float().flatten(1)[:, cells].T for one in (maps.size, maps.offset))
    corner = torch.stack([cells % columns, cells // columns], dim=1)
    centre = corner + offset
    xyxy = torch.cat([centre - size / 2, centre + size / 2], dim=1) * STRIDE
    return Peaks(xyxy, scores, found // (rows * columns))


def find_objects(net: AerisNet, image: Tensor, channels: Tensor | None = None) -> Peaks:
    """Detect in one image of any size, without the restoration branch.

    Args:
        net: In evaluation mode, on the image's device.
        image: float (3, H, W), RGB in [0, 1].
        channels: int64 (K,), the heat map's channels to look at; None for all. Peaks are labelled 0 to K - 1.

    Returns:
        Boxes in the image's own pixels, not clipped.
    """
    padded, (left, top) = pad_centred(image, net.config.divisor)
    maps = net(padded[None])
    if channels is not None:
        maps = maps._replace(heatmap_logits=maps.heatmap_logits[:, channels])
    peaks = decode(maps)
    return peaks._replace(xyxy=peaks.xyxy - peaks.xyxy.new_tensor([left, top, left, top]))
