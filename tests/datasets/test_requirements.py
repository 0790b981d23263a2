"""What is missing is told in one sentence each: what, where to get it, where to put it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lqbench.datasets.catalog import dataset_spec
from lqbench.datasets.requirements import download_hint, missing_requirements

Build = Callable[..., Path]


def test_without_a_root_everything_is_told_and_how_to_name_a_root() -> None:
    sentences = missing_requirements(dataset_spec("coco-d"), None, None)
    assert len(sentences) == 3
    assert "annotations/instances_val2017.json" in sentences[0]
    assert "http://images.cocodataset.org/annotations/annotations_trainval2017.zip (253 MB)" in sentences[0]
    assert "http://images.cocodataset.org/zips/val2017.zip (816 MB, 5,000 images)" in sentences[1]
    assert "DATA/val2017 exists" in sentences[1]
    for way in ("--data-root PATH", "LQBENCH_DATA=PATH", "data_root: PATH", "config.yaml"):
        assert way in sentences[2]


def test_the_split_decides_what_is_needed(tmp_path: Path) -> None:
    sentences = missing_requirements(dataset_spec("coco-d"), tmp_path, "train2017")
    assert "instances_train2017.json" in sentences[0]
    assert "zips/train2017.zip" in sentences[1]
    assert not any("val2017.zip" in sentence for sentence in sentences[1:])


def test_only_what_is_missing_is_told(coco_root: Build) -> None:
    root = coco_root()
    spec = dataset_spec("coco-d")
    assert missing_requirements(spec, root, None) == []
    (root / "annotations" / "instances_val2017.json").unlink()
    (sentence,) = missing_requirements(spec, root, None)
    assert f"instances_val2017.json, not found under {root}: download" in sentence


def test_voc_tells_an_archive_once(tmp_path: Path) -> None:
    (sentence,) = missing_requirements(dataset_spec("voc-lr-x4"), tmp_path, None)
    assert "http://host.robots.ox.ac.uk/pascal/VOC/voc2007/VOCtest_06-Nov-2007.tar" in sentence
    assert f"{tmp_path}/VOCdevkit/VOC2007/Annotations exists" in sentence
    (sentence,) = missing_requirements(dataset_spec("voc-lr-x8"), tmp_path, "trainval")
    assert "VOCtrainval_06-Nov-2007.tar" in sentence


def test_voc_without_a_split_list_runs_only_whole(shared_data: Path) -> None:
    root, spec = shared_data / "voc2012_100", dataset_spec("voc-lr-x4")
    assert missing_requirements(spec, root, "all") == []
    (sentence,) = missing_requirements(spec, root, "test")
    assert "needs VOCdevkit/VOC2007/ImageSets/Main/test.txt," in sentence


def test_the_embedded_datasets_need_nothing() -> None:
    spec = dataset_spec("scenes-d")
    assert spec.embedded
    assert missing_requirements(spec, None, None) == []
    assert download_hint(spec, "val") == ""


def test_the_hint_names_every_archive_of_the_split() -> None:
    hint = download_hint(dataset_spec("coco-d"), "val2017")
    assert "annotations_trainval2017.zip and http://images.cocodataset.org/zips/val2017.zip" in hint
