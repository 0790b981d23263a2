"""Removing thin bright streaks by a morphological opening along rows."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from .settings import OpeningSettings


def open_rows(image: Tensor, settings: OpeningSettings) -> Tensor:
    """Replace each value by the largest, over the windows of a row that hold it, of their smallest values.

    What is brighter than both its sides and narrower than the window goes, as rain near the vertical does, and with it
    any such detail. Nothing becomes brighter; each channel is opened by itself.

    Args:
        image: float (3, H, W), RGB in [0, 1].
        settings: The window's width.

    Returns:
        float32 (3, H, W) in [0, 1], on the CPU; beyond the borders there is nothing to compare with.
    """
    pixels = np.ascontiguousarray(image.detach().float().cpu().permute(1, 2, 0).numpy())
    opened = cv2.morphologyEx(pixels, cv2.MORPH_OPEN, np.ones((1, settings.width), np.uint8))
    return torch.from_numpy(opened).permute(2, 0, 1).contiguous()
