"""VOC, COCO and YOLO into each other and back."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from lqbench.datasets.dataset import open_dataset
from lqbench.datasets.errors import UserError
from lqbench.datasets.prepare.collection import read_collection
from lqbench.datasets.prepare.convert import convert, file_names

PRECISION_PX = 1e-9
"""To within this, boxes come back from any format."""


def assert_same_boxes(before, after, *, flags=True):
    assert after.classes == before.classes
    assert list(after.splits) == list(before.splits)
    for split, images in before.splits.items():
        for one, two in zip(images, after.splits[split], strict=True):
            assert two.size == one.size
            np.testing.assert_allclose(two.annotations.xyxy, one.annotations.xyxy, rtol=0, atol=PRECISION_PX)
            np.testing.assert_array_equal(two.annotations.labels, one.annotations.labels)
            if flags:
                np.testing.assert_array_equal(two.annotations.difficult, one.annotations.difficult)
                np.testing.assert_array_equal(two.annotations.crowd, one.annotations.crowd)


def no_crowds(document):
    for entry in document["annotations"]:
        entry["iscrowd"] = 0


@pytest.mark.parametrize("through", ["voc", "yolo", "coco"])
def test_coco_comes_back_from_every_format(tiny_root, tmp_path, change_coco, through):
    change_coco(tiny_root, no_crowds)
    change_coco(tiny_root, lambda d: d["annotations"][0].update(bbox=[1 / 3, 2 / 7, 10 / 3, 1e-3]))
    change_coco(tiny_root, lambda d: d["categories"].reverse())  # labels follow ids, whatever the order in the file
    convert(tiny_root, tmp_path / "there", "coco", through)
    convert(tmp_path / "there", tmp_path / "back", through, "coco")
    before, after = read_collection(tiny_root, "coco"), read_collection(tmp_path / "back", "coco")
    if through == "voc":  # VOC files name classes but do not list them: the order becomes alphabetical
        names = [[before.classes[k] for k in image.annotations.labels] for image in before.splits["val2017"]]
        again = [[after.classes[k] for k in image.annotations.labels] for image in after.splits["val2017"]]
        assert names == again
        return
    assert_same_boxes(before, after)


def test_voc_comes_back_from_coco_with_its_difficult_objects(voc_root, tmp_path):
    source = voc_root() / "VOCdevkit" / "VOC2007"
    done = convert(source, tmp_path / "coco", "voc", "coco")
    convert(tmp_path / "coco", tmp_path / "voc", "coco", "voc")
    before, after = read_collection(source, "voc"), read_collection(tmp_path / "voc", "voc")
    assert list(before.splits) == ["all", "test"]  # image 000005 is in no list
    assert_same_boxes(before, after)
    assert before.count("difficult") == after.count("difficult") == 1
    assert (done.images, done.objects, done.losses) == (3, {"all": 2, "test": 2}, ())
    xml = (tmp_path / "voc" / "Annotations" / "000001.xml").read_text()
    assert "<xmin>11</xmin><ymin>21</ymin><xmax>50</xmax><ymax>60</ymax>" in xml
    images = [(folder / "JPEGImages" / "000001.jpg").read_bytes() for folder in (source, tmp_path / "voc")]
    assert images[0] == images[1]


def test_areas_of_masks_and_crowds_are_kept_by_coco(tiny_root, tmp_path):
    convert(tiny_root, tmp_path / "again", "coco", "coco")
    before, after = read_collection(tiny_root, "coco"), read_collection(tmp_path / "again", "coco")
    assert_same_boxes(before, after)
    for one, two in zip(before.splits["val2017"], after.splits["val2017"], strict=True):
        np.testing.assert_array_equal(one.annotations.areas, two.annotations.areas)
        assert one.image_id == two.image_id


def test_what_a_format_cannot_hold_is_said(tiny_root, tmp_path):
    voc = convert(tiny_root, tmp_path / "voc", "coco", "voc")
    assert voc.losses[0].startswith("3 crowd regions become difficult objects")
    assert voc.losses[1].startswith("20 areas are of masks")
    assert read_collection(tmp_path / "voc", "voc").count("difficult") == 3
    yolo = convert(tiny_root, tmp_path / "yolo", "coco", "yolo")
    assert yolo.losses[0].startswith("3 crowd regions are left out")
    assert yolo.objects == {"val2017": 17}


def test_the_converted_sets_open_as_datasets(tiny_root, tmp_path):
    convert(tiny_root, tmp_path / "voc", "coco", "voc", images="link")
    dataset = open_dataset(f"voc:{tmp_path / 'voc'}", split="val2017")
    assert len(dataset) == 10
    assert {dataset.classes[label] for boxes in dataset.boxes for label in boxes.labels} == {"car", "person"}
    assert (tmp_path / "voc" / "JPEGImages" / "000000000001.png").is_symlink()
    assert dataset.sample(0).image.shape == (3, 36, 48)


def test_splits_that_trainers_ask_for_are_named(tiny_root, make_root, tmp_path):
    make_root(tiny_root, images=2, split="train2017", first=70)
    convert(tiny_root, tmp_path / "yolo", "coco", "yolo")
    text = (tmp_path / "yolo" / "data.yaml").read_text()
    assert "\ntrain: train2017.txt\nval: val2017.txt\n" in text
    assert (tmp_path / "yolo" / "train2017.txt").read_text() == "./images/000000000070.png\n./images/000000000071.png\n"
    assert list(read_collection(tmp_path / "yolo", "yolo").splits) == ["train2017", "val2017"]


@pytest.fixture
def yolo(tmp_path):
    """A set as Ultralytics lays it out: folders for the splits, a polygon, an image without labels."""
    for split, stem in (("train", "a"), ("val", "b"), ("val", "c")):
        (tmp_path / "images" / split).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (200, 100)).save(tmp_path / "images" / split / f"{stem}.jpg")
    for name, text in (("train/a", "1 0.5 0.5 0.1 0.2\n\n"), ("val/b", "0 0.1 0.2 0.3 0.2 0.3 0.6\n")):
        file = tmp_path / "labels" / f"{name}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (tmp_path / "data.yaml").write_text("train: ../images/train\nval: images/val\ntest:\nnc: 2\nnames: [dog, cat]\n")
    return tmp_path


def test_yolo_is_read_from_folders(yolo):
    read = read_collection(yolo / "data.yaml", "yolo")
    assert read.classes == ("dog", "cat")
    [first] = read.splits["train"]
    np.testing.assert_allclose(first.annotations.xyxy, [[90, 40, 110, 60]])
    assert first.annotations.labels.tolist() == [1]
    second, third = read.splits["val"]
    np.testing.assert_allclose(second.annotations.xyxy, [[20, 20, 60, 60]])
    assert (len(third.annotations), third.image_id) == (0, "c")


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("labels/train/a.txt", "7 0.5 0.5 0.1 0.1", "line 1: the class number is 7, but there are 2 classes"),
        ("labels/train/a.txt", "0 0.5 0.5 0.1", "3 numbers behind the class"),
        ("labels/train/a.txt", "dog 0.5 0.5 0.1 0.1", "write a class number and four numbers"),
        ("labels/train/a.txt", "0 0.5 0.5 0 0.1", "zero or negative width"),
        ("labels/train/a.txt", "0 nan 0.5 0.1 0.1", "not a finite number"),
        ("data.yaml", "train: images/train\nnames: {0: dog, 2: cat}", "number the classes from 0"),
        ("data.yaml", "train: images/train\nnames: [dog, dog]", "a class twice"),
        ("data.yaml", "names: [dog]", "names no split"),
        ("data.yaml", "train: [", "is not YAML"),
        ("data.yaml", "train: images/nowhere\nnames: [dog]", "images/nowhere, which does not exist"),
    ],
)
def test_mistakes_in_yolo_files_are_told_with_file_and_line(yolo, file, text, words):
    (yolo / file).write_text(text)
    with pytest.raises(UserError, match=file.replace(".", "\\.")) as told:
        convert(yolo, yolo / "out", "yolo", "coco")
    assert words in str(told.value)
    assert not (yolo / "out").exists()


def test_a_list_of_images_does_not_lead_out_of_its_folder(yolo):
    (yolo / "list.txt").write_text("../../secret.jpg\n")
    (yolo / "data.yaml").write_text("train: list.txt\nnames: [dog]")
    with pytest.raises(UserError, match=r"list\.txt: a line is '\.\./\.\./secret\.jpg'; give a path inside"):
        read_collection(yolo, "yolo")


def test_invalid_boxes_are_dropped_and_counted_where_asked(tiny_root, tmp_path, change_coco):
    change_coco(tiny_root, lambda d: d["annotations"][0].update(bbox=[4, 5, 0, 9]))
    with pytest.raises(UserError, match="zero or negative width"):
        convert(tiny_root, tmp_path / "voc", "coco", "voc")
    done = convert(tiny_root, tmp_path / "voc", "coco", "voc", invalid_boxes="drop")
    assert done.losses[0] == "1 invalid boxes are left out"


def test_a_folder_in_use_is_left_alone(tiny_root, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    with pytest.raises(UserError, match="exists already"):
        convert(tiny_root, tmp_path / "mine", "coco", "voc")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        convert(tiny_root, tmp_path / "file" / "below", "coco", "voc")
    with pytest.raises(UserError, match="--to 'xml' is not known"):
        convert(tiny_root, tmp_path / "new", "coco", "xml")


def test_a_stopped_conversion_leaves_nothing(tiny_root, tmp_path):
    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(tiny_root, tmp_path / "out" / "voc", "coco", "voc", on_progress=stop)
    assert list((tmp_path / "out").iterdir()) == []


def test_class_names_are_escaped_in_xml(tiny_root, tmp_path, change_coco):
    change_coco(tiny_root, lambda d: d["categories"][0].update(name="a<b & c"))
    convert(tiny_root, tmp_path / "voc", "coco", "voc")
    assert read_collection(tmp_path / "voc", "voc").classes == ("a<b & c", "car")


def test_images_of_one_name_in_two_folders_get_their_folders_name():
    assert file_names(["/x/a/1.jpg", "/x/b/1.png"]) == {"/x/a/1.jpg": "a_1.jpg", "/x/b/1.png": "b_1.png"}
    assert list(file_names(["/x/a/1.jpg", "/y/a/1.jpg"]).values()) == ["000001.jpg", "000002.jpg"]


def test_bitmaps_cannot_become_voc(tmp_path, tiny_root, change_coco):
    Image.new("RGB", (48, 36)).save(tiny_root / "val2017" / "x.bmp")
    change_coco(tiny_root, lambda d: d["images"][0].update(file_name="x.bmp"))
    with pytest.raises(UserError, match=r"x\.bmp cannot be part of a VOC set"):
        convert(tiny_root, tmp_path / "voc", "coco", "voc")
    assert not (tmp_path / "voc").exists()


def test_real_voc_comes_back(shared_data, tmp_path):
    source = shared_data / "voc2012_100"
    convert(source, tmp_path / "coco", "voc", "coco", images="link")
    document = json.loads((tmp_path / "coco" / "annotations" / "instances_all.json").read_text())
    assert (len(document["images"]), len(document["annotations"])) == (100, 273)
    assert_same_boxes(read_collection(source, "voc"), read_collection(tmp_path / "coco", "coco"))
