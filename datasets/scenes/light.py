"""Sun, sky and haze of a scene, in linear light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Colour = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Light:
    """Light of one scene; colours are linear RGB radiance, float32 (3,).

    Attributes:
        sun_direction: Unit vector from the ground towards the sun (X right, Y up, Z forward).
        sun: Irradiance of the sun on a surface that faces it.
        zenith: Radiance of the sky overhead.
        horizon: Radiance of the sky at the horizon; also the colour of haze.
        bounce: Light that the ground throws back from below.
        haze: Extinction per metre of the air between camera and object.
        softness: 0 for the hard shadows of a clear day, 1 for the shadows of an overcast one.
    """

    sun_direction: NDArray[np.float64]
    sun: Colour
    zenith: Colour
    horizon: Colour
    bounce: Colour
    haze: float
    softness: float

    def irradiance(self, normal: NDArray[np.float64], sunlit: float = 1.0) -> Colour:
        """Return the light that arrives at a surface with one unit normal (3,), as linear RGB."""
        facing = max(0.0, float((normal * self.sun_direction).sum())) * sunlit
        up = 0.5 + 0.5 * float(normal[1])
        return (self.sun * facing + self.ambient * up + self.bounce * (1.0 - up)).astype(np.float32)

    @property
    def ambient(self) -> Colour:
        """Light of the whole sky on a level surface: paler than the zenith, for the horizon and walls add to it."""
        sky = 0.5 * self.zenith + 0.5 * self.horizon
        return (0.5 * sky + 0.5 * sky.mean()).astype(np.float32)


def _colour(*values: float) -> Colour:
    return np.array(values, np.float32)


_MOODS = {
    # sun, zenith, horizon, sun strength, elevation range in degrees, shadow softness range
    "clear": ((1.0, 0.93, 0.80), (0.25, 0.42, 0.78), (0.72, 0.82, 0.95), 1.9, (30, 68), (0.0, 0.15)),
    "hazy": ((1.0, 0.90, 0.76), (0.45, 0.55, 0.70), (0.88, 0.88, 0.86), 1.2, (25, 60), (0.1, 0.4)),
    "cloudy": ((0.9, 0.93, 1.0), (0.60, 0.66, 0.74), (0.84, 0.87, 0.90), 0.28, (35, 70), (0.7, 1.0)),
    "golden": ((1.0, 0.72, 0.42), (0.30, 0.38, 0.58), (0.98, 0.76, 0.52), 1.5, (12, 26), (0.05, 0.3)),
    "blue": ((0.75, 0.85, 1.0), (0.34, 0.44, 0.66), (0.60, 0.68, 0.82), 0.22, (20, 50), (0.6, 1.0)),
}
_MOOD_CHANCES = (0.36, 0.18, 0.22, 0.14, 0.10)


def draw_light(rng: np.random.Generator) -> Light:
    """Draw a mood of the day and jitter its colours, direction and haze."""
    mood = tuple(_MOODS)[int(rng.choice(len(_MOODS), p=_MOOD_CHANCES))]
    sun, zenith, horizon, strength, elevations, softness = _MOODS[mood]
    elevation = np.deg2rad(rng.uniform(*elevations))
    azimuth = rng.uniform(-np.pi, np.pi)
    direction = np.array([np.sin(azimuth) * np.cos(elevation), np.sin(elevation), np.cos(azimuth) * np.cos(elevation)])
    sky = _colour(*zenith) * rng.uniform(0.85, 1.15, 3).astype(np.float32)
    rim = _colour(*horizon) * rng.uniform(0.92, 1.08, 3).astype(np.float32)
    beam = _colour(*sun) * np.float32(strength * rng.uniform(0.8, 1.2))
    return Light(
        sun_direction=direction,
        sun=beam,
        zenith=sky,
        horizon=rim,
        bounce=(0.18 * (beam * np.float32(direction[1]) + sky)).astype(np.float32),
        haze=float(np.exp(rng.uniform(np.log(0.0004), np.log(0.004)))),
        softness=float(rng.uniform(*softness)),
    )
