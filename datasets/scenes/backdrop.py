"""What stands behind the objects: sky with clouds, hills, a line of far trees and houses, and facades."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .camera import Camera, clip_to_front
from .layout import Building, Layout
from .light import Light
from .mesh import newell
from .noise import TILE, crop, noise_bank, sample
from .palette import linear

Float = NDArray[np.floating[Any]]
_NEAR = 1.0


def draw_sky(rng: np.random.Generator, camera: Camera, light: Light, rows: int) -> Float:
    """Return the radiance of the sky (rows, width, 3); computed at half size, for clouds are soft."""
    if rows <= 0:
        return np.zeros((0, camera.width, 3), np.float32)
    h, w = (rows + 1) // 2, (camera.width + 1) // 2
    v = (camera.horizon - np.arange(h) * 2.0 - 1.0).astype(np.float32)[:, None] / np.float32(camera.focal)
    u = ((np.arange(w) * 2.0 + 1.0 - camera.centre) / camera.focal).astype(np.float32)[None, :]
    lift = np.clip(v / 0.55, 0.0, 1.0)
    share, cloud = _clouds(rng, light, u, v)
    clear = 1 - share
    blue = clear * np.sqrt(lift)
    grey = share * (1.0 - 0.13 * np.clip(cloud, 0, 2))
    white = 0.25 * light.sun + 0.65 * light.horizon + 0.12
    glow = _glow(light, u, v) * np.float32(0.25 * (1 - light.softness))
    planes = np.stack([clear - blue, blue, grey, glow], axis=-1).astype(np.float32)
    matrix = np.stack([light.horizon, light.zenith, white, light.sun], axis=1).astype(np.float64)
    sky = cv2.transform(planes, matrix)
    full = cv2.resize(sky, (w * 2, h * 2), interpolation=cv2.INTER_LINEAR).astype(np.float32, copy=False)
    return full[:rows, : camera.width]


def _clouds(rng: np.random.Generator, light: Light, u: Float, v: Float) -> tuple[Float, Float]:
    """Return how much of each pixel is cloud, and the thickness of the clouds."""
    height = np.maximum(v, np.float32(0.02))
    scale = np.float32(rng.uniform(14, 34))
    dx, dy = rng.uniform(0, 512, 2).astype(np.float32)
    cloud = sample(noise_bank().smooth, u / height * scale + dx, scale * 3 / (height + np.float32(0.25)) + dy)
    wisps = sample(noise_bank().medium, u * 260 + dx, v * 400 + dy)
    cover = np.float32(rng.uniform(-1.4, 0.9) + 0.8 * light.softness)
    share = np.clip((cloud + 0.35 * wisps + cover) * 0.6, 0.0, 1.0) * np.clip(v / 0.05, 0.15, 1.0)
    return share, cloud


def _glow(light: Light, u: Float, v: Float) -> Float:
    sun = light.sun_direction.astype(np.float32)
    cosine = (u * sun[0] + v * sun[1] + sun[2]) / np.sqrt(u * u + v * v + 1)
    return np.square(np.square(np.square(np.clip(cosine, 0, 1))))


def draw_far(rng: np.random.Generator, camera: Camera, light: Light, image: Float, depth: Float) -> None:
    """Paint hills, then far woods or roofs, over the horizon, softened by haze."""
    for distance, tall in ((1500.0, rng.uniform(20, 130)), (420.0, rng.uniform(4, 22))):
        if rng.random() < 0.25:
            continue
        profile = _profile(rng, camera.width, blocky=bool(distance < 1000 and rng.random() < 0.4))
        top = camera.horizon - camera.focal * tall * (0.45 + 0.3 * profile) / distance
        rows = np.arange(camera.height, dtype=np.float64)[:, None] + 0.5
        share = np.clip(rows - top[None, :] + 0.5, 0, 1) * (rows < camera.horizon + 1.5)
        first = max(0, int(top.min()) - 1)
        last = min(camera.height, int(camera.horizon) + 2)
        if first >= last:
            continue
        green = linear(rng.uniform((0.20, 0.28, 0.14), (0.42, 0.44, 0.30))).astype(np.float32)
        grain = crop(noise_bank().medium, rng, last - first, camera.width)
        colour = green * light.irradiance(np.array([0.0, 0.6, -0.8])) * (1 + 0.16 * grain)[..., None]
        fade = np.float32(min(0.9, 1.0 - np.exp(-(light.haze + 0.0005) * distance)))
        colour = colour + (light.horizon - colour) * fade
        weight = share[first:last, :, None].astype(np.float32)
        image[first:last] += (colour - image[first:last]) * weight
        view = depth[first:last]
        view[share[first:last] >= 0.5] = distance


def _profile(rng: np.random.Generator, width: int, blocky: bool) -> NDArray[np.float64]:
    """Return a skyline (width,) of about unit deviation: rolling, or of steps like roofs."""
    row = noise_bank().smooth[int(rng.integers(512))].astype(np.float64)
    start, stretch = rng.uniform(0, 512), rng.uniform(0.15, 0.5)
    if not blocky:
        fine = noise_bank().medium[int(rng.integers(512))].astype(np.float64)
        at, ticks = np.arange(width), np.arange(2 * TILE)
        return np.interp((start + at * stretch) % TILE, ticks, row) + 0.12 * np.interp(at % TILE, ticks, fine)
    edges = np.cumsum(rng.uniform(5, 26, width // 5 + 2))
    return rng.uniform(-0.9, 1.6, len(edges) + 1)[np.searchsorted(edges, np.arange(width))]


def draw_buildings(camera: Camera, layout: Layout, light: Light, image: Float, depth: Float) -> None:
    """Paint the blocks, farthest first: walls that face the camera, then roofs."""
    blocks = [(block, _walls(block, layout)) for block in layout.buildings]
    seen = [(block, walls) for block, walls in blocks if walls]
    for block, walls in sorted(seen, key=lambda pair: -_nearness(pair[1])):
        for wall, style in sorted(walls, key=lambda w: -_nearness([w])):
            _draw_wall(camera, light, wall, style, image, depth)
        if block.pitched:
            for polygon in _roof(block, layout):
                _draw_roof(camera, light, polygon, block.style, image, depth)


def _nearness(walls: list[tuple[NDArray[np.float64], int]]) -> float:
    """Return the least squared distance from the camera to the middle of a wall, on the ground."""
    middles = np.array([wall[:2].mean(0) for wall, _ in walls])
    return float((middles[:, 0] ** 2 + middles[:, 2] ** 2).min())


def _roof(block: Building, layout: Layout) -> list[NDArray[np.float64]]:
    """Return the gables and slopes of a gabled roof that face the camera; its ridge runs along the street."""
    (t0, t1), (s0, s1) = block.along, block.across
    low, high, middle, out = block.height, block.height + block.ridge, (s0 + s1) / 2, 0.35
    level = (low - 0.08, low - 0.08, high, high)

    def at(points: tuple[tuple[float, float], ...], heights: tuple[float, ...]) -> NDArray[np.float64]:
        ground = [layout.world(s, t) for s, t in points]
        return np.array([(x, y, z) for (x, z), y in zip(ground, heights, strict=True)])

    gables = [at(((s0, t), (s1, t), (middle, t)), (low, low, high)) for t in (t0, t1)]
    slopes = [at(((s, t0), (s, t1), (middle, t1), (middle, t0)), level) for s in (s0 - out, s1 + out)]
    centre = at(((middle, (t0 + t1) / 2),), (low,))[0]
    return [
        p
        for p in gables + slopes
        if ((p.mean(0) - centre) * _outward(p, centre)).sum() >= 0 > (_outward(p, centre) * p[0]).sum()
    ]


def _outward(polygon: NDArray[np.float64], centre: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the normal of a polygon that points away from a centre."""
    normal = newell(polygon)
    return normal if float((normal * (polygon.mean(0) - centre)).sum()) > 0 else -normal


