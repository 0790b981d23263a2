"""``lqbench train --method aod-then-detect``: from a dataset's name to a weight file with its card.

The same command, seed, package versions, machine and thread count give the same weights.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ...datasets.dataset import Dataset
from ...datasets.seeds import stable_seed
from ..training.cards import chosen_checkpoint, request_facts, run_facts, validation_facts, write_card
from ..training.checkpoints import LAST, load_network, read_checkpoint
from ..training.heldout import split_off
from ..training.loaders import epoch_sampler, train_loader, val_loader
from ..training.opening import drop_cache, open_source, tell_first
from ..training.request import FitRequest
from ..training.resuming import enter, prepare
from ..training.trainer import Limits, accelerator, build_trainer, process_rank, run_fit
from .aod import NAME, AodNet
from .checkpoints import save_restorer
from .fit import RestorerTraining
from .header import ARCHITECTURE
from .pairs import HeldOutPairs, Pairs, check_pairs, collate, pair_loader
from .recipe import RestorerRecipe, load_recipe


@dataclass(frozen=True)
class TrainingData:
    """What is learnt from and what is held out.

    Attributes:
        source: The dataset.
        learnt: Indices of its images to learn from.
        held_out: Pairs to validate on; None for no validation.
    """

    source: Dataset
    learnt: list[int]
    held_out: HeldOutPairs | None


def train_restorer(request: FitRequest) -> Path:
    """Train AOD-Net on pairs of degraded and clean images, and write weights and card.

    Args:
        request: What to train, on what, and where.

    Returns:
        The weight file.

    Raises:
        UserError: Config, dataset, split or device do not exist or do not fit, there is nothing to resume, or the loss
            is no number any more.
        KeyboardInterrupt: Stopped by the user; the same request can be resumed.
    """
    started = time.monotonic()
    recipe = load_recipe(request.config, request.overrides, request.epochs)
    accelerator(request.device, request.devices)
    data = open_training_data(request, recipe)
    network = _fit(request, recipe, data)
    if process_rank() == 0:
        _write(request, recipe, data, network, started)
    return request.out


def open_training_data(request: FitRequest, recipe: RestorerRecipe) -> TrainingData:
    """Open the training split and hold out images of it.

    Raises:
        UserError: Dataset or split do not exist, images do not fit, or too few are left to learn.
    """
    source = open_source(request, split=recipe.train_split, limit=recipe.train_images)
    check_pairs(source, recipe.pairs)
    learnt, held = split_off(source, recipe.validation.images, source.spec.name)
    return TrainingData(source, learnt, HeldOutPairs(source, held) if held else None)


def _fit(request: FitRequest, recipe: RestorerRecipe, data: TrainingData) -> AodNet:
    """Train the network and return it with the weights to be used."""
    sampler = epoch_sampler(request, len(data.learnt), recipe.batch)
    checkpoint = prepare(request, recipe, {"data": data.source.fingerprint})
    enter(sampler, checkpoint)
    network = _first_network(request, recipe)
    module = RestorerTraining(network, recipe, sampler.batches)
    trainer = build_trainer(request, recipe.run, Limits(recipe.schedule.epochs, recipe.optimiser.clip), "")
    tell_first(request, f"training {request.method} on {len(data.learnt)} images for {recipe.schedule.epochs} epochs")
    load = pair_loader(request, data.source, data.learnt, cache=recipe.cache)
    pairs = Pairs(load, len(data.learnt), recipe.pairs, request.seed)
    train = train_loader(pairs, sampler, collate, request, recipe.run.workers)
    val = None if data.held_out is None else val_loader(data.held_out, sampler)
    run_fit(request.work / LAST, trainer, module, train, val, checkpoint)
    load_network(network, read_checkpoint(chosen_checkpoint(request)))
    return network


def _first_network(request: FitRequest, recipe: RestorerRecipe) -> AodNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stable_seed(request.seed, "network") % 2**63)
        return AodNet(recipe.first)


def _write(request: FitRequest, recipe: RestorerRecipe, data: TrainingData, network: AodNet, started: float) -> None:
    """Write weights and card, and drop the cached pixels."""
    facts: dict[str, Any] = {
        **request_facts(request, ARCHITECTURE, recipe),
        "network": NAME,
        "dataset": data.source.spec.name,
        "dataset_fingerprint": data.source.fingerprint,
        "images": len(data.learnt),
        "tuned_on": data.source.spec.degradation,
    }
    trained = {name: facts[name] for name in ("name", "dataset", "images", "seed", "config_name")}
    save_restorer(network, trained, request.out)
    chosen = read_checkpoint(chosen_checkpoint(request))
    facts |= run_facts(request, chosen) | {"seconds": round(time.monotonic() - started)}
    if data.held_out is not None:
        facts["validation"] = validation_facts(data.held_out, chosen)
    write_card(request.out, facts)
    drop_cache(request)
