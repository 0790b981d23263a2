"""Low-quality training images with their objects, each with an unpaired favoured one where the catch-up learner learns.

A sample is a function of (seed, epoch, position in the epoch) alone, so that any number of worker processes, and a run
that was stopped and resumed, sees the same samples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset

from ...datasets.seeds import generator
from ...datasets.types import Boxes
from ..boxes import mirrored
from .config import NetworkConfig
from .modes import Mode

Load = Callable[[int], NDArray[np.uint8]]
"""Returns an image at its place, uint8 (H, W, 3) RGB, resized already."""


@dataclass(frozen=True)
class Images:
    """Resized images.

    Attributes:
        load: Returns the image at a place.
        count: Number of images.
    """

    load: Load
    count: int


class TrainBatch(NamedTuple):
    """Images of one step, of possibly different sizes.

    Attributes:
        images: uint8 (3, h, w) RGB.
        boxes: float (N, 4) of each image, x1 y1 x2 y2 in its pixels.
        labels: int64 (N,) of each image.
        favoured: uint8 (3, h, w) RGB, as many; empty where the step is about detection.
    """

    images: list[Tensor]
    boxes: list[Tensor]
    labels: list[Tensor]
    favoured: list[Tensor]


Sample = tuple[Tensor, Tensor, Tensor, Tensor | None]
"""Image, boxes, labels, favoured image."""


class Samples(TorchDataset[Sample]):
    """Training samples, indexed by (epoch, position)."""

    def __init__(
        self,
        low: Images,
        boxes: Sequence[Boxes],
        favoured: Images | None,
        modes: Sequence[Mode],
        *,
        flip: float,
        seed: int,
    ) -> None:
        """Keep what samples are made of.

        Args:
            low: Low-quality images.
            boxes: The objects of each, pixels of the resized image; crowds are not learnt.
            favoured: None where no epoch needs them.
            modes: The mode of each epoch.
            flip: Share of images that are mirrored.
            seed: Decides all choices.
        """
        self.low, self.boxes, self.favoured, self.modes = low, boxes, favoured, modes
        self.flip, self.seed = flip, seed

    def __len__(self) -> int:
        return self.low.count

    def __getitem__(self, key: tuple[int, int]) -> Sample:
        epoch, position = key
        rng = generator(self.seed, f"sample {epoch} {position}")
        flipped, other = rng.random() < self.flip, rng.random()
        single = ~self.boxes[position].crowd
        xyxy, labels = self.boxes[position].xyxy[single], self.boxes[position].labels[single]
        image = _turned(self.low.load(position), flipped)
        if flipped:
            xyxy = mirrored(xyxy, image.shape[2])
        favoured = None
        if self.favoured is not None and self.modes[epoch] == "catch-up":
            favoured = _turned(self.favoured.load(int(other * self.favoured.count)), flipped)
        return image, torch.from_numpy(xyxy), torch.from_numpy(labels), favoured


def collate(samples: Sequence[Sample]) -> TrainBatch:
    """Put samples together."""
    images, boxes, labels, favoured = zip(*samples, strict=True)
    return TrainBatch(list(images), list(boxes), list(labels), [one for one in favoured if one is not None])


def resized_size(size: tuple[int, int], network: NetworkConfig) -> tuple[int, int]:
    """Return the (height, width) that an image of a size is resized to, as mmcv's ``Resize`` rounds it."""
    if not network.keep_ratio:
        return network.size
    factor = min(max(network.size) / max(size), min(network.size) / min(size))
    height, width = (int(side * factor + 0.5) for side in size)
    return height, width


def resized(image: NDArray[np.uint8], network: NetworkConfig) -> NDArray[np.uint8]:
    """Resize an image (H, W, 3) bilinearly, as mmcv does."""
    height, width = resized_size((image.shape[0], image.shape[1]), network)
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def moved(boxes: Boxes, size: tuple[int, int], network: NetworkConfig) -> Boxes:
    """Return boxes of an image of a size in the pixels of the resized image; areas stay as they were."""
    new = resized_size(size, network)
    sy, sx = (side / before for side, before in zip(new, size, strict=True))
    return replace(boxes, xyxy=boxes.xyxy * np.array([sx, sy, sx, sy], np.float32))


def _turned(image: NDArray[np.uint8], flipped: bool) -> Tensor:
    """Return an image (H, W, 3), mirrored or not, as a tensor (3, H, W)."""
    turned = image[:, ::-1] if flipped else image
    return torch.from_numpy(np.ascontiguousarray(turned.transpose(2, 0, 1)))
