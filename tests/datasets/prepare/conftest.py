"""A tiny COCO root and ways to look at folders."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

IMAGES = 10
HEIGHT, WIDTH = 36, 48


def make_tiny_root(root: Path, images: int = IMAGES, split: str = "val2017", first: int = 1) -> Path:
    """Write noise images in COCO's layout, two boxes in each, one of them a crowd now and then."""
    (root / split).mkdir(parents=True)
    (root / "annotations").mkdir(exist_ok=True)
    listed, annotations = [], []
    for number in range(first, first + images):
        pixels = np.random.default_rng(number).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / split / f"{number:012d}.png")
        listed.append({"id": number, "file_name": f"{number:012d}.png", "height": HEIGHT, "width": WIDTH})
        for k, box in enumerate(([4, 5, 20, 10.5], [10.25, 3, 30.5, 30])):
            entry = {"id": 2 * number + k, "image_id": number, "category_id": 1 + 2 * k, "bbox": box}
            annotations.append(entry | {"area": box[2] * box[3] / 2, "iscrowd": int(k == 1 and number % 3 == 0)})
    categories = [{"id": 1, "name": "person"}, {"id": 3, "name": "car"}]
    document = {"images": listed, "annotations": annotations, "categories": categories}
    (root / "annotations" / f"instances_{split}.json").write_text(json.dumps(document))
    return root


@pytest.fixture
def tiny_root(tmp_path: Path) -> Path:
    return make_tiny_root(tmp_path / "tiny")


@pytest.fixture
def make_root() -> Callable[..., Path]:
    return make_tiny_root


@pytest.fixture
def contents() -> Callable[[Path], dict[str, bytes]]:
    """Return a function that reads all files of a folder."""

    def read(folder: Path) -> dict[str, bytes]:
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    return read


@pytest.fixture
def change_coco() -> Callable[..., None]:
    """Return a function that edits a COCO file in place."""

    def edit(root: Path, change: Callable[[dict], object], split: str = "val2017") -> None:
        file = root / "annotations" / f"instances_{split}.json"
        document = json.loads(file.read_text())
        change(document)
        file.write_text(json.dumps(document))

    return edit
