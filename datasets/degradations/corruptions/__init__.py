"""The 15 + 4 common corruptions in five severities, seeded for each (image, kind, severity).

Kinds, groups and constants follow Hendrycks and Dietterich (ICLR 2019, arXiv 1903.12261; hendrycks/robustness) in the
form that Michaelis et al. (2019, arXiv 1907.07484; bethgelab/imagecorruptions 1.1.2) gave them for images of any size,
the form of the Robust Detection Benchmark. The code is our own: vectorised, with explicit random streams, for images
from 1x1 pixels, rounded to the nearest level where the original cuts off. Where an effect is made in another way, the
function's docstring says so. Importing this package costs no torch and no OpenCV.
"""

from __future__ import annotations

from typing import Literal, get_args

Kind = Literal[
    "gaussian_noise",
    "shot_noise",
    "impulse_noise",
    "defocus_blur",
    "glass_blur",
    "motion_blur",
    "zoom_blur",
    "snow",
    "frost",
    "fog",
    "brightness",
    "contrast",
    "elastic_transform",
    "pixelate",
    "jpeg_compression",
    "speckle_noise",
    "gaussian_blur",
    "spatter",
    "saturate",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

SEVERITIES = (1, 2, 3, 4, 5)

GROUPS: dict[str, tuple[Kind, ...]] = {
    "noise": ("gaussian_noise", "shot_noise", "impulse_noise"),
    "blur": ("defocus_blur", "glass_blur", "motion_blur", "zoom_blur"),
    "weather": ("snow", "frost", "fog", "brightness"),
    "digital": ("contrast", "elastic_transform", "pixelate", "jpeg_compression"),
    "holdout": ("speckle_noise", "gaussian_blur", "spatter", "saturate"),
}
"""Group to its kinds. A mean over "all corruptions" (mPC) is over the 15 kinds outside "holdout"."""

BENCHMARK_KINDS: tuple[Kind, ...] = tuple(kind for group in GROUPS if group != "holdout" for kind in GROUPS[group])
"""The 15 kinds that mPC averages."""
