"""``lqbench list``."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from lqbench.benchmark.cli.main import main
from lqbench.datasets.catalog import ANNOUNCED_DATASETS
from lqbench.methods.aeris.method import Aeris
from lqbench.methods.catalog import ANNOUNCED_METHODS

pytestmark = pytest.mark.usefixtures("no_user_setup")


def listed(*arguments):
    result = CliRunner().invoke(main, ["list", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def entries(*arguments):
    return {entry["name"]: entry for entry in json.loads(listed(*arguments, "--json"))}


def test_methods_are_ready_or_announced(monkeypatch):
    monkeypatch.setitem(ANNOUNCED_METHODS, "future-net", "Future: detects what will be there")
    found = entries("methods")
    assert {name for name, entry in found.items() if entry["state"] == "ready"} >= {"hr", "lr", "bicubic"}
    assert found["future-net"]["state"] == "announced"
    table = listed("methods")
    assert found["aeris"]["state"] == "ready"
    assert "future-net" in table
    assert "announced" in table


def test_a_method_without_bundled_weights_says_what_to_bring(monkeypatch):
    monkeypatch.setattr(Aeris, "weight_complaint", lambda settings, weights: "train some.")
    entry = entries("methods")["aeris"]
    assert (entry["state"], entry["brings"], entry["missing"]) == ("missing", "--weights", ["train some."])


def test_datasets_say_what_must_be_brought(coco_root, monkeypatch):
    monkeypatch.setitem(ANNOUNCED_DATASETS, "future-set", "Future: images not yet taken")
    found = entries("datasets")
    assert found["scenes-d"] == {
        "name": "scenes-d",
        "title": found["scenes-d"]["title"],
        "detector": "mini",
        "brings": "",
        "state": "ready",
        "missing": [],
    }
    assert found["coco-d"]["state"] == "missing"
    assert found["coco-d"]["brings"] == "annotations/instances_val2017.json, val2017"
    assert "images.cocodataset.org" in found["coco-d"]["missing"][0]
    assert found["future-set"]["state"] == "announced"
    assert entries("datasets", "--data-root", str(coco_root))["coco-d"]["state"] == "ready"
    assert "lqbench doctor" in listed("datasets")


def test_detectors_say_which_weights_they_need(tmp_path):
    assert entries("detectors")["yolox-nano"]["state"] == "missing"
    assert entries("detectors")["mini"]["state"] == "ready"
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "yolox_nano.onnx").touch()
    assert entries("detectors")["yolox-nano"]["state"] == "ready"


def test_a_missing_plugin_is_a_mistake(tmp_path):
    result = CliRunner().invoke(main, ["list", "methods", "--plugin", str(tmp_path / "none.py")])
    assert result.exit_code == 2
    assert "none.py" in result.stderr
