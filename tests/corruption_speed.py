"""Measures how long weather and corruptions take for an image of 512x512 pixels, on one thread.

Run it as ``python tests/corruption_speed.py``; it prints a table of milliseconds of processor time, the best of a few
repeats, which other work on the machine disturbs least.
"""

from __future__ import annotations

import time
from typing import Any

import cv2
import numpy as np
import torch

from lqbench.datasets.degradations import degradation
from lqbench.datasets.degradations.corruptions import KINDS, SEVERITIES

SIDE = 512
REPEATS = 3
WEATHER: tuple[tuple[str, dict[str, Any]], ...] = (
    ("fog", {"refine": False}),
    ("fog", {}),
    ("rain", {"variants": ["heavy"], "streaks": "layers"}),
    ("rain", {"variants": ["heavy"]}),
    ("underwater", {}),
)


def image_and_depth() -> tuple[np.ndarray, np.ndarray]:
    """Return a smooth random image, uint8 (SIDE, SIDE, 3), and distances that grow towards the top."""
    small = np.random.default_rng(0).integers(0, 256, (SIDE // 8, SIDE // 8, 3), dtype=np.uint8)
    image = cv2.resize(small, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    depth = np.repeat(np.geomspace(200, 3, SIDE)[:, None], SIDE, axis=1).astype(np.float32)
    depth[: SIDE // 5] = np.inf
    return image.astype(np.uint8), depth


def milliseconds(name: str, settings: dict[str, Any], image: np.ndarray, depth: np.ndarray) -> float:
    """Return the shortest processor time of applying a degradation."""
    recipe = degradation(name, settings)
    clean = recipe.prepare(image)
    drawn = recipe.draw(1, (SIDE, SIDE))
    times = []
    for _ in range(REPEATS):
        started = time.process_time()
        recipe.apply(clean, drawn, 1, depth_m=depth)
        times.append(time.process_time() - started)
    return min(times) * 1000


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    image, depth = image_and_depth()
    print(f"milliseconds of processor time for {SIDE}x{SIDE} pixels")
    for name, settings in WEATHER:
        told = " ".join(f"{key}={value}" for key, value in settings.items())
        print(f"{name:18} {milliseconds(name, settings, image, depth):5.0f}  {told}")
    for kind in KINDS:
        times = [
            milliseconds("corruption", {"kind": kind, "severity": severity}, image, depth) for severity in SEVERITIES
        ]
        print(f"{kind:18} " + " ".join(f"{value:5.0f}" for value in times) + "  severities 1 to 5")


if __name__ == "__main__":
    main()
