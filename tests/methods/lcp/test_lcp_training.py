"""Cooperative training of LCP: what learns in which epoch, resuming, favoured images, and what users get wrong."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from lqbench.datasets.errors import UserError
from lqbench.datasets.types import Boxes, ImageRecord
from lqbench.methods.lcp import train
from lqbench.methods.lcp.checkpoint import load_weights, save_weights
from lqbench.methods.lcp.config import VARIANTS, LcpConfig, NetworkConfig
from lqbench.methods.lcp.data import Images, Samples, moved, resized, resized_size
from lqbench.methods.lcp.fit import LcpTraining
from lqbench.methods.lcp.header import Header
from lqbench.methods.lcp.net import LcpNet
from lqbench.methods.lcp.recipe import CONFIGS, load_recipe
from lqbench.methods.lcp.train import open_training_data, train_lcp
from lqbench.methods.training import opening
from lqbench.methods.training.checkpoints import read_checkpoint
from lqbench.methods.training.request import FitRequest


class Toy:
    """Rectangles on noise, brighter where favoured, with what training asks of a dataset."""

    classes = ("box", "never")
    has_clean = False

    def __init__(self, name: str, split: str, count: int, size: tuple[int, int]) -> None:
        self.spec = SimpleNamespace(name=name, version="1")
        self.split, self.count, self.size = split, count, size
        self.fingerprint = hashlib.sha256(f"{name} {split} {count} {size}".encode()).hexdigest()
        self.records = tuple(ImageRecord(f"{i}", i, f"{i}", size, size, size, (1.0, 1.0), i) for i in range(count))
        area, no = np.array([1600.0]), np.array([False])
        self.boxes = tuple(
            Boxes(np.array([[5 + i, 10, 45 + i, 50]], np.float32), np.zeros(1, np.int64), area, area, no, no)
            for i in range(count)
        )

    def __len__(self) -> int:
        return self.count

    def sample(self, index: int) -> Any:
        image = np.random.default_rng(index).integers(0, 100, (3, *self.size), np.uint8)
        image[:, 10:50, 5 + index : 45 + index] = 250 if self.spec.name == "clear" else 120
        return SimpleNamespace(image=torch.from_numpy(image))

    def facts(self) -> dict[str, Any]:
        return {}


SIZES = {"toy": (80, 100), "clear": (80, 100), "wide": (80, 160)}


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(name: str, *, split: str, limit: int | None, **_: Any) -> Toy:
        return Toy(name, split, limit or (3 if split == "val" else 12), SIZES[name])

    spec = SimpleNamespace(splits=("train", "val"), default_split="val")
    monkeypatch.setattr(opening, "dataset_spec", lambda name: spec)
    monkeypatch.setattr(opening, "open_dataset", opened)


def request(out: Path, *changes: str, method: str = "lcp", **fields: Any) -> FitRequest:
    """Ten images, of which two are held out: two steps an epoch."""
    return FitRequest(method, "toy", "tiny", out, overrides=("favoured=clear", *changes), device="cpu", **fields)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def epochs_of(out: Path) -> list[dict[str, torch.Tensor]]:
    """Return the network's weights after each epoch of a training that keeps all checkpoints."""
    files = sorted(out.with_suffix(".work").glob("epoch-*.ckpt"))
    return [read_checkpoint(file)["state_dict"] for file in files]


