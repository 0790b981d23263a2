"""Removing haze by a dark channel: the scattering model I = J t + A (1 - t) turned round.

On the CPU, in double precision, without random numbers.
"""

from __future__ import annotations

from torch import Tensor

from ...datasets.degradations.weather.airlight import dark_channel
from ...datasets.degradations.weather.guided_filter import guided_filter
from .settings import DehazeSettings

_BLACK = 1 / 255
"""Atmospheric light below this is taken for this: a black image holds no haze, and nothing may be divided by 0."""


def dehaze(image: Tensor, settings: DehazeSettings) -> Tensor:
    """Estimate haze from an image and remove it.

    J = (I - A) / max(t, t0) + A with t = 1 - omega * dark channel of I / A, smoothed by the guided filter.

    Args:
        image: float (3, H, W), RGB in [0, 1], any H and W of at least 1.
        settings: Constants.

    Returns:
        float64 (3, H, W) in [0, 1], on the CPU.
    """
    hazy = image.detach().double().cpu()
    airlight = atmospheric_light(hazy, settings)
    least = settings.least_transmission
    passed = refined(transmission(hazy, airlight, settings), hazy, settings).clamp(least, 1)
    return ((hazy - airlight) / passed + airlight).clamp(0, 1)


def atmospheric_light(image: Tensor, settings: DehazeSettings) -> Tensor:
    """Return A, the colour of the most intense pixel among those with the brightest dark channel.

    Pixels as bright as the last one of the share count with it, and of equally intense ones the first in reading order
    is taken, so that the result does not depend on how values are sorted.

    Args:
        image: float64 (3, H, W) in [0, 1].
        settings: Constants.

    Returns:
        float64 (3, 1, 1), at least 1/255.
    """
    dark = _dark(image, settings).flatten()
    count = max(1, int(settings.airlight_share * dark.numel()))
    limit = dark.topk(count).values[-1]
    intensity = image.sum(dim=0).flatten().masked_fill(dark < limit, -1)
    place = int((intensity == intensity.max()).nonzero()[0])
    return image.flatten(1)[:, place].clamp(min=_BLACK)[:, None, None]


def transmission(image: Tensor, airlight: Tensor, settings: DehazeSettings) -> Tensor:
    """Return t = 1 - omega * dark channel of I / A, float64 (1, H, W), before any smoothing; it may be negative.

    Args:
        image: float64 (3, H, W) in [0, 1].
        airlight: float64 (3, 1, 1), above 0.
        settings: Constants.
    """
    return 1 - settings.omega * _dark(image / airlight, settings)[None]


def refined(passed: Tensor, image: Tensor, settings: DehazeSettings) -> Tensor:
    """Return a transmission (1, H, W) whose edges follow those of the image (3, H, W)."""
    if settings.refine_window == 1:
        return passed
    return guided_filter(passed, image, settings.refine_window | 1, settings.refine_epsilon)


def _dark(image: Tensor, settings: DehazeSettings) -> Tensor:
    return dark_channel(image[None, list(settings.channels)], settings.window | 1)[0]
