"""Training of super-resolution networks through the bundled detector, end to end on a few toy images."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from lqbench.datasets.errors import UserError
from lqbench.datasets.types import Boxes, ImageRecord
from lqbench.methods.detectors.mini import MiniDetector
from lqbench.methods.sr.checkpoints import load_sr
from lqbench.methods.sr.networks.classsr import ClassSr
from lqbench.methods.tdsr import train
from lqbench.methods.tdsr.data import PairBatch
from lqbench.methods.tdsr.fit import TdsrTraining
from lqbench.methods.tdsr.names import dataset_names
from lqbench.methods.tdsr.recipe import load_recipe
from lqbench.methods.tdsr.train import train_tdsr
from lqbench.methods.training import opening
from lqbench.methods.training.request import FitRequest

SIZE = (80, 96)
CLASSES = ("car", "never heard of")


class Toy:
    """Bright rectangles on noise, called cars, with what training asks of a dataset."""

    classes = CLASSES
    split = "train"
    has_clean = True
    why_no_clean = ""

    def __init__(self, name: str, count: int) -> None:
        self.spec = SimpleNamespace(name=name, version="1", default_detector="mini")
        self.fingerprint = hashlib.sha256(f"{name} {count}".encode()).hexdigest()
        self.records = tuple(ImageRecord(f"{i}", i, f"{i}", SIZE, SIZE, SIZE, (1.0, 1.0), i) for i in range(count))
        self.boxes = tuple(self.annotated_boxes(index) for index in range(count))

    def __len__(self) -> int:
        return len(self.records)

    def annotated_boxes(self, index: int) -> Boxes:
        area, no = np.array([1600.0]), np.array([False])
        return Boxes(np.array([[5 + index, 10, 45 + index, 50]], np.float32), np.zeros(1, np.int64), area, area, no, no)

    def annotated(self, index: int) -> torch.Tensor:
        image = np.random.default_rng(index).integers(0, 100, (3, *SIZE), np.uint8)
        image[:, 10:50, 5 + index : 45 + index] = 250
        return torch.from_numpy(image)

    clean = annotated

    def facts(self) -> dict[str, Any]:
        return {}


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "open_dataset", lambda name, *, limit, **_: Toy(name, limit))
    monkeypatch.setattr(opening, "dataset_spec", lambda name: SimpleNamespace(splits=("train",)))


def request(out: Path, *changes: str, method: str = "tdsr", **fields: Any) -> FitRequest:
    return FitRequest(method, "toy", "tiny", out, overrides=changes, device="cpu", **fields)


def batch(count: int = 2) -> PairBatch:
    """Return noise with one car in each image."""
    high = torch.randint(0, 256, (count, 3, 64, 64), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    low = high.float().unfold(2, 4, 4).unfold(3, 4, 4).mean((4, 5)).to(torch.uint8)
    box = torch.tensor([[10.0, 12.0, 40.0, 44.0]])
    return PairBatch(high, low, [box] * count, [torch.tensor([0])] * count, torch.zeros(count, dtype=torch.int64))


def training(tmp_path: Path, *changes: str, method: str = "tdsr") -> TdsrTraining:
    recipe = load_recipe(method, "tiny", changes)
    data = train.open_training_data(request(tmp_path / "x.safetensors", method=method), recipe)
    networks = train.make_networks(request(tmp_path / "x.safetensors", *changes, method=method), recipe, data)
    known = [torch.ones(len(networks.detector.class_names), dtype=torch.bool)] if networks.detector else []
    return TdsrTraining(networks.sr, networks.detector, known, recipe)


def changed(before: dict[str, torch.Tensor], module: nn.Module) -> bool:
    return any(not torch.equal(value, before[name]) for name, value in module.state_dict().items())


@pytest.mark.parametrize(
    ("setting", "sr_learns", "task_learns"),
    [("T->S", True, False), ("H->T", False, True), ("L->T", False, True), ("S->T", False, True), ("S+T", True, True)],
)
def test_each_setting_trains_the_networks_that_it_names(
    tmp_path: Path, setting: str, sr_learns: bool, task_learns: bool
) -> None:
    module = training(tmp_path, f"setting={setting}", "losses=4:1:1")
    module.train()
    assert module.detector is not None
    task = module.detector.trainable_module()
    before = [{name: value.clone() for name, value in one.state_dict().items()} for one in (module.sr, task)]
    optimiser = torch.optim.SGD([one for one in module.parameters() if one.requires_grad], lr=0.01)
    parts = module.losses(batch(), needs_task=True)
    (parts["reconstruction"] + parts["task"]).backward()
    optimiser.step()
    assert changed(before[0], module.sr) == sr_learns
    assert changed(before[1], task) == task_learns
    assert not task.training
    statistics = [name for name in before[1] if "running" in name]
    assert statistics
    assert all(torch.equal(before[1][name], task.state_dict()[name]) for name in statistics)


def test_the_task_loss_reaches_the_network_through_the_detector(tmp_path: Path) -> None:
    module = training(tmp_path)
    module.losses(batch(), needs_task=True)["task"].backward()
    gradients = [parameter.grad for parameter in module.sr.parameters()]
    assert all(one is not None and one.abs().sum() > 0 for one in gradients)
    assert set(module.losses(batch(), needs_task=False)) == {"reconstruction"}


def test_features_are_equal_for_equal_images_and_learnt_from_otherwise(tmp_path: Path) -> None:
    module = training(tmp_path, method="fdsr")
    high = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    assert module.recipe.task.loss == "features"
    assert float(module._task(high, high, batch())) == 0
    loss = module.losses(batch(), needs_task=True)["task"]
    loss.backward()
    assert float(loss.detach()) > 0
    assert any(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in module.sr.parameters())


def test_task_driven_training_finds_more_of_the_objects_on_a_few_images(tmp_path: Path) -> None:
    module = training(tmp_path)
    optimiser = torch.optim.Adam(module.sr.parameters(), lr=0.003)
    values = []
    for _ in range(12):
        loss = module.losses(batch(), needs_task=True)["task"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        values.append(float(loss.detach()))
    assert max(values[-3:]) < min(values[:2])


def test_the_same_seed_gives_the_same_bytes_and_a_card(tmp_path: Path) -> None:
    first = train_tdsr(request(tmp_path / "a.safetensors", command=("lqbench", "train")))
    again = train_tdsr(request(tmp_path / "b.safetensors"))
    assert first.read_bytes() == again.read_bytes()
    other = train_tdsr(request(tmp_path / "c.safetensors", seed=1))
    assert other.read_bytes() != first.read_bytes()
    network, header = load_sr(first)
    assert (header.network, header.scale, network.scale) == ("dbpn-res", 4, 4)
    assert (header.trained["name"], header.trained["detector"]) == ("tdsr", "mini")
    card = json.loads((tmp_path / "a.json").read_text())
    assert card["steps"] == 8
    assert card["losses"] == "4:1:0+4:1:0.01"
    assert card["validation"]["images"] == 1
    assert not list((tmp_path / "a.work").glob("*.u8"))


def test_control_and_method_share_their_first_phase(tmp_path: Path) -> None:
    weights = {
        method: load_file(train_tdsr(request(tmp_path / f"{method}.safetensors", "losses=4:1:0", method=method)))
        for method in ("tdsr", "sr-ft-plus")
    }
    assert all(torch.equal(value, weights["tdsr"][name]) for name, value in weights["sr-ft-plus"].items())
    assert (
        load_recipe("sr-ft-plus", "paper").loss_schedule.iterations
        == load_recipe("tdsr", "paper").loss_schedule.iterations
    )


@pytest.mark.parametrize("step", [3, 5])
def test_stopping_and_resuming_changes_nothing(tmp_path: Path, interrupted: Any, step: int) -> None:
    whole = train_tdsr(request(tmp_path / "whole.safetensors", "run.checkpoint_steps=1"))
    stopped = request(tmp_path / "stopped.safetensors", "run.checkpoint_steps=1")
    interrupted(train, train_tdsr, stopped, step)
    assert train_tdsr(replace(stopped, resume=True)).read_bytes() == whole.read_bytes()


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_checkpoint(tmp_path: Path) -> None:
    wanted = request(tmp_path / "x.safetensors", "optimiser.learning_rate=1e30", "optimiser.clip=null", "epoch_steps=1")
    with pytest.raises(UserError, match=r"the loss of step \d+ \(batch 0 of epoch \d+\) is .*last.ckpt") as told:
        train_tdsr(wanted)
    assert not wanted.out.exists()
    assert (wanted.work / "last.ckpt").is_file()
    assert "lower --set optimiser.learning_rate" in str(told.value)


def test_a_trained_detector_is_written_beside_the_network(tmp_path: Path) -> None:
    out = train_tdsr(request(tmp_path / "both.safetensors", "setting=S+T", "losses=4:1:1"))
    assert load_sr(out)[1].trained["setting"] == "S+T"
    detector = MiniDetector()
    detector.load("cpu", tmp_path / "both-detector.safetensors")
    bundled = MiniDetector()
    bundled.load("cpu", None)
    assert detector.class_names == bundled.class_names
    assert changed(dict(bundled.trainable_module().state_dict()), detector.trainable_module())
    alone = train_tdsr(request(tmp_path / "alone.safetensors", "setting=H->T", "losses=4:1:1"))
    detector.load("cpu", alone)


def test_a_method_named_by_its_network_learns_from_pixels_alone(tmp_path: Path) -> None:
    out = train_tdsr(request(tmp_path / "x.safetensors", "losses=2:1:0", method="fsrcnn"), "fsrcnn")
    network, header = load_sr(out, "fsrcnn", 4)
    assert (header.network, header.trained["losses"], network.scale) == ("fsrcnn", "2:1:0", 4)


def test_a_network_that_routes_patches_learns_to_route(tmp_path: Path) -> None:
    out = train_tdsr(request(tmp_path / "x.safetensors", method="classsr"), "classsr")
    assert load_sr(out, "classsr", 4)[1].trained["losses"] == "8:1000:0"
    module = training(tmp_path, "network.name=classsr", "network.options={}", method="classsr")
    parts = module.train().losses(batch(), needs_task=False)
    assert set(parts) == {"reconstruction", "routing"}
    parts["routing"].backward()
    assert isinstance(module.sr, ClassSr)
    assert all(one.grad is not None and one.grad.abs().sum() > 0 for one in module.sr.classifier.parameters())
    assert set(module.eval().losses(batch(), needs_task=False)) == {"reconstruction"}


def test_only_classes_that_a_data_set_labels_are_known() -> None:
    detector = MiniDetector()
    detector.load("cpu", None)
    source: Any = Toy("toy", 2)
    labels = train._to_detector(source, detector)
    assert labels.tolist() == [detector.class_names.index("car"), -1]
    assert train._known(labels, detector).nonzero().flatten().tolist() == [detector.class_names.index("car")]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["losses=5:1:0"], "5 iterations of 'losses' are no multiple of epoch_steps, 2"),
        (["losses=4:1"], "write iterations:alpha:beta"),
        (["setting=S->T", "losses=4:1:1"], "give --set network.init=FILE"),
        (["setting=S+T", "losses=4:1:0"], "give it no weight"),
        (["network.name=dpbn"], "did you mean 'dbpn"),
        (["network.scale=3"], "does not come in x3"),
        (["task.detector=yolox-nano"], "yolox_nano.onnx"),
        (["task.detector=nothing"], "unknown detector 'nothing'"),
        (["validation.images=6"], "hold out fewer"),
        (["network.init=nowhere.pth"], "nowhere.pth: there is no such checkpoint"),
        (["batch=0"], "batch"),
    ],
)
def test_mistakes_are_told_before_anything_is_written(tmp_path: Path, changes: list[str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        train_tdsr(request(tmp_path / "x.safetensors", *changes))
    assert list(tmp_path.iterdir()) == []


def test_a_number_of_epochs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="length is in iterations"):
        train_tdsr(request(tmp_path / "x.safetensors", epochs=3))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("scenes-clean", ["scenes-clean"]),
        ("coco:/a,coco:/b", ["coco:/a", "coco:/b"]),
        ("coco:/a/x.json,/a/images,voc:/b", ["coco:/a/x.json,/a/images", "voc:/b"]),
        ("scenes-clean, coco:/b", ["scenes-clean", "coco:/b"]),
    ],
)
def test_data_sets_are_parted_at_commas(text: str, names: list[str]) -> None:
    assert dataset_names(text) == names
