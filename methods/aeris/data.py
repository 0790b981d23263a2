"""Clean training crops, after mmdetection's ``RandomCenterCropPad``, a resize to the training size, and a mirror.

A crop is a function of (seed, epoch, position in the epoch) alone, so that any number of worker processes, and a run
that was stopped and resumed, sees the same crops.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch.utils.data import Dataset as TorchDataset

from ...datasets.seeds import generator
from ...datasets.types import Boxes
from ..boxes import mirrored

_TRIES = 50
"""Centres tried for one size of the patch, before another size is drawn."""
_SIZES_TRIED = 20
"""Sizes tried before a patch is aimed at an object; mmdetection tries for ever."""


class CropConfig(BaseModel):
    """How training crops are cut."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int = Field(default=512, gt=0, multiple_of=32)
    """Side of a crop, pixels."""
    ratios: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        default=(0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3), min_length=1
    )
    """Side of the part of the image that is cut, over ``size``; equally likely."""
    border: int = Field(default=128, ge=0)
    """Centres keep this distance from the image's border, halved until there is room."""
    flip: float = Field(default=0.5, ge=0, le=1)
    """Share of crops that are mirrored left to right."""
    fill: int = Field(default=0, ge=0, le=255)
    """Grey level around images that a crop reaches beyond."""
    min_side: float = Field(default=0.0, ge=0)
    """Objects narrower or lower than this are not learnt, crop pixels."""
    repeat: int = Field(default=1, gt=0)
    """How often each image is seen in an epoch."""


@dataclass(frozen=True, slots=True)
class Patch:
    """A square part of an image, which may reach beyond it.

    Attributes:
        x: Column of its centre, image pixels.
        y: Row of its centre.
        side: Width and height.
    """

    x: int
    y: int
    side: int

    @property
    def left(self) -> int:
        """Left edge, negative where the patch begins outside."""
        return self.x - self.side // 2

    @property
    def top(self) -> int:
        """Upper edge."""
        return self.y - self.side // 2


class TrainBatch(NamedTuple):
    """Clean crops and their objects.

    Attributes:
        images: uint8 (B, 3, S, S).
        boxes: float (N, 4), x1 y1 x2 y2 of the objects of all images, crop pixels.
        labels: int64 (N,).
        owners: int64 (N,), the image to which each object belongs.
    """

    images: torch.Tensor
    boxes: torch.Tensor
    labels: torch.Tensor
    owners: torch.Tensor


Crop = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Image uint8 (3, S, S), boxes float (N, 4), labels int64 (N,)."""


class Crops(TorchDataset[Crop]):
    """Crops of clean images, indexed by (epoch, position)."""

    def __init__(
        self, load: Callable[[int], NDArray[np.uint8]], boxes: Sequence[Boxes], config: CropConfig, seed: int
    ) -> None:
        """Keep what crops are made of.

        Args:
            load: Returns the clean image at an index, uint8 (H, W, 3).
            boxes: The objects of each image, clean pixels; crowds are not learnt.
            config: How crops are cut.
            seed: Decides all choices.
        """
        self.load, self.boxes, self.config, self.seed = load, boxes, config, seed

    def __len__(self) -> int:
        return len(self.boxes) * self.config.repeat

    def __getitem__(self, key: tuple[int, int]) -> Crop:
        epoch, position = key
        index = position % len(self.boxes)
        rng = generator(self.seed, f"crop {epoch} {position}")
        image = self.load(index)
        xyxy, labels = learnable(self.boxes[index])
        patch = draw_patch(rng, (image.shape[0], image.shape[1]), xyxy, self.config)
        crop = cut(image, patch, self.config)
        xyxy, labels = move_boxes(xyxy, labels, patch, self.config)
        if rng.random() < self.config.flip:
            crop, xyxy = crop[:, ::-1], mirrored(xyxy, self.config.size)
        pixels = torch.from_numpy(np.ascontiguousarray(crop.transpose(2, 0, 1)))
        return pixels, torch.from_numpy(xyxy), torch.from_numpy(labels)


def collate(crops: Sequence[Crop]) -> TrainBatch:
    """Stack crops; their objects are strung together."""
    images, boxes, labels = zip(*crops, strict=True)
    owners = torch.repeat_interleave(torch.arange(len(boxes)), torch.tensor([len(one) for one in boxes]))
    return TrainBatch(torch.stack(images), torch.cat(boxes), torch.cat(labels), owners)


def learnable(boxes: Boxes) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the boxes and labels of single objects."""
    single = ~boxes.crowd
    return boxes.xyxy[single], boxes.labels[single]


