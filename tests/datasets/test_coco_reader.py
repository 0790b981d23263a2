"""The COCO reader keeps what COCO says and refuses what is wrong in one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lqbench.datasets.classes import COCO_CLASSES
from lqbench.datasets.coco import read_coco
from lqbench.datasets.errors import UserError
from lqbench.datasets.source import FileSource

Build = Callable[..., Path]


def read(root: Path, **options: Any) -> FileSource:
    return read_coco(root / "annotations" / "instances_val2017.json", root / "val2017", COCO_CLASSES, **options)


def refusal(root: Path, **options: Any) -> str:
    with pytest.raises(UserError) as caught:
        read(root, **options)
    text = str(caught.value)
    assert "\n" not in text
    return text


def annotation(document: dict[str, Any], key: int) -> dict[str, Any]:
    return next(entry for entry in document["annotations"] if entry["id"] == key)


def test_images_come_in_the_order_of_their_numeric_ids(coco_root: Build) -> None:
    assert [image.image_id for image in read(coco_root()).images] == ["3", "7", "20", "100"]


def test_labels_follow_names_across_the_holes_of_category_ids(coco_root: Build) -> None:
    labels = {image.image_id: image.annotations.labels.tolist() for image in read(coco_root()).images}
    assert labels == {"3": [11], "7": [0, 79], "20": [2, 2], "100": []}


def test_boxes_areas_and_crowd_are_kept(coco_root: Build) -> None:
    notes = read(coco_root()).images[2].annotations
    np.testing.assert_array_equal(notes.xyxy, [[0, 0, 64, 64], [5.5, 6.25, 15.5, 18.25]])
    np.testing.assert_array_equal(notes.areas, [64 * 64 / 2, 60])
    assert notes.crowd.tolist() == [True, False]
    assert notes.difficult.tolist() == [False, False]


def test_an_image_without_annotations_is_kept(coco_root: Build) -> None:
    notes = read(coco_root()).images[3].annotations
    assert notes.xyxy.shape == (0, 4)
    assert len(notes) == 0


def test_sizes_are_height_then_width(coco_root: Build) -> None:
    source = read(coco_root())
    assert source.images[1].size == (60, 80)
    assert source.load(1).shape == (60, 80, 3)


def test_an_annotation_without_area_gets_its_boxs_and_is_counted(coco_root: Build) -> None:
    source = read(coco_root(lambda d: annotation(d, 1).pop("area")))
    assert source.images[1].annotations.areas[0] == 600
    assert source.notes["areas_taken_from_boxes"] == 1


def test_a_limit_keeps_the_first_images(coco_root: Build) -> None:
    assert [image.image_id for image in read(coco_root(), limit=2).images] == ["3", "7"]


def test_a_small_overshoot_is_clipped_and_counted(coco_root: Build) -> None:
    source = read(coco_root(lambda d: annotation(d, 2).update(bbox=[-0.5, 20, 81.5, 41.0])))
    np.testing.assert_array_equal(source.images[1].annotations.xyxy[1], [0, 20, 80, 60])
    assert source.notes["clipped_boxes"] == 1
    assert source.notes["dropped_boxes"] == 0


@pytest.mark.parametrize(
    ("bbox", "problem"),
    [
        ([10, 10, 0, 20], "zero or negative width"),
        ([10, 10, -5, 20], "zero or negative width"),
        ([10, 10, 20, 0], "zero or negative height"),
        ([90, 10, 20, 20], "outside its 80 x 60 image"),
        ([-30, 10, 20, 20], "outside its 80 x 60 image"),
        ([60, 10, 30, 20], "10 px beyond its 80 x 60 image"),
        ([float("nan"), 10, 30, 20], "not a finite number"),
        ([float("inf"), 10, 30, 20], "not a finite number"),
    ],
)
def test_an_invalid_box_is_refused_or_dropped_on_request(coco_root: Build, bbox: list[float], problem: str) -> None:
    root = coco_root(lambda d: annotation(d, 1).update(bbox=bbox))
    text = refusal(root)
    for part in ("instances_val2017.json", "annotation 1 (image 7)", "field 'bbox'", problem, "--invalid-boxes drop"):
        assert part in text
    source = read(root, invalid_boxes="drop")
    assert source.images[1].annotations.labels.tolist() == [79]
    assert source.notes["dropped_boxes"] == 1


def test_all_invalid_boxes_are_counted(coco_root: Build) -> None:
    def spoil(document: dict[str, Any]) -> None:
        for key in (1, 4):
            annotation(document, key)["bbox"][2] = 0

    assert "the first of 2 invalid boxes" in refusal(coco_root(spoil))


@pytest.mark.parametrize("bbox", [[1, 2, 3], "1 2 3 4", None, [1, 2, 3, "4"], [1, 2, 3, True], [10**400, 2, 3, 4]])
def test_a_box_that_is_not_four_numbers_is_refused_even_when_dropping(coco_root: Build, bbox: Any) -> None:
    root = coco_root(lambda d: annotation(d, 1).update(bbox=bbox))
    text = refusal(root, invalid_boxes="drop")
    assert "annotation 1: field 'bbox'" in text
    assert "four numbers" in text


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("image_id", 999, "names image 999, which is not in 'images'"),
        ("category_id", 2, "is 2, which is not in 'categories'"),
        ("category_id", None, "is None, which is not in 'categories'"),
        ("iscrowd", 7, "is 7"),
        ("area", -1, "is -1"),
        ("area", "large", "is 'large'"),
    ],
)
def test_a_wrong_field_of_an_annotation_is_named(coco_root: Build, field: str, value: Any, problem: str) -> None:
    text = refusal(coco_root(lambda d: annotation(d, 4).update({field: value})))
    assert "instances_val2017.json: annotation 4: field" in text
    assert f"{field!r} {problem}" in text


def test_a_category_outside_the_datasets_classes_is_refused_where_it_is_used(coco_root: Build) -> None:
    def unused(document: dict[str, Any]) -> None:
        document["categories"].append({"id": 91, "name": "hair brush"})

    def used(document: dict[str, Any]) -> None:
        unused(document)
        annotation(document, 2)["category_id"] = 91

    assert len(read(coco_root(unused)).images) == 4
    assert "annotation 2: its category 'hair brush' is none of" in refusal(coco_root(used, name="used"))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda d: d["images"].append(dict(d["images"][0])), "image id 7 is used twice"),
        (lambda d: d["images"][0].pop("width"), "image 7 has no field 'width'"),
        (lambda d: d["images"][0].pop("id"), "images[0] has no field 'id'"),
        (lambda d: d["images"][0].update(height=0), "image 7: field 'height' is 0"),
        (lambda d: d["images"][0].update(height=60.5), "image 7: field 'height' is 60.5"),
        (lambda d: d["images"][0].update(height="60"), "image 7: field 'height' is '60'"),
        (lambda d: d["images"][0].update(height=float("nan")), "image 7: field 'height' is nan"),
        (lambda d: d["images"][0].update(file_name="../7.jpg"), "field 'file_name' is '../7.jpg'"),
        (lambda d: d["images"][0].update(file_name="/7.jpg"), "field 'file_name' is '/7.jpg'"),
        (lambda d: d["images"][0].update(file_name=None), "field 'file_name' is None"),
        (lambda d: d["images"].clear(), "'images' is empty"),
        (lambda d: d["images"].append(5), "images[4] is not an object"),
        (lambda d: d["annotations"][0].pop("bbox"), "annotation 1 has no field 'bbox'"),
        (lambda d: d["categories"].append({"id": 1, "name": "man"}), "category id 1 is used twice"),
        (lambda d: d["categories"].append({"id": 4}), "category 4 has no field 'name'"),
        (lambda d: d["categories"].append({"id": [4], "name": "man"}), "field 'id' is [4]"),
        (lambda d: d.pop("categories"), "the key 'categories' is missing"),
        (lambda d: d.update(annotations={}), "'annotations' is not a list"),
    ],
)
def test_a_broken_document_is_refused(
    coco_root: Build, change: Callable[[dict[str, Any]], object], problem: str
) -> None:
    text = refusal(coco_root(change))
    assert "instances_val2017.json" in text
    assert problem in text


@pytest.mark.parametrize("text", ["", "hello", '{"images": [', "\udcff"])
def test_a_file_that_is_not_json_is_refused(coco_root: Build, text: str) -> None:
    root = coco_root()
    (root / "annotations" / "instances_val2017.json").write_bytes(text.encode(errors="surrogateescape"))
    assert "instances_val2017.json is not JSON" in refusal(root)


@pytest.mark.parametrize("document", [[], 7, {"shapes": []}])
def test_json_that_is_not_coco_is_refused(coco_root: Build, document: Any) -> None:
    root = coco_root()
    (root / "annotations" / "instances_val2017.json").write_text(json.dumps(document))
    assert "is JSON but not COCO" in refusal(root)


def test_missing_images_are_counted_and_only_those_needed_matter(coco_root: Build) -> None:
    root = coco_root()
    for name in ("000000000020.jpg", "000000000100.jpg"):
        (root / "val2017" / name).unlink()
    text = refusal(root, hint="get them at example.org")
    assert "2 of 4 image files" in text
    assert "000000000020.jpg" in text
    assert "get them at example.org" in text
    assert len(read(root, limit=2).images) == 2


def test_an_unknown_policy_for_invalid_boxes_is_refused(coco_root: Build) -> None:
    assert "--invalid-boxes 'ignore'" in refusal(coco_root(), invalid_boxes="ignore")


def test_coco128_is_read_whole(shared_data: Path) -> None:
    for split, boxes, without in (("val2017", 898, 0), ("train2017", 929, 2)):
        folder = shared_data / "coco128"
        source = read_coco(folder / "annotations" / f"instances_{split}.json", folder / split, COCO_CLASSES)
        counts = [len(image.annotations) for image in source.images]
        assert (len(counts), sum(counts), counts.count(0)) == (128, boxes, without)
        assert source.notes == {"dropped_boxes": 0, "clipped_boxes": source.notes["clipped_boxes"]} | {
            "areas_taken_from_boxes": 0
        }
        assert source.load(0).shape[:2] == source.images[0].size
