"""Reading sizes off a checkpoint's tensors, and fitting images to what networks take."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import torch
from torch import Tensor

RGB_MEAN = (0.4488, 0.4371, 0.4040)
"""Mean colour of DIV2K in [0, 1], which EDSR and its successors subtract."""


def count(tensors: Mapping[str, Tensor], pattern: str) -> int:
    """Return one more than the highest number that the first group of a pattern finds at the start of the names."""
    numbers = [int(match[1]) for name in tensors if (match := re.match(pattern, name))]
    return max(numbers, default=-1) + 1


def has_all(tensors: Mapping[str, Tensor], *names: str) -> bool:
    """Tell whether all named tensors are there, each of four axes as a convolution's weight."""
    return all(name in tensors and tensors[name].ndim == 4 for name in names)


def shuffled_scale(tensors: Mapping[str, Tensor], prefix: str) -> int:
    """Return the enlargement of convolutions that are followed by pixel shuffles: those at ``prefix.0``, ``.2``, ...

    Returns:
        The product over all of them; 0 if one does not make a whole enlargement.
    """
    scale = 1
    for index in range(0, 2 * count(tensors, rf"{re.escape(prefix)}\.(\d+)\.weight"), 2):
        weight = tensors.get(f"{prefix}.{index}.weight")
        if weight is not None:
            scale *= whole_root(weight.shape[0], weight.shape[1])
    return scale


def whole_root(outputs: int, inputs: int) -> int:
    """Return the s for which outputs = s * s * inputs; 0 where there is none."""
    root = math.isqrt(outputs // inputs)
    return root if root * root * inputs == outputs else 0


def pad_to_multiple(images: Tensor, multiple: int) -> Tensor:
    """Continue images (B, C, h, w) by mirroring to the next multiple in height and width; see ``pad_to``."""
    height, width = (math.ceil(side / multiple) * multiple for side in images.shape[2:])
    return pad_to(images, height, width)


def pad_to(images: Tensor, height: int, width: int) -> Tensor:
    """Continue images to the right and below by mirroring, edges included.

    Args:
        images: (B, C, h, w) of any size from 1x1; mirrored again and again where it is small.
        height: At least h.
        width: At least w.
    """
    for axis, wanted in ((2, height), (3, width)):
        size = images.shape[axis]
        if wanted != size:
            index = torch.arange(wanted, device=images.device) % (2 * size)
            images = images.index_select(axis, torch.minimum(index, 2 * size - 1 - index))
    return images
