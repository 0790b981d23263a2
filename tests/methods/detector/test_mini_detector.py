from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torchvision.ops import box_iou

from lqbench.datasets.dataset import open_dataset
from lqbench.datasets.degradations.resize import to_float
from lqbench.datasets.errors import UserError
from lqbench.methods.detector.config import load_config
from lqbench.methods.detector.net import MiniNet
from lqbench.methods.detector.weights import ARCHITECTURE, BUNDLED, Header, load_weights, save_weights
from lqbench.methods.detectors.mini import MiniDetector
from lqbench.methods.weights import sha256_of

TINY = load_config("tiny").network
CLASSES = ("car", "tree")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A network that calls everything an object: many detections to compare."""
    net = MiniNet(TINY, len(CLASSES), seed=2)
    torch.nn.init.zeros_(net.get_parameter("heat.1.bias"))
    path = tmp_path / "some.safetensors"
    save_weights(net, Header(architecture=ARCHITECTURE, classes=CLASSES, network=TINY), path)
    return path


@pytest.fixture(scope="module")
def bundled() -> MiniDetector:
    detector = MiniDetector()
    detector.load("cpu", None)
    return detector


def load(path: Path) -> MiniDetector:
    detector = MiniDetector()
    detector.load("cpu", path)
    return detector


def test_any_size_gives_valid_detections(weights: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    detector = load(weights)
    assert detector.class_names == CLASSES
    for height, width in ((7, 9), (32, 64), (75, 75), (101, 40)):
        image = torch.rand(3, height, width, generator=generator)
        before = image.clone()
        found = detector.predict([image])[0]
        assert torch.equal(image, before)
        assert 0 < len(found) <= 100
        assert found.xyxy.dtype == found.scores.dtype == np.float32
        assert (found.xyxy[:, 2:] > found.xyxy[:, :2]).all()
        assert (found.xyxy >= 0).all()
        assert (found.xyxy <= [width, height, width, height]).all()
        assert (np.diff(found.scores) <= 0).all()
        assert found.scores.min() >= 0.01
        assert found.scores.max() <= 1
        assert set(found.labels.tolist()) <= {0, 1}


def test_a_batch_equals_its_images_alone_and_enlarge_changes_nothing(weights: Path) -> None:
    generator = torch.Generator().manual_seed(1)
    images = [torch.rand(3, 40 + 10 * i, 64, generator=generator) for i in range(3)]
    detector = load(weights)
    for image, together in zip(images, detector.predict(images), strict=True):
        for enlarge in (True, False):
            alone = detector.predict([image], enlarge=enlarge)[0]
            assert np.array_equal(alone.xyxy, together.xyxy)
            assert np.array_equal(alone.scores, together.scores)
            assert np.array_equal(alone.labels, together.labels)


def test_predicting_before_loading_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(RuntimeError, match="load"):
        MiniDetector().predict([torch.zeros(3, 32, 32)])


def test_saved_weights_come_back_in_half_precision(weights: Path) -> None:
    net, header = load_weights(weights)
    wanted = MiniNet(TINY, len(CLASSES), seed=2).state_dict()
    assert header == Header(architecture=ARCHITECTURE, classes=CLASSES, network=TINY)
    name = "backbone.stem.0.weight"
    assert torch.equal(net.state_dict()[name], wanted[name].half().float())


def test_wrong_weights_are_told_in_one_sentence(weights: Path, tmp_path: Path) -> None:
    absent, foreign, broken = (tmp_path / f"{name}.safetensors" for name in ("absent", "foreign", "broken"))
    save_file({"backbone.weight": torch.zeros(3)}, foreign)
    broken.write_bytes(b"PK\x03\x04 a pickled checkpoint")
    cases = {absent: "no such weight file", foreign: "another architecture", broken: "not a safetensors file"}
    for path, message in cases.items():
        with pytest.raises(UserError, match=message) as caught:
            load(path)
        assert str(path) in str(caught.value)


def test_a_header_that_does_not_fit_is_told(weights: Path, tmp_path: Path) -> None:
    tensors = load_file(weights)
    other = Header(architecture=ARCHITECTURE, classes=(*CLASSES, "dog"), network=TINY)
    newer = Header(architecture="lqbench-mini-99", classes=CLASSES, network=TINY)
    for header, message in ((other, "'heat.1.bias' does not fit"), (newer, "lqbench-mini-99")):
        path = tmp_path / "bad.safetensors"
        save_file(tensors, path, {"lqbench": json.dumps(header.model_dump(mode="json"))})
        with pytest.raises(UserError, match=message):
            load(path)


def test_the_bundled_weights_are_small_and_those_of_their_card() -> None:
    card = json.loads(BUNDLED.with_suffix(".json").read_text(encoding="utf-8"))
    assert BUNDLED.stat().st_size == card["bytes"] < 8_000_000
    assert sha256_of(BUNDLED) == card["weights_sha256"]
    assert card["command"][:2] == ["lqbench", "train"]
    assert card["tuned_on"] == "none"
    assert card["config"] == load_config("mini").model_dump(mode="json")
    assert 0.35 <= card["validation"]["AP"] <= 0.85


def test_the_bundled_detector_knows_the_scenes_and_finds_objects(bundled: MiniDetector) -> None:
    dataset = open_dataset("scenes-clean", split="val", limit=3)
    assert bundled.class_names == dataset.classes
    hits = objects = 0
    for index, truth in enumerate(dataset.boxes):
        found = bundled.predict([to_float(dataset.sample(index).image)])[0]
        sure = found.scores >= 0.3
        overlaps = box_iou(torch.from_numpy(truth.xyxy), torch.from_numpy(found.xyxy[sure])).numpy()
        same = truth.labels[:, None] == found.labels[sure][None]
        hits += int((same & (overlaps > 0.5)).any(axis=1).sum())
        objects += len(truth)
    assert objects > 5
    assert hits > 0.3 * objects


def test_the_bundled_card_is_of_this_version_of_the_scenes() -> None:
    card = json.loads(BUNDLED.with_suffix(".json").read_text(encoding="utf-8"))
    config = load_config("mini")
    assert card["dataset_version"] == open_dataset("scenes-clean", split=config.val_split, limit=1).spec.version
