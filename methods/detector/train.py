"""``lqbench train --method detector``: from a dataset's name to a weight file with its card.

The same command, seed, package versions, machine and thread count give the same weights. Between machines, rounding in
convolutions differs, and training amplifies it: expect the same accuracy there, not the same bytes.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...datasets.dataset import Dataset, open_dataset
from ...datasets.errors import UserError
from ..detectors.mini import MiniDetector
from ..training.cards import machine_facts, weight_facts, write_card
from ..training.pixels import PixelStore
from ..training.request import Tell, silent
from ..training.trainer import accelerator
from .config import DetectorConfig, load_config
from .crops import Crops
from .fit import CHECKPOINT, fit
from .net import MiniNet
from .weights import ARCHITECTURE, Header, save_weights

_RENDER_STEP = 100
"""Rendered scenes between two lines of progress."""

Evaluate = Callable[[MiniDetector, Dataset], Mapping[str, float | None]]
"""Measures a trained detector on the validation split: metric name to value."""


@dataclass(frozen=True)
class TrainingJob:
    """What to train, and where.

    Attributes:
        dataset: Name of the track; its images are used as they are, degraded or clean.
        config_name: Entry of ``mini.yaml``.
        out: The weight file to write; the card gets the same name with ``.json``.
        seed: Decides initial weights, crops and their order.
        device: "auto", "cpu", "cuda" or "cuda:<index>".
        epochs: Replaces the config's number; None keeps it.
        data_root: Where data lies that is not embedded.
        command: The command line, for the card.
    """

    dataset: str
    config_name: str
    out: Path
    seed: int = 0
    device: str = "auto"
    epochs: int | None = None
    data_root: Path | None = None
    command: tuple[str, ...] = ()

    @cached_property
    def config(self) -> DetectorConfig:
        """The named config, with the job's number of epochs."""
        return load_config(self.config_name).with_epochs(self.epochs)

    @property
    def work(self) -> Path:
        """Folder of pixels and checkpoint while training runs; removed at the end."""
        return self.out.with_suffix(".work")

    def open(self, split: str, limit: int | None, tell: Tell) -> Dataset:
        """Open a split of the job's dataset; embedded scenes are rendered on all cores where they are not yet."""

        def rendered(done: int, total: int) -> None:
            if done % _RENDER_STEP == 0:
                tell(f"rendered {done} of {total} scenes")

        return open_dataset(
            self.dataset,
            data_root=self.data_root,
            split=split,
            limit=limit,
            workers=os.cpu_count() or 1,
            on_progress=rendered,
        )


def train_detector(
    job: TrainingJob,
    *,
    resume: bool = False,
    rich: bool = False,
    tell: Tell = silent,
    evaluate: Evaluate | None = None,
) -> Path:
    """Train a detector, measure it, and write its weights and card.

    Args:
        job: What to train.
        resume: Go on from the last whole epoch of the same job, stopped before.
        rich: Show a live progress bar instead of one line an epoch.
        tell: Where lines of progress go.
        evaluate: Measures the detector on the validation split for the card.

    Returns:
        The weight file.

    Raises:
        UserError: Config, dataset, split or device do not exist, or there is nothing to resume.
        KeyboardInterrupt: Stopped by the user; the same job can be resumed.
    """
    started = time.monotonic()
    config = job.config
    accelerator(job.device)
    train = job.open(config.train_split, config.train_images, tell)
    val = job.open(config.val_split, config.val_images, tell)
    _prepare(job, train, resume)
    crops = Crops(_pixels(job, train, tell), train.boxes, len(train.classes), config.crops, job.seed)
    net = MiniNet(config.network, len(train.classes), job.seed)
    tell(f"training {job.config_name} on {len(train)} images of {job.dataset} for {config.optimiser.epochs} epochs")
    steps = fit(net, crops, config.optimiser, job.work, device=job.device, resume=resume, rich=rich, tell=tell)
    weights = job.work / job.out.name
    save_weights(net.cpu(), Header(architecture=ARCHITECTURE, classes=train.classes, network=config.network), weights)
    measured = _measure(weights, val, job, evaluate)
    seconds = time.monotonic() - started
    card = _card(job, train, weights) | {"steps": steps, "seconds": round(seconds), "validation": measured}
    weights.replace(job.out)
    write_card(job.out, card)
    shutil.rmtree(job.work)
    return job.out


def _prepare(job: TrainingJob, train: Dataset, resume: bool) -> None:
    """Make the working folder, or check that the one to resume belongs to this very job."""
    note = job.work / "job.json"
    checkpoint = job.work / f"{CHECKPOINT}.ckpt"
    identity = {"dataset": train.fingerprint, "seed": job.seed, "config": job.config.model_dump(mode="json")}
    if resume:
        if not (note.is_file() and checkpoint.is_file()):
            raise UserError(f"{checkpoint}: there is no checkpoint to resume from; leave --resume away.")
        if json.loads(note.read_text(encoding="utf-8")) != identity:
            raise UserError(
                f"{checkpoint}: this training began with another dataset, config or seed; leave --resume away."
            )
        return
    job.work.mkdir(parents=True, exist_ok=True)
    checkpoint.unlink(missing_ok=True)
    note.write_text(json.dumps(identity), encoding="utf-8")


def _pixels(job: TrainingJob, train: Dataset, tell: Tell) -> PixelStore:
    """Lay all training images out in one file, unless that was done before for the same images."""
    sizes = [record.size for record in train.records]
    store = PixelStore(job.work / f"pixels-{train.fingerprint[:16]}.u8", sizes)
    if not store.complete:
        tell(f"reading {len(train)} images of {job.dataset}")
        store.fill(_images(train))
    return store


def _images(train: Dataset) -> Iterator[NDArray[np.uint8]]:
    for index in range(len(train)):
        yield train.sample(index).image.permute(1, 2, 0).numpy()


def _measure(weights: Path, val: Dataset, job: TrainingJob, evaluate: Evaluate | None) -> dict[str, Any]:
    """Measure the detector as a user will load it: from the file, with its rounded weights."""
    if evaluate is None:
        return {}
    detector = MiniDetector()
    detector.load("cpu", weights)
    metrics = {name: value and round(value, 4) for name, value in evaluate(detector, val).items()}
    return {"dataset": job.dataset, "split": val.split, "images": len(val), "fingerprint": val.fingerprint} | metrics


def _card(job: TrainingJob, train: Dataset, weights: Path) -> dict[str, Any]:
    """Return the facts that make the weights reproducible."""
    return {
        "name": "mini",
        "architecture": ARCHITECTURE,
        "command": list(job.command),
        "seed": job.seed,
        "config_name": job.config_name,
        "config": job.config.model_dump(mode="json"),
        "classes": list(train.classes),
        "dataset": job.dataset,
        "dataset_version": train.spec.version,
        "dataset_fingerprint": train.fingerprint,
        "images": len(train),
        "tuned_on": train.spec.degradation,
        **weight_facts(weights),
        "device": job.device,
        **machine_facts(),
    }
