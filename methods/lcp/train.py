"""``lqbench train --method lcp``, its parts and its baseline: from a dataset's name to a weight file with its card.

The same command, seed, package versions, machine and thread count give the same weights.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch.utils.data import DataLoader

from ...datasets.dataset import Dataset
from ...datasets.seeds import stable_seed
from ..training.cards import chosen_checkpoint, request_facts, run_facts, source_facts, validation_facts, write_card
from ..training.checkpoints import LAST, load_network, read_checkpoint
from ..training.heldout import HeldOut, split_off
from ..training.loaders import epoch_sampler, train_loader, val_loader
from ..training.opening import drop_cache, open_source, source_spec, tell_first
from ..training.request import FitRequest
from ..training.resuming import enter, prepare
from ..training.sampler import EpochSampler
from ..training.trainer import Limits, accelerator, build_trainer, process_rank, run_fit
from ..training.validation import MONITOR
from .checkpoint import save_weights
from .config import NetworkConfig
from .data import Sample, Samples, collate, moved
from .fit import LcpTraining
from .header import ARCHITECTURE, Header
from .init import load_init
from .net import LcpNet
from .recipe import Recipe, load_recipe
from .sources import check_sizes, favoured_images, resized_images


@dataclass(frozen=True)
class TrainingData:
    """What is learnt from and what is held out.

    Attributes:
        source: The low-quality dataset.
        learnt: Its images to learn from.
        held_out: Those to validate on.
        favoured: The favoured datasets, one for each split used; none where no epoch needs them.
        chosen: Of each, the images that are drawn from.
    """

    source: Dataset
    learnt: list[int]
    held_out: HeldOut
    favoured: tuple[Dataset, ...]
    chosen: tuple[list[int], ...]


def train_lcp(request: FitRequest) -> Path:
    """Train a network, choose its best checkpoint, and write weights and card.

    Args:
        request: What to train, on what, and where.

    Returns:
        The weight file.

    Raises:
        UserError: Config, datasets, split, device or first weights do not exist or do not fit, images of the two
            datasets differ in size, or there is nothing to resume.
        KeyboardInterrupt: Stopped by the user; the same request can be resumed.
    """
    started = time.monotonic()
    recipe = load_recipe(request.method, request.config, request.overrides, request.epochs)
    accelerator(request.device, request.devices)
    data = open_training_data(request, recipe)
    sampler = epoch_sampler(request, len(data.learnt), recipe.batch)
    net = LcpNet(recipe.network_of(request.method), data.source.classes, stable_seed(request.seed, "network") % 2**63)
    if recipe.init:
        tell_first(request, f"the detector begins with {load_init(net, recipe.init)}")
    made_of: dict[str, Any] = {"dataset": data.source.fingerprint, "validation set": data.held_out.fingerprint}
    if data.favoured:
        made_of["favoured images"] = [one.fingerprint for one in data.favoured]
    checkpoint = prepare(request, recipe, made_of)
    _fit(request, recipe, data, net, sampler, checkpoint)
    if process_rank() == 0:
        _write(request, recipe, data, net, started)
    return request.out


def open_training_data(request: FitRequest, recipe: Recipe) -> TrainingData:
    """Open the training split, part it into what is learnt and what is held out, and open the favoured images.

    Raises:
        UserError: Datasets or splits do not exist, too few images are left, or sizes differ.
    """
    source = open_source(request, split=recipe.train_split, limit=recipe.train_images)
    learnt, held_out = split_off(source, recipe.validation.images, request.dataset)
    validated = HeldOut(source, held_out, clean=False)
    if recipe.legacy.best_on_test:
        learnt, validated = sorted([*learnt, *held_out]), _test_split(request)
    if recipe.skip_empty:
        learnt = [index for index in learnt if not source.boxes[index].crowd.all()]
    favoured: tuple[Dataset, ...] = ()
    chosen: tuple[list[int], ...] = ()
    if "catch-up" in recipe.epoch_modes(request.method):
        hidden = {record.image_id for record in validated.records}
        favoured, chosen = favoured_images(request, recipe, hidden)
        check_sizes(source, learnt, favoured, chosen, recipe.network_of(request.method))
    return TrainingData(source, learnt, validated, favoured, chosen)


def _test_split(request: FitRequest) -> HeldOut:
    """Return all images of the dataset's test split, which the release chooses its best epoch on."""
    shown = open_source(request, split=source_spec(request.dataset).default_split)
    return HeldOut(shown, range(len(shown)), clean=False)


def _fit(
    request: FitRequest,
    recipe: Recipe,
    data: TrainingData,
    net: LcpNet,
    sampler: EpochSampler,
    checkpoint: Path | None,
) -> None:
    """Train the network; it ends with the weights to be used."""
    enter(sampler, checkpoint)
    modes = recipe.epoch_modes(request.method)
    held_out = data.held_out if request.measure is not None else None
    module = LcpTraining(net, recipe, modes, held_out, request.measure)
    limits = Limits(recipe.schedule.epochs, recipe.optimiser.clip)
    # Parameters that take turns: each step leaves some without a gradient.
    monitor = MONITOR if held_out is not None else ""
    trainer = build_trainer(request, recipe.run, limits, monitor, some_unused=net.lcp is not None)
    tell_first(request, f"training {request.method} on {len(data.learnt)} images for {recipe.schedule.epochs} epochs")
    train = _train_loader(request, recipe, data, net.config, sampler)
    val = None if held_out is None else val_loader(held_out, sampler)
    run_fit(request.work / LAST, trainer, module, train, val, checkpoint)
    load_network(net, read_checkpoint(chosen_checkpoint(request)))


def _train_loader(
    request: FitRequest, recipe: Recipe, data: TrainingData, network: NetworkConfig, sampler: EpochSampler
) -> DataLoader[Sample]:
    source, learnt = data.source, data.learnt
    boxes = [moved(source.boxes[index], source.records[index].size, network) for index in learnt]
    low = resized_images(request, [source], [learnt], network, cache=recipe.cache)
    favoured = None
    if data.favoured:
        favoured = resized_images(request, data.favoured, data.chosen, network, cache=recipe.cache)
    modes = recipe.epoch_modes(request.method)
    samples = Samples(low, boxes, favoured, modes, flip=recipe.flip, seed=request.seed)
    return train_loader(samples, sampler, collate, request, recipe.run.workers)


def _write(request: FitRequest, recipe: Recipe, data: TrainingData, net: LcpNet, started: float) -> None:
    """Write weights and card, and drop the cached pixels."""
    header = Header(method=request.method, classes=data.source.classes, network=net.config)
    save_weights(net, header, request.out, half=recipe.half)
    card = _card(request, recipe, data) | {"seconds": round(time.monotonic() - started)}
    write_card(request.out, card)
    drop_cache(request)


def _card(request: FitRequest, recipe: Recipe, data: TrainingData) -> dict[str, Any]:
    """Return the facts that make the weights reproducible, and what validation found."""
    source = data.source
    chosen = read_checkpoint(chosen_checkpoint(request))
    modes = recipe.epoch_modes(request.method)
    return {
        **request_facts(request, ARCHITECTURE, recipe),
        **source_facts(data.source, data.learnt),
        "favoured": [f"{one.spec.name} ({one.split})" for one in data.favoured],
        "favoured_images": sum(map(len, data.chosen)),
        "detection_epochs": modes.count("crux"),
        "catch_up_epochs": modes.count("catch-up"),
        "tuned_on": source.spec.name,
        **run_facts(request, chosen),
        "validation": validation_facts(data.held_out, chosen),
    }
