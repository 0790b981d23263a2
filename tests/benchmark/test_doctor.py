"""The doctor: what is broken, what is only missing, and what to do."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from lqbench.benchmark import doctor
from lqbench.benchmark.cli.main import main
from lqbench.benchmark.doctor import Finding, bundled_weights, packages, places, store_writable, torch_works

pytestmark = pytest.mark.usefixtures("no_user_setup")


def test_packages_within_their_bounds_are_one_line():
    (finding,) = packages(["numpy>=1", "click", "absent; extra == 'dev'"])
    assert finding == Finding("packages", "ok", "all 2 required packages are within their bounds")


def test_a_package_outside_its_bounds_says_what_to_install():
    (finding,) = packages(["numpy>=1", "click>=900"])
    assert finding.state == "broken"
    assert "click" in finding.text
    assert finding.advice == ('pip install "click>=900"',)


def test_an_absent_package_is_broken():
    (finding,) = packages(["surely-not-installed>=2"])
    assert (finding.state, finding.text) == ("broken", "surely-not-installed is not installed")


def test_torch_is_tried_not_only_imported(monkeypatch):
    assert [finding.state for finding in torch_works()] == ["ok", "ok"]
    import torchvision

    def missing(*_):
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr(torchvision.ops, "nms", missing)
    (finding,) = torch_works()
    assert finding.state == "broken"
    assert "torchvision::nms" in finding.text


def test_the_store_is_judged_without_being_made(tmp_path):
    store = tmp_path / "a" / "b"
    assert store_writable(store).state == "ok"
    assert not store.exists()
    file = tmp_path / "file"
    file.touch()
    assert store_writable(file).state == "broken"
    assert "is a file" in store_writable(file / "below").text


def test_a_store_that_cannot_be_written_is_broken(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor.os, "access", lambda *_: False)
    assert "cannot be written" in store_writable(tmp_path / "store").text


def test_a_wrong_data_root_is_broken(tmp_path, monkeypatch):
    monkeypatch.setenv("LQBENCH_DATA", str(tmp_path / "none"))
    (finding,) = places(None)
    assert finding.state == "broken"
    assert "none" in finding.text


def run(*arguments):
    return CliRunner().invoke(main, ["doctor", *arguments])


def healthy(monkeypatch):
    monkeypatch.setattr(doctor, "packages", lambda _: [Finding("packages", "ok", "fine")])
    monkeypatch.setattr(doctor, "bundled_weights", lambda: Finding("bundled", "ok", "fine"))


def test_missing_data_is_told_and_no_failure(monkeypatch):
    healthy(monkeypatch)
    result = run()
    assert result.exit_code == 0, result.output
    assert "scenes-d: ready" in result.output
    assert "missing dataset   coco-d" in result.output
    assert "annotations_trainval2017.zip" in result.output
    assert "yolox_nano.onnx" in result.output
    assert result.output.count("No data root is set") == 1


def test_found_data_is_ready(monkeypatch, coco_root):
    healthy(monkeypatch)
    result = run("--data-root", str(coco_root))
    assert "coco-d: ready" in result.output


def test_something_broken_is_a_failure(monkeypatch):
    healthy(monkeypatch)
    monkeypatch.setattr(doctor, "packages", lambda _: [Finding("packages", "broken", "bad", ("pip install it",))])
    result = run()
    assert result.exit_code == 1
    assert "pip install it" in result.output


def test_the_bundled_weights_are_there():
    assert bundled_weights().state == "ok"
