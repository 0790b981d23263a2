"""Hostile and broken input ends in one clear sentence, whatever part of a data set it is in."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lqbench.datasets.catalog import dataset_spec
from lqbench.datasets.dataset import open_dataset
from lqbench.datasets.errors import UserError
from lqbench.datasets.images import read_image
from lqbench.datasets.requirements import missing_requirements
from lqbench.datasets.safe_paths import safe_name

Build = Callable[..., Path]

LEVELS = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 10))
BOMB = f'<!DOCTYPE a [<!ENTITY e0 "aaaaaaaaaa">{LEVELS}]><annotation><object><name>&e9;</name></object></annotation>'
OUTSIDE = (
    '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><annotation><object><name>&e;</name></object></annotation>'
)


def refusal(action: Callable[[], Any]) -> str:
    with pytest.raises(UserError) as caught:
        action()
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize("xml", [BOMB, OUTSIDE])
def test_xml_entities_are_never_expanded(voc_root: Build, xml: str) -> None:
    root = voc_root(xml=xml)
    assert "000002.xml holds XML entities" in refusal(lambda: open_dataset("voc-lr-x4", data_root=root))
    assert "holds XML entities" in refusal(lambda: open_dataset(f"voc:{root / 'VOCdevkit/VOC2007'}"))


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "a/../../b.jpg", r"..\..\b.jpg", r"C:\b.jpg", r"\b.jpg", "a\0b.jpg"]
)
def test_names_that_lead_out_of_a_folder_are_refused(coco_root: Build, voc_root: Build, name: str) -> None:
    root = coco_root(lambda d: d["images"][0].update(file_name=name))
    assert "field 'file_name' is" in refusal(lambda: open_dataset("coco-d", data_root=root))
    listed = voc_root()
    (listed / "VOCdevkit/VOC2007/ImageSets/Main/test.txt").write_text(f"000001\n{name}\n")
    assert "give a path inside the image folder" in refusal(lambda: open_dataset("voc-lr-x4", data_root=listed))


@pytest.mark.parametrize("name", ["a.jpg", "city/a.jpg", "a..b.jpg", "..a.jpg", "x y (1).jpg"])
def test_ordinary_names_are_kept(name: str) -> None:
    assert safe_name("here", name) == name


def test_annotations_of_another_split_are_told_as_such(coco_root: Build) -> None:
    def other_split(document: dict[str, Any]) -> None:
        for image in document["images"]:
            image["file_name"] = f"9{image['file_name']}"

    root = coco_root(other_split)
    text = refusal(lambda: open_dataset("coco-d", data_root=root))
    assert "4 of 4 image files named by the annotations are missing" in text
    assert "may be of another split or release" in text


def test_annotations_of_a_resized_release_are_told_when_an_image_is_met(coco_root: Build) -> None:
    def larger(document: dict[str, Any]) -> None:
        for image in document["images"]:
            image.update(height=image["height"] * 2, width=image["width"] * 2)

    dataset = open_dataset("coco-d", data_root=coco_root(larger))
    assert "72 x 48 pixels, but its annotation says width 144 and height 96" in refusal(lambda: dataset.sample(0))


def test_the_order_of_classes_in_a_file_does_not_matter_and_is_noted(coco_root: Build) -> None:
    def reorder(document: dict[str, Any]) -> None:
        names = {category["id"]: category["name"] for category in document["categories"]}
        renumbered = {old: new for new, old in enumerate(sorted(names, reverse=True))}
        for annotation in document["annotations"]:
            annotation["category_id"] = renumbered[annotation["category_id"]]
        document["categories"] = [{"id": renumbered[old], "name": names[old]} for old in sorted(names, reverse=True)]

    plain = open_dataset("coco-d", data_root=coco_root())
    other = open_dataset("coco-d", data_root=coco_root(reorder, name="other"))
    assert other.fingerprint == plain.fingerprint
    assert "class_order_in_file" not in plain.facts()["notes"]
    assert other.facts()["notes"]["class_order_in_file"] == ["toothbrush", "stop sign", "car", "person"]


def test_a_class_of_other_spelling_gets_a_suggestion(coco_root: Build) -> None:
    root = coco_root(lambda d: d["categories"][0].update(name="Person"))
    assert "category 'Person' is none of the dataset's classes (did you mean 'person'?)" in refusal(
        lambda: open_dataset("coco-d", data_root=root)
    )


def archive(path: Path, share: float = 1.0) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("val2017/000000000007.jpg", bytes(2000))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.getvalue()[: int(len(content.getvalue()) * share)])


@pytest.mark.parametrize("folder", [".", "coco"])
def test_an_archive_that_was_not_unpacked_is_told(tmp_path: Path, folder: str) -> None:
    archive(tmp_path / folder / "val2017.zip")
    sentences = missing_requirements(dataset_spec("coco-d"), tmp_path, None)
    assert "download http://images.cocodataset.org/annotations/annotations_trainval2017.zip" in sentences[0]
    assert f"{tmp_path / folder / 'val2017.zip'} is there but not unpacked" in sentences[1]
    assert f"unpack it so that {tmp_path / 'val2017'} exists" in sentences[1]


@pytest.mark.parametrize("name", ["val2017.zip", "val2017.zip.part", "val2017.zip.crdownload"])
def test_half_a_download_is_told(tmp_path: Path, name: str) -> None:
    archive(tmp_path / name, 0.6)
    sentence = missing_requirements(dataset_spec("coco-d"), tmp_path, None)[1]
    assert f"{name} is only part of a download; fetch http://images.cocodataset.org/zips/val2017.zip" in sentence


def test_a_package_of_a_site_with_registration_is_recognised(tmp_path: Path) -> None:
    archive(tmp_path / "cityscapes" / "gtFine_trainvaltest.zip")
    sentences = missing_requirements(dataset_spec("foggy-cityscapes"), tmp_path, None)
    assert "gtFine_trainvaltest.zip is there but not unpacked" in sentences[0]
    assert "download leftImg8bit_trainvaltest_foggy.zip" in sentences[1]


def test_a_half_unpacked_archive_is_told(coco_root: Build) -> None:
    root = coco_root()
    for name in ("000000000007.jpg", "000000000020.jpg"):
        (root / "val2017" / name).unlink()
    text = refusal(lambda: open_dataset("coco-d", data_root=root))
    assert "2 of 4 image files named by the annotations are missing" in text
    assert "zips/val2017.zip completely" in text
    assert "another split" not in text


def test_sixteen_bit_colour_is_refused_where_pillow_would_cut_it(tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    cv2.imwrite(str(tmp_path / "deep.png"), np.full((4, 5, 3), 300, np.uint16))
    assert "deep.png has pixel mode 'RGB with 16 bits a channel'; convert it" in refusal(
        lambda: read_image(tmp_path / "deep.png")
    )
    cv2.imwrite(str(tmp_path / "deep.tif"), np.full((4, 5, 3), 300, np.uint16))
    assert "deep.tif" in refusal(lambda: read_image(tmp_path / "deep.tif"))


@pytest.mark.parametrize(
    ("mode", "suffix"), [("L", "png"), ("LA", "png"), ("P", "png"), ("RGBA", "png"), ("CMYK", "jpg")]
)
def test_other_modes_travel_through_a_dataset(coco_root: Build, mode: str, suffix: str) -> None:
    def renamed(document: dict[str, Any]) -> None:
        document["images"] = [image | {"file_name": f"{image['id']}.{suffix}"} for image in document["images"]]

    root = coco_root(renamed)
    for image in json.loads((root / "annotations/instances_val2017.json").read_text())["images"]:
        picture = Image.new("RGB", (image["width"], image["height"]), (200, 10, 60)).convert(mode)
        picture.save(root / "val2017" / image["file_name"])
    sample = open_dataset("coco-d", data_root=root).sample(1, clean=True)
    assert sample.clean is not None
    assert tuple(sample.clean.shape) == (3, 60, 80)


def test_an_image_annotated_as_turned_is_told_with_its_exif_tag(coco_root: Build) -> None:
    root = coco_root(lambda d: d["images"][0].update(height=80, width=60))
    path = root / "val2017" / "000000000007.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (80, 60)).save(path, exif=exif)
    document = json.loads((root / "annotations/instances_val2017.json").read_text())
    document["annotations"] = []
    (root / "annotations/instances_val2017.json").write_text(json.dumps(document))
    dataset = open_dataset("coco-d", data_root=root)
    text = refusal(lambda: dataset.sample(1))
    assert "stored as 80 x 60 pixels with EXIF orientation 6" in text
    assert "save the image turned and without the EXIF tag" in text


@pytest.mark.parametrize("name", ["coco-d", "coco-lr-x4", "coco-lr-x8"])
def test_an_image_of_one_pixel_works(coco_root: Build, name: str) -> None:
    def one_pixel(document: dict[str, Any]) -> None:
        document["images"] = [{"id": 1, "file_name": "dot.png", "height": 1, "width": 1}]
        document["annotations"] = [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1], "area": 1}]

    root = coco_root(one_pixel)
    Image.new("RGB", (1, 1), (9, 8, 7)).save(root / "val2017" / "dot.png")
    dataset = open_dataset(name, data_root=root)
    sample = dataset.sample(0, clean=True)
    height, width = dataset.records[0].size
    assert tuple(sample.image.shape) == (3, height, width)
    scale = dataset.records[0].scale
    clean_height, clean_width = dataset.records[0].clean_size
    np.testing.assert_allclose(
        dataset.boxes[0].xyxy, [[0, 0, clean_width * scale[0], clean_height * scale[1]]], rtol=1e-6
    )


def test_low_resolution_coco_counts_sizes_as_annotated(coco_root: Build) -> None:
    dataset = open_dataset("coco-lr-x4", data_root=coco_root())
    assert dataset.facts()["area_frame"] == "annotated"
    assert dataset.records[0].size == (75, 75)
    np.testing.assert_allclose(dataset.boxes[0].xyxy, [np.array([2 / 72, 3 / 48, 10 / 72, 12 / 48]) * 75], rtol=1e-6)
    assert dataset.boxes[0].areas_annotated.tolist() == [36]
