"""Training crops: cut, scaled, mirrored and recoloured parts of a dataset's images, with their targets.

A crop is a function of (seed, epoch, position in the epoch) alone, so that any number of worker processes, and a run
that was stopped and resumed, sees the same crops.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F
from torch.utils.data import Dataset as TorchDataset
from torch.utils.data import Sampler

from ...datasets.seeds import generator, stable_seed
from ...datasets.types import Boxes
from ..training.pixels import PixelStore
from .config import CropConfig
from .net import normalise
from .targets import Targets, encode

_GREY = 128
"""Fills windows that reach beyond the image; the network's padding is the same mid-grey."""


@dataclass(frozen=True, slots=True)
class Window:
    """A square part of an image, which may reach beyond it.

    Attributes:
        x: Left edge, image pixels; negative where the window begins outside.
        y: Upper edge.
        side: Width and height, image pixels.
    """

    x: int
    y: int
    side: int


def draw_window(
    rng: np.random.Generator, size: tuple[int, int], xyxy: NDArray[np.float32], config: CropConfig
) -> Window:
    """Draw a window's scale and place.

    Windows lie inside the image where it is larger and around it where it is smaller. A share of them,
    ``config.aimed``, holds a randomly chosen object, whole where it fits: an even choice would spend most of the time
    on sky and cut most large objects. Large objects are chosen more often, for they are few.

    Args:
        rng: Source of all choices.
        size: (height, width) of the image, pixels.
        xyxy: float32 (N, 4), boxes of its objects.
        config: Size of the crop and range of scales.
    """
    low, high = config.scale
    scale = math.exp(rng.uniform(math.log(low), math.log(high)))
    side = max(1, round(config.size / scale))
    aimed = len(xyxy) > 0 and rng.random() < config.aimed
    box = xyxy[_choose(rng, xyxy)] if aimed else None
    spans = [None, None] if box is None else [(float(box[axis]), float(box[axis + 2])) for axis in (0, 1)]
    x, y = (_draw_start(rng, length, side, span) for length, span in zip(size[::-1], spans, strict=True))
    return Window(x, y, side)


def _choose(rng: np.random.Generator, xyxy: NDArray[np.float32]) -> int:
    """Choose a box with a probability that grows with the square root of its longer side."""
    weight = np.sqrt((xyxy[:, 2:] - xyxy[:, :2]).max(axis=1).astype(np.float64))
    return int(rng.choice(len(xyxy), p=weight / weight.sum()))


def _draw_start(rng: np.random.Generator, length: int, side: int, span: tuple[float, float] | None) -> int:
    """Draw a window's start along one axis of an image, so that it covers ``span``, or its centre if that is wider."""
    low, high = sorted((0, length - side))
    if span is not None:
        first, last = span if span[1] - span[0] <= side - 1 else [sum(span) / 2] * 2
        low, high = max(low, math.ceil(last) - side), min(high, math.floor(first))
    return int(rng.integers(low, max(low, high) + 1))


def cut(image: NDArray[np.uint8], window: Window, size: int) -> torch.Tensor:
    """Return the window of an image (H, W, 3), resized to uint8 (3, size, size)."""
    canvas = np.full((window.side, window.side, 3), _GREY, np.uint8)
    top, left = max(0, window.y), max(0, window.x)
    part = image[top : window.y + window.side, left : window.x + window.side]
    canvas[top - window.y :, left - window.x :][: part.shape[0], : part.shape[1]] = part
    tensor = torch.from_numpy(canvas).permute(2, 0, 1)[None]
    return F.interpolate(tensor, size=(size, size), mode="bilinear", antialias=True)[0]


def crop_boxes(boxes: Boxes, window: Window, config: CropConfig) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Move boxes into a crop's pixels, clipped to it.

    Returns:
        Boxes to learn (N, 4), their labels (N,), and boxes (M, 4) of which too little is left to learn: crowds,
        objects mostly outside the crop, and objects too small.
    """
    scale = config.size / window.side
    moved = (boxes.xyxy - np.array([window.x, window.y] * 2, np.float32)) * np.float32(scale)
    clipped = moved.clip(0, config.size)
    sides, whole = clipped[:, 2:] - clipped[:, :2], moved[:, 2:] - moved[:, :2]
    visible = sides.prod(axis=1) / whole.prod(axis=1).clip(min=1e-6)
    learnt = (visible >= config.min_visible) & (sides.min(axis=1, initial=np.inf) >= config.min_side) & ~boxes.crowd
    ignored = ~learnt & (sides > 0).all(axis=1)
    labels = torch.from_numpy(boxes.labels[learnt])
    return torch.from_numpy(clipped[learnt]), labels, torch.from_numpy(clipped[ignored])


def recolour(image: torch.Tensor, rng: np.random.Generator, strength: float) -> torch.Tensor:
    """Multiply brightness, contrast and saturation of a float image (3, h, w) in [0, 1] by random factors."""
    brightness, contrast, saturation = rng.uniform(1 - strength, 1 + strength, 3)
    grey = image.mean(dim=0, keepdim=True)
    image = grey + (image - grey) * saturation
    image = grey.mean() + (image - grey.mean()) * contrast
    return (image * brightness).clamp(0, 1)


class Crops(TorchDataset[tuple[torch.Tensor, Targets]]):
    """Crops of a pixel store, indexed by (epoch, position); see ``CropSampler``."""

    def __init__(
        self, pixels: PixelStore, boxes: tuple[Boxes, ...], classes: int, config: CropConfig, seed: int
    ) -> None:
        self.pixels, self.boxes, self.classes, self.config, self.seed = pixels, boxes, classes, config, seed

    def __len__(self) -> int:
        return len(self.boxes) * self.config.per_image

    def __getitem__(self, key: tuple[int, int]) -> tuple[torch.Tensor, Targets]:
        """Return a normalised crop, float (3, size, size), and its targets."""
        epoch, position = key
        index = position % len(self.boxes)
        rng = generator(self.seed, f"crop {epoch} {position}")
        image = self.pixels[index]
        window = draw_window(rng, (image.shape[0], image.shape[1]), self.boxes[index].xyxy, self.config)
        crop = cut(image, window, self.config.size)
        boxes, labels, ignored = crop_boxes(self.boxes[index], window, self.config)
        if rng.random() < 0.5:
            crop, boxes, ignored = crop.flip(-1), mirror(boxes, self.config.size), mirror(ignored, self.config.size)
        colour = recolour(crop.float() / 255, rng, self.config.colour)
        return normalise(colour), encode(boxes, labels, ignored, self.classes, (self.config.size, self.config.size))


def mirror(boxes: torch.Tensor, width: int) -> torch.Tensor:
    """Mirror boxes (N, 4) left to right in an image of the given width."""
    return torch.stack([width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], dim=1)


class CropSampler(Sampler[tuple[int, int]]):
    """A fresh order of all positions in each epoch, drawn from (seed, epoch).

    Lightning calls ``set_epoch`` before each epoch except the first one that it runs: that one is given here, and is
    not 0 when training is resumed.
    """

    def __init__(self, length: int, seed: int, first_epoch: int = 0) -> None:
        self.length, self.seed, self.epoch = length, seed, first_epoch

    def __len__(self) -> int:
        return self.length

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch comes next."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[tuple[int, int]]:
        order = np.random.Generator(np.random.Philox(stable_seed(self.seed, "order", self.epoch)))
        for position in order.permutation(self.length):
            yield self.epoch, int(position)
