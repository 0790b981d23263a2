"""A detector that knows none of a dataset's classes is refused before anything is computed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from lqbench.benchmark.cli.main import main
from lqbench.benchmark.known_classes import class_complaint, known_classes
from lqbench.datasets.catalog import dataset_registry, dataset_spec
from lqbench.datasets.classes import URPC_CLASSES
from lqbench.methods.class_names import COCO80, VOC20
from lqbench.methods.detector.config import load_config
from lqbench.methods.detector.net import MiniNet
from lqbench.methods.detector.weights import ARCHITECTURE, Header, save_weights


@pytest.fixture
def urpc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "data" / "urpc2020"
    for folder in ("annotations", "images"):
        (home / folder).mkdir(parents=True)
    Image.new("RGB", (64, 48), (10, 90, 90)).save(home / "images" / "a.jpg")
    entry = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 10, 10], "area": 100, "iscrowd": 0}
    document = {
        "images": [{"id": 1, "file_name": "a.jpg", "height": 48, "width": 64}],
        "annotations": [entry],
        "categories": [{"id": 1, "name": "echinus"}],
    }
    (home / "annotations" / "instances_test.json").write_text(json.dumps(document))
    return tmp_path / "data"


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Write untrained weights of the bundled network for the classes of URPC2020."""
    network = load_config("tiny").network
    path = tmp_path / "urpc.safetensors"
    header = Header(architecture=ARCHITECTURE, classes=URPC_CLASSES, network=network)
    save_weights(MiniNet(network, len(URPC_CLASSES), seed=0), header, path)
    return path


def test_a_run_says_what_to_choose_and_computes_nothing(urpc: Path, tmp_path: Path) -> None:
    arguments = ["run", "--dataset", "urpc2020", "--method", "lr", "--data-root", str(urpc)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2, result.output
    first, *others = result.stderr.splitlines()
    assert first.startswith(
        "lqbench: the detector 'mini' knows none of the classes of urpc2020 (holothurian, echinus, scallop, starfish): "
    )
    assert "choose --detector mini --weights FILE with weights for these classes" in first
    assert "Traceback" not in result.output
    assert [line for line in others if "knows none" in line] == []
    assert not (tmp_path / ".lqbench").exists()


def test_weights_for_these_classes_run(urpc: Path, weights: Path) -> None:
    arguments = ["run", "--dataset", "urpc2020", "--method", "lr", "--data-root", str(urpc), "--workers", "0"]
    result = CliRunner().invoke(main, [*arguments, "--weights", str(weights)])
    assert result.exit_code == 0, result.output


def test_classes_of_weights_are_read_without_the_network(weights: Path, tmp_path: Path) -> None:
    assert known_classes("mini", weights) == URPC_CLASSES
    assert "car" in known_classes("mini", None)
    assert known_classes("yolox-nano", None) == COCO80
    assert known_classes("yolox-nano", weights) == ()
    (tmp_path / "broken").write_bytes(b"no weights")
    assert known_classes("mini", tmp_path / "broken") == ()


@pytest.mark.parametrize("name", dataset_registry())
def test_a_tracks_default_detector_knows_its_classes_or_the_refusal_names_them(name: str) -> None:
    spec = dataset_spec(name)
    sentence = class_complaint(spec.default_detector, spec, None)
    underwater = name in ("urpc2020", "urpc2020-voc", "dfui", "duo", "ruod")
    assert bool(sentence) == underwater
    assert not underwater or (sentence.count(spec.classes[0]) == 1 and sentence.endswith("."))


@pytest.mark.parametrize("name", ["ssd300-voc", "ssd300-voc-caffe"])
def test_detectors_of_voc_alone_are_told_on_other_classes(name: str) -> None:
    assert known_classes(name, None) == VOC20
    assert class_complaint(name, dataset_spec("voc-lr-x4"), None) == ""
    assert "knows none of the classes" in class_complaint(name, dataset_spec("urpc2020"), None)