def _draw_roof(
    camera: Camera, light: Light, polygon: NDArray[np.float64], style: int, image: Float, depth: Float
) -> None:
    """Paint one face of a roof: tiles on a slope, plaster on a gable."""
    front = clip_to_front(polygon, _NEAR)
    if not len(front):
        return
    pixels = np.clip(camera.project(front), -4000, 4000)
    x1, y1 = (max(0, int(v)) for v in np.floor(pixels.min(0)))
    x2 = min(camera.width, int(np.ceil(pixels[:, 0].max())))
    y2 = min(camera.height, int(np.ceil(pixels[:, 1].max())))
    if x2 <= x1 or y2 <= y1:
        return
    rng = np.random.Generator(np.random.Philox(style))
    normal = newell(polygon)
    normal = normal / np.sqrt((normal**2).sum())
    normal = normal if normal[1] > 0 or (abs(normal[1]) < 1e-6 and (normal * polygon[0]).sum() < 0) else -normal
    tiles = _TILES[int(rng.integers(len(_TILES)))] if len(polygon) == 4 else _WALLS[int(rng.integers(len(_WALLS)))]
    grain = 1 + 0.08 * crop(noise_bank().medium, rng, y2 - y1, x2 - x1)
    distance = float(front[:, 2].mean())
    colour = (linear(tiles) * light.irradiance(normal)).astype(np.float32) * grain[..., None]
    colour += (light.horizon - colour) * np.float32(1 - np.exp(-light.haze * distance))
    mask = np.zeros((y2 - y1, x2 - x1), np.uint8)
    cv2.fillConvexPoly(mask, np.rint((pixels - (x1, y1) - 0.5) * 16).astype(np.int32), 255, cv2.LINE_AA, 4)
    image[y1:y2, x1:x2] += (colour - image[y1:y2, x1:x2]) * (mask.astype(np.float32) / 255)[..., None]
    depth[y1:y2, x1:x2][mask >= 128] = distance


