from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import Callback
from torchvision.ops import box_iou

from lqbench.datasets.errors import UserError
from lqbench.datasets.types import Boxes
from lqbench.methods.detector import fit, train
from lqbench.methods.detector.train import TrainingJob, train_detector
from lqbench.methods.detector.weights import load_weights
from lqbench.methods.detectors.mini import MiniDetector


@dataclass
class Toy:
    """Bright rectangles on noise, with what training asks of a dataset."""

    split: str
    limit: int
    size: tuple[int, int] = (80, 100)
    classes = ("box", "never")
    spec = SimpleNamespace(version="1", degradation="none")

    def __len__(self) -> int:
        return self.limit

    def xyxy(self, index: int) -> list[int]:
        return [5 + index, 10, 45 + index, 50]

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(f"{self.split} {self.limit}".encode()).hexdigest()

    @property
    def records(self) -> list[Any]:
        return [SimpleNamespace(size=self.size)] * self.limit

    @property
    def boxes(self) -> tuple[Boxes, ...]:
        area = np.array([1600.0])
        rows = [np.array([self.xyxy(index)], np.float32) for index in range(self.limit)]
        return tuple(Boxes(row, np.zeros(1, np.int64), area, area, area < 0, area < 0) for row in rows)

    def sample(self, index: int) -> Any:
        image = np.random.default_rng(index).integers(0, 100, (3, *self.size), np.uint8)
        x1, y1, x2, y2 = self.xyxy(index)
        image[:, y1:y2, x1:x2] = 250
        return SimpleNamespace(image=torch.from_numpy(image))


class StopInEpoch(Callback):
    """Plays the user who presses Ctrl-C."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if batch_idx == 1 and trainer.current_epoch == self.epoch:
            raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "open_dataset", lambda name, *, split, limit, **_: Toy(split, limit))


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_same_seed_gives_the_same_bytes_and_a_card(tmp_path: Path) -> None:
    lines: list[str] = []
    measured = {"AP": 0.123456, "AP_S": None}
    first = TrainingJob("toy", "tiny", tmp_path / "a.safetensors", seed=3, command=("lqbench", "train"))
    train_detector(first, tell=lines.append, evaluate=lambda detector, dataset: measured)
    train_detector(TrainingJob("toy", "tiny", tmp_path / "b.safetensors", seed=3))
    train_detector(TrainingJob("toy", "tiny", tmp_path / "c.safetensors", seed=4))
    assert sha256(tmp_path / "a.safetensors") == sha256(tmp_path / "b.safetensors")
    assert sha256(tmp_path / "a.safetensors") != sha256(tmp_path / "c.safetensors")
    written = sorted(path.name for path in tmp_path.iterdir())
    assert written == [f"{name}.{ending}" for name in "abc" for ending in ("json", "safetensors")]
    card = json.loads((tmp_path / "a.json").read_text())
    assert card["weights_sha256"] == sha256(tmp_path / "a.safetensors")
    assert card["validation"]["AP"] == 0.1235
    assert card["validation"]["AP_S"] is None
    assert (card["seed"], card["steps"], card["tuned_on"], card["classes"]) == (3, 4, "none", ["box", "never"])
    assert card["command"] == ["lqbench", "train"]
    assert sum(line.startswith("epoch") for line in lines) == 2


def test_stopping_and_resuming_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = TrainingJob("toy", "tiny", tmp_path / "whole.safetensors", epochs=3)
    train_detector(whole)
    stopped = TrainingJob("toy", "tiny", tmp_path / "stopped.safetensors", epochs=3)
    original = train.fit
    monkeypatch.setattr(train, "fit", partial(original, callbacks=(StopInEpoch(1),)))
    with pytest.raises(KeyboardInterrupt):
        train_detector(stopped)
    assert not stopped.out.exists()
    monkeypatch.setattr(train, "fit", original)
    lines: list[str] = []
    train_detector(stopped, resume=True, tell=lines.append)
    assert [line.split(":")[0] for line in lines if line.startswith("epoch")] == ["epoch 2/3", "epoch 3/3"]
    assert sha256(stopped.out) == sha256(whole.out)


def test_resuming_after_the_last_epoch_only_measures_again(tmp_path: Path) -> None:
    def stop(*_: Any) -> dict[str, float | None]:
        raise KeyboardInterrupt

    whole = TrainingJob("toy", "tiny", tmp_path / "whole.safetensors")
    train_detector(whole)
    stopped = TrainingJob("toy", "tiny", tmp_path / "stopped.safetensors")
    with pytest.raises(KeyboardInterrupt):
        train_detector(stopped, evaluate=stop)
    lines: list[str] = []
    train_detector(stopped, resume=True, tell=lines.append)
    assert not any(line.startswith("epoch") for line in lines)
    assert sha256(stopped.out) == sha256(whole.out)


def test_resuming_needs_a_checkpoint_of_the_same_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = TrainingJob("toy", "tiny", tmp_path / "x.safetensors")
    with pytest.raises(UserError, match="no checkpoint to resume"):
        train_detector(job, resume=True)
    monkeypatch.setattr(train, "fit", partial(train.fit, callbacks=(StopInEpoch(1),)))
    with pytest.raises(KeyboardInterrupt):
        train_detector(job)
    with pytest.raises(UserError, match="another dataset, config or seed"):
        train_detector(TrainingJob("toy", "tiny", job.out, seed=1), resume=True)


def test_a_loss_that_is_no_number_stops_the_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = fit.detector_loss
    monkeypatch.setattr(fit, "detector_loss", lambda *given: plain(*given) * float("nan"))
    job = TrainingJob("toy", "tiny", tmp_path / "x.safetensors")
    with pytest.raises(UserError, match=r"the loss of step 0 \(batch 0 of epoch 1\) is nan; .*learning_rate"):
        train_detector(job)
    assert not job.out.exists()


def test_trained_weights_load_and_find_the_rectangle(tmp_path: Path) -> None:
    job = TrainingJob("toy", "tiny", tmp_path / "x.safetensors", epochs=60)
    train_detector(job)
    detector = MiniDetector()
    detector.load("cpu", job.out)
    assert detector.class_names == ("box", "never")
    toy = Toy("val", 8)
    found = detector.predict([toy.sample(7).image / 255])[0]
    assert found.labels[0] == 0
    overlap = box_iou(torch.from_numpy(found.xyxy[:1]), torch.tensor([toy.xyxy(7)], dtype=torch.float32))
    # A training of seconds: placed on the object, though not yet tight around it.
    assert float(overlap) > 0.3
    net, header = load_weights(job.out)
    assert header.network == job.config.network
    assert not net.training