@pytest.fixture
def keep_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let trainings keep a checkpoint of every epoch, and one of the start."""
    from lightning.pytorch.callbacks import Callback

    class Keep(Callback):
        def on_train_start(self, trainer: Any, pl_module: Any) -> None:
            self.write(trainer, 0)

        def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            self.write(trainer, trainer.current_epoch + 1)

        def write(self, trainer: Any, epoch: int) -> None:
            trainer.save_checkpoint(Path(trainer.default_root_dir) / f"epoch-{epoch}.ckpt")

    original = train.build_trainer

    def build(*arguments: Any, **fields: Any) -> Any:
        return original(*arguments, callbacks=(Keep(),), **fields)

    monkeypatch.setattr(train, "build_trainer", build)


def changed(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    """Return the parts of the network that differ."""
    names = {name for name in before if not torch.equal(before[name], after[name])}
    return {next((part for part in PARTS if part in name), name) for name in names}


PARTS = ("crux_learner", "catch_up_learner", "catch_up_fusion", "layer3", "layer4", "neck", "rpn_head", "roi_head")


def test_each_epoch_teaches_what_its_mode_says(tmp_path: Path, keep_epochs: None) -> None:
    train_lcp(request(tmp_path / "a.safetensors"))
    states = epochs_of(tmp_path / "a.safetensors")
    detection = set(PARTS) - {"catch_up_learner"}
    found = [changed(*pair) for pair in pairwise(states)]
    assert found == [{"catch_up_learner"}, detection, {"catch_up_learner"}, detection]


def test_frozen_parameters_drift_only_when_asked(tmp_path: Path, keep_epochs: None) -> None:
    """Under the legacy switch the catch-up learner goes on to move in the epochs of the others, and they in its."""
    optimiser = "optimiser={name: sgd, learning_rate: 0.01, momentum: 0.9, weight_decay: 0.01}"
    moved_parts = {}
    for drift in ("true", "false"):
        out = tmp_path / f"{drift}.safetensors"
        train_lcp(request(out, optimiser, f"legacy.drift={drift}"))
        states = epochs_of(out)
        moved_parts[drift] = changed(states[1], states[2]), changed(states[2], states[3])
    detection = set(PARTS) - {"catch_up_learner"}
    assert moved_parts["false"] == (detection, {"catch_up_learner"})
    assert moved_parts["true"] == (set(PARTS), set(PARTS))


def test_the_same_seed_gives_the_same_bytes_and_a_card(tmp_path: Path) -> None:
    train_lcp(request(tmp_path / "a.safetensors", seed=3))
    train_lcp(request(tmp_path / "b.safetensors", "run.workers=1", "cache=false", seed=3))
    train_lcp(request(tmp_path / "c.safetensors", seed=4))
    hashes = [sha256(tmp_path / f"{name}.safetensors") for name in "abc"]
    assert hashes[0] == hashes[1], "the number of workers matters"
    assert hashes[0] != hashes[2]
    card = json.loads((tmp_path / "a.json").read_text())
    assert card["weights_sha256"] == hashes[0]
    assert (card["detection_epochs"], card["catch_up_epochs"], card["favoured_images"]) == (2, 2, 10)
    assert card["favoured"] == ["clear (train)"]
    net, header = load_weights(tmp_path / "a.safetensors")
    assert (header.method, header.classes, net.config.lcp) == ("lcp", ("box", "never"), LcpConfig(channels=2))
    assert list((tmp_path / "a.work").glob("*.u8")) == []


@pytest.mark.parametrize("method", [name for name in VARIANTS if name != "lcp"])
def test_the_other_methods_train(method: str, tmp_path: Path) -> None:
    wanted = request(tmp_path / "x.safetensors", method=method)
    train_lcp(wanted)
    net, header = load_weights(wanted.out)
    assert header.method == method
    assert net.config.lcp == (None if method == "cascade-rcnn" else replace_channels(VARIANTS[method].lcp))
    card = json.loads(wanted.out.with_suffix(".json").read_text())
    assert (card["detection_epochs"], card["catch_up_epochs"]) == ((2, 2) if method == "lcp-catch-up" else (2, 0))


def replace_channels(config: LcpConfig | None) -> LcpConfig:
    assert config is not None
    return config.model_copy(update={"channels": 2})


@pytest.mark.parametrize("stop", [1, 2, 3, 5])
def test_stopping_and_resuming_changes_nothing(stop: int, tmp_path: Path, interrupted: Any) -> None:
    """Eight steps in four epochs: stopped within a mode and where it changes."""

    def measure(images: Any, found: Any) -> dict[str, float]:
        return {"AP": 0.1}

    every = "run.checkpoint_steps=1"
    whole = request(tmp_path / "whole.safetensors", every, measure=measure)
    train_lcp(whole)
    stopped = request(tmp_path / "stopped.safetensors", every, measure=measure)
    interrupted(train, train_lcp, stopped, stop)
    train_lcp(replace(stopped, resume=True))
    assert sha256(stopped.out) == sha256(whole.out)


def test_favoured_images_are_drawn_unpaired_and_again_the_same() -> None:
    boxes = Toy("toy", "train", 5, (8, 8)).boxes
    low = Images(lambda place: np.full((8, 8, 3), place, np.uint8), 5)
    favoured = Images(lambda place: np.tile(np.arange(8, dtype=np.uint8)[None, :, None], (8, 1, 3)) + 10 * place, 20)
    samples = Samples(low, boxes, favoured, ("catch-up", "crux", "catch-up"), flip=0.5, seed=1)
    drawn = {(epoch, i): samples[(epoch, i)] for epoch in (0, 2) for i in range(5)}
    chosen = {key: int(one[3][0, 0].min()) // 10 for key, one in drawn.items() if one[3] is not None}
    assert len(chosen) == 10
    assert len(set(chosen.values())) > 4, "hardly any are drawn"
    assert [chosen[(0, i)] for i in range(5)] != [chosen[(2, i)] for i in range(5)]
    again = Samples(low, boxes, favoured, ("catch-up", "crux", "catch-up"), flip=0.5, seed=1)
    assert all(torch.equal(again[key][3], one[3]) for key, one in drawn.items() if one[3] is not None)  # pyright: ignore
    assert samples[(1, 0)][3] is None, "an epoch of detection needs none"


def test_a_favoured_image_is_mirrored_as_its_low_quality_one() -> None:
    ramp = np.tile(np.arange(50, dtype=np.uint8)[None, :, None], (60, 1, 3))
    boxes = Toy("toy", "train", 8, (60, 50)).boxes
    both = Images(lambda place: ramp, 8)
    samples = Samples(both, boxes, both, ("catch-up",), flip=0.5, seed=0)
    directions = set()
    for position in range(8):
        image, xyxy, _, favoured = samples[(0, position)]
        assert favoured is not None
        assert torch.equal(image, favoured)
        flipped = int(image[0, 0, 0]) > 0
        directions.add(flipped)
        left = boxes[position].xyxy[0, 0]
        assert float(xyxy[0, 0]) == (50 - boxes[position].xyxy[0, 2] if flipped else left)
    assert directions == {True, False}


def test_only_training_images_are_favoured(tmp_path: Path) -> None:
    recipe = load_recipe("lcp", "tiny", ("favoured=clear",))
    data = open_training_data(request(tmp_path / "x.safetensors"), recipe)
    held_out = {record.image_id for record in data.held_out.records}
    assert [(one.split, len(chosen)) for one, chosen in zip(data.favoured, data.chosen, strict=True)] == [("train", 10)]
    assert not held_out & {data.favoured[0].records[index].image_id for index in data.chosen[0]}
    legacy = load_recipe("lcp", "tiny", ("favoured=clear", "legacy.favoured_test_images=true"))
    data = open_training_data(request(tmp_path / "x.safetensors"), legacy)
    assert [(one.split, len(chosen)) for one, chosen in zip(data.favoured, data.chosen, strict=True)] == [
        ("train", 12),
        ("val", 3),
    ]


def test_the_test_split_chooses_only_when_asked(tmp_path: Path) -> None:
    for value, split, learnt in (("false", "train", 8), ("true", "val", 10)):
        recipe = load_recipe("lcp", "tiny", ("favoured=clear", f"legacy.best_on_test={value}"))
        data = open_training_data(request(tmp_path / "x.safetensors"), recipe)
        assert (data.held_out.dataset.split, len(data.learnt)) == (split, learnt)


def test_resizing_is_that_of_mmcv() -> None:
    from mmcv import imrescale, imresize

    image = np.random.default_rng(0).integers(0, 256, (37, 91, 3), np.uint8)
    fixed = NetworkConfig(size=(64, 96))
    assert np.array_equal(resized(image, fixed), np.asarray(imresize(image, (96, 64))))
    kept = NetworkConfig(size=(64, 96), keep_ratio=True)
    assert np.array_equal(resized(image, kept), np.asarray(imrescale(image, (96, 64))))
    boxes = Toy("toy", "train", 1, (37, 91)).boxes[0]
    assert moved(boxes, (37, 91), fixed).xyxy[0].tolist() == pytest.approx(
        [5 * 96 / 91, 10 * 64 / 37, 45 * 96 / 91, 50 * 64 / 37], rel=1e-6
    )
    assert resized_size((1024, 2048), NetworkConfig(keep_ratio=True)) == (667, 1333)


def test_a_training_begins_with_a_detector(tmp_path: Path) -> None:
    base = request(tmp_path / "base.safetensors", "half=false", method="cascade-rcnn")
    train_lcp(base)
    recipe = load_recipe("lcp", "tiny", ("favoured=clear",))
    net = LcpNet(recipe.network_of("lcp"), Toy.classes, 5)
    before = {name: value.clone() for name, value in net.model.state_dict().items()}
    train.load_init(net, str(base.out))
    first, _ = load_weights(base.out)
    for name, value in first.model.state_dict().items():
        ours = name.replace("backbone.", "backbone.inner.", 1)
        if not name.endswith("num_batches_tracked"):
            assert torch.equal(net.model.state_dict()[ours], value), name
    for name in ("backbone.crux_learner.h_evaluation.0.conv1.weight", "backbone.catch_up_fusion.weight"):
        assert torch.equal(net.model.state_dict()[name], before[name])
    torch.save({"state_dict": first.model.state_dict(), "meta": {"CLASSES": Toy.classes}}, tmp_path / "mmdet.pth")
    train.load_init(net, str(tmp_path / "mmdet.pth"))
    other = LcpNet(recipe.network_of("lcp"), ("a", "b", "c"), 5)
    for path, message in (
        (tmp_path / "nothing.pth", "which is no file"),
        (base.out, "knows the classes box, never, the dataset has a, b, c"),
        (tmp_path / "mmdet.pth", "does not fit the detector mini with 3 classes"),
    ):
        with pytest.raises(UserError, match=message):
            train.load_init(other, str(path))
    save_weights(net, Header(method="lcp", classes=Toy.classes, network=net.config), tmp_path / "lcp.safetensors")
    with pytest.raises(UserError, match="has LCP inside"):
        train.load_init(net, str(tmp_path / "lcp.safetensors"))


def test_basic_blocks_refuse_weights_of_bottlenecks(tmp_path: Path) -> None:
    from lqbench.methods.mmdet_adapter.build import import_mmdet

    net = LcpNet(load_recipe("lcp", "tiny").network_of("lcp"), Toy.classes)
    state = {name.replace("backbone.inner.", "backbone."): value for name, value in net.model.state_dict().items()}
    import_mmdet()
    from mmdet.models import ResNet

    state = {name: value for name, value in state.items() if not name.startswith("backbone.")}
    state |= {f"backbone.{name}": value for name, value in ResNet(50, base_channels=16).state_dict().items()}
    torch.save({"state_dict": state}, tmp_path / "r50.pth")
    with pytest.raises(UserError, match=r"r50.pth does not fit the detector mini .* tensors are .*'backbone.layer1"):
        train.load_init(net, str(tmp_path / "r50.pth"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (("favoured=''",), "no such dataset is named; give it with --favoured"),
        (("favoured=wide", "network.keep_ratio=true"), r"becomes 80x64 pixels and wide image \d+ 96x48"),
        (("validation.images=10",), "hold out fewer"),
        (("batch=64",), "fewer than the field 'batch'"),
        (("modes=1:crux",), "says what is learnt in 1 epochs, but lcp is trained for 4"),
        (("modes=4:both",), "'4:both' is not of the form EPOCHS:MODE"),
        (("network.base=nowhere",), "neither a file nor the name of a config"),
        (("network.base=ssd300_coco",), "LCP cannot be put into a SSDVGG"),
        (("network.learners.relus=3",), "network.learners.relus"),
        (("favour=clear",), "did you mean 'favoured'"),
    ],
)
def test_mistakes_are_told_before_anything_is_written(changes: tuple[str, ...], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        train_lcp(request(tmp_path / "out" / "x.safetensors", *changes))
    assert list(tmp_path.iterdir()) == []


def test_a_favoured_set_without_usable_images_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "split_off", lambda source, count, name: (list(range(5)), list(range(12))))
    with pytest.raises(UserError, match="has no image that may be used: all 12 are held out"):
        train_lcp(request(tmp_path / "x.safetensors", "train_images=12"))


def test_a_loss_that_is_no_number_stops(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"the loss of step \d \(batch \d of epoch 1\) is nan.*learning_rate"):
        train_lcp(request(tmp_path / "x.safetensors", "optimiser={name: sgd, learning_rate: 1e30}"))


CONFIGURED = [
    (method, path.stem)
    for path in sorted(CONFIGS.glob("*.yaml"))
    for method in VARIANTS
    if path.stem != "mini-clear" or method == "cascade-rcnn"  # the detector of clear scenes has no learners
]


@pytest.mark.parametrize(("method", "name"), CONFIGURED)
def test_every_config_is_valid_for_every_method(method: str, name: str) -> None:
    recipe = load_recipe(method, name)
    modes = recipe.epoch_modes(method)
    baseline = load_recipe("cascade-rcnn", name).epoch_modes("cascade-rcnn")
    if name.startswith("paper") or name == "mini":
        assert modes.count("crux") == len(baseline), "detection is learnt in as many epochs"


def test_the_published_recipes() -> None:
    fog, rain, underwater = (load_recipe("lcp", f"paper-{name}") for name in ("fog", "rain", "underwater"))
    assert [one.optimiser.learning_rate for one in (fog, rain, underwater)] == [0.002, 0.001, 0.002]
    assert [one.kl_weight for one in (fog, rain, underwater)] == [1, 1, 100]
    assert [one.crux_rate for one in (fog, rain, underwater)] == [1, 1, 100]
    assert fog.network_of("lcp") == NetworkConfig(lcp=LcpConfig())
    net = LcpNet(load_recipe("lcp", "tiny").network_of("lcp"), Toy.classes)
    module = LcpTraining(net, underwater, underwater.epoch_modes("lcp"))
    module.trainer = SimpleNamespace(estimated_stepping_batches=240)  # pyright: ignore
    groups = module.configure_optimizers()["optimizer"].param_groups
    rates = {round(group["initial_lr"], 6): sum(one.numel() for one in group["params"]) for group in groups}
    assert net.lcp is not None
    assert net.lcp.crux_learner is not None
    assert rates[0.2] == sum(one.numel() for one in net.lcp.crux_learner.parameters())
    assert set(rates) == {0.2, 0.002}


@pytest.mark.slow
def test_two_processes_train_together(tmp_path: Path) -> None:
    """Steps in which most parameters get no gradient are no trouble, and both processes end with the same weights."""
    out = tmp_path / "x.safetensors"
    command = [sys.executable, "-m", "lqbench.benchmark.cli.main", "train", "--method", "lcp", "--config", "tiny"]
    command += ["--dataset", "scenes-fog", "--device", "cpu", "--devices", "2", "--out", str(out), "--epochs", "2"]
    command += ["--set", "modes=1:catch-up+1:crux"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("epoch 2/2") == 1
    assert json.loads(out.with_suffix(".json").read_text())["processes"] == 2
