"""AERIS through the command line: converting, running, and what users get wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import save_file

from lqbench.benchmark.cli.main import main
from lqbench.methods.aeris.checkpoint import save_weights
from lqbench.methods.aeris.config import model_config
from lqbench.methods.aeris.convert import official_name
from lqbench.methods.aeris.header import Header
from lqbench.methods.aeris.net import AerisNet
from lqbench.methods.header_values import KEY


def lqbench(*arguments: str) -> Any:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def mistake(message: str, *arguments: str) -> None:
    """Assert that a command exits 2 with one sentence and no traceback."""
    result = lqbench(*arguments)
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert "Traceback" not in result.output


@pytest.fixture(scope="module")
def classes() -> tuple[str, ...]:
    from lqbench.datasets.catalog import dataset_spec
    from lqbench.datasets.dataset import open_dataset

    assert dataset_spec("scenes-d")
    return open_dataset("scenes-d", limit=1).classes


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, classes: tuple[str, ...]) -> Path:
    """Return a folder of weight files, good and bad, and one official checkpoint."""
    path = tmp_path_factory.mktemp("aeris")
    model = model_config("aeris", "mini")
    net = AerisNet(model, len(classes))
    torch.nn.init.constant_(net.head.size[-1].get_parameter("bias"), 5.0)
    save_weights(net, Header(method="aeris", classes=classes, model=model), path / "good.safetensors")
    save_file({"x": torch.zeros(1)}, path / "other.safetensors")
    header = Header(method="aeris", classes=classes, model=model).model_dump(mode="json")
    header["model"]["neck"] = "stage3"
    save_file({"x": torch.zeros(1)}, path / "unknown.safetensors", {KEY: json.dumps(header)})
    large = model_config("aeris", "resnet18")
    for name, count in (("official", 80), ("seven", 7)):
        state = {official_name(key, "stage2"): value for key, value in AerisNet(large, count).state_dict().items()}
        torch.save({"state_dict": state}, path / f"{name}.pth")
    torch.save({"state_dict": {"backbone.conv1.weight": torch.zeros(1)}}, path / "foreign.pth")
    return path


def test_convert_then_run_plan(folder: Path) -> None:
    out = folder / "converted.safetensors"
    result = lqbench("convert", "aeris", str(folder / "official.pth"), "--out", str(out))
    assert result.exit_code == 0, result.output
    assert "CenterNet-Res18-AERIS (Stage 2)" in result.output and "80 classes" in result.output
    assert f"--method aeris --weights {out}" in result.output
    command = ("run", "--method", "aeris", "--weights", str(out), "--dataset", "scenes-d", "--limit", "1", "--dry-run")
    planned = lqbench(*command)
    assert planned.exit_code == 0, planned.output
    assert "aeris on scenes-d" in planned.output


def test_a_run_detects_and_restores(folder: Path, tmp_path: Path) -> None:
    command = ("run", "--method", "aeris", "--weights", str(folder / "good.safetensors"), "--dataset", "scenes-d")
    result = lqbench(*command, "--limit", "2", "--store", str(tmp_path), "--workers", "0", "--device", "cpu")
    assert result.exit_code == 0, result.output
    (record,) = tmp_path.glob("cells/aeris__*/record.json")
    values = json.loads(record.read_text())
    assert values["detections"] > 0
    assert {"detect", "restore"} <= values["seconds"].keys()
    assert "PSNR_Y" in record.read_text()


RUN = ("run", "--dataset", "scenes-d", "--limit", "1", "--method")


@pytest.mark.parametrize(
    ("file", "method", "message"),
    [
        ("other.safetensors", "aeris", "weights of another family than lqbench-aeris-1"),
        ("good.safetensors", "centernet", "weights of the method 'aeris', not of 'centernet'"),
        ("good.safetensors", "aeris,centernet", "weights of the method 'aeris', not of 'centernet'"),
        ("unknown.safetensors", "aeris", "field 'model.neck' is wrong"),
        ("official.pth", "aeris", "must be converted first"),
        ("none.safetensors", "aeris", "no such weight file"),
    ],
)
def test_wrong_weights_are_told_before_anything_is_computed(
    file: str, method: str, message: str, folder: Path, tmp_path: Path
) -> None:
    mistake(message, *RUN, method, "--weights", str(folder / file), "--store", str(tmp_path / "store"))
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("file", "options", "message"),
    [
        ("foreign.pth", (), "no CenterNet or AERIS checkpoint"),
        ("seven.pth", (), "7 classes and carries no class names"),
        ("none.pth", (), "no such checkpoint"),
        ("good.safetensors", (), "cannot be read as a PyTorch checkpoint"),
        ("official.pth", ("--as", "centernet"), "cannot be 'centernet': with the neck 'stage2' it may be aeris"),
        ("official.pth", ("--as", "aeriss"), "'aeriss' is not one of"),
    ],
)
def test_wrong_checkpoints_write_nothing(
    file: str, options: tuple[str, ...], message: str, folder: Path, tmp_path: Path
) -> None:
    mistake(message, "convert", "aeris", str(folder / file), "--out", str(tmp_path / "x.safetensors"), *options)
    assert list(tmp_path.iterdir()) == []


def test_wrong_family_and_wrong_output(folder: Path, tmp_path: Path) -> None:
    official = str(folder / "official.pth")
    mistake("did you mean 'aeris'", "convert", "aerys", official, "--out", str(tmp_path / "x.safetensors"))
    mistake("ends in .safetensors", "convert", "aeris", official, "--out", str(tmp_path / "x.pth"))


@pytest.mark.parametrize("method", ["aeris", "centernet-control"])
def test_bundled_weights_of_scenes_do_not_judge_photographs(method: str) -> None:
    command = ("run", "--method", method, "--dataset", "coco-d")
    mistake("know the embedded scenes alone, not coco-d", *command)
    mistake(f"lqbench run --method {method},hr,lr,bicubic --dataset scenes-d", *command)
