from __future__ import annotations

import csv
import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from lqbench.datasets.errors import UserError
from lqbench.datasets.types import Boxes, ImageRecord
from lqbench.methods.aeris import train
from lqbench.methods.aeris.checkpoint import load_weights
from lqbench.methods.aeris.config import VARIANTS
from lqbench.methods.aeris.data import Crops, collate
from lqbench.methods.aeris.fit import AerisTraining
from lqbench.methods.aeris.loss import Losses
from lqbench.methods.aeris.net import AerisNet
from lqbench.methods.aeris.recipe import load_recipe
from lqbench.methods.aeris.train import train_aeris
from lqbench.methods.aeris.transform import InModelDegradation
from lqbench.methods.training import opening
from lqbench.methods.training.checkpoints import read_checkpoint
from lqbench.methods.training.request import FitRequest

SIZE = (80, 100)


class Toy:
    """Bright rectangles on noise, with what training asks of a dataset."""

    classes = ("box", "never")
    split = "train"
    has_clean = True
    why_no_clean = ""

    def __init__(self, count: int, degrade: str = "") -> None:
        self.spec = SimpleNamespace(name=f"toy{degrade}", version="1", degradation="none")
        self.count, self.degrade = count, degrade
        self.fingerprint = hashlib.sha256(f"{count} {degrade}".encode()).hexdigest()
        self.records = tuple(ImageRecord(f"{i}", i, f"{i}", SIZE, SIZE, SIZE, (1.0, 1.0), i) for i in range(count))
        area, no = np.array([1600.0]), np.array([False])
        self.boxes = tuple(
            Boxes(np.array([self.xyxy(i)], np.float32), np.zeros(1, np.int64), area, area, no, no) for i in range(count)
        )

    def __len__(self) -> int:
        return self.count

    def xyxy(self, index: int) -> list[int]:
        return [5 + index, 10, 45 + index, 50]

    def clean(self, index: int) -> torch.Tensor:
        image = np.random.default_rng(index).integers(0, 100, (3, *SIZE), np.uint8)
        x1, y1, x2, y2 = self.xyxy(index)
        image[:, y1:y2, x1:x2] = 250
        return torch.from_numpy(image)

    def sample(self, index: int) -> Any:
        return SimpleNamespace(image=self.clean(index))

    def facts(self) -> dict[str, Any]:
        return {}


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "open_dataset", lambda name, *, limit, degrade, **_: Toy(limit, degrade))
    monkeypatch.setattr(opening, "dataset_spec", lambda name: SimpleNamespace(splits=("train",)))


def request(out: Path, *changes: str, method: str = "aeris", **fields: Any) -> FitRequest:
    """Ten images, of which two are held out: two steps an epoch."""
    return FitRequest(method, "toy", "tiny", out, overrides=changes, device="cpu", **fields)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("method", VARIANTS)
def test_the_loss_falls_on_a_few_images(method: str) -> None:
    recipe = load_recipe(method, "tiny")
    toy = Toy(4)
    crops = Crops(lambda index: toy.clean(index).permute(1, 2, 0).numpy(), toy.boxes, recipe.crops, 0)
    degradation = InModelDegradation(recipe.degradation, 0) if VARIANTS[method].degrade else None
    module = AerisTraining(AerisNet(recipe.network(method), 2), recipe, degradation)
    optimiser = torch.optim.Adam(module.parameters(), lr=0.01)
    batch = collate([crops[(0, position)] for position in range(4)])
    values = []
    for step in range(16):
        losses = module.losses(batch, step % 2)
        assert (losses.restoration is not None) == (method in ("aeris", "aeris-stage1"))
        total = losses.total(recipe.losses)
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
        values.append(float(total.detach()))
    assert max(values[-2:]) < 0.6 * min(values[:2])


