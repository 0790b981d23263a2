"""Data roots and weight folders: the flag wins over the environment, which wins over the configuration file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lqbench.datasets.errors import UserError
from lqbench.datasets.locate import data_roots, find_layout, user_config, weight_dirs


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the path of a configuration file that is used, still to be written."""
    monkeypatch.setenv("LQBENCH_CONFIG", str(tmp_path / "config.yaml"))
    return tmp_path / "config.yaml"


def folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


def test_nothing_given_gives_no_root() -> None:
    assert data_roots(None) == ()


def test_the_first_place_that_names_a_root_wins(tmp_path: Path, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flag, variable, written = (folder(tmp_path / name) for name in ("flag", "variable", "written"))
    config.write_text("data_root: written\n")
    assert data_roots(None) == (written,)
    monkeypatch.setenv("LQBENCH_DATA", str(variable))
    assert data_roots(None) == (variable,)
    assert data_roots(flag) == (flag,)


def test_several_roots_can_be_named(tmp_path: Path, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = folder(tmp_path / "a"), folder(tmp_path / "b")
    config.write_text(f"data_root: [a, {b}]\n")
    assert data_roots(None) == (a, b)
    monkeypatch.setenv("LQBENCH_DATA", f"{b}{os.pathsep}{a}")
    assert data_roots(None) == (b, a)


def test_a_root_that_is_not_there_is_told_with_its_origin(
    tmp_path: Path, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text("data_root: gone\n")
    with pytest.raises(UserError, match=r"gone given by data_root in .*config\.yaml is not a folder"):
        data_roots(None)
    monkeypatch.setenv("LQBENCH_DATA", str(tmp_path / "void"))
    with pytest.raises(UserError, match="void given by the environment variable LQBENCH_DATA"):
        data_roots(None)
    with pytest.raises(UserError, match="nope given by --data-root"):
        data_roots(tmp_path / "nope")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("data_root: [", "cannot be read"),
        ("- a", "write lines such as data_root: PATH"),
        ("data_rot: a", "key 'data_rot'"),
        ("data_root: 5", "key 'data_root'"),
        ("weights: {a: b}", "key 'weights'"),
    ],
)
def test_a_broken_configuration_is_told_in_one_line(config: Path, text: str, problem: str) -> None:
    config.write_text(text)
    with pytest.raises(UserError) as caught:
        user_config()
    assert str(config) in str(caught.value)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_named_configuration_must_exist_and_an_empty_one_sets_nothing(config: Path) -> None:
    with pytest.raises(UserError, match="LQBENCH_CONFIG names"):
        user_config()
    config.touch()
    assert user_config().data_root == ()


def test_weight_folders_come_in_order(tmp_path: Path, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = folder(tmp_path / "root")
    config.write_text("weights: mine\n")
    monkeypatch.setenv("LQBENCH_WEIGHTS", "/from/environment")
    monkeypatch.chdir(tmp_path)
    expected = (Path("/from/environment"), tmp_path / "mine", root / "weights", tmp_path / "weights")
    assert weight_dirs(root) == expected


@pytest.mark.parametrize("base", ["", "coco", "COCO", "coco2017"])
@pytest.mark.parametrize("images", ["val2017", "images/val2017"])
def test_coco_is_found_in_its_usual_folders(tmp_path: Path, base: str, images: str) -> None:
    folder(tmp_path / base / "annotations").joinpath("instances_val2017.json").touch()
    folder(tmp_path / base / images)
    layout = find_layout("coco", [tmp_path], "val2017")
    assert layout is not None
    assert {part: path.resolve() for part, path in layout.found.items()} == {
        "annotations/instances_val2017.json": tmp_path / base / "annotations" / "instances_val2017.json",
        "val2017": tmp_path / base / images,
    }


@pytest.mark.parametrize("base", ["VOCdevkit/VOC2007", "VOC2007", "", "VOC/VOCdevkit/VOC2007"])
def test_voc_is_found_in_its_usual_folders(tmp_path: Path, base: str) -> None:
    for name in ("Annotations", "images", "ImageSets/Main"):
        folder(tmp_path / base / name)
    (tmp_path / base / "ImageSets/Main/test.txt").touch()
    layout = find_layout("voc", [tmp_path], "test")
    assert layout is not None
    assert layout.base.resolve() == tmp_path / base
    assert set(layout.found) == {"Annotations", "JPEGImages", "ImageSets/Main/test.txt"}
    everything = find_layout("voc", [tmp_path], "all")
    assert everything is not None
    assert set(everything.found) == {"Annotations", "JPEGImages"}


def test_the_more_complete_folder_is_taken(tmp_path: Path) -> None:
    folder(tmp_path / "one" / "annotations").joinpath("instances_val2017.json").touch()
    folder(tmp_path / "two" / "annotations").joinpath("instances_val2017.json").touch()
    folder(tmp_path / "two" / "val2017")
    layout = find_layout("coco", [tmp_path / "one", tmp_path / "two"], "val2017")
    assert layout is not None
    assert layout.base.resolve() == tmp_path / "two"
    assert find_layout("coco", [tmp_path / "one"], "train2017") is None
