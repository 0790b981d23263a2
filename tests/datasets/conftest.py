"""Builders of tiny data sets in the layouts of COCO and VOC."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

Change = Callable[[dict[str, Any]], object]


def write_image(path: Path, height: int, width: int, seed: int = 0) -> None:
    """Write a JPEG of smooth random colours, so that no two images are alike."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC).save(path, quality=95)


def coco_document() -> dict[str, Any]:
    """Return four images: two objects, one crowd and one car, none, one small one; category ids with holes."""
    sizes = {7: (60, 80), 20: (64, 64), 100: (50, 90), 3: (48, 72)}
    boxes = [(1, 7, 1, [10, 10, 30, 20], 0), (2, 7, 90, [40, 20, 40, 40], 0), (3, 20, 3, [0, 0, 64, 64], 1)]
    boxes += [(4, 20, 3, [5.5, 6.25, 10, 12], 0), (5, 3, 13, [2, 3, 8, 9], 0)]
    return {
        "images": [
            {"id": key, "file_name": f"{key:012d}.jpg", "height": size[0], "width": size[1]}
            for key, size in sizes.items()
        ],
        "annotations": [
            {"id": i, "image_id": image, "category_id": c, "bbox": b, "iscrowd": crowd, "area": b[2] * b[3] / 2}
            for i, image, c, b, crowd in boxes
        ],
        "categories": [
            {"id": 1, "name": "person"},
            {"id": 3, "name": "car"},
            {"id": 13, "name": "stop sign"},
            {"id": 90, "name": "toothbrush"},
        ],
    }


@pytest.fixture
def coco_root(tmp_path: Path) -> Callable[..., Path]:
    """Return a builder of a COCO root; ``change`` edits the document before it is written."""

    def build(change: Change | None = None, name: str = "coco-root") -> Path:
        root = tmp_path / name
        document = coco_document()
        for position, image in enumerate(document["images"]):
            write_image(root / "val2017" / image["file_name"], image["height"], image["width"], position)
        if change is not None:
            change(document)
        (root / "annotations").mkdir(parents=True)
        (root / "annotations" / "instances_val2017.json").write_text(json.dumps(document))
        return root

    return build


VOC_OBJECT = """<object><name>{name}</name><truncated>1</truncated><difficult>{difficult}</difficult>
<bndbox><xmin>{box[0]}</xmin><ymin>{box[1]}</ymin><xmax>{box[2]}</xmax><ymax>{box[3]}</ymax></bndbox>
<part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></part></object>"""


def voc_xml(objects: str, size: str = "<size><width>80</width><height>60</height><depth>3</depth></size>") -> str:
    """Return the text of a VOC annotation."""
    return f"<annotation><filename>any.jpg</filename>{size}{objects}</annotation>"


@pytest.fixture
def voc_root(tmp_path: Path) -> Callable[..., Path]:
    """Return a builder of VOCdevkit/VOC2007 with three images; ``xml`` replaces the text of image 000002."""

    def build(xml: str | None = None) -> Path:
        root = tmp_path / "voc-root"
        base = root / "VOCdevkit" / "VOC2007"
        texts = {
            "000001": voc_xml(VOC_OBJECT.format(name="dog", difficult=0, box=(11, 21, 50, 60))),
            "000002": xml
            if xml is not None
            else voc_xml(VOC_OBJECT.format(name="cat", difficult=1, box=(1, 1, 80, 60))),
            "000005": voc_xml(""),
        }
        for name, text in texts.items():
            write_image(base / "JPEGImages" / f"{name}.jpg", 60, 80, int(name))
            (base / "Annotations").mkdir(exist_ok=True)
            (base / "Annotations" / f"{name}.xml").write_text(text)
        (base / "ImageSets" / "Main").mkdir(parents=True)
        (base / "ImageSets" / "Main" / "test.txt").write_text("000001\n000002\n")
        return root

    return build


@pytest.fixture(autouse=True)
def no_user_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the tests apart from the machine's own data roots and configuration."""
    for name in ("LQBENCH_DATA", "LQBENCH_WEIGHTS", "LQBENCH_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-config"))
    monkeypatch.setenv("HOME", str(tmp_path / "no-home"))
