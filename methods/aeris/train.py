"""``lqbench train --method aeris`` and its comparison methods: from a dataset's name to a weight file with its card.

The same command, seed, package versions, machine and thread count give the same weights.
"""

from __future__ import annotations

import json
import os
import platform
import time
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from ...datasets.catalog import dataset_spec
from ...datasets.dataset import Dataset, open_dataset
from ...datasets.errors import UserError
from ..training.checkpoints import BEST, LAST, best_figure, load_network, prepare_work, progress_of, read_checkpoint
from ..training.heldout import EqualShares, HeldOut, clean_boxes, split_off
from ..training.pixels import PixelStore
from ..training.request import FitRequest
from ..training.sampler import EpochSampler
from ..training.trainer import Limits, accelerator, build_trainer, process_rank, run_fit
from ..weights import sha256_of
from .checkpoint import save_weights
from .config import VARIANTS
from .data import Crop, Crops, collate
from .fit import MONITOR, AerisTraining
from .header import ARCHITECTURE, Header
from .net import AerisNet
from .pretrained import find_init, load_encoder
from .recipe import Recipe, load_recipe
from .transform import InModelDegradation

PACKAGES = ("torch", "torchvision", "lightning", "numpy", "safetensors")
"""Whose versions the card names, since the weights depend on them."""
TRAIN_SPLITS = ("train", "train2017", "trainval")
ALIASES = {"coco": "coco-d"}
"""Names of clean photographs: training takes the clean images of a degraded track."""
_RENDER_STEP = 100
"""Rendered scenes between two lines of progress."""


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
    sampler = _sampler(request, recipe, data)
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
    if len(source) <= recipe.validation.images:
        raise UserError(
            f"{request.dataset} has {len(source)} images to train on and the field 'validation.images' holds out "
            f"{recipe.validation.images}; hold out fewer."
        )
    learnt, held_out = split_off(source, recipe.validation.images)
    if recipe.skip_empty:
        learnt = [index for index in learnt if not source.boxes[index].crowd.all()]
    degrade = VARIANTS[request.method].degrade
    own = source.spec.degradation != "none"
    shown = source if own or not degrade else _open(request, recipe, recipe.validation.degrade)
    return TrainingData(source, learnt, HeldOut(shown, held_out, clean=not degrade))


def _open(request: FitRequest, recipe: Recipe, degrade: str) -> Dataset:
    name = ALIASES.get(request.dataset, request.dataset)

    def rendered(done: int, total: int) -> None:
        if done % _RENDER_STEP == 0:
            request.tell(f"rendered {done} of {total} scenes")

    return open_dataset(
        name,
        data_root=request.data_root,
        split=recipe.train_split or _train_split(name),
        limit=recipe.train_images,
        degrade=degrade,
        workers=os.cpu_count() or 1,
        on_progress=rendered,
    )


def _train_split(name: str) -> str:
    """Return the split that is meant for training.

    Raises:
        UserError: The dataset has none of the usual name.
    """
    splits = dataset_spec(name).splits
    found = next((split for split in TRAIN_SPLITS if split in splits), None)
    if found is None:
        raise UserError(
            f"{name} has no split named {', '.join(TRAIN_SPLITS)}; give --set train_split= one of {', '.join(splits)}."
        )
    return found


