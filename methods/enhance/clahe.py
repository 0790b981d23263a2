"""Contrast limited adaptive histogram equalisation (Zuiderveld 1994) of an image's lightness."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from ...datasets.degradations.resize import to_float, to_uint8
from .settings import ClaheSettings


def equalise(image: Tensor, settings: ClaheSettings) -> Tensor:
    """Equalise L of CIE Lab tile by tile, with OpenCV in 8 bits, whose integer arithmetic is the same everywhere.

    Args:
        image: float (3, H, W), RGB in [0, 1]; it is rounded to 8 bits.
        settings: Constants.

    Returns:
        float32 (3, H, W) in [0, 1], multiples of 1/255, on the CPU.
    """
    pixels = to_uint8(image.detach()).permute(1, 2, 0).cpu().numpy()
    lab = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2LAB)
    equaliser = cv2.createCLAHE(settings.clip_limit, (settings.tiles, settings.tiles))
    lab[..., 0] = equaliser.apply(np.ascontiguousarray(lab[..., 0]))
    equalised = cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)
    return to_float(torch.from_numpy(equalised).permute(2, 0, 1).contiguous())
