"""Constants of the enhancers without a network, as settings of their methods. Importing this costs no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ..base import MethodSettings


class DehazeSettings(MethodSettings):
    """Constants of dehazing by a dark channel. Even windows count as the odd one above.

    The defaults are those of He, Sun, Tang, "Single Image Haze Removal Using Dark Channel Prior", CVPR 2009 (TPAMI
    2011), with the guided filter (He, Sun, Tang, ECCV 2010) in place of its matting.
    """

    channels: tuple[int, ...] = Field(default=(0, 1, 2), min_length=1)
    """Channels that the dark channel is taken over, of R, G, B."""
    window: int = Field(default=15, ge=1, le=1001)
    """Side of the dark channel's square, pixels."""
    omega: float = Field(default=0.95, gt=0, le=1)
    """Share of the haze that is removed; a little is kept so that far things look far."""
    least_transmission: float = Field(default=0.1, gt=0, le=1)
    """t0: thicker haze is treated as this thick, since there would be noise alone behind it."""
    airlight_share: float = Field(default=0.001, ge=0, le=1)
    """Share of the pixels, those with the brightest dark channel, of which the most intense lends its colour to the
    atmospheric light; there is at least one."""
    refine_window: int = Field(default=41, ge=1, le=1001)
    """Side of the guided filter's window, pixels; 1 leaves the transmission as it is. Dehazing's own choice in the
    guided filter's paper is unknown here; these two are the values that Foggy Cityscapes smooths transmissions by."""
    refine_epsilon: float = Field(default=1e-3, gt=0)
    """Regularisation of the guided filter, squared units of an image in [0, 1]."""


class UnderwaterSettings(DehazeSettings):
    """Constants of UDCP (Drews et al., "Transmission Estimation in Underwater Single Images", ICCV Workshops 2013).

    Red fades first under water, so the dark channel is taken over green and blue alone. The paper's other constants
    are unknown here; those of the dark channel prior stand in for them. LHDP (arXiv 2308.12738) has another variant in
    its code: all three channels, window 9, omega 1, airlight_share 0, and a transmission between 0.1 and 0.9.
    """

    channels: tuple[int, ...] = Field(default=(1, 2), min_length=1)


class ClaheSettings(MethodSettings):
    """Constants of CLAHE (Zuiderveld, "Contrast Limited Adaptive Histogram Equalization", Graphics Gems IV, 1994)."""

    clip_limit: float = Field(default=2.0, gt=0)
    """Largest height of a histogram's bin, in multiples of a flat histogram's. The value of OpenCV's own example."""
    tiles: int = Field(default=8, ge=1, le=64)
    """Tiles along each side of the image."""


class OpeningSettings(MethodSettings):
    """Constants of the opening along rows (Serra, "Image Analysis and Mathematical Morphology", 1982)."""

    width: Literal[3, 5, 7, 9] = 3
    """Width of the window, pixels: streaks one or two pixels wide go at 3, the least that removes any."""
