"""``lqbench train --method tdsr`` and its controls: from data sets' names to a weight file with its card.

The same command, seed, package versions, machine and thread count give the same weights.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...datasets.dataset import Dataset
from ...datasets.errors import UserError
from ...datasets.seeds import stable_seed
from ..class_names import label_map
from ..detectors.base import Detector
from ..detectors.catalog import detector_registry
from ..sr.base import SrNetwork
from ..sr.catalog import build_sr
from ..sr.checkpoints import load_sr, save_sr
from ..sr.header import ARCHITECTURE, SrHeader
from ..training.cards import chosen_checkpoint, request_facts, run_facts, validation_facts, write_card
from ..training.checkpoints import LAST, read_checkpoint
from ..training.heldout import HeldOut, split_off
from ..training.loaders import epoch_sampler, train_loader, val_loader
from ..training.opening import drop_cache, image_loader, open_source, tell_first
from ..training.request import FitRequest
from ..training.resuming import enter, prepare
from ..training.sampler import EpochSampler
from ..training.trainer import Limits, accelerator, build_trainer, process_rank, run_fit
from ..weights import find_weights
from .data import ImageSource, Pairs, collate, learnable
from .fit import TdsrTraining
from .names import dataset_names
from .recipe import TdsrRecipe, load_recipe


@dataclass(frozen=True)
class TrainingData:
    """What is learnt from and what is held out.

    Attributes:
        sources: The data sets.
        learnt: Of each, its images to learn from.
        held_out: Images of the first one to validate on; None for no validation.
    """

    sources: tuple[Dataset, ...]
    learnt: tuple[list[int], ...]
    held_out: HeldOut | None


@dataclass(frozen=True)
class Networks:
    """What takes part in a training.

    Attributes:
        sr: The super-resolution network.
        detector: The task network, loaded; None where no loss needs one.
        name: Of the detector; "" for none.
    """

    sr: SrNetwork
    detector: Detector | None
    name: str


def train_tdsr(request: FitRequest, network: str = "") -> Path:
    """Train a super-resolution network, a detector behind it, or both, and write weights and card.

    Args:
        request: What to train, on what, and where. Several data sets are joined by commas.
        network: Takes the place of the recipe's network, for methods that are named by theirs.

    Returns:
        The weight file: that of the super-resolution network where it learns, else the detector's.

    Raises:
        UserError: Config, data set, split, device, network, detector or first weights do not exist or do not fit, there
            is nothing to resume, or the loss is no number any more.
        KeyboardInterrupt: Stopped by the user; the same request can be resumed.
    """
    started = time.monotonic()
    recipe = read_recipe(request, network)
    accelerator(request.device, request.devices)
    data = open_training_data(request, recipe)
    networks = make_networks(request, recipe, data)
    sampler = epoch_sampler(request, recipe.epoch_steps * recipe.batch, recipe.batch)
    checkpoint = _prepare(request, recipe, data, networks)
    _fit(request, recipe, data, networks, sampler, checkpoint)
    if process_rank() == 0:
        _write(request, recipe, data, networks, started)
    return request.out


def read_recipe(request: FitRequest, network: str) -> TdsrRecipe:
    """Return the recipe of a request.

    A method that is named by its network is trained like the control of TDSR with as many iterations: by
    reconstruction alone.

    Raises:
        UserError: Config or fields are wrong, or --epochs is given.
    """
    if request.epochs is not None:
        raise UserError("--epochs is not for this method, whose length is in iterations: give --set losses=50k:1:0.")
    named = (f"network.name={network}", "network.options={}") if network else ()
    recipe = load_recipe(request.method, request.config, (*named, *request.overrides))
    if recipe.setting == "S->T" and recipe.network.init is None:
        raise UserError("setting S->T trains a detector on a trained network's output: give --set network.init=FILE.")
    if recipe.learns_task and not recipe.loss_schedule.needs_task:
        raise UserError(
            f"setting {recipe.setting} trains the detector, but the losses {recipe.losses!r} give it no weight; "
            "give --set losses=ITERATIONS:1:1, for example."
        )
    return recipe


def open_training_data(request: FitRequest, recipe: TdsrRecipe) -> TrainingData:
    """Open the training splits; what is held out comes from the first.

    Raises:
        UserError: A data set or split does not exist, has no clean images, or too few are left to learn.
    """
    sources = tuple(
        open_source(request, dataset=name, split=recipe.train_split, limit=recipe.train_images)
        for name in dataset_names(request.dataset)
    )
    for source in sources:
        if not source.has_clean:
            raise UserError(f"{source.why_no_clean} Super-resolution learns from clean images.")
    first, held = split_off(sources[0], recipe.validation.images, sources[0].spec.name)
    learnt = (first, *(list(range(len(source))) for source in sources[1:]))
    return TrainingData(sources, learnt, HeldOut(sources[0], held, clean=True) if held else None)


def make_networks(request: FitRequest, recipe: TdsrRecipe, data: TrainingData) -> Networks:
    """Build the networks with their first weights.

    Raises:
        UserError: A network or its weights do not exist or do not fit, or the detector cannot be trained through.
    """
    sr = _first_sr(request, recipe)
    name = recipe.task.detector or data.sources[0].spec.default_detector
    wanted = recipe.uses_task or (data.held_out is not None and request.measure is not None)
    if not wanted:
        return Networks(sr, None, "")
    kind = detector_registry().get(name)
    if recipe.uses_task and not kind.differentiable():
        raise UserError(f"the detector {name!r} cannot be trained through; choose another by --set task.detector=NAME.")
    detector = kind.create(None)
    given = Path(recipe.task.weights) if recipe.task.weights else None
    detector.load(_device(request), find_weights(name, given, request.data_root))
    return Networks(sr, detector, name)


def _first_sr(request: FitRequest, recipe: TdsrRecipe) -> SrNetwork:
    choice = recipe.network
    if choice.init is None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(stable_seed(request.seed, "network") % 2**63)
            return build_sr(choice.name, choice.scale, choice.options)
    network, _ = load_sr(Path(choice.init), choice.name, choice.scale)
    tell_first(request, f"the network begins with {choice.init}")
    return network.train()


def _device(request: FitRequest) -> str:
    """Return the torch device of this process."""
    device = request.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return f"cuda:{process_rank() % request.devices}" if device == "cuda" else device


def _prepare(request: FitRequest, recipe: TdsrRecipe, data: TrainingData, networks: Networks) -> Path | None:
    """Return the checkpoint to go on from."""
    made_of = {"data": [source.fingerprint for source in data.sources], "detector": networks.name}
    return prepare(request, recipe, made_of)


def _fit(
    request: FitRequest,
    recipe: TdsrRecipe,
    data: TrainingData,
    networks: Networks,
    sampler: EpochSampler,
    checkpoint: Path | None,
) -> None:
    """Train the networks; they end with the weights to be used.

    Raises:
        UserError: The loss is no number any more; the last checkpoint stays.
    """
    enter(sampler, checkpoint)
    to_detector = [_to_detector(source, networks.detector) for source in data.sources]
    known = [_known(labels, networks.detector) for labels in to_detector]
    module = TdsrTraining(networks.sr, networks.detector, known, recipe, data.held_out, request.measure)
    trainer = build_trainer(request, recipe.run, Limits(recipe.epochs, recipe.optimiser.clip), "")
    loops = f"{recipe.loss_schedule.iterations} iterations ({recipe.losses})"
    tell_first(request, f"training {request.method} on {sum(map(len, data.learnt))} images for {loops}")
    pairs = _pairs(request, recipe, data, to_detector, sampler)
    train = train_loader(pairs, sampler, collate, request, recipe.run.workers)
    val = None if data.held_out is None else val_loader(data.held_out, sampler)
    run_fit(request.work / LAST, trainer, module, train, val, checkpoint)
    module.load_weights(read_checkpoint(chosen_checkpoint(request)))


def _to_detector(source: Dataset, detector: Detector | None) -> NDArray[np.int64]:
    """Return the detector's label of each class of a data set, -1 for none; identity without a detector."""
    if detector is None:
        return np.arange(len(source.classes))
    to_dataset = label_map(detector.class_names, source.classes)
    labels = np.full(len(source.classes), -1, np.int64)
    labels[to_dataset[to_dataset >= 0]] = np.flatnonzero(to_dataset >= 0)
    return labels


