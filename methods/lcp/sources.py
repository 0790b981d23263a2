"""The images of a training: the low-quality ones, and the favoured ones that the catch-up learner aims at."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ...datasets.dataset import Dataset
from ...datasets.errors import UserError
from ..training.opening import filled_store, open_source, source_spec
from ..training.request import FitRequest
from .config import NetworkConfig
from .data import Images, resized, resized_size
from .recipe import Recipe


def favoured_images(
    request: FitRequest, recipe: Recipe, held_out: set[str]
) -> tuple[tuple[Dataset, ...], tuple[list[int], ...]]:
    """Open the favoured dataset and choose what is drawn from.

    Images of the same name as a held-out one are left out, for they may be its clear version; the legacy switch keeps
    them and adds the test split.

    Args:
        request: Says where data lies.
        recipe: Says which dataset.
        held_out: Names of the images to validate on.

    Returns:
        The datasets, one for each split, and the images of each.

    Raises:
        UserError: None is named, it does not exist, or it has no image that may be used.
    """
    name = recipe.favoured
    if not name:
        raise UserError(
            "the catch-up learner aims at images that detectors do well on, and no such dataset is named; give it "
            "with --favoured, or leave that learner out with --method lcp-crux."
        )
    splits = source_spec(name).splits
    only = splits[0] if len(splits) == 1 else None  # a file of chosen images
    sets = [open_source(request, dataset=name, split=recipe.favoured_split or only)]
    legacy = recipe.legacy.favoured_test_images
    test = source_spec(name).default_split
    if legacy and test != sets[0].split:
        sets.append(open_source(request, dataset=name, split=test))
    chosen = [[i for i, record in enumerate(one.records) if legacy or record.image_id not in held_out] for one in sets]
    if not any(chosen):
        raise UserError(
            f"the favoured dataset {name} ({sets[0].split}) has no image that may be used: all {len(sets[0])} are held "
            f"out for validation; name another one with --favoured."
        )
    return tuple(sets), tuple(chosen)


def check_sizes(
    source: Dataset,
    learnt: Sequence[int],
    favoured: Sequence[Dataset],
    chosen: Sequence[Sequence[int]],
    network: NetworkConfig,
) -> None:
    """Refuse images that end in different sizes: features of different sizes cannot be compared.

    Raises:
        UserError: Two such images are named.
    """
    seen: dict[tuple[int, int], str] = {}
    for dataset, indices in zip((source, *favoured), (learnt, *chosen), strict=True):
        for index in indices:
            record = dataset.records[index]
            seen.setdefault(resized_size(record.size, network), f"{dataset.spec.name} image {record.image_id}")
    if len(seen) > 1:
        first, second = list(seen.items())[:2]
        raise UserError(
            f"the catch-up learner compares images of one size, but {first[1]} becomes {first[0][1]}x{first[0][0]} "
            f"pixels and {second[1]} {second[0][1]}x{second[0][0]}; set network.keep_ratio=false, so that all become "
            f"network.size."
        )


def resized_images(
    request: FitRequest,
    datasets: Sequence[Dataset],
    indices: Sequence[Sequence[int]],
    network: NetworkConfig,
    *,
    cache: bool,
) -> Images:
    """Return the chosen images of some datasets, one dataset after the other, resized for the network.

    Args:
        request: Where the cache lies, and where progress is told.
        datasets: They give their images as their tracks degrade them.
        indices: The images of each.
        network: To which size.
        cache: Whether resized images are kept in one raw file, 3 bytes a pixel, while training runs.
    """
    places = [(dataset, index) for dataset, chosen in zip(datasets, indices, strict=True) for index in chosen]
    load = partial(_load, places, network)
    if not cache:
        return Images(load, len(places))
    sizes = [resized_size(dataset.records[index].size, network) for dataset, index in places]
    height, width = network.size
    # The size belongs to the name: an interrupted training of another one may have left its file.
    mark = "-".join([*(dataset.fingerprint[:12] for dataset in datasets), f"{height}x{width}-{network.keep_ratio:d}"])
    images = map(load, range(len(places)))
    store = filled_store(request, mark, sizes, images, f"images of {datasets[0].spec.name}")
    return Images(store.__getitem__, len(places))


def _load(places: Sequence[tuple[Dataset, int]], network: NetworkConfig, place: int) -> NDArray[np.uint8]:
    dataset, index = places[place]
    return resized(dataset.sample(index).image.permute(1, 2, 0).numpy(), network)
