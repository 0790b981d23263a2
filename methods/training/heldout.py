"""A held-out part of the training images, to choose among checkpoints without looking at the test set."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset as TorchDataset
from torch.utils.data import Sampler

from ...datasets.dataset import Dataset
from ...datasets.errors import UserError
from ...datasets.seeds import stable_seed
from ...datasets.types import Boxes, ImageRecord


def split_off(dataset: Dataset, held_out: int, name: str = "the dataset") -> tuple[list[int], list[int]]:
    """Part a dataset's images into those to learn from and those held out.

    Which ones are held out follows from the images' names alone: every method and every seed holds out the same.

    Args:
        dataset: The dataset.
        held_out: How many to hold out, the recipe's field ``validation.images``.
        name: What to call the dataset in a message.

    Returns:
        Indices to learn from and indices held out, both ascending.

    Raises:
        UserError: None would be left to learn from.
    """
    if len(dataset) <= held_out:
        raise UserError(
            f"{name} has {len(dataset)} images to train on and the field 'validation.images' holds out {held_out}; "
            "hold out fewer."
        )
    ranked = sorted(range(len(dataset)), key=lambda index: stable_seed("held out", dataset.records[index].image_id))
    return sorted(ranked[held_out:]), sorted(ranked[:held_out])


def clean_boxes(dataset: Dataset, index: int) -> Boxes:
    """Return an image's boxes in the pixels of its clean image."""
    boxes, (sx, sy) = dataset.boxes[index], dataset.records[index].scale
    if (sx, sy) == (1.0, 1.0):
        return boxes
    xyxy = boxes.xyxy / np.array([sx, sy, sx, sy], np.float32)
    return replace(boxes, xyxy=xyxy.astype(np.float32), areas=boxes.areas / (sx * sy))


class HeldOut(TorchDataset[tuple[int, torch.Tensor]]):
    """Chosen images of a dataset, degraded as the dataset says or clean, with what measuring detections needs.

    Attributes:
        classes: Names that labels index.
        records: One record for each chosen image, numbered from 0.
        boxes: Their boxes, in the pixels of the images given out.
        fingerprint: Depends on the dataset and on the choice.
    """

    def __init__(self, dataset: Dataset, indices: Sequence[int], *, clean: bool) -> None:
        self.dataset, self.indices, self.clean = dataset, tuple(indices), clean
        self.classes = dataset.classes
        self.records = tuple(self._record(place, index) for place, index in enumerate(self.indices))
        self.boxes = tuple(clean_boxes(dataset, index) if clean else dataset.boxes[index] for index in self.indices)
        text = f"{dataset.fingerprint} {self.indices} {clean}"
        self.fingerprint = hashlib.sha256(text.encode()).hexdigest()

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, place: int) -> tuple[int, torch.Tensor]:
        """Return the image's number among the chosen ones, and its pixels, uint8 (3, h, w)."""
        index = self.indices[place]
        return place, self.dataset.clean(index) if self.clean else self.dataset.sample(index).image

    def facts(self) -> dict[str, Any]:
        """Return the dataset's facts, with the number of chosen images."""
        return self.dataset.facts() | {"images": len(self), "subset": True}

    def _record(self, place: int, index: int) -> ImageRecord:
        record = replace(self.dataset.records[index], index=place)
        return replace(record, size=record.clean_size, scale=(1.0, 1.0)) if self.clean else record


class EqualShares(Sampler[int]):
    """Shares images out among processes, the same number to each.

    The last ones may be given out twice: processes that train together also meet while they validate, and would wait
    for ever for one that has an image less.
    """

    def __init__(self, length: int, rank: int, processes: int) -> None:
        self.share = [place % length for place in range(rank, -(-length // processes) * processes, processes)]

    def __len__(self) -> int:
        return len(self.share)

    def __iter__(self) -> Any:
        return iter(self.share)
