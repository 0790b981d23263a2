"""Where the parts of a data set are found below a data root."""

from __future__ import annotations

from pathlib import Path

import pytest

from lqbench.datasets.catalog import dataset_spec
from lqbench.datasets.layout import find_layout


def folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


@pytest.mark.parametrize("base", ["", "coco", "COCO", "coco2017"])
@pytest.mark.parametrize("images", ["val2017", "images/val2017"])
def test_coco_is_found_in_its_usual_folders(tmp_path: Path, base: str, images: str) -> None:
    folder(tmp_path / base / "annotations").joinpath("instances_val2017.json").touch()
    folder(tmp_path / base / images)
    layout = find_layout(dataset_spec("coco-d"), [tmp_path], "val2017")
    assert layout is not None
    assert {part: path.resolve() for part, path in layout.found.items()} == {
        "annotations": tmp_path / base / "annotations" / "instances_val2017.json",
        "images": tmp_path / base / images,
    }


@pytest.mark.parametrize("base", ["VOCdevkit/VOC2007", "VOC2007", "", "VOC/VOCdevkit/VOC2007"])
def test_voc_is_found_in_its_usual_folders(tmp_path: Path, base: str) -> None:
    for name in ("Annotations", "images", "ImageSets/Main"):
        folder(tmp_path / base / name)
    (tmp_path / base / "ImageSets/Main/test.txt").touch()
    spec = dataset_spec("voc-lr-x4")
    layout = find_layout(spec, [tmp_path], "test")
    assert layout is not None
    assert layout.base.resolve() == tmp_path / base
    assert set(layout.found) == {"annotations", "images", "list"}
    everything = find_layout(spec, [tmp_path], "all")
    assert everything is not None
    assert set(everything.found) == {"annotations", "images"}


def test_the_more_complete_folder_is_taken(tmp_path: Path) -> None:
    folder(tmp_path / "one" / "annotations").joinpath("instances_val2017.json").touch()
    folder(tmp_path / "two" / "annotations").joinpath("instances_val2017.json").touch()
    folder(tmp_path / "two" / "val2017")
    spec = dataset_spec("coco-d")
    layout = find_layout(spec, [tmp_path / "one", tmp_path / "two"], "val2017")
    assert layout is not None
    assert layout.base.resolve() == tmp_path / "two"
    assert find_layout(spec, [tmp_path / "one"], "train2017") is None


def test_a_root_with_the_data_sets_own_name_is_the_data_set(tmp_path: Path) -> None:
    for name in ("Annotations", "JPEGImages"):
        folder(tmp_path / "rtts" / name)
    spec = dataset_spec("rtts")
    layout = find_layout(spec, [tmp_path / "rtts"], "all")
    assert layout is not None
    assert layout.base == tmp_path / "rtts"


def test_any_folder_of_voc_files_is_not_taken_for_every_voc_data_set(tmp_path: Path) -> None:
    for name in ("Annotations", "JPEGImages"):
        folder(tmp_path / "pets" / name)
    assert find_layout(dataset_spec("rtts"), [tmp_path / "pets"], "all") is None


def test_optional_parts_do_not_decide_for_a_folder(tmp_path: Path) -> None:
    folder(tmp_path / "city" / "city_images")
    folder(tmp_path / "data/city/annotations").joinpath("instances_test2017.json").touch()
    layout = find_layout(dataset_spec("rainy-cityscapes"), [tmp_path], "test2017")
    assert layout is not None
    assert layout.base == tmp_path / "data/city"
