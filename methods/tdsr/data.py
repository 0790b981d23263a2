"""Pairs of high- and low-resolution images with the objects in them, made from annotated photographs.

The order is the only one that keeps them consistent: augment, bring to the high-resolution size, reduce. A pair is a
function of (seed, epoch, position) alone, whatever the number of worker processes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import Dataset as TorchDataset

from ...datasets.degradations.resize import resize, to_float, to_uint8
from ...datasets.seeds import generator
from ...datasets.types import Boxes
from ..boxes import mirrored
from .augment import AugmentConfig, Floats, Image, augment

_TRIES = 50
"""Windows tried before one is aimed at an object."""


class PairConfig(BaseModel):
    """How training pairs are made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int = Field(default=300, gt=0)
    """Side of the square high-resolution image, pixels; SSD300's is 300."""
    shape: Literal["squeeze", "window"] = "squeeze"
    """"squeeze": the whole image, aspect ratio ignored, as in TDSR; "window": a part of that size, pixel for pixel."""
    augment: AugmentConfig = AugmentConfig()
    """SSD's augmentation; under "window" only the mirror is applied."""
    noise_sigma_255: tuple[float, float] = (0.0, 0.0)
    """Range of the standard deviation of Gaussian noise on low-resolution images, grey levels of 255."""
    least_side: float = Field(default=2.0, ge=0)
    """Objects narrower or lower than this in the high-resolution image are not looked for, pixels."""


class Pair(NamedTuple):
    """One training pair.

    Attributes:
        high: uint8 (3, S, S).
        low: uint8 (3, s, s), s = ceil(S / scale).
        boxes: float32 (N, 4), pixels of ``high``.
        labels: int64 (N,), the detector's indices.
        source: int64 (), the data set that the image is of.
    """

    high: Tensor
    low: Tensor
    boxes: Tensor
    labels: Tensor
    source: Tensor


class PairBatch(NamedTuple):
    """Pairs of one step; objects stay in one list an image."""

    high: Tensor
    low: Tensor
    boxes: list[Tensor]
    labels: list[Tensor]
    source: Tensor


@dataclass(frozen=True)
class ImageSource:
    """The images of one data set, as training needs them.

    Attributes:
        load: Returns the annotated image at a place, uint8 (H, W, 3) RGB.
        boxes: Objects of each image, pixels of the annotated image; labels are the detector's, crowds left out.
    """

    load: Callable[[int], NDArray[np.uint8]]
    boxes: Sequence[tuple[Floats, NDArray[np.int64]]]

    def __len__(self) -> int:
        return len(self.boxes)


class Pairs(TorchDataset[Pair]):
    """Training pairs indexed by (epoch, position); positions beyond the images go round again."""

    def __init__(self, sources: Sequence[ImageSource], scale: int, config: PairConfig, seed: int, length: int) -> None:
        self.sources, self.scale, self.config, self.seed, self.length = sources, scale, config, seed, length
        self._places = [(number, place) for number, source in enumerate(sources) for place in range(len(source))]

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, key: tuple[int, int]) -> Pair:
        epoch, position = key
        # Each epoch goes on in the round of images where the one before ended.
        number, place = self._places[(epoch * self.length + position) % len(self._places)]
        source = self.sources[number]
        rng = generator(self.seed, f"pair {epoch} {position}")
        image, xyxy, labels = self._high(rng, source.load(place), *source.boxes[place])
        kept = ((xyxy[:, 2:] - xyxy[:, :2]) >= max(self.config.least_side, 1e-3)).all(axis=1)
        high = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
        low = self._low(rng, high)
        boxes, kinds = torch.from_numpy(xyxy[kept]), torch.from_numpy(labels[kept])
        return Pair(high, low, boxes, kinds, torch.tensor(number))

    def _high(
        self, rng: np.random.Generator, image: Image, xyxy: Floats, labels: NDArray[np.int64]
    ) -> tuple[Image, Floats, NDArray[np.int64]]:
        config = self.config
        if config.shape == "squeeze":
            image, xyxy, labels = augment(rng, image, xyxy, labels, config.augment)
            return (*squeeze(image, xyxy, config.size), labels)
        image, xyxy, labels = window(rng, image, xyxy, labels, config.size)
        if rng.random() < config.augment.mirror:
            image, xyxy = image[:, ::-1], mirrored(xyxy, config.size)
        return image, xyxy, labels

    def _low(self, rng: np.random.Generator, high: Tensor) -> Tensor:
        low = reduced(high, self.scale)
        least, most = self.config.noise_sigma_255
        if most == 0:
            return low
        sigma = rng.uniform(least, most) / 255
        return to_uint8(to_float(low) + torch.from_numpy(rng.standard_normal(low.shape, np.float32)) * sigma)