def test_the_same_seed_gives_the_same_bytes_and_a_card(tmp_path: Path) -> None:
    lines: list[str] = []
    command = ("lqbench", "train")
    train_aeris(request(tmp_path / "a.safetensors", seed=3, command=command, tell=lines.append))
    train_aeris(request(tmp_path / "b.safetensors", "run.workers=1", seed=3))
    train_aeris(request(tmp_path / "c.safetensors", seed=4))
    hashes = [sha256(tmp_path / f"{name}.safetensors") for name in "abc"]
    assert hashes[0] == hashes[1], "the number of workers matters"
    assert hashes[0] != hashes[2]
    card = json.loads((tmp_path / "a.json").read_text())
    assert card["weights_sha256"] == hashes[0]
    assert (card["seed"], card["steps"], card["images"], card["classes"]) == (3, 4, 8, ["box", "never"])
    assert card["command"] == ["lqbench", "train"]
    assert card["config"]["optimiser"]["learning_rate"] == 0.002
    assert card["validation"]["images"] == 2
    assert sum(line.startswith("epoch") for line in lines) == 2
    net, header = load_weights(tmp_path / "a.safetensors")
    assert (header.method, header.classes) == ("aeris", ("box", "never"))
    assert net.restoration is not None
    assert list((tmp_path / "a.work").glob("*.u8")) == []


def test_metrics_are_logged(tmp_path: Path) -> None:
    train_aeris(request(tmp_path / "a.safetensors", measure=lambda images, found: {"AP": 0.25, "AP_S": None}))
    assert list((tmp_path / "a.work/logs/tensorboard/version_0").glob("events.out.tfevents.*"))
    with (tmp_path / "a.work/logs/csv/version_0/metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["val_AP"]) for row in rows if row["val_AP"]] == [0.25, 0.25]
    losses = [float(row["loss"]) for row in rows if row["loss"]]
    parts = [
        float(row["heat"]) + 0.1 * float(row["size"]) + float(row["offset"]) + 0.4 * float(row["restoration"])
        for row in rows
        if row["loss"]
    ]
    assert losses == pytest.approx(parts, rel=1e-4)


@pytest.mark.parametrize(("stop", "every", "average"), [(3, 1, 0.5), (1, 1, 0.0), (3, 0, 0.0), (2, 0, 0.5)])
def test_stopping_and_resuming_changes_nothing(
    stop: int, every: int, average: float, tmp_path: Path, interrupted: Any
) -> None:
    """Four steps in two epochs: stopped in the middle of an epoch or at its end, with and without averaging."""
    changes = (f"run.checkpoint_steps={every}", f"run.average={average}")
    figures: list[int] = []

    def measure(images: Any, found: Any) -> dict[str, float]:
        figures.append(len(found))
        return {"AP": len(figures) / 100}

    whole = request(tmp_path / "whole.safetensors", *changes, measure=measure)
    train_aeris(whole)
    figures.clear()
    stopped = request(tmp_path / "stopped.safetensors", *changes, measure=measure)
    interrupted(train, train_aeris, stopped, stop)
    train_aeris(replace(stopped, resume=True))
    first, second = (read_checkpoint(one.work / "last.ckpt") for one in (whole, stopped))
    for key in ("state_dict", "current_model_state"):
        for name, value in first.get(key, {}).items():
            assert torch.equal(value, second[key][name]), name
    assert first["global_step"] == second["global_step"] == 4
    assert figures == [2, 2]
    assert sha256(stopped.out) == sha256(whole.out)


def test_resuming_after_the_last_epoch_writes_the_same_again(tmp_path: Path) -> None:
    wanted = request(tmp_path / "a.safetensors")
    train_aeris(wanted)
    before = sha256(wanted.out)
    lines: list[str] = []
    train_aeris(replace(wanted, resume=True, tell=lines.append))
    assert not any(line.startswith("epoch") for line in lines)
    assert sha256(wanted.out) == before


def test_the_best_checkpoint_is_taken(tmp_path: Path) -> None:
    figures = iter([0.5, 0.2, 0.5, 0.7])
    falling = request(tmp_path / "falling.safetensors", measure=lambda images, found: {"AP": next(figures)})
    rising = request(tmp_path / "rising.safetensors", measure=lambda images, found: {"AP": next(figures)})
    for wanted, epoch, figure in ((falling, 1, 0.5), (rising, 2, 0.7)):
        train_aeris(wanted)
        card = json.loads(wanted.out.with_suffix(".json").read_text())
        assert (card["epoch"], card["validation"]["AP"]) == (epoch, figure)
    assert sha256(falling.out) != sha256(rising.out)


def test_only_degrading_methods_are_validated_on_degraded_images(tmp_path: Path) -> None:
    seen = {}
    for method in ("aeris-wo-arrd", "centernet-control"):

        def measure(images: Any, found: Any, method: str = method) -> dict[str, float]:
            seen[method] = (images.dataset.degrade, images.clean)
            return {"AP": 0.1}

        train_aeris(request(tmp_path / f"{method}.safetensors", method=method, measure=measure, epochs=1))
    assert seen == {"aeris-wo-arrd": ("aeris", False), "centernet-control": ("", True)}


def test_resuming_needs_a_checkpoint_of_the_same_training(tmp_path: Path, interrupted: Any) -> None:
    wanted = request(tmp_path / "x.safetensors")
    with pytest.raises(UserError, match="no checkpoint to resume"):
        train_aeris(replace(wanted, resume=True))
    assert list(tmp_path.iterdir()) == []
    interrupted(train, train_aeris, wanted, 2)
    for changed, word in (
        (replace(wanted, seed=1), "seed"),
        (replace(wanted, overrides=("optimiser.learning_rate=1",)), "config"),
        (replace(wanted, method="aeris-wo-arrd"), "method"),
    ):
        with pytest.raises(UserError, match=f"began with another {word}"):
            train_aeris(replace(changed, resume=True))


@pytest.mark.parametrize(
    ("changes", "fields", "message"),
    [
        (("validation.images=10",), {}, "hold out fewer"),
        (("batch=64",), {}, "fewer than the field 'batch'"),
        (("batch=3",), {"devices": 2}, "does not divide among 2 processes"),
        ((), {"device": "gpu"}, "unknown device 'gpu'"),
        ((), {"device": "cuda:99"}, "give --device cpu"),
        (("init=imagenet",), {}, "no ImageNet weights for the encoder 'mini'"),
        (("init=nowhere.pth",), {}, "nowhere.pth does not exist"),
        (("model.backbone=resnet18", "init=imagenet"), {}, "download https://download.pytorch.org/models/resnet18"),
    ],
)
def test_mistakes_are_told_before_anything_is_written(
    changes: tuple[str, ...], fields: dict[str, Any], message: str, tmp_path: Path
) -> None:
    wanted = replace(request(tmp_path / "out" / "x.safetensors", *changes), **fields, data_root=tmp_path)
    with pytest.raises(UserError) as caught:
        train_aeris(wanted)
    assert message in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_dataset_without_clean_images_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Toy, "has_clean", False)
    monkeypatch.setattr(Toy, "why_no_clean", "toy has no clean images.")
    with pytest.raises(UserError, match="toy has no clean images"):
        train_aeris(request(tmp_path / "x.safetensors"))
    monkeypatch.setattr(opening, "dataset_spec", lambda name: SimpleNamespace(splits=("val",)))
    with pytest.raises(UserError, match="give --set train_split= one of val"):
        train_aeris(request(tmp_path / "x.safetensors"))


