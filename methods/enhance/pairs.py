"""Pairs of a degraded image and its clean one, as training and validation see them.

A pair is one array: the degraded image first, the clean one second. It is a function of (seed, epoch, position) alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset

from ...datasets.dataset import Dataset
from ...datasets.errors import UserError
from ...datasets.seeds import generator
from ..training.heldout import HeldOut
from ..training.opening import filled_store
from ..training.pixels import PixelStore
from ..training.request import FitRequest
from .recipe import PairConfig

LoadPair = Callable[[int], NDArray[np.uint8]]
"""Returns the pair at a place among the images learnt from, uint8 (2, H, W, 3) RGB."""


class Pairs(TorchDataset[Tensor]):
    """Training pairs, uint8 (2, 3, h, w), indexed by (epoch, position); positions are places of images."""

    def __init__(self, load: LoadPair, count: int, config: PairConfig, seed: int) -> None:
        self._load, self._count, self._config, self._seed = load, count, config, seed

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, key: tuple[int, int]) -> Tensor:
        epoch, position = key
        rng = generator(self._seed, f"pair {epoch} {position}")
        pair = self._load(position)
        side = self._config.window
        if side is not None:
            top, left = (int(rng.integers(length - side + 1)) for length in pair.shape[1:3])
            pair = pair[:, top : top + side, left : left + side]
        if rng.random() < self._config.mirror:
            pair = pair[:, :, ::-1]
        return torch.from_numpy(np.ascontiguousarray(pair.transpose(0, 3, 1, 2)))


class HeldOutPairs(HeldOut):
    """Chosen images of a dataset, each as a pair, uint8 (2, 3, h, w), where ``HeldOut`` gives out one image."""

    def __init__(self, dataset: Dataset, indices: list[int]) -> None:
        super().__init__(dataset, indices, clean=False)

    def __getitem__(self, place: int) -> tuple[int, Tensor]:
        """Return the image's number among the chosen ones, and the pair."""
        return place, read_pair(self.dataset, self.indices[place])


class _Stored:
    """Pairs in one raw file, the clean image of each below the degraded one."""

    def __init__(self, store: PixelStore) -> None:
        self._store = store

    def __call__(self, place: int) -> NDArray[np.uint8]:
        pixels = self._store[place]
        return pixels.reshape(2, pixels.shape[0] // 2, *pixels.shape[1:])


class _Read:
    """Pairs made anew each time."""

    def __init__(self, source: Dataset, learnt: list[int]) -> None:
        self._source, self._learnt = source, learnt

    def __call__(self, place: int) -> NDArray[np.uint8]:
        return read_pair(self._source, self._learnt[place]).permute(0, 2, 3, 1).numpy()


def read_pair(source: Dataset, index: int) -> Tensor:
    """Return an image of a dataset before it is anything else: degraded and clean, uint8 (2, 3, H, W)."""
    sample = source.sample(index, clean=True)
    assert sample.clean is not None
    return torch.stack([sample.image, sample.clean])


def collate(pairs: Sequence[Tensor]) -> Tensor:
    """Stack pairs to uint8 (B, 2, 3, h, w)."""
    return torch.stack(list(pairs))


def pair_loader(request: FitRequest, source: Dataset, learnt: list[int], *, cache: bool) -> LoadPair:
    """Return what loads the pairs to learn from.

    Args:
        request: Where the cache lies, and where progress is told.
        source: The dataset.
        learnt: Indices of the images to learn from.
        cache: Whether pairs are made once and kept in one raw file while training runs.
    """
    load = _Read(source, learnt)
    if not cache:
        return load
    sizes = [(2 * source.records[index].size[0], source.records[index].size[1]) for index in learnt]
    pairs = (load(place).reshape(*size, 3) for place, size in enumerate(sizes))
    return _Stored(filled_store(request, f"pairs-{source.fingerprint[:16]}", sizes, pairs, "pairs of images"))


def check_pairs(source: Dataset, config: PairConfig) -> None:
    """Compare the sizes of a dataset's images with what restoration and the recipe need.

    Raises:
        UserError: There are no clean images, a degraded image has another size than its clean one, an image is smaller
            than the window, or whole images differ in size.
    """
    name = source.spec.name
    if not source.has_clean:
        raise UserError(f"{source.why_no_clean} Restoration learns from clean images.")
    for record in source.records:
        size, clean = _text(record.size), _text(record.clean_size)
        if record.size != record.clean_size or record.scale != (1.0, 1.0):
            raise UserError(
                f"{name}: the degraded image {record.file} has {size} pixels and its clean one {clean}; restoration "
                f"keeps the size, so train on a dataset that keeps it, such as scenes-fog."
            )
        if config.window is not None and min(record.size) < config.window:
            raise UserError(
                f"{name}: the image {record.file} has {size} pixels, fewer than the field 'pairs.window' asks for; "
                f"give --set pairs.window={min(record.size)} or less."
            )
        if config.window is None and record.size != source.records[0].size:
            raise UserError(
                f"{name}: images differ in size ({_text(source.records[0].size)} and {size}), so that no whole ones "
                f"fit into a batch; give --set pairs.window=128, for example."
            )


def _text(size: tuple[int, int]) -> str:
    return f"{size[1]}x{size[0]}"
