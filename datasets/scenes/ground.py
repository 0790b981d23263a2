"""The ground: asphalt with markings, kerbs, paving, grass and gravel in correct perspective."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .camera import Camera
from .layout import Layout
from .noise import noise_bank, sample
from .palette import linear

Float = NDArray[np.floating[Any]]
FAR = 2000.0


@dataclass(frozen=True, slots=True)
class Ground:
    """The rows below the horizon.

    Attributes:
        top: First row.
        albedo: float32 (h, w, 3), linear reflectance.
        depth: float32 (h, 1), metres.
    """

    top: int
    albedo: Float
    depth: Float


@dataclass(frozen=True, slots=True)
class _Grid:
    """Street coordinates of every ground pixel (metres) and how many metres one pixel spans in them."""

    across: Float
    along: Float
    across_step: Float
    along_step: Float
    step: Float


def _grid(camera: Camera, layout: Layout, top: int) -> tuple[_Grid, Float]:
    rows = np.arange(top, camera.height, dtype=np.float64) + 0.5 - camera.horizon
    depth = np.minimum(camera.focal * camera.height_m / np.maximum(rows, 1e-3), FAR)[:, None]
    cos, sin = np.cos(layout.yaw), np.sin(layout.yaw)
    f32 = np.float32
    x = ((np.arange(camera.width) + 0.5 - camera.centre) / camera.focal).astype(f32)[None, :]
    across = (depth * cos).astype(f32) * x + (-depth * sin - layout.shift).astype(f32)
    along = (depth * sin).astype(f32) * x + (depth * cos).astype(f32)
    sideways, forward = depth / camera.focal, depth * depth / (camera.focal * camera.height_m)
    cos, sin = abs(cos), abs(sin)
    grid = _Grid(
        across,
        along,
        (sideways * cos + forward * sin).astype(f32),
        (sideways * sin + forward * cos).astype(f32),
        forward.astype(f32),
    )
    return grid, depth.astype(f32)


def _inside(value: Float, half: float, step: Float) -> Float:
    """Return the share of a pixel with |value| < half, anti-aliased over ``step``."""
    return np.clip((half - np.abs(value)) / step + 0.5, 0.0, 1.0)


def _band(value: Float, period: float, width: float, step: Float) -> Float:
    """Return the share of a pixel covered by stripes of a width and period; fades to its mean when too fine."""
    distance = np.abs(value - np.floor(value * np.float32(1 / period)) * np.float32(period) - np.float32(period / 2))
    stripe = np.clip((width / 2 - distance) / step + 0.5, 0.0, 1.0)
    blend = np.clip(step / (0.5 * period), 0.0, 1.0)
    return stripe * (1 - blend) + np.float32(width / period) * blend


def _texture(rng: np.random.Generator, g: _Grid, plane: Float, metres: float) -> Float:
    """Sample noise of which one texel spans ``metres``, faded out where pixels are coarser."""
    dx, dy = rng.uniform(0, 512, 2)
    value = sample(plane, g.across / np.float32(metres) + np.float32(dx), g.along / np.float32(metres) + np.float32(dy))
    return value * np.clip(np.float32(2.5 * metres) / g.step, 0.0, 1.0)


@dataclass(slots=True)
class _Paint:
    """Coats of paint over one another: each is a colour times a brightness per pixel, mixed by shares.

    Brightness and shares are planes, colours single triples, so that pixels meet three channels only once.
    """

    coats: list[tuple[Float, Float]]

    def cover(self, share: Float | np.float32, colour: Float, brightness: Float | np.float32) -> None:
        """Lay a coat over what is there: 0 leaves a pixel as it is, 1 hides it."""
        rest = np.float32(1.0) - share
        self.coats = [(c, plane * rest) for c, plane in self.coats]
        self.coats.append((colour, np.asarray(brightness * share, np.float32)))

    def colours(self, shape: tuple[int, ...]) -> Float:
        """Return the sum of all coats (h, w, 3)."""
        out = np.empty((*shape, 3), np.float32)
        for channel in range(3):
            total = np.zeros(shape, np.float32)
            for colour, plane in self.coats:
                total += plane * colour[channel]
            out[..., channel] = np.clip(total, 0.01, 0.9)
        return out


def draw_ground(rng: np.random.Generator, camera: Camera, layout: Layout) -> Ground:
    """Paint the reflectance of the ground."""
    top = max(0, int(np.ceil(camera.horizon)))
    g, depth = _grid(camera, layout, top)
    bank = noise_bank()
    patches = _texture(rng, g, bank.smooth, 0.09)
    rough = 0.6 * _texture(rng, g, bank.medium, 0.03) + 0.4 * _texture(rng, g, bank.fine, 0.012)
    paint = _Paint([])
    _verge(rng, g, layout.verge, (patches, rough), paint)
    asphalt = 1 + 0.08 * patches + 0.13 * rough
    if layout.lot:
        lines = _band(g.along, 2.6, 0.12, g.along_step) * _inside(
            g.across - np.float32(layout.road + layout.walk + 2.7), 2.6, g.across_step
        )
        side = np.clip(g.across / g.across_step, 0, 1)
        paint.cover(side, _grey(rng, 0.30, 0.46), asphalt)
        paint.cover(side * lines * np.float32(0.8), _grey(rng, 0.7, 0.8), np.float32(1.0))
    _paving(rng, g, (patches, rough), paint, _inside(g.across, layout.road + layout.walk, g.across_step))
    tar = _grey(rng, 0.30, 0.46)
    clear = np.float32(0.0)
    if np.isfinite(layout.crossing):
        clear = _inside(g.along - np.float32(layout.crossing), layout.crossing_road, g.along_step)
        paint.cover(clear, tar, asphalt)
    paint.cover(
        _inside(g.across, layout.road + 0.16, g.across_step) * (1 - clear), _grey(rng, 0.5, 0.65), 1 + 0.1 * rough
    )
    paint.cover(_inside(g.across, layout.road, g.across_step), tar, asphalt)
    marks = _markings(rng, g, layout) * (1 - clear) * np.clip(0.82 + 0.2 * patches + 0.12 * rough, 0, 1)
    white = _grey(rng, 0.66, 0.84) * np.array((1, 1, 0.95) if rng.random() < 0.75 else (1, 0.75, 0.25), np.float32)
    paint.cover(marks, white, np.float32(1.0))
    return Ground(top, paint.colours(rough.shape), depth)


def _tint(rng: np.random.Generator, low: tuple[float, ...], high: tuple[float, ...]) -> Float:
    """Draw a colour between two display colours, mostly in brightness and a little in hue; linear."""
    start, stop = np.array(low), np.array(high)
    share = np.clip(rng.uniform(0, 1) + rng.uniform(-0.15, 0.15, 3), 0, 1)
    return linear(start + (stop - start) * share).astype(np.float32)


def _grey(rng: np.random.Generator, low: float, high: float) -> Float:
    return linear(rng.uniform(low, high) + rng.normal(0, 0.008, 3)).astype(np.float32)


def _paving(
    rng: np.random.Generator, g: _Grid, noise: tuple[Float, Float], paint: _Paint, share: Float | np.float32
) -> None:
    """Lay slabs with joints."""
    stone = _tint(rng, (0.46, 0.43, 0.40), (0.70, 0.67, 0.64))
    size = rng.uniform(0.4, 1.1)
    joints = np.maximum(
        _band(g.across, size, 0.025, g.across_step), _band(g.along, size * rng.uniform(0.6, 1.6), 0.025, g.along_step)
    )
    paint.cover(share, stone, (1 + 0.07 * noise[0] + 0.08 * noise[1]) * (1 - 0.4 * joints))


def _verge(rng: np.random.Generator, g: _Grid, kind: str, noise: tuple[Float, Float], paint: _Paint) -> None:
    """Lay what is beyond the pavement: grass, slabs or gravel."""
    patches, rough = noise
    everywhere = np.float32(1.0)
    if kind == "plaza":
        _paving(rng, g, noise, paint, everywhere)
    elif kind == "gravel":
        paint.cover(everywhere, _tint(rng, (0.50, 0.45, 0.38), (0.66, 0.61, 0.54)), 1 + 0.08 * patches + 0.22 * rough)
    else:
        blades = 1 + 0.28 * rough + 0.12 * patches
        paint.cover(everywhere, _tint(rng, (0.24, 0.31, 0.14), (0.35, 0.42, 0.22)), blades)
        dry = _tint(rng, (0.40, 0.39, 0.22), (0.50, 0.48, 0.32))
        paint.cover(np.clip(0.35 + 0.25 * patches, 0, 1), dry, blades)


def _markings(rng: np.random.Generator, g: _Grid, layout: Layout) -> Float:
    """Return the share of each pixel covered by road markings: centre line, edge lines, a zebra crossing."""
    dashes = np.clip((1.5 - np.abs(np.mod(g.along, 6.0) - 3.0)) / g.along_step + 0.5, 0, 1)
    solid = rng.random() < 0.25
    centre = _inside(g.across, 0.07, g.across_step) * (np.float32(1.0) if solid else dashes)
    edges = _inside(np.abs(g.across) - np.float32(layout.road - 0.3), 0.06, g.across_step) * np.float32(
        rng.random() < 0.6
    )
    marks = np.maximum(centre, edges)
    if rng.random() < 0.45:
        at = rng.uniform(8, 30)
        stripes = _band(g.across, 1.0, 0.5, g.across_step) * _inside(g.across, layout.road - 0.4, g.across_step)
        zone = _inside(g.along - np.float32(at), 1.6, g.along_step)
        marks = marks * (1 - zone) + stripes * zone
    return marks * np.clip(0.14 / g.across_step, 0.25, 1.0)