def draw_patch(rng: np.random.Generator, size: tuple[int, int], xyxy: NDArray[np.float32], config: CropConfig) -> Patch:
    """Draw a patch that holds the centre of an object, where there is one.

    Args:
        rng: Source of all choices.
        size: (height, width) of the image, pixels.
        xyxy: float32 (N, 4), its objects.
        config: Sizes and border.
    """
    height, width = size
    spans = [(_border(config.border, length), length) for length in (width, height)]
    side = 0
    for _ in range(_SIZES_TRIED):
        side = int(config.size * config.ratios[rng.integers(len(config.ratios))])
        for _ in range(_TRIES):
            x, y = (int(rng.integers(border, max(border + 1, length - border))) for border, length in spans)
            patch = Patch(x, y, side)
            if not len(xyxy) or inside(xyxy, patch, size).any():
                return patch
    x, y = ((xyxy[rng.integers(len(xyxy))].reshape(2, 2)).mean(axis=0)).astype(int)
    return Patch(int(x), int(y), side)


def _border(border: int, length: int) -> int:
    """Halve a border until an image side of ``length`` leaves room between two of them; mmdetection's rule."""
    if border == 0:
        return 0
    share = 2 * border / length
    halvings = math.ceil(math.log2(math.ceil(share))) + (share == int(share))
    return border // 2**halvings


def inside(xyxy: NDArray[np.float32], patch: Patch, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Tell which boxes have their centre in the part of a patch that lies on the image."""
    height, width = size
    centres = (xyxy[:, :2] + xyxy[:, 2:]) / 2
    low = np.array([max(0, patch.left), max(0, patch.top)])
    high = np.array([min(width, patch.left + patch.side), min(height, patch.top + patch.side)])
    return np.all((centres > low) & (centres < high), axis=1)


def cut(image: NDArray[np.uint8], patch: Patch, config: CropConfig) -> NDArray[np.uint8]:
    """Return a patch of an image (H, W, 3), resized bilinearly to uint8 (size, size, 3)."""
    canvas = np.full((patch.side, patch.side, 3), config.fill, np.uint8)
    top, left = max(0, patch.top), max(0, patch.left)
    part = image[top : patch.top + patch.side, left : patch.left + patch.side]
    canvas[top - patch.top :, left - patch.left :][: part.shape[0], : part.shape[1]] = part
    resized = cv2.resize(canvas, (config.size, config.size), interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized, np.uint8)


def move_boxes(
    xyxy: NDArray[np.float32], labels: NDArray[np.int64], patch: Patch, config: CropConfig
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the boxes whose centres lie in a patch, clipped to it, in crop pixels, with their labels."""
    moved = xyxy - np.array([patch.left, patch.top] * 2, np.float32)
    centres = (moved[:, :2] + moved[:, 2:]) / 2
    kept = ((centres > 0) & (centres < patch.side)).all(axis=1)
    crop = (moved.clip(0, patch.side) * (config.size / patch.side)).astype(np.float32)
    sides = crop[:, 2:] - crop[:, :2]
    kept &= (sides > 0).all(axis=1) & (sides >= config.min_side).all(axis=1)
    return crop[kept], labels[kept]
