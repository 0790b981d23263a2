"""Tracks of real photographs in the layouts in which they are distributed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lqbench.datasets.catalog import dataset_spec
from lqbench.datasets.classes import URPC_CLASSES
from lqbench.datasets.dataset import open_dataset
from lqbench.datasets.errors import UserError

HEIGHT, WIDTH = 30, 40


def photo(path: Path, shade: int = 90) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (WIDTH, HEIGHT), (shade, 90, 90)).save(path)


def xml(path: Path, *names: str, size: bool = True) -> None:
    """Write a VOC file with a box x 0..10, y 0..5 for each name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    box = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>10</xmax><ymax>5</ymax></bndbox>"
    objects = "".join(f"<object><name>{name}</name>{box}</object>" for name in names)
    told = f"<size><width>{WIDTH}</width><height>{HEIGHT}</height><depth>3</depth></size>" if size else ""
    path.write_text(f"<annotation>{told}{objects}</annotation>")


def coco(path: Path, names: list[str], categories: tuple[str, ...], stems: list[str], suffix: str = "jpg") -> None:
    """Write a COCO file: for each stem an image, in the first of them a box for each name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ids = {name: number for number, name in enumerate(categories)}
    document: dict[str, Any] = {
        "images": [
            {"id": number, "file_name": f"{stem}.{suffix}", "height": HEIGHT, "width": WIDTH}
            for number, stem in enumerate(stems)
        ],
        "annotations": [
            {"id": number, "image_id": 0, "category_id": ids[name], "bbox": [0, 0, 10, 5], "area": 50, "iscrowd": 0}
            for number, name in enumerate(names)
        ],
        "categories": [{"id": number, "name": name} for name, number in ids.items()],
    }
    path.write_text(json.dumps(document))


def labels(dataset: Any, index: int = 0) -> list[str]:
    return [dataset.classes[label] for label in dataset.boxes[index].labels]


@pytest.mark.parametrize("box", ["{split}-box", "{split}/box"])
@pytest.mark.parametrize("split", ["train", "test-A", "test-B"])
def test_urpc_in_the_contests_layout(tmp_path: Path, split: str, box: str) -> None:
    annotations = tmp_path / "urpc2020" / box.format(split=split)
    images = tmp_path / "urpc2020" / box.format(split=split).replace("box", "image")
    xml(annotations / "000001.xml", "echinus", "waterweeds", "starfish", size=False)
    xml(annotations / "000002.xml", "waterweeds", size=False)
    for stem in ("000001", "000002"):
        photo(images / f"{stem}.jpg")
    dataset = open_dataset("urpc2020-voc", data_root=tmp_path, split=split)
    assert [labels(dataset, index) for index in (0, 1)] == [["echinus", "starfish"], []]
    assert dataset.records[0].size == (HEIGHT, WIDTH)
    facts = dataset.facts()
    assert facts["notes"]["ignored_objects"] == {"waterweeds": 2}
    assert facts["subset"]
    assert not facts["has_clean"]


def test_urpc_in_the_coco_layout_drops_waterweeds_with_a_count(tmp_path: Path) -> None:
    home = tmp_path / "urpc2020"
    categories = ("echinus", "holothurian", "waterweeds", "scallop", "starfish")
    names = ["waterweeds", "scallop", "echinus", "waterweeds"]
    coco(home / "annotations" / "instances_test.json", names, categories, ["000001"])
    photo(home / "images" / "000001.jpg")
    dataset = open_dataset("urpc2020", data_root=tmp_path)
    assert dataset.classes == URPC_CLASSES
    assert labels(dataset) == ["scallop", "echinus"]
    notes = dataset.facts()["notes"]
    assert notes["ignored_objects"] == {"waterweeds": 2}
    assert notes["class_order_in_file"] == ["echinus", "holothurian", "scallop", "starfish"]


def test_another_class_than_waterweeds_is_refused(tmp_path: Path) -> None:
    home = tmp_path / "urpc2020"
    coco(home / "annotations" / "instances_test.json", ["Echinus"], ("Echinus",), ["000001"])
    photo(home / "images" / "000001.jpg")
    with pytest.raises(UserError, match=r"category 'Echinus' is none of .*\(did you mean 'echinus'\?\)"):
        open_dataset("urpc2020", data_root=tmp_path)
    xml(home / "test-A-box" / "000001.xml", "plastic bag")
    photo(home / "test-A-image" / "000001.jpg")
    with pytest.raises(UserError, match=r"000001\.xml: field 'name' of an object is 'plastic bag'"):
        open_dataset("urpc2020-voc", data_root=tmp_path)


def test_favoured_images_are_their_own_clean_images(tmp_path: Path) -> None:
    home = tmp_path / "dfui"
    coco(home / "annotations" / "instances_trainval2017.json", ["scallop"], URPC_CLASSES, ["a"])
    photo(home / "images" / "a.jpg")
    dataset = open_dataset("dfui", data_root=tmp_path)
    sample = dataset.sample(0, clean=True)
    assert dataset.has_clean
    assert sample.clean is not None
    np.testing.assert_array_equal(sample.clean.numpy(), sample.image.numpy())


def test_duo_in_its_published_layout(tmp_path: Path) -> None:
    home = tmp_path / "DUO"
    for split, count in (("train", 2), ("test", 1)):
        stems = [f"{split}{number}" for number in range(count)]
        coco(home / "annotations" / f"instances_{split}.json", ["starfish"], URPC_CLASSES, stems)
        for stem in stems:
            photo(home / "images" / split / f"{stem}.jpg")
    assert len(open_dataset("duo", data_root=tmp_path)) == 1
    assert len(open_dataset("duo", data_root=home, split="train")) == 2


@pytest.mark.parametrize(("annotations", "images"), [("RUOD_ANN", "RUOD_pic/test"), ("annotations", "test")])
def test_ruod_in_both_layouts(tmp_path: Path, annotations: str, images: str) -> None:
    home = tmp_path / "RUOD"
    classes = dataset_spec("ruod").classes
    coco(home / annotations / "instances_test.json", ["turtle", "diver"], classes, ["000001"])
    photo(home / images / "000001.jpg")
    assert labels(open_dataset("ruod", data_root=tmp_path)) == ["turtle", "diver"]


@pytest.mark.parametrize("folder", ["Annotations", "annotations_xml"])
@pytest.mark.parametrize("home", ["RTTS", "RESIDE/RTTS"])
def test_rtts_has_png_images_and_lists_of_several_papers(tmp_path: Path, home: str, folder: str) -> None:
    for stem in ("AM_Bing_211", "AM_Bing_217"):
        xml(tmp_path / home / folder / f"{stem}.xml", "motorbike", "person")
        photo(tmp_path / home / "JPEGImages" / f"{stem}.png")
    dataset = open_dataset("rtts", data_root=tmp_path)
    assert len(dataset) == 2
    assert labels(dataset) == ["motorbike", "person"]
    with pytest.raises(UserError, match=r"rtts needs RTTS/ImageSets/Main/test\.txt"):
        open_dataset("rtts", data_root=tmp_path, split="test")
    (tmp_path / home / "ImageSets" / "Main").mkdir(parents=True)
    (tmp_path / home / "ImageSets" / "Main" / "test.txt").write_text("AM_Bing_217\n")
    assert [record.image_id for record in open_dataset("rtts", data_root=tmp_path, split="test").records] == [
        "AM_Bing_217"
    ]


@pytest.mark.parametrize("weather", ["fog", "rain", "sand", "snow"])
def test_dawn_keeps_xml_files_in_a_folder_among_the_images(tmp_path: Path, weather: str) -> None:
    folder = tmp_path / "DAWN" / weather.capitalize()
    xml(folder / f"{weather.capitalize()}_PASCAL_VOC" / "foggy-001.xml", "car", "truck")
    photo(folder / "foggy-001.jpg")
    dataset = open_dataset("dawn", data_root=tmp_path, split=weather)
    assert labels(dataset) == ["car", "truck"]
    assert not dataset.has_clean


def test_photographs_without_clean_images_say_so(tmp_path: Path) -> None:
    folder = tmp_path / "DAWN" / "Fog"
    xml(folder / "Fog_PASCAL_VOC" / "foggy-001.xml", "car")
    photo(folder / "foggy-001.jpg")
    dataset = open_dataset("dawn", data_root=tmp_path)
    assert dataset.sample(0).clean is None
    for ask in (lambda: dataset.clean(0), lambda: dataset.sample(0, clean=True)):
        with pytest.raises(UserError, match="dawn has no clean images: it holds photographs of real scenes"):
            ask()
