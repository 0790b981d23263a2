from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from lqbench.benchmark.cli.train import _file_name, command
from lqbench.datasets.errors import UserError
from lqbench.methods.detector import train


def run(*arguments: str, **options: Any) -> Any:
    return CliRunner().invoke(command, arguments, **options)


def test_training_writes_weights_and_a_measured_card(tmp_path: Path) -> None:
    out = tmp_path / "tiny.safetensors"
    result = run("--config", "tiny", "--epochs", "1", "--seed", "7", "--device", "cpu", "--out", str(out))
    assert result.exit_code == 0, result.output
    assert str(out) in result.stdout
    assert "epoch 1/1" in result.stderr
    card = json.loads(out.with_suffix(".json").read_text())
    assert card["command"] == [
        *("lqbench", "train", "--method", "detector", "--dataset", "scenes-clean"),
        *("--config", "tiny", "--seed", "7", "--epochs", "1"),
    ]
    assert {"AP", "AP50", "AP_S", "AP_M", "AP_L"} <= card["validation"].keys()
    assert card["validation"]["images"] == 2
    assert out.stat().st_size == card["bytes"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--method", "detectr"), "did you mean 'detector'"),
        (("--config", "minni"), "did you mean 'mini'"),
        (("--dataset", "scenes-claen"), "did you mean 'scenes-clean'"),
        (("--config", "tiny", "--device", "gpu0"), "unknown device 'gpu0'"),
        (("--config", "tiny", "--resume"), "no checkpoint to resume"),
    ],
)
def test_mistakes_are_told_before_anything_is_written(arguments: tuple[str, ...], message: str, tmp_path: Path) -> None:
    result = run(*arguments, "--out", str(tmp_path / "x.safetensors"))
    assert isinstance(result.exception, UserError)
    assert message in str(result.exception)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(train, "fit", interrupt)
    result = run("--config", "tiny", "--out", str(tmp_path / "x.safetensors"))
    assert result.exit_code == 130
    assert "--resume" in result.stderr
    assert not (tmp_path / "x.safetensors").exists()


def test_a_method_trains_by_its_own_recipe(tmp_path: Path) -> None:
    out = tmp_path / "aeris.safetensors"
    arguments = ("--method", "aeris", "--config", "tiny", "--device", "cpu", "--set", "schedule.epochs=1")
    result = run(*arguments, "--out", str(out))
    assert result.exit_code == 0, result.output
    assert "epoch 1/1" in result.stderr
    card = json.loads(out.with_suffix(".json").read_text())
    assert card["command"][-2:] == ["--set", "schedule.epochs=1"]
    assert card["validation"]["dataset"] == "scenes-clean+aeris"
    assert card["validation"]["split"] == "train"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--method", "hr"), "the method 'hr' has nothing to train"),
        (("--method", "aeriss"), "did you mean 'aeris'"),
        (("--method", "aeris", "--set", "batchs=3"), "did you mean 'batch'"),
        (("--method", "detector", "--set", "batch=3"), "not for --method detector"),
        (("--method", "detector", "--devices", "2"), "not for --method detector"),
    ],
)
def test_mistakes_of_methods_are_told(arguments: tuple[str, ...], message: str, tmp_path: Path) -> None:
    result = run(*arguments, "--out", str(tmp_path / "x.safetensors"))
    assert isinstance(result.exception, UserError)
    assert message in str(result.exception)
    assert list(tmp_path.iterdir()) == []


def test_paths_make_plain_file_names() -> None:
    assert _file_name("scenes-clean") == "scenes-clean"
    assert _file_name("coco:/data/mine") == "data-mine"
    assert _file_name("configs/my.yaml") == "configs-my"
