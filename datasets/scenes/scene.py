"""Render one street scene: background, ground, objects from far to near, film."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..seeds import generator
from .backdrop import draw_buildings, draw_far, draw_sky
from .camera import Camera, draw_camera
from .film import develop
from .ground import draw_ground
from .layout import Layout, draw_layout
from .light import Light, draw_light
from .noise import crop, noise_bank
from .placement import CLASSES, Placed, Spot, place_objects, place_plants
from .raster import Sprite, rasterise, shade
from .shadows import building_shadows, contact_shadow, footprint, object_shadows, ring_on_ground
from .vegetation import bush, tree

SCENE_CLASSES: tuple[str, ...] = CLASSES
RENDERER_VERSION = "1"
MIN_SIDE = 8
"""Objects whose visible part is shorter than this on its long side, in pixels, are left out of the scene."""
MIN_VISIBLE = 0.2
"""Objects of which a smaller share is visible are left out of the scene."""
COVERED = np.float32(0.3)
"""A pixel shows an object when the object covers at least this share of it and nothing nearer does."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A rendered scene with its annotations; every object of a class that can be seen is annotated.

    Attributes:
        image: uint8 (H, W, 3), RGB.
        xyxy: float32 (N, 4), boxes around the visible pixels, x2 and y2 exclusive.
        labels: int64 (N,), indices into ``SCENE_CLASSES``.
        visible_fraction: float32 (N,), visible pixels as a share of the whole silhouette, which may leave the image.
        areas: float32 (N,), number of visible pixels.
        depth_m: float32 (H, W), metres along the optical axis; infinite in the sky.
        owner: int16 (H, W), 1 + index of the annotated object that a pixel shows, 0 elsewhere.
        camera: The camera, with focal length, height and horizon.
    """

    image: NDArray[np.uint8]
    xyxy: NDArray[np.float32]
    labels: NDArray[np.int64]
    visible_fraction: NDArray[np.float32]
    areas: NDArray[np.float32]
    depth_m: NDArray[np.float32]
    owner: NDArray[np.int16]
    camera: Camera


@dataclass(frozen=True, slots=True)
class _Thing:
    """A sprite to composite; ``item`` is None for plants."""

    sprite: Sprite
    item: Placed | None
    seed: int


def render_scene(seed: int, width: int = 512, height: int = 512) -> Scene:
    """Render the scene of a seed; the same bytes on any number of threads.

    Args:
        seed: Any non-negative integer.
        width: Pixels, at least 64.
        height: Pixels, at least 64.

    Raises:
        ValueError: The image would be smaller than 64 pixels on a side.
    """
    if min(width, height) < 64:
        raise ValueError(f"a scene needs at least 64 x 64 pixels, not {width} x {height}")
    with _one_thread():
        return _render(seed, width, height)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep OpenCV on one thread, whose order of sums is fixed, and give back the former number."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


def _render(seed: int, width: int, height: int) -> Scene:
    plan = generator(seed, "plan")
    camera = draw_camera(plan, width, height)
    light = draw_light(plan)
    layout = draw_layout(plan, camera)
    placed = place_objects(generator(seed, "objects"), camera, layout)
    plants = place_plants(generator(seed, "plants"), camera, layout, placed)
    things = _things(seed, camera, placed, plants)
    kept = _drop_hidden(things, camera)
    shown = [thing.item for thing in kept if thing.item is not None]
    image, depth, sunlit = _background(seed, camera, light, layout, shown, plants)
    _composite(kept, camera, light, sunlit, image, depth)
    boxes, labels, fractions, areas, owner = _annotate(kept, camera)
    pixels = develop(generator(seed, "film"), image)
    return Scene(pixels, boxes, labels, fractions, areas, depth, owner, camera)


def _things(seed: int, camera: Camera, placed: Sequence[Placed], plants: tuple[list[Spot], list[Spot]]) -> list[_Thing]:
    """Rasterise everything that stands on the ground, farthest first."""
    rng = generator(seed, "leaves")
    things = [_Thing(rasterise(item.mesh, item.pose, camera), item, item.seed) for item in placed]
    for spots, make in zip(plants, (tree, bush), strict=True):
        for spot in spots:
            seeds = rng.integers(1 << 62, size=2)
            sprites = make(rng, camera, spot.x, spot.z)
            things += [_Thing(sprite, None, int(s)) for sprite, s in zip(sprites, seeds, strict=False)]
    return sorted(things, key=lambda thing: -thing.sprite.distance)


def _overlap(sprite: Sprite, camera: Camera) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
    """Return the part of the image that a sprite touches, and that part of the sprite; None when outside."""
    x1, y1, x2, y2 = sprite.window
    left, top, right, bottom = max(x1, 0), max(y1, 0), min(x2, camera.width), min(y2, camera.height)
    if left >= right or top >= bottom:
        return None
    inner = (slice(top - y1, bottom - y1), slice(left - x1, right - x1))
    return (slice(top, bottom), slice(left, right)), inner


def _ownership(things: Sequence[_Thing], camera: Camera) -> NDArray[np.int16]:
    """Return 1 + index of the nearest thing that covers each pixel, 0 where none does."""
    owner = np.zeros((camera.height, camera.width), np.int16)
    for index, thing in enumerate(things):
        overlap = _overlap(thing.sprite, camera)
        if overlap is not None:
            owner[overlap[0]][thing.sprite.alpha[overlap[1]] >= COVERED] = index + 1
    return owner


def _extent(owner: NDArray[np.int16], sprite: Sprite, camera: Camera, number: int) -> tuple[int, int, int, int, int]:
    """Return the box (x1, y1, x2, y2) of the pixels with an owner's number, and how many there are."""
    overlap = _overlap(sprite, camera)
    if overlap is None:
        return 0, 0, 0, 0, 0
    mask = owner[overlap[0]] == number
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if len(rows) == 0:
        return 0, 0, 0, 0, 0
    top, left = overlap[0][0].start, overlap[0][1].start
    box = (left + columns[0], top + rows[0], left + columns[-1] + 1, top + rows[-1] + 1)
    return int(box[0]), int(box[1]), int(box[2]), int(box[3]), int(mask.sum())


