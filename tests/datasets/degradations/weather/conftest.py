"""A street for weather: a bright sky, a wall, and a road that comes nearer with every row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch


@dataclass(frozen=True)
class Street:
    """An image, uint8 (3, H, W), and its distances, float32 (H, W), infinite in the sky."""

    image: torch.Tensor
    depth_m: np.ndarray


def make_street(height: int = 60, width: int = 80) -> Street:
    rng = np.random.default_rng(1)
    image = rng.integers(20, 120, (3, height, width), dtype=np.uint8)
    depth = np.full((height, width), np.inf, np.float32)
    sky = height // 4
    image[:, :sky] = np.array([200, 210, 225], np.uint8)[:, None, None]
    depth[sky:] = np.linspace(150, 3, height - sky, dtype=np.float32)[:, None]
    depth[sky : height // 2, : width // 3] = 25
    return Street(torch.from_numpy(image), depth)


@pytest.fixture(scope="session")
def street() -> Street:
    return make_street()
