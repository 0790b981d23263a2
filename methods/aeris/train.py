"""``lqbench train --method aeris`` and its comparison methods: from a dataset's name to a weight file with its card.

The same command, seed, package versions, machine and thread count give the same weights.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch.utils.data import DataLoader

from ...datasets.dataset import Dataset
from ...datasets.errors import UserError
from ..training.cards import chosen_checkpoint, request_facts, run_facts, source_facts, validation_facts, write_card
from ..training.checkpoints import LAST, load_network, read_checkpoint
from ..training.heldout import HeldOut, clean_boxes, split_off
from ..training.loaders import epoch_sampler, train_loader, val_loader
from ..training.opening import drop_cache, image_loader, open_source, tell_first
from ..training.request import FitRequest
from ..training.resuming import enter, prepare
from ..training.sampler import EpochSampler
from ..training.trainer import Limits, accelerator, build_trainer, process_rank, run_fit
from ..training.validation import MONITOR
from .checkpoint import save_weights
from .config import VARIANTS
from .data import Crop, Crops, collate
from .fit import AerisTraining
from .header import ARCHITECTURE, Header
from .net import AerisNet
from .pretrained import find_init, load_encoder
from .recipe import Recipe, load_recipe
from .transform import InModelDegradation


@dataclass(frozen=True)
class TrainingData:
    """What is learnt from and what is held out.

    Attributes:
        source: The dataset whose clean images are learnt from.
        learnt: Its images to learn from.
        held_out: Those to validate on, as validation sees them.
    """

    source: Dataset
    learnt: list[int]
    held_out: HeldOut


def train_aeris(request: FitRequest) -> Path:
    """Train a network, choose its best checkpoint, and write weights and card.

    Args:
        request: What to train, on what, and where.

    Returns:
        The weight file.

    Raises:
        UserError: Config, dataset, split, device or first weights do not exist or do not fit, or there is nothing to
            resume.
        KeyboardInterrupt: Stopped by the user; the same request can be resumed.
    """
    started = time.monotonic()
    recipe = load_recipe(request.method, request.config, request.overrides, request.epochs)
    accelerator(request.device, request.devices)
    if recipe.init:
        find_init(recipe.model.backbone, recipe.init, request.data_root)
    data = open_training_data(request, recipe)
    sampler = epoch_sampler(request, len(data.learnt) * recipe.crops.repeat, recipe.batch)
    checkpoint = _prepare(request, recipe, data)
    net = _first_network(request, recipe, data)
    _fit(request, recipe, data, net, sampler, checkpoint)
    if process_rank() == 0:
        _write(request, recipe, data, net, started)
    return request.out


def open_training_data(request: FitRequest, recipe: Recipe) -> TrainingData:
    """Open the training split and part it into what is learnt and what is held out.

    Raises:
        UserError: Dataset or split do not exist, the dataset has no clean images, or too few images are left to learn.
    """
    source = _open(request, recipe, "")
    if not source.has_clean:
        raise UserError(f"{source.why_no_clean} Training with a degradation inside the model needs clean images.")
    learnt, held_out = split_off(source, recipe.validation.images, request.dataset)
    if recipe.skip_empty:
        learnt = [index for index in learnt if not source.boxes[index].crowd.all()]
    degrade = VARIANTS[request.method].degrade
    own = source.spec.degradation != "none"
    shown = source if own or not degrade else _open(request, recipe, recipe.validation.degrade)
    return TrainingData(source, learnt, HeldOut(shown, held_out, clean=not degrade))


def _open(request: FitRequest, recipe: Recipe, degrade: str) -> Dataset:
    return open_source(request, split=recipe.train_split, limit=recipe.train_images, degrade=degrade)


def _prepare(request: FitRequest, recipe: Recipe, data: TrainingData) -> Path | None:
    """Return the checkpoint to go on from."""
    made_of = {"dataset": data.source.fingerprint, "validation set": data.held_out.fingerprint}
    return prepare(request, recipe, made_of)


def _first_network(request: FitRequest, recipe: Recipe, data: TrainingData) -> AerisNet:
    net = AerisNet(recipe.network(request.method), len(data.source.classes), request.seed)
    if recipe.init:
        path = load_encoder(net.backbone, recipe.model.backbone, recipe.init, request.data_root)
        tell_first(request, f"the encoder begins with {path}")
    return net


def _fit(
    request: FitRequest,
    recipe: Recipe,
    data: TrainingData,
    net: AerisNet,
    sampler: EpochSampler,
    checkpoint: Path | None,
) -> None:
    """Train the network; it ends with the weights to be used."""
    enter(sampler, checkpoint)
    degradation = InModelDegradation(recipe.degradation, request.seed) if _degrades(request) else None
    held_out = data.held_out if request.measure is not None else None
    module = AerisTraining(net, recipe, degradation, held_out, request.measure)
    limits = Limits(recipe.schedule.epochs, recipe.optimiser.clip)
    trainer = build_trainer(request, recipe.run, limits, MONITOR if held_out is not None else "")
    tell_first(request, f"training {request.method} on {len(data.learnt)} images for {recipe.schedule.epochs} epochs")
    train = _train_loader(request, recipe, data, sampler)
    val = None if held_out is None else val_loader(held_out, sampler)
    run_fit(request.work / LAST, trainer, module, train, val, checkpoint)
    load_network(net, read_checkpoint(chosen_checkpoint(request)))


def _train_loader(request: FitRequest, recipe: Recipe, data: TrainingData, sampler: EpochSampler) -> DataLoader[Crop]:
    source, learnt = data.source, data.learnt
    boxes = [clean_boxes(source, index) for index in learnt]
    load = image_loader(request, source, learnt, cache=recipe.cache)
    crops = Crops(load, boxes, recipe.crops, request.seed)
    return train_loader(crops, sampler, collate, request, recipe.run.workers)


def _write(request: FitRequest, recipe: Recipe, data: TrainingData, net: AerisNet, started: float) -> None:
    """Write weights and card, and drop the cached pixels."""
    header = Header(method=request.method, classes=data.source.classes, model=net.config)
    save_weights(net, header, request.out, half=recipe.half)
    card = _card(request, recipe, data) | {"seconds": round(time.monotonic() - started)}
    write_card(request.out, card)
    drop_cache(request)


def _card(request: FitRequest, recipe: Recipe, data: TrainingData) -> dict[str, Any]:
    """Return the facts that make the weights reproducible, and what validation found."""
    chosen = read_checkpoint(chosen_checkpoint(request))
    return {
        **request_facts(request, ARCHITECTURE, recipe),
        **source_facts(data.source, data.learnt),
        "tuned_on": f"in-model degradation, mode {recipe.degradation.mode}" if _degrades(request) else "none",
        **run_facts(request, chosen),
        "validation": validation_facts(data.held_out, chosen),
    }


def _degrades(request: FitRequest) -> bool:
    return VARIANTS[request.method].degrade