def test_a_loss_that_is_no_number_stops_the_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Losses, "total", lambda self, weights: self.heat * float("nan"))
    with pytest.raises(UserError, match=r"the loss of step 0 \(batch 0 of epoch 1\) is nan; .*learning_rate"):
        train_aeris(request(tmp_path / "x.safetensors"))
    assert not (tmp_path / "x.safetensors").exists()


def test_bfloat16_trains(tmp_path: Path) -> None:
    wanted = request(tmp_path / "x.safetensors", "run.precision=bf16", epochs=1)
    train_aeris(wanted)
    net, _ = load_weights(wanted.out)
    assert all(torch.isfinite(value).all() for value in net.state_dict().values())


@pytest.mark.slow
def test_two_processes_train_together(tmp_path: Path) -> None:
    """Both processes end with the same weights, and the first one writes them."""
    out = tmp_path / "x.safetensors"
    command = [sys.executable, "-m", "lqbench.benchmark.cli.main", "train", "--method", "aeris", "--config", "tiny"]
    command += ["--device", "cpu", "--devices", "2", "--out", str(out), "--set", "run.average=0"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(str(out)) == 1
    assert done.stderr.count("epoch 2/2") == 1
    assert json.loads(out.with_suffix(".json").read_text())["processes"] == 2
    assert read_checkpoint(out.with_suffix(".work") / "last.ckpt")["global_step"] == 4
