"""The VOC reader turns 1-based inclusive pixels into continuous coordinates and refuses what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lqbench.datasets.classes import VOC_CLASSES
from lqbench.datasets.errors import UserError
from lqbench.datasets.source import FileSource
from lqbench.datasets.voc import read_voc

Build = Callable[..., Path]
SIZE = "<size><width>80</width><height>60</height></size>"


def read(root: Path, listed: bool = True, **options: Any) -> FileSource:
    base = root / "VOCdevkit" / "VOC2007"
    split_list = base / "ImageSets" / "Main" / "test.txt" if listed else None
    return read_voc(base / "Annotations", base / "JPEGImages", VOC_CLASSES, split_list=split_list, **options)


def refusal(root: Path, **options: Any) -> str:
    with pytest.raises(UserError) as caught:
        read(root, **options)
    text = str(caught.value)
    assert "\n" not in text
    return text


def one_object(box: str, name: str = "dog", size: str = SIZE) -> str:
    return f"<annotation>{size}<object><name>{name}</name>{box}</object></annotation>"


def bndbox(xmin: object, ymin: object, xmax: object, ymax: object) -> str:
    return f"<bndbox><xmin>{xmin}</xmin><ymin>{ymin}</ymin><xmax>{xmax}</xmax><ymax>{ymax}</ymax></bndbox>"


def test_a_box_over_the_whole_image_spans_it_exactly(voc_root: Build) -> None:
    notes = read(voc_root()).images[1].annotations
    np.testing.assert_array_equal(notes.xyxy, [[0, 0, 80, 60]])
    assert notes.areas.tolist() == [4800]
    assert notes.labels.tolist() == [VOC_CLASSES.index("cat")]


def test_one_based_inclusive_pixels_become_continuous(voc_root: Build) -> None:
    np.testing.assert_array_equal(read(voc_root()).images[0].annotations.xyxy, [[10, 20, 50, 60]])


def test_difficult_is_kept_and_truncated_counted(voc_root: Build) -> None:
    source = read(voc_root())
    assert [image.annotations.difficult.tolist() for image in source.images] == [[False], [True]]
    assert source.notes == {"dropped_boxes": 0, "clipped_boxes": 0, "difficult_boxes": 1, "truncated_boxes": 2}


def test_the_split_list_chooses_and_without_it_all_files_count(voc_root: Build) -> None:
    root = voc_root()
    assert [image.image_id for image in read(root).images] == ["000001", "000002"]
    everything = read(root, listed=False)
    assert [image.image_id for image in everything.images] == ["000001", "000002", "000005"]
    assert len(everything.images[2].annotations) == 0


def test_a_limit_opens_no_further_file(voc_root: Build) -> None:
    assert len(read(voc_root(xml="not xml"), limit=1).images) == 1


def test_a_second_column_of_a_split_list_is_left_out(voc_root: Build) -> None:
    root = voc_root()
    (root / "VOCdevkit/VOC2007/ImageSets/Main/test.txt").write_text("000005 -1\n\n000001  1\n")
    assert [image.image_id for image in read(root).images] == ["000005", "000001"]


def test_float_coordinates_are_accepted(voc_root: Build) -> None:
    source = read(voc_root(xml=one_object(bndbox("10.5", "1e1", "20.25", "30"))))
    np.testing.assert_array_equal(source.images[1].annotations.xyxy, [[9.5, 9, 20.25, 30]])


def test_boxes_counted_from_zero_are_clipped(voc_root: Build) -> None:
    source = read(voc_root(xml=one_object(bndbox(0, 0, 80, 60))))
    np.testing.assert_array_equal(source.images[1].annotations.xyxy, [[0, 0, 80, 60]])
    assert source.notes["clipped_boxes"] == 1


@pytest.mark.parametrize("size", ["", "<size><width>0</width><height>0</height></size>"])
def test_a_missing_size_comes_from_the_image(voc_root: Build, size: str) -> None:
    assert read(voc_root(xml=one_object(bndbox(1, 1, 5, 5), size=size))).images[1].size == (60, 80)


def test_a_size_that_is_not_the_images_is_told_on_load(voc_root: Build) -> None:
    size = "<size><width>90</width><height>60</height></size>"
    source = read(voc_root(xml=one_object(bndbox(1, 1, 5, 5), size=size)))
    with pytest.raises(UserError, match=r"000002\.jpg is 80 x 60 pixels.*width 90"):
        source.load(1)


@pytest.mark.parametrize(
    ("xml", "problem"),
    [
        ("", "is not well-formed XML"),
        ("<annotation><object></annotation>", "is not well-formed XML"),
        ('<!DOCTYPE a [<!ENTITY e "x">]><annotation>&e;</annotation>', "holds XML entities"),
        ("<html/>", "its root is <html>"),
        (one_object(bndbox(1, 1, 5, 5), name="unicorn"), "field 'name' of an object is 'unicorn'"),
        (one_object(""), "field 'bndbox' is missing"),
        (one_object("<bndbox><xmin>1</xmin></bndbox>"), "field 'bndbox': 'ymin' is None"),
        (one_object(bndbox("left", 1, 5, 5)), "field 'bndbox': 'xmin' is 'left'"),
        (one_object(bndbox(1, 1, 5, 5), size="<size><width>80</width></size>"), "field 'size': 'height' is None"),
        (one_object(bndbox(1, 1, 5, 5), size="<size><width>w</width><height>60</height></size>"), "'width' is 'w'"),
    ],
)
def test_a_broken_file_is_named_with_its_field(voc_root: Build, xml: str, problem: str) -> None:
    text = refusal(voc_root(xml=xml))
    assert "000002.xml" in text
    assert problem in text


@pytest.mark.parametrize(
    ("box", "problem"),
    [
        (bndbox(30, 10, 29, 20), "zero or negative width"),
        (bndbox(30, 20, 40, 10), "zero or negative height"),
        (bndbox(100, 10, 120, 20), "outside its 80 x 60 image"),
        (bndbox(10, 10, 90, 20), "10 px beyond"),
        (bndbox("nan", 10, 20, 20), "not a finite number"),
    ],
)
def test_an_invalid_box_is_refused_or_dropped_on_request(voc_root: Build, box: str, problem: str) -> None:
    root = voc_root(xml=one_object(box))
    text = refusal(root)
    for part in ("000002.xml: object 'dog'", "field 'bndbox'", problem, "--invalid-boxes drop"):
        assert part in text
    source = read(root, invalid_boxes="drop")
    assert len(source.images[1].annotations) == 0
    assert source.notes["dropped_boxes"] == 1


def test_missing_files_are_named(voc_root: Build) -> None:
    root = voc_root()
    base = root / "VOCdevkit" / "VOC2007"
    (base / "Annotations" / "000002.xml").unlink()
    assert "000002.xml does not exist; fetch it" in refusal(root, hint="fetch it")
    (base / "JPEGImages" / "000002.jpg").unlink()
    assert "1 of 2 image files" in refusal(root)


def test_a_name_listed_twice_is_refused(voc_root: Build) -> None:
    root = voc_root()
    (root / "VOCdevkit/VOC2007/ImageSets/Main/test.txt").write_text("000001\n000001\n")
    assert "test.txt names the image '000001' twice" in refusal(root)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\xff"])
def test_an_empty_or_unreadable_split_list_is_refused(voc_root: Build, content: bytes) -> None:
    root = voc_root()
    (root / "VOCdevkit/VOC2007/ImageSets/Main/test.txt").write_bytes(content)
    assert "test.txt" in refusal(root)


def test_the_real_voc_images_are_read_whole(shared_data: Path) -> None:
    folder = shared_data / "voc2012_100"
    source = read_voc(folder / "Annotations", folder / "JPEGImages", VOC_CLASSES)
    assert len(source.images) == 100
    assert sum(len(image.annotations) for image in source.images) == 273
    assert source.notes["difficult_boxes"] == 38
    assert source.notes["clipped_boxes"] == 0
    labels = {label for image in source.images for label in image.annotations.labels.tolist()}
    assert labels == set(range(20))
    first = source.images[0]
    assert (first.image_id, first.size) == ("2007_000027", (500, 486))
    np.testing.assert_array_equal(first.annotations.xyxy, [[173, 100, 349, 351]])