def _share(sprite: Sprite, visible: int) -> float:
    return visible / max(int((sprite.alpha >= COVERED).sum()), 1)


def _drop_hidden(things: Sequence[_Thing], camera: Camera) -> list[_Thing]:
    """Remove annotated objects that show too little; the others can only gain by it."""
    owner = _ownership(things, camera)
    kept = []
    for index, thing in enumerate(things):
        if thing.item is not None and thing.item.label >= 0:
            x1, y1, x2, y2, visible = _extent(owner, thing.sprite, camera, index + 1)
            if max(x2 - x1, y2 - y1) < MIN_SIDE or _share(thing.sprite, visible) < MIN_VISIBLE:
                continue
        kept.append(thing)
    return kept


def _background(
    seed: int,
    camera: Camera,
    light: Light,
    layout: Layout,
    shown: Sequence[Placed],
    plants: tuple[list[Spot], list[Spot]],
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return radiance (H, W, 3), depth (H, W) and how much sun reaches the ground (H, W)."""
    image = np.zeros((camera.height, camera.width, 3), np.float32)
    depth = np.full((camera.height, camera.width), np.inf, np.float32)
    ground = draw_ground(generator(seed, "ground"), camera, layout)
    rng = generator(seed, "sky")
    image[: ground.top] = draw_sky(rng, camera, light, ground.top)
    walls = building_shadows(camera, layout, light)
    cast = np.maximum(walls, object_shadows(camera, light, shown, plants[0]))
    soft = cv2.GaussianBlur(cast, (0, 0), 0.7 + 3.0 * light.softness).astype(np.float32) / np.float32(255)
    sunlit = 1.0 - soft * np.float32(1.0 - 0.5 * light.softness)
    contact = np.ones_like(depth)
    for item in shown:
        contact_shadow(camera, footprint(item), item.pose.z, contact)
    for spots, radius in ((plants[0], 0.35), (plants[1], 0.7)):
        for spot in spots:
            contact_shadow(camera, ring_on_ground(spot, radius), spot.z, contact)
    below = slice(ground.top, camera.height)
    facing = light.sun * np.float32(light.sun_direction[1])
    sky = light.ambient
    clear = np.exp(-np.float32(light.haze) * ground.depth)
    shaded = contact[below] * clear
    direct = sunlit[below] * shaded
    for channel in range(3):
        arriving = direct * facing[channel] + shaded * sky[channel]
        haze = (1 - clear) * light.horizon[channel]
        image[below, :, channel] = ground.albedo[..., channel] * arriving + haze
    depth[below] = ground.depth
    draw_far(rng, camera, light, image, depth)
    draw_buildings(camera, layout, light, image, depth)
    return image, depth, 1.0 - walls.astype(np.float32) / np.float32(255)


def _composite(
    things: Sequence[_Thing],
    camera: Camera,
    light: Light,
    sunlit: NDArray[np.float32],
    image: NDArray[np.float32],
    depth: NDArray[np.float32],
) -> None:
    """Light the sprites and lay them over the background, farthest first."""
    bank = noise_bank()
    for thing in things:
        sprite = thing.sprite
        overlap = _overlap(sprite, camera)
        if overlap is None:
            continue
        outer, inner = overlap
        rng = generator(thing.seed, "surface")
        dirt = crop(bank.medium, rng, *sprite.alpha.shape)
        colour = shade(sprite, camera, light, _sun_at(sprite, sunlit), dirt)
        clear = np.float32(np.exp(-light.haze * sprite.distance))
        colour = light.horizon + (colour - light.horizon) * clear
        alpha = sprite.alpha[inner]
        image[outer] += (colour[inner] - image[outer]) * alpha[..., None]
        solid = alpha >= COVERED
        depth[outer][solid] = sprite.depth[inner][solid]


def _sun_at(sprite: Sprite, sunlit: NDArray[np.float32]) -> float:
    """Return how much sun reaches the foot of a sprite."""
    x1, _, x2, y2 = sprite.window
    row = min(max(y2 - 2, 0), sunlit.shape[0] - 1)
    column = min(max((x1 + x2) // 2, 0), sunlit.shape[1] - 1)
    return float(sunlit[row, column])


def _annotate(
    things: Sequence[_Thing], camera: Camera
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32], NDArray[np.float32], NDArray[np.int16]]:
    """Return boxes, labels, visible shares, areas and the map of annotated objects."""
    owner = _ownership(things, camera)
    lookup = np.zeros(len(things) + 1, np.int16)
    boxes, labels, shares, areas = [], [], [], []
    for index, thing in enumerate(things):
        if thing.item is None or thing.item.label < 0:
            continue
        x1, y1, x2, y2, visible = _extent(owner, thing.sprite, camera, index + 1)
        boxes.append((x1, y1, x2, y2))
        labels.append(thing.item.label)
        shares.append(_share(thing.sprite, visible))
        areas.append(visible)
        lookup[index + 1] = len(boxes)
    return (
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(labels, np.int64),
        np.array(shares, np.float32),
        np.array(areas, np.float32),
        lookup[owner],
    )