def squeeze(image: Image, xyxy: Floats, side: int) -> tuple[Image, Floats]:
    """Resize an image (H, W, 3) to a square, aspect ratio ignored, by antialiased bicubic interpolation as voc-lr does.

    Returns:
        uint8 (side, side, 3), and the boxes in its pixels.
    """
    height, width = image.shape[:2]
    planes = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
    resized = to_uint8(resize(to_float(planes), (side, side), "bicubic", antialias=True))
    scale = np.array([side / width, side / height] * 2, np.float32)
    return resized.permute(1, 2, 0).numpy(), (xyxy * scale).astype(np.float32)


def window(
    rng: np.random.Generator, image: Image, xyxy: Floats, labels: NDArray[np.int64], side: int
) -> tuple[Image, Floats, NDArray[np.int64]]:
    """Cut a square of ``side`` pixels that holds the centre of an object, where there is one.

    An image that is smaller is continued by its mirror image, whose objects nobody annotated: such images should be
    squeezed instead, where objects matter.
    """
    height, width = image.shape[:2]
    pad_y, pad_x = max(0, side - height), max(0, side - width)
    if pad_y or pad_x:
        image = np.asarray(cv2.copyMakeBorder(image, 0, pad_y, 0, pad_x, cv2.BORDER_REFLECT_101), np.uint8)
        height, width = image.shape[:2]
    left, top = _corner(rng, (height, width), xyxy, side)
    moved = np.clip(xyxy - np.array([left, top] * 2), 0, side).astype(np.float32)
    centres = (xyxy[:, :2] + xyxy[:, 2:]) / 2 - np.array([left, top])
    kept = ((centres > 0) & (centres < side)).all(axis=1)
    return image[top : top + side, left : left + side], moved[kept], labels[kept]


def _corner(rng: np.random.Generator, size: tuple[int, int], xyxy: Floats, side: int) -> tuple[int, int]:
    """Draw the left upper corner of a window."""
    height, width = size
    centres = (xyxy[:, :2] + xyxy[:, 2:]) / 2
    for _ in range(_TRIES):
        left, top = int(rng.integers(width - side + 1)), int(rng.integers(height - side + 1))
        offset = centres - np.array([left, top])
        if not len(xyxy) or ((offset > 0) & (offset < side)).all(axis=1).any():
            return left, top
    x, y = centres[rng.integers(len(centres))]
    return int(np.clip(x - side / 2, 0, width - side)), int(np.clip(y - side / 2, 0, height - side))


def reduced(high: Tensor, scale: int) -> Tensor:
    """Reduce a uint8 image (3, H, W) as the tracks voc-lr and scenes-lr do: antialiased bicubic, rounded to 8 bits.

    Sides that the scale does not divide are first continued by their last row or column, see ``VocLrDegradation``.
    """
    height, width = (-(-side // scale) * scale for side in high.shape[1:])
    padded = F.pad(to_float(high)[None], (0, width - high.shape[2], 0, height - high.shape[1]), mode="replicate")[0]
    return to_uint8(resize(padded, (height // scale, width // scale), "bicubic", antialias=True))


def collate(pairs: Sequence[Pair]) -> PairBatch:
    """Stack pairs."""
    high, low, boxes, labels, source = zip(*pairs, strict=True)
    return PairBatch(torch.stack(high), torch.stack(low), list(boxes), list(labels), torch.stack(source))


def learnable(boxes: Boxes, to_detector: NDArray[np.int64]) -> tuple[Floats, NDArray[np.int64]]:
    """Return the boxes and detector labels of single objects that the detector knows.

    Args:
        boxes: An image's objects, with the data set's labels.
        to_detector: int64 (classes of the data set,): the detector's index, or -1.
    """
    labels = to_detector[boxes.labels]
    kept = ~boxes.crowd & ~boxes.difficult & (labels >= 0)
    return boxes.xyxy[kept], labels[kept]