def _sampler(request: FitRequest, recipe: Recipe, data: TrainingData) -> EpochSampler:
    """Return the order of samples for this process.

    Raises:
        UserError: A batch does not divide among the processes, or there are fewer crops than a batch has.
    """
    processes = request.devices * request.nodes
    if recipe.batch % processes:
        raise UserError(f"the field 'batch' is {recipe.batch} and does not divide among {processes} processes.")
    crops = len(data.learnt) * recipe.crops.repeat
    if crops < recipe.batch:
        raise UserError(f"{crops} crops in an epoch are fewer than the field 'batch' asks for, {recipe.batch}.")
    return EpochSampler(crops, recipe.batch // processes, request.seed, rank=process_rank(), processes=processes)


def _identity(request: FitRequest, recipe: Recipe, data: TrainingData) -> dict[str, Any]:
    """Return what makes a training what it is; a checkpoint of another one is not gone on from."""
    return {
        "method": request.method,
        "dataset": data.source.fingerprint,
        "validation set": data.held_out.fingerprint,
        "seed": request.seed,
        "config": recipe.model_dump(mode="json", exclude={"cache": True, "run": {"workers", "checkpoint_steps"}}),
        "number of processes": request.devices * request.nodes,
    }


def _prepare(request: FitRequest, recipe: Recipe, data: TrainingData) -> Path | None:
    """Return the checkpoint to go on from; the first process makes or examines the work folder for all."""
    if process_rank() == 0:
        return prepare_work(request.work, _identity(request, recipe, data), resume=request.resume)
    return request.work / LAST if request.resume else None


def _first_network(request: FitRequest, recipe: Recipe, data: TrainingData) -> AerisNet:
    net = AerisNet(recipe.network(request.method), len(data.source.classes), request.seed)
    if recipe.init:
        path = load_encoder(net.backbone, recipe.model.backbone, recipe.init, request.data_root)
        _tell(request, f"the encoder begins with {path}")
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
    if checkpoint is not None:
        at = progress_of(read_checkpoint(checkpoint), sampler.batches)
        sampler.first_epoch, sampler.first_batch, sampler.epoch = at.epoch, at.batch, at.epoch
    degradation = InModelDegradation(recipe.degradation, request.seed) if _degrades(request) else None
    held_out = data.held_out if request.measure is not None else None
    module = AerisTraining(net, recipe, degradation, held_out, request.measure)
    limits = Limits(recipe.schedule.epochs, recipe.optimiser.clip)
    trainer = build_trainer(request, recipe.run, limits, MONITOR if held_out is not None else "")
    _tell(request, f"training {request.method} on {len(data.learnt)} images for {recipe.schedule.epochs} epochs")
    train = _train_loader(request, recipe, data, sampler)
    val = None if held_out is None else _val_loader(held_out, sampler)
    run_fit(trainer, module, train, val, checkpoint)
    load_network(net, read_checkpoint(_chosen(request)))


def _train_loader(request: FitRequest, recipe: Recipe, data: TrainingData, sampler: EpochSampler) -> DataLoader[Crop]:
    source, learnt = data.source, data.learnt
    boxes = [clean_boxes(source, index) for index in learnt]
    load = partial(_load, source, learnt)
    if recipe.cache:
        sizes = [source.records[index].clean_size for index in learnt]
        store = PixelStore(request.work / f"pixels-{source.fingerprint[:16]}-{len(learnt)}.u8", sizes)
        if not store.complete:
            _tell(request, f"reading {len(learnt)} images")
            store.fill(load(place) for place in range(len(learnt)))
        load = store.__getitem__
    crops = Crops(load, boxes, recipe.crops, request.seed)
    workers = min(recipe.run.workers, os.cpu_count() or 1)
    return DataLoader(
        crops,
        sampler.batch,
        sampler=sampler,
        collate_fn=collate,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=torch.cuda.is_available() and request.device != "cpu",
        drop_last=True,
    )


def _load(source: Dataset, learnt: list[int], place: int) -> NDArray[np.uint8]:
    """Return a clean image, uint8 (H, W, 3)."""
    return source.clean(learnt[place]).permute(1, 2, 0).numpy()


def _val_loader(held_out: HeldOut, sampler: EpochSampler) -> DataLoader[Any]:
    """Images one by one, since their sizes differ."""
    share = EqualShares(len(held_out), sampler.rank, sampler.processes)
    return DataLoader(held_out, batch_size=None, sampler=share)


def _write(request: FitRequest, recipe: Recipe, data: TrainingData, net: AerisNet, started: float) -> None:
    """Write weights and card, and drop the cached pixels."""
    header = Header(method=request.method, classes=data.source.classes, model=net.config)
    save_weights(net, header, request.out, half=recipe.half)
    card = _card(request, recipe, data) | {"seconds": round(time.monotonic() - started)}
    card_file = request.out.with_suffix(".json")
    partial = card_file.with_name(card_file.name + ".part")
    partial.write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(card_file)
    for pixels in request.work.glob("pixels-*.u8"):
        pixels.unlink()


def _card(request: FitRequest, recipe: Recipe, data: TrainingData) -> dict[str, Any]:
    """Return the facts that make the weights reproducible, and what validation found."""
    source = data.source
    chosen = read_checkpoint(_chosen(request))
    return {
        "name": request.method,
        "architecture": ARCHITECTURE,
        "command": list(request.command),
        "seed": request.seed,
        "config_name": request.config,
        "config": recipe.model_dump(mode="json"),
        "classes": list(source.classes),
        "dataset": source.spec.name,
        "dataset_version": source.spec.version,
        "dataset_fingerprint": source.fingerprint,
        "split": source.split,
        "images": len(data.learnt),
        "tuned_on": f"in-model degradation, mode {recipe.degradation.mode}" if _degrades(request) else "none",
        "weights_sha256": sha256_of(request.out),
        "bytes": request.out.stat().st_size,
        "device": request.device,
        "processes": request.devices * request.nodes,
        "threads": torch.get_num_threads(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "steps": int(chosen["global_step"]),
        "epoch": int(chosen["epoch"]) + 1,
        "validation": {
            "dataset": data.held_out.dataset.spec.name,
            "split": source.split,
            "images": len(data.held_out),
            "degraded": not data.held_out.clean,
            "fingerprint": data.held_out.fingerprint,
            **best_figure(chosen),
        },
    }


def _chosen(request: FitRequest) -> Path:
    """Return the checkpoint whose weights are used: the best one where there was a validation, else the last."""
    best = request.work / BEST
    return best if best.is_file() else request.work / LAST


def _degrades(request: FitRequest) -> bool:
    return VARIANTS[request.method].degrade


def _tell(request: FitRequest, line: str) -> None:
    if process_rank() == 0:
        request.tell(line)
