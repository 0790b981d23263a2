"""LCP and its baseline through plan and command line: which weights on which dataset, and what users get wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import save_file

from lqbench.benchmark.cli.main import main
from lqbench.benchmark.missing import embedded_command
from lqbench.benchmark.plan import make_plan
from lqbench.benchmark.request import Request
from lqbench.datasets.errors import UserError
from lqbench.methods.detectors.base import TaskTargets
from lqbench.methods.header_values import KEY
from lqbench.methods.lcp import bundle, method
from lqbench.methods.lcp.bundle import bundled
from lqbench.methods.lcp.checkpoint import save_weights
from lqbench.methods.lcp.config import LcpConfig, NetworkConfig
from lqbench.methods.lcp.detector import CascadeMini
from lqbench.methods.lcp.header import Header
from lqbench.methods.lcp.net import LcpNet

SMALL = NetworkConfig(base="mini", size=(64, 64))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of small weights, in place of the bundled ones."""
    from lqbench.datasets.dataset import open_dataset

    path = tmp_path_factory.mktemp("lcp")
    classes = open_dataset("scenes-fog", limit=1).classes
    for seed, name in enumerate(("lcp-scenes-fog", "lcp-scenes-rain", "cascade-rcnn-scenes-clean")):
        learners = LcpConfig(channels=2) if name.startswith("lcp") else None
        net = LcpNet(SMALL.model_copy(update={"lcp": learners}), classes, seed)
        method = "lcp" if learners else "cascade-rcnn"
        save_weights(net, Header(method=method, classes=classes, network=net.config), path / f"{name}.safetensors")
    return path


@pytest.fixture
def weights(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(bundle, "BUNDLE", folder)
    monkeypatch.setattr(method, "BUNDLE", folder)  # its own name for it, from whenever it was imported
    return folder


def lqbench(*arguments: Any) -> Any:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def mistake(message: str, *arguments: Any) -> None:
    """Assert that a command exits 2 with one sentence and no traceback."""
    result = lqbench(*arguments)
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_each_dataset_gets_its_own_weights(weights: Path) -> None:
    names = ("scenes-fog", "scenes-rain", "scenes-fog:beta_per_m=0.01")
    groups = make_plan(Request(("lcp",), names, limit=1))
    files = {job.cell.dataset: (group.weights, job.cell.weights_sha256) for group in groups for job in group.jobs}
    assert {name: file.name for name, (file, _) in files.items() if file} == {
        "scenes-fog": "lcp-scenes-fog.safetensors",
        "scenes-rain": "lcp-scenes-rain.safetensors",
        "scenes-fog:beta_per_m=0.01": "lcp-scenes-fog.safetensors",
    }
    assert len(groups) == 2, "one network for all datasets of the same weights"
    assert len({sha256 for _, sha256 in files.values()}) == 2
    given = weights / "lcp-scenes-rain.safetensors"
    (group,) = make_plan(Request(("lcp",), names, limit=1, weights=given))
    assert (group.weights, len(group.jobs)) == (given, 3)


def test_a_run_compares_it_with_methods_before_the_clear_detector(weights: Path, tmp_path: Path) -> None:
    result = lqbench(
        *("run", "--method", "lcp,dcp-then-detect,lr", "--dataset", "scenes-fog", "--limit", "2"),
        *("--store", tmp_path / "store"),
    )
    assert result.exit_code == 0, result.output
    cells = [json.loads(file.read_text()) for file in (tmp_path / "store").glob("cells/*/record.json")]
    found = {(one["cell"]["method"], one["cell"]["method_settings"]["detector"]) for one in cells}
    assert found == {("lcp", ""), ("dcp-then-detect", "cascade-mini"), ("lr", "cascade-mini")}


def test_what_is_missing_is_told(weights: Path, tmp_path: Path) -> None:
    run = ("run", "--limit", "1", "--store", tmp_path)
    said = "weights of 'lcp' come with the project for scenes-fog, scenes-rain alone: train some on the dataset"
    mistake(said, *run, "--method", "lcp", "--dataset", "scenes-underwater")
    mistake("with `lqbench convert lcp FILE.pth", *run, "--method", "lcp", "--dataset", "scenes-fog,scenes-dark")
    mistake(
        "no weights of 'lcp-crux' come with the project: train", *run, "--method", "lcp-crux", "--dataset", "scenes-fog"
    )
    other = weights / "cascade-rcnn-scenes-clean.safetensors"
    said = "holds weights of the method 'cascade-rcnn', not of 'lcp'"
    mistake(said, *run, "--method", "lcp", "--dataset", "scenes-fog", "--weights", other)
    save_file({"x": torch.zeros(1)}, tmp_path / "x.safetensors")
    said = "holds weights of another family than lqbench-lcp-1"
    mistake(said, *run, "--method", "lcp", "--dataset", "scenes-fog", "--weights", tmp_path / "x.safetensors")
    (tmp_path / "y.safetensors").write_text("nothing")
    said = "must be converted first: `lqbench convert lcp y.safetensors"
    mistake(said, *run, "--method", "lcp", "--dataset", "scenes-fog", "--weights", tmp_path / "y.safetensors")


def test_a_damaged_file_is_told(weights: Path, tmp_path: Path) -> None:
    header = Header(method="lcp", classes=("a",), network=SMALL).model_dump(mode="json")
    save_file({"x": torch.zeros(1)}, tmp_path / "x.safetensors", {KEY: json.dumps(header)})
    result = lqbench(
        *("run", "--method", "lcp", "--dataset", "scenes-fog", "--limit", "1", "--store", tmp_path / "store"),
        *("--weights", tmp_path / "x.safetensors"),
    )
    assert result.exit_code != 0
    assert "does not fit the network that its header describes" in result.output


def test_the_hint_names_what_runs_on_scenes(weights: Path) -> None:
    request = Request(("lcp", "cascade-rcnn"), ("foggy-cityscapes",))
    assert embedded_command(request) == "lqbench run --method lcp,hr,lr,bicubic --dataset scenes-fog"


def test_the_clear_detector(weights: Path, tmp_path: Path) -> None:
    detector = CascadeMini()
    detector.load("cpu", None)
    image = torch.rand(3, 80, 50)
    (found,) = detector.predict([image])
    assert len(found) == 100
    assert found.xyxy.min() >= 0
    assert (found.xyxy.max(axis=0) <= [50, 80, 50, 80]).all()
    seen = image[None].requires_grad_()
    target = TaskTargets(torch.tensor([[5.0, 5, 40, 60]]), torch.tensor([1]))
    torch.stack(list(detector.task_loss(seen, [target]).values())).sum().backward()
    assert seen.grad is not None
    assert float(seen.grad.abs().sum()) > 0
    with pytest.raises(UserError, match="has LCP inside; run --method lcp"):
        detector.load("cpu", weights / "lcp-scenes-fog.safetensors")


@pytest.mark.parametrize("dataset", ["scenes-fog", "scenes-rain", "scenes-underwater"])
@pytest.mark.parametrize("method", ["lcp", "cascade-rcnn"])
def test_weights_are_bundled(method: str, dataset: str) -> None:
    path = bundled(method, dataset)
    assert path is not None
    card = json.loads(path.with_suffix(".json").read_text())
    assert (card["name"], card["dataset"], card["detection_epochs"]) == (method, dataset, 8)