_TILES = (
    np.array((0.52, 0.28, 0.20)),
    np.array((0.42, 0.25, 0.20)),
    np.array((0.32, 0.32, 0.34)),
    np.array((0.40, 0.38, 0.36)),
    np.array((0.46, 0.36, 0.28)),
)


def _walls(block: Building, layout: Layout) -> list[tuple[NDArray[np.float64], int]]:
    """Return the walls of a block that face the camera, each as bottom-left, bottom-right, top-right, top-left."""
    (t0, t1), (s0, s1) = block.along, block.across
    corners = [layout.world(s, t) for s, t in ((s0, t0), (s1, t0), (s1, t1), (s0, t1))]
    walls = []
    for i, ((x0, z0), (x1, z1)) in enumerate(zip(corners, corners[1:] + corners[:1], strict=True)):
        facing = (x1 - x0) * -z0 - (z1 - z0) * -x0
        if facing <= 0 and max(z0, z1) > _NEAR + 0.5:
            ends = ((x0, z0), (x1, z1))
            points = [(x, 0.0, z) for x, z in ends]
            points += [(x, block.height, z) for x, _, z in reversed(points)]
            walls.append((np.array(points), block.style + i))
    return walls


def _draw_wall(camera: Camera, light: Light, wall: NDArray[np.float64], style: int, image: Float, depth: Float) -> None:
    """Warp a painted facade onto its wall."""
    run = wall[1] - wall[0]
    length = float(np.sqrt((run**2).sum()))
    height = float(wall[2, 1])
    start, stop = _visible_part(wall, camera, length)
    if stop - start < 0.3:
        return
    part = np.array([wall[0] + run * (start / length), wall[0] + run * (stop / length)])
    part = np.concatenate([part, part[::-1] + np.array([0.0, height, 0.0])])
    pixels = camera.project(part)
    x1, y1 = (max(0, int(v)) for v in np.floor(pixels.min(0)))
    x2, y2 = int(np.ceil(pixels[:, 0].max())), int(np.ceil(pixels[:, 1].max()))
    x2, y2 = min(camera.width, x2), min(camera.height, y2)
    if x2 - x1 < 1 or y2 - y1 < 1:
        return
    scale = float(np.clip(0.9 * camera.focal / np.sqrt(part[0, 2] * part[1, 2]), 2.0, 30.0))
    normal = np.array([run[2], 0.0, -run[0]]) / length
    if (normal * wall[0]).sum() > 0:
        normal = -normal
    look = draw_look(style, length, height)
    paint = facade(look, (start, stop), scale)
    h, w = paint.shape[:2]
    source = np.array([(0, h), (w, h), (w, 0), (0, 0)], np.float32) - np.float32(0.5)
    target = (pixels - (x1, y1) - 0.5).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(source, target)
    size = (x2 - x1, y2 - y1)
    warped = cv2.warpPerspective(paint, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    mask = np.zeros((size[1], size[0]), np.uint8)
    cv2.fillConvexPoly(mask, np.rint(target * 16).astype(np.int32), 255, cv2.LINE_AA, 4)
    colour = cv2.transform(warped, _facade_light(look, light, normal))
    distance = _wall_depth(part, camera, x1, x2)
    fade = (1.0 - np.exp(-light.haze * distance)).astype(np.float32)[None, :, None]
    colour += (light.horizon - colour) * fade
    colour -= image[y1:y2, x1:x2]
    colour *= (mask.astype(np.float32) / 255.0)[..., None]
    image[y1:y2, x1:x2] += colour
    solid = mask >= 128
    depth[y1:y2, x1:x2][solid] = np.broadcast_to(distance.astype(np.float32), solid.shape)[solid]


def _visible_part(wall: NDArray[np.float64], camera: Camera, length: float) -> tuple[float, float]:
    """Return the stretch of a wall, metres from its start, that lies in front of the camera and near its view."""
    span = np.linspace(0.0, 1.0, 65)
    points = wall[0] + (wall[1] - wall[0]) * span[:, None]
    column = camera.centre + camera.focal * points[:, 0] / np.maximum(points[:, 2], 1e-6)
    inside = (points[:, 2] > _NEAR) & (column > -0.3 * camera.width) & (column < 1.3 * camera.width)
    if not inside.any():
        return 0.0, 0.0
    kept = np.flatnonzero(inside)
    return float(span[kept[0]]) * length, float(span[kept[-1]]) * length


def _wall_depth(part: NDArray[np.float64], camera: Camera, x1: int, x2: int) -> NDArray[np.float64]:
    """Return the depth of a wall at each column: 1/Z is affine along the image row."""
    columns = camera.project(part[:2])[:, 0]
    inverse = 1.0 / part[:2, 2]
    if abs(columns[1] - columns[0]) < 1e-6:
        return np.full(x2 - x1, part[0, 2])
    share = np.clip((np.arange(x1, x2) + 0.5 - columns[0]) / (columns[1] - columns[0]), 0.0, 1.0)
    return 1.0 / (inverse[0] + (inverse[1] - inverse[0]) * share)


@dataclass(frozen=True, slots=True)
class _Look:
    """Proportions (metres) and colours (linear) of one facade."""

    length: float
    height: float
    wall: NDArray[np.float64]
    trim: NDArray[np.float64]
    floor: float
    bay: float
    pane: tuple[float, float]
    ground: float
    shop: bool
    mirror: Float
    curtain: Float


def draw_look(style: int, length: float, height: float) -> _Look:
    """Draw the look of a facade from its style number."""
    rng = np.random.Generator(np.random.Philox(style))
    floor, bay = rng.uniform(2.8, 3.6), rng.uniform(1.8, 3.4)
    return _Look(
        length,
        height,
        wall=linear(_WALLS[int(rng.integers(len(_WALLS)))] * rng.uniform(0.8, 1.08)),
        trim=linear(np.full(3, rng.uniform(0.45, 0.88))),
        floor=floor,
        bay=bay,
        pane=(bay * rng.uniform(0.35, 0.72), floor * rng.uniform(0.42, 0.66)),
        ground=rng.uniform(0.3, 0.9) if height < 9 else rng.uniform(2.6, 3.6),
        shop=bool(height >= 9 and rng.random() < 0.6),
        mirror=rng.uniform(0.05, 0.45, (16, 32)).astype(np.float32),
        curtain=np.where(rng.random((16, 32)) < 0.15, 0.35, 0.02).astype(np.float32),
    )


def facade(look: _Look, span: tuple[float, float], scale: float) -> Float:
    """Paint a stretch of a facade: windows by floors, a plinth or shop fronts, ledges, stains.

    Args:
        look: Proportions.
        span: Stretch of the wall to paint, metres from its start.
        scale: Pixels per metre.

    Returns:
        float32 (h, w, 4): shares of lit wall, lit trim, mirrored sky and bright curtain.
    """
    w, h = max(2, round((span[1] - span[0]) * scale)), max(2, round(look.height * scale))
    x = ((np.arange(w) + 0.5) / w * (span[1] - span[0]) + span[0])[None, :]
    y = (look.height * (1 - (np.arange(h) + 0.5) / h))[:, None]
    column, row = np.mod(x, look.bay) - look.bay / 2, np.mod(y - look.ground, look.floor) - look.floor * 0.55
    wide, tall = look.pane
    across = x < look.bay * np.floor(look.length / look.bay)
    up = (y > look.ground) & (y < look.height - 0.5)
    mullion = 1 - 0.8 * _window(column, 0.035, scale)
    pane = _outer(_window(row, tall / 2, scale) * up, _window(column, wide / 2, scale) * across * mullion)
    frame = _outer(_window(row, tall / 2 + 0.1, scale) * up, _window(column, wide / 2 + 0.1, scale) * across)
    if look.shop:
        middle = _window(y - look.ground * 0.48, look.ground * 0.36, scale)
        pane = np.maximum(pane, _outer(middle, _window(column, look.bay * 0.42, scale)) * np.float32(0.85))
    ledge = np.clip(_window(y - look.height + 0.2, 0.2, scale) + _window(y - look.ground, 0.08, scale), 0, 1)
    trim = np.maximum(frame, ledge.astype(np.float32))
    rows, columns = (
        (np.floor((y - look.ground) / look.floor) % 16).astype(np.intp),
        (np.floor(x / look.bay) % 32).astype(np.intp),
    )
    place = np.random.Generator(np.random.Philox(round(look.floor * 1e6)))
    stain = crop(noise_bank().smooth, place, h, w) + np.float32(0.7) * crop(noise_bank().medium, place, h, w)
    out = np.empty((h, w, 4), np.float32)
    open_ = 1 - pane
    out[..., 0] = (1 - trim) * open_ * (1 + np.float32(0.06) * stain)
    out[..., 1] = trim * open_
    out[..., 2] = look.mirror[rows, columns] * pane
    out[..., 3] = look.curtain[rows, columns] * pane
    return out


def _outer(rows: NDArray[np.float64], columns: NDArray[np.float64]) -> Float:
    return rows.astype(np.float32) * columns.astype(np.float32)


def _facade_light(look: _Look, light: Light, normal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the matrix (3, 4) that turns the shares of ``facade`` into radiance."""
    lit = light.irradiance(normal)
    columns = [look.wall * lit, look.trim * lit, 0.5 * (light.zenith + light.horizon), light.horizon]
    return np.stack(columns, axis=1).astype(np.float64)


_WALLS = (
    np.array((0.62, 0.36, 0.28)),
    np.array((0.50, 0.30, 0.24)),
    np.array((0.82, 0.76, 0.64)),
    np.array((0.72, 0.70, 0.68)),
    np.array((0.88, 0.86, 0.80)),
    np.array((0.56, 0.58, 0.60)),
    np.array((0.74, 0.60, 0.44)),
    np.array((0.52, 0.56, 0.50)),
    np.array((0.60, 0.50, 0.46)),
)


def _window(distance: NDArray[np.float64], half: float, scale: float) -> NDArray[np.float64]:
    """Return the share of each pixel within ``half`` of a line, anti-aliased."""
    return np.clip((half - np.abs(distance)) * scale + 0.5, 0, 1)
