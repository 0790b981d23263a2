"""A tiny COCO folder and fake methods that count what they are asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lqbench.benchmark.plan import Group, Job
from lqbench.benchmark.progress import Expected
from lqbench.datasets.dataset import Dataset, open_dataset
from lqbench.datasets.types import Batch, Detections
from lqbench.methods.base import Method, MethodSettings
from lqbench.methods.card import MethodCard
from lqbench.methods.catalog import method_registry
from lqbench.results.cell import Cell
from lqbench.results.tables import GroundTruth

IMAGES = 20
HEIGHT, WIDTH = 64, 96


@pytest.fixture(scope="session")
def coco_root(tmp_path_factory) -> Path:
    """A data root with 20 small noise images in COCO's layout; image 3 has no object."""
    root = tmp_path_factory.mktemp("coco")
    (root / "val2017").mkdir()
    (root / "annotations").mkdir()
    noise = np.random.default_rng(0)
    images, annotations = [], []
    for number in range(1, IMAGES + 1):
        pixels = noise.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / "val2017" / f"{number}.png")
        images.append({"id": number, "file_name": f"{number}.png", "height": HEIGHT, "width": WIDTH})
        if number != 4:
            box = {"id": number, "image_id": number, "category_id": 1, "bbox": [8, 8, 40, 32], "area": 1280}
            annotations.append(box | {"iscrowd": 0})
    document = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "person"}]}
    (root / "annotations" / "instances_val2017.json").write_text(json.dumps(document))
    return root


@pytest.fixture
def dataset(coco_root) -> Dataset:
    return open_dataset("coco-d", data_root=coco_root)


class FakeMethod(Method):
    """Finds two boxes that depend on the pixels it is shown."""

    card = MethodCard(name="fake", title="Fake", summary="For tests.", kind="detector")
    built: int = 0
    seen: list[str]
    fail_at: str = ""
    error: BaseException = ValueError("this image is too much")

    def setup(self, device: str, weights: Path | None) -> None:
        type(self).built += 1

    def detect(self, batch: Batch) -> list[Detections]:
        return [self._one(sample) for sample in batch.samples]

    def _one(self, sample: Any) -> Detections:
        assert (sample.clean is not None) == self.card.needs_clean
        if sample.record.image_id == self.fail_at:
            raise self.error
        self.seen.append(sample.record.image_id)
        height, width = sample.record.size
        level = float(sample.image.double().mean()) / 256
        boxes = np.array([[0, 0, width * level, height], [1, 1, width, height * level + 2]], np.float32)
        return Detections(boxes.clip(0, [width, height] * 2), np.array([0.75, level / 2], np.float32), np.array([0, 1]))


@pytest.fixture
def make_method():
    """Return a function that makes a fresh fake method class with the given class attributes."""

    def make(name: str = "fake", **attributes: Any) -> type[FakeMethod]:
        card = FakeMethod.card.model_copy(update={"name": name, **attributes.pop("card", {})})
        return type("Fake", (FakeMethod,), {"card": card, "seen": [], "built": 0, **attributes})

    return make


@pytest.fixture
def make_group():
    """Return a function that makes the group of a method class on datasets."""

    def make(method: type[Method], *datasets: Dataset) -> Group:
        jobs = [Job(_cell(method, dataset), dataset) for dataset in datasets]
        return Group(method, MethodSettings(), None, tuple(jobs))

    return make


def _cell(method: type[Method], dataset: Dataset) -> Cell:
    return Cell(
        method=method.card.name,
        method_source="0" * 64,
        dataset=dataset.spec.name,
        dataset_version=dataset.spec.version,
        split=dataset.split,
        limit=dataset.limit,
        dataset_fingerprint=dataset.fingerprint,
    )


class Messages:
    """A display that remembers."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.started: list[tuple[str, int, int]] = []
        self.advanced = 0
        self.finished: list[tuple[str, str]] = []
        self.planned: list[Expected] = []

    def __enter__(self) -> Messages:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def plan(self, cells: Sequence[Expected]) -> None:
        self.planned = list(cells)

    def start(self, title: str, done: int, total: int, worker: str = "") -> None:
        self.started.append((title, done, total))

    def advance(self, title: str, images: int) -> None:
        self.advanced += images

    def finish(self, title: str, state: str, message: str) -> None:
        self.finished.append((title, state))
        self.lines.append(message)

    def line(self, message: str) -> None:
        self.lines.append(message)


@pytest.fixture
def messages() -> Messages:
    return Messages()


@pytest.fixture
def no_user_setup(monkeypatch, tmp_path) -> Iterator[None]:
    """No folder, store or method of this machine's user is seen; the test runs in an empty folder."""
    for name in ("LQBENCH_DATA", "LQBENCH_WEIGHTS", "LQBENCH_STORE"):
        monkeypatch.delenv(name, raising=False)
    config = tmp_path / "config.yaml"
    config.write_text("")
    monkeypatch.setenv("LQBENCH_CONFIG", str(config))
    monkeypatch.chdir(tmp_path)
    yield
    method_registry.cache_clear()


@pytest.fixture(scope="session")
def table_makers(load_script) -> ModuleType:
    """Makers of small tables of ground truth and detections."""
    return load_script("benchmark/random_tables.py")


@pytest.fixture(scope="session")
def truth_of(table_makers) -> Callable[..., GroundTruth]:
    return table_makers.build_truth


@pytest.fixture(scope="session")
def detections_of(table_makers) -> Callable[..., pd.DataFrame]:
    return table_makers.build_detections


@pytest.fixture(scope="session")
def random_tables(table_makers) -> Callable[..., tuple[GroundTruth, pd.DataFrame]]:
    return table_makers.build_random
