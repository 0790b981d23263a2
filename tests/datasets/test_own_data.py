"""One's own data by path: coco:PATH and voc:PATH."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lqbench.datasets.catalog import dataset_spec
from lqbench.datasets.classes import VOC_CLASSES
from lqbench.datasets.dataset import open_dataset
from lqbench.datasets.errors import UserError

Build = Callable[..., Path]


def instances(root: Path) -> Path:
    return root / "annotations" / "instances_val2017.json"


def test_a_coco_file_brings_its_classes_and_its_images_are_found_beside_it(coco_root: Build) -> None:
    root = coco_root()
    dataset = open_dataset(f"coco:{instances(root)}")
    assert dataset.classes == ("person", "car", "stop sign", "toothbrush")
    assert [record.image_id for record in dataset.records] == ["3", "7", "20", "100"]
    assert dataset.boxes[1].labels.tolist() == [0, 3]
    assert tuple(dataset.sample(0).image.shape) == (3, 48, 72)
    assert dataset.has_clean
    assert (dataset.spec.name, dataset.split) == ("coco:coco-root/instances_val2017", "all")


@pytest.mark.parametrize("place", ["images/val2017", "images", "JPEGImages", "annotations", "."])
def test_images_are_found_in_the_usual_folders(coco_root: Build, place: str) -> None:
    root = coco_root()
    images = list((root / "val2017").iterdir())
    (root / place).mkdir(parents=True, exist_ok=True)
    for image in images:
        image.rename(root / place / image.name)
    assert len(open_dataset(f"coco:{instances(root)}")) == 4


def test_an_image_folder_can_be_named(coco_root: Build, tmp_path: Path) -> None:
    root = coco_root()
    (root / "val2017").rename(tmp_path / "pictures")
    with pytest.raises(UserError, match=r"000000000007\.jpg\) are not beside it; name their folder after a comma"):
        open_dataset(f"coco:{instances(root)}")
    assert len(open_dataset(f"coco:{instances(root)},{tmp_path / 'pictures'}")) == 4
    with pytest.raises(UserError, match=r"image folder .*nowhere of the dataset .* is no folder"):
        open_dataset(f"coco:{instances(root)},{tmp_path / 'nowhere'}")


def test_a_moved_folder_is_the_same_dataset(coco_root: Build, tmp_path: Path) -> None:
    root = coco_root()
    before = open_dataset(f"coco:{instances(root)}")
    shutil.move(root, tmp_path / "elsewhere" / root.name)
    after = open_dataset(f"coco:{instances(tmp_path / 'elsewhere' / root.name)}")
    assert after.fingerprint == before.fingerprint
    assert after.facts() == before.facts()


def test_a_changed_file_is_read_anew(coco_root: Build) -> None:
    root = coco_root()
    assert len(dataset_spec(f"coco:{instances(root)}").classes) == 4
    document = json.loads(instances(root).read_text())
    document["categories"].append({"id": 91, "name": "broom"})
    instances(root).write_text(json.dumps(document))
    assert dataset_spec(f"coco:{instances(root)}").classes[-1] == "broom"


def test_a_folder_has_a_split_for_each_annotation_file(coco_root: Build) -> None:
    root = coco_root()
    shutil.copy(instances(root), root / "annotations" / "instances_train2017.json")
    shutil.copytree(root / "val2017", root / "train2017")
    spec = dataset_spec(f"coco:{root}")
    assert (set(spec.splits), spec.default_split) == ({"val2017", "train2017"}, "val2017")
    train = open_dataset(f"coco:{root}", split="train2017")
    assert "train2017" in train.records[0].file
    with pytest.raises(UserError, match="has no split 'test'"):
        open_dataset(f"coco:{root}", split="test")


def test_a_group_name_without_annotations_is_no_class(coco_root: Build) -> None:
    def group(document: dict[str, Any]) -> None:
        for category in document["categories"]:
            category["supercategory"] = "things"
        document["categories"].insert(0, {"id": 0, "name": "things", "supercategory": "none"})

    root = coco_root(group)
    assert dataset_spec(f"coco:{instances(root)}").classes == ("person", "car", "stop sign", "toothbrush")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda d: d.update(categories=[], annotations=[]), "'categories' is empty"),
        (lambda d: d["categories"].append({"id": 91, "name": "car"}), "two categories have the name 'car'"),
        (lambda d: d["images"][0].update(file_name="../../etc/passwd"), r"field 'file_name' is '\.\./\.\./etc/passwd'"),
    ],
)
def test_a_wrong_file_is_told(coco_root: Build, change: Any, problem: str) -> None:
    with pytest.raises(UserError, match=problem):
        open_dataset(f"coco:{instances(coco_root(change))}")


def test_a_path_without_data_is_told(tmp_path: Path) -> None:
    for name, problem in (
        (f"coco:{tmp_path / 'none.json'}", "none.json' does not exist"),
        (f"coco:{tmp_path}", "there is none, so give the path of the file itself"),
        (f"voc:{tmp_path}", r"needs a folder with Annotations/\*\.xml; there is none"),
        (f"voc:{tmp_path / 'none'}", "none' does not exist"),
    ):
        with pytest.raises(UserError, match=problem):
            open_dataset(name)


def test_a_voc_folder_brings_its_classes_and_lists(voc_root: Build) -> None:
    base = voc_root() / "VOCdevkit" / "VOC2007"
    (base / "ImageSets" / "Main" / "dog_test.txt").write_text("000001 1\n")
    dataset = open_dataset(f"voc:{base}")
    assert dataset.classes == VOC_CLASSES
    assert (len(dataset), dataset.spec.metric, dataset.spec.splits) == (3, "voc07", ("all", "test"))
    assert len(open_dataset(f"voc:{base}", split="test")) == 2


def test_a_voc_folder_with_other_classes_lists_them_by_name(voc_root: Build) -> None:
    base = voc_root() / "VOCdevkit" / "VOC2007"
    for path in (base / "Annotations").iterdir():
        path.write_text(path.read_text().replace("<name>dog", "<name>zebra").replace("<name>cat", "<name>gnu"))
    dataset = open_dataset(f"voc:{base}")
    assert dataset.classes == ("gnu", "zebra")
    assert dataset.spec.metric == "coco"


def test_voc_files_beside_their_images(voc_root: Build, tmp_path: Path) -> None:
    base = voc_root() / "VOCdevkit" / "VOC2007"
    flat = tmp_path / "flat"
    flat.mkdir()
    for path in [*(base / "Annotations").iterdir(), *(base / "JPEGImages").iterdir()]:
        shutil.copy(path, flat / path.name)
    assert len(open_dataset(f"voc:{flat}")) == 3
    for path in flat.glob("*.jpg"):
        path.unlink()
    with pytest.raises(UserError, match="needs images in"):
        open_dataset(f"voc:{flat}")


def test_the_real_persons_have_two_splits(shared_data: Path) -> None:
    name = f"coco:{shared_data / 'coco_person'}"
    val, train = (open_dataset(name, split=split) for split in (None, "train"))
    assert (val.split, len(val), val.facts()["boxes"]) == ("val", 600, 2450)
    assert (len(train), train.facts()["boxes"]) == (1400, 5918)
    assert val.classes == train.classes == ("person",)
    assert tuple(val.sample(7).image.shape) == (3, *val.records[7].size)


@pytest.mark.parametrize(("split", "images", "boxes"), [("train", 330, 438), ("valid", 60, 74), ("test", 67, 87)])
def test_the_real_fish_have_three_splits(shared_data: Path, split: str, images: int, boxes: int) -> None:
    dataset = open_dataset(f"coco:{shared_data / 'underwater_fish'}", split=split)
    assert (len(dataset), dataset.facts()["boxes"]) == (images, boxes)
    assert dataset.classes == ("Catla", "Mrigal", "Rohu", "Tilapia", "Tuna")
    assert dataset.spec.default_split == "valid"
    assert tuple(dataset.sample(3).image.shape) == (3, 640, 640)


def test_the_real_fog_is_read_by_path_and_as_dawn(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "dawn_fog"
    own = open_dataset(f"voc:{folder}")
    assert len(own) == 75
    counts = np.bincount(np.concatenate([boxes.labels for boxes in own.boxes]))
    assert dict(zip(own.classes, counts.tolist(), strict=True))["car"] == 407
    assert counts.sum() == 517
    (tmp_path / "DAWN" / "Fog").mkdir(parents=True)
    for image in (folder / "JPEGImages").iterdir():
        (tmp_path / "DAWN" / "Fog" / image.name).symlink_to(image)
    (tmp_path / "DAWN" / "Fog" / "Fog_PASCAL_VOC").symlink_to(folder / "Annotations")
    dawn = open_dataset("dawn", data_root=tmp_path)
    assert [record.image_id for record in dawn.records] == [record.image_id for record in own.records]
    for ours, theirs in zip(own.boxes, dawn.boxes, strict=True):
        np.testing.assert_array_equal(ours.xyxy, theirs.xyxy)
        assert [own.classes[i] for i in ours.labels] == [dawn.classes[i] for i in theirs.labels]