def _known(labels: NDArray[np.int64], detector: Detector | None) -> Tensor:
    """Tell which classes of the detector a data set labels."""
    count = len(labels) if detector is None else len(detector.class_names)
    known = torch.zeros(count, dtype=torch.bool)
    known[torch.from_numpy(labels[labels >= 0])] = True
    return known


def _pairs(
    request: FitRequest,
    recipe: TdsrRecipe,
    data: TrainingData,
    to_detector: list[NDArray[np.int64]],
    sampler: EpochSampler,
) -> Pairs:
    sources = []
    for source, learnt, labels in zip(data.sources, data.learnt, to_detector, strict=True):
        load = image_loader(request, source, learnt, cache=recipe.cache, annotated=True)
        boxes = [learnable(source.annotated_boxes(index), labels) for index in learnt]
        sources.append(ImageSource(load, boxes))
    return Pairs(sources, recipe.network.scale, recipe.pairs, request.seed, sampler.length)


def _write(request: FitRequest, recipe: TdsrRecipe, data: TrainingData, networks: Networks, started: float) -> None:
    """Write weights and card, and drop the cached pixels."""
    request.out.parent.mkdir(parents=True, exist_ok=True)
    facts = _facts(request, recipe, data, networks)
    if recipe.learns_sr:
        header = SrHeader(
            network=recipe.network.name,
            scale=networks.sr.scale,
            options=networks.sr.options,
            trained={name: facts[name] for name in ("name", "datasets", "losses", "detector", "setting")},
        )
        save_sr(networks.sr, header, request.out, half=recipe.half)
    if recipe.learns_task and networks.detector is not None:
        networks.detector.save(_detector_file(request, recipe))
    chosen = read_checkpoint(chosen_checkpoint(request))
    card = facts | run_facts(request, chosen) | {"seconds": round(time.monotonic() - started)}
    write_card(request.out, card | _validation(data, chosen))
    drop_cache(request)


def _detector_file(request: FitRequest, recipe: TdsrRecipe) -> Path:
    """Return where a trained detector goes: beside the super-resolution network where both learn."""
    if not recipe.learns_sr:
        return request.out
    return request.out.with_name(f"{request.out.stem}-detector{request.out.suffix}")


def _facts(request: FitRequest, recipe: TdsrRecipe, data: TrainingData, networks: Networks) -> dict[str, Any]:
    """Return the facts that make the weights reproducible."""
    return {
        **request_facts(request, ARCHITECTURE, recipe),
        "setting": recipe.setting,
        "losses": recipe.losses,
        "detector": networks.name if recipe.uses_task else "",
        "datasets": [source.spec.name for source in data.sources],
        "dataset_fingerprints": [source.fingerprint for source in data.sources],
        "images": [len(learnt) for learnt in data.learnt],
        "tuned_on": f"bicubic reduction by {recipe.network.scale}",
    }


def _validation(data: TrainingData, chosen: dict[str, Any]) -> dict[str, Any]:
    return {} if data.held_out is None else {"validation": validation_facts(data.held_out, chosen)}
