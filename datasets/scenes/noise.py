"""Noise textures made once per process, the same on every machine: clouds, dirt, asphalt, leaves and film grain."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..seeds import generator

Plane = NDArray[np.floating[Any]]
TILE = 512
_CANOPY = 176


@dataclass(frozen=True, slots=True)
class Canopy:
    """A leafy crown seen from the side, as a small geometry buffer.

    Attributes:
        cover: float32 (n, n) in [0, 1], coverage by leaves.
        normal: float32 (n, n, 3), unit normals, times the coverage.
        shade: float32 (n, n), brightness factor of the leaves, times the coverage.
    """

    cover: Plane
    normal: Plane
    shade: Plane


@dataclass(frozen=True, slots=True)
class NoiseBank:
    """Tileable float32 textures with zero mean and unit deviation, repeated once to (1024, 1024), and leafy crowns.

    Attributes:
        smooth: Fractal noise with a steep spectrum: clouds, patches of dirt.
        medium: Fractal noise of 1/f amplitude: asphalt, grass.
        fine: Noise close to white: gravel, fabric.
        grain: float32 (1024, 1024, 3), film grain, partly shared by the channels.
        canopies: Leafy crowns.
    """

    smooth: Plane
    medium: Plane
    fine: Plane
    grain: Plane
    canopies: tuple[Canopy, ...]


def fractal(rng: np.random.Generator, size: int, slope: float) -> Plane:
    """Return tileable noise (size, size) whose amplitude falls as 1 / frequency ** slope; mean 0, deviation 1."""
    spectrum = np.fft.rfft2(rng.standard_normal((size, size)))
    rows, columns = np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :]
    radius = np.sqrt(rows * rows + columns * columns)
    radius[0, 0] = 1.0
    plane = np.fft.irfft2(spectrum / radius**slope, s=(size, size))
    plane -= plane.mean()
    return (plane / plane.std()).astype(np.float32)


@lru_cache(maxsize=1)
def noise_bank() -> NoiseBank:
    """Return the textures, made on the first call."""
    rng = generator(20240, "scene noise")
    grain = rng.standard_normal((TILE, TILE, 3)) * 0.55 + rng.standard_normal((TILE, TILE, 1)) * 0.85
    soft = cv2.GaussianBlur(grain.astype(np.float32), (0, 0), 0.55)
    return NoiseBank(
        smooth=_doubled(fractal(rng, TILE, 1.75)),
        medium=_doubled(fractal(rng, TILE, 1.0)),
        fine=_doubled(fractal(rng, TILE, 0.35)),
        grain=_doubled(soft / soft.std()),
        canopies=tuple(_canopy(rng) for _ in range(10)),
    )


def _canopy(rng: np.random.Generator) -> Canopy:
    """Build a crown from many clumps of leaves with gaps between them, lighter towards the outside of each clump."""
    n = _CANOPY
    ys, xs = np.mgrid[0:n, 0:n] / (n - 1) * 2.0 - 1.0
    relief, clumps = np.full((n, n), -1.0), np.zeros((n, n))
    for _ in range(int(rng.integers(26, 48))):
        angle, reach = rng.uniform(0, 2 * np.pi), np.sqrt(rng.uniform(0, 1)) * 0.70
        x, y, r = reach * np.cos(angle), reach * np.sin(angle), rng.uniform(0.12, 0.30)
        ball = 1.0 - ((xs - x) ** 2 + (ys - y) ** 2) / r**2
        height = np.where(ball > 0, np.sqrt(np.clip(ball, 0, None)) * r + 0.6 * np.sqrt(max(0.0, 0.8 - reach**2)), -1.0)
        clumps = np.where(height > relief, rng.uniform(-0.2, 0.2) + 0.25 * (y - ys) / r, clumps)
        relief = np.maximum(relief, height)
    leaves, tufts = fractal(rng, n, 0.25).astype(np.float64), fractal(rng, n, 0.9).astype(np.float64)
    inside = cv2.GaussianBlur((relief > 0).astype(np.float64), (0, 0), 4.0)
    cover = np.clip((inside - 0.52 + 0.17 * tufts + 0.12 * leaves) * 7.0, 0.0, 1.0)
    soft = cv2.GaussianBlur(np.maximum(relief, 0.0), (0, 0), 1.6) + 0.012 * tufts
    slope_y, slope_x = np.gradient(soft * n * 0.5)
    normal = np.stack([-slope_x, slope_y + 0.35, -np.ones_like(soft)], axis=-1)
    normal /= np.sqrt((normal**2).sum(-1, keepdims=True))
    shade = np.clip(0.85 + clumps + 0.22 * leaves + 0.15 * tufts - 0.25 * ys, 0.12, 1.9)
    weight = cover[..., None]
    return Canopy(*(a.astype(np.float32) for a in (cover, normal * weight, shade * cover)))


def sample(texture: Plane, x: Plane, y: Plane) -> Plane:
    """Look up a tileable texture bilinearly at broadcastable coordinates in texels of any range, wrapping around."""
    columns, rows = np.broadcast_arrays(_wrap(x), _wrap(y))
    tile = texture[:TILE, :TILE]
    return cv2.remap(tile, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP).astype(np.float32, copy=False)


def _wrap(coordinate: Plane) -> Plane:
    """Return coordinates modulo the tile; several times faster than the remainder of floats."""
    return (coordinate - np.floor(coordinate * np.float32(1 / TILE)) * np.float32(TILE)).astype(np.float32)


def crop(texture: Plane, rng: np.random.Generator, height: int, width: int) -> Plane:
    """Return a read-only (height, width) window of a tileable texture at a random place, wrapping around."""
    top, left = (int(v) for v in rng.integers(TILE, size=2))
    if height <= TILE and width <= TILE:
        return texture[top : top + height, left : left + width]
    rows, columns = np.arange(top, top + height) % TILE, np.arange(left, left + width) % TILE
    return texture[rows][:, columns]


def _doubled(tile: Plane) -> Plane:
    """Repeat a tile along both axes, so that any window up to its size is a plain slice; read-only."""
    plane = np.concatenate([tile, tile], axis=0)
    plane = np.ascontiguousarray(np.concatenate([plane, plane], axis=1), np.float32)
    plane.setflags(write=False)
    return plane
