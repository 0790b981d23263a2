"""Methods with which the engines are tested: a plug-in that worker processes load by its path.

What they do beside detecting is read from the folder that the environment variable ``LQBENCH_TEST_CONTROL`` names, and
written there: the processes of a test share nothing else. This is no test file; tests load it as a plug-in too.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from lqbench.benchmark.plan import Group, Job
from lqbench.datasets.dataset import Dataset, open_dataset
from lqbench.datasets.types import Batch, Detections, Sample
from lqbench.methods.base import Method, MethodSettings
from lqbench.methods.card import MethodCard
from lqbench.results.cell import Cell

CONTROL = "LQBENCH_TEST_CONTROL"
IMAGES, HEIGHT, WIDTH = 40, 48, 64


def note(name: str, text: str = "") -> None:
    """Append a line to a file of the control folder."""
    with (Path(os.environ[CONTROL]) / name).open("a") as stream:
        stream.write(f"{text or os.getpid()}\n")


def notes(name: str) -> list[str]:
    path = Path(os.environ[CONTROL]) / name
    return path.read_text().splitlines() if path.exists() else []


class Steady(Method):
    """Finds boxes that depend on the last digits of a convolution; ``pause`` holds the seconds of a batch."""

    card = MethodCard(name="steady", title="Steady", summary="For tests.", kind="detector")
    weight = 0.25

    def __init__(self, settings: MethodSettings) -> None:
        super().__init__(settings)
        note(f"built-{self.card.name}")

    def setup(self, device: str, weights: Path | None) -> None:
        generator = torch.Generator().manual_seed(7)
        self._kernel = torch.randn(4, 3, 5, 5, generator=generator) * self.weight

    def detect(self, batch: Batch) -> list[Detections]:
        time.sleep(float((notes("pause") or ["0"])[0]))
        self.before(batch)
        return [self._one(sample) for sample in batch.samples]

    def before(self, batch: Batch) -> None:
        """Do what the method is for."""

    def _one(self, sample: Sample) -> Detections:
        seen = torch.nn.functional.conv2d(sample.image[None].float() / 255, self._kernel)
        scores = np.sort(seen.mean(dim=(0, 2, 3)).sigmoid().numpy())[::-1]
        height, width = sample.record.size
        corners = scores[:, None] * np.array([[0.1, 0.1, 1, 1]]) * [width, height, width, height]
        return Detections(corners.astype(np.float32), scores.astype(np.float32), np.zeros(len(scores), np.int64))


class Shifted(Steady):
    """The same with other numbers."""

    card = Steady.card.model_copy(update={"name": "shifted"})
    weight = 0.125


class Deadly(Steady):
    """Kills its own process at its first batches, as often as ``deaths-wanted`` says."""

    card = Steady.card.model_copy(update={"name": "deadly"})

    def before(self, batch: Batch) -> None:
        if len(notes("deaths")) < int(notes("deaths-wanted")[0]):
            note("deaths")
            os.kill(os.getpid(), signal.SIGKILL)


class Preempted(Steady):
    """Gets the signal that Slurm sends before it takes a node away, once, in its second batch."""

    card = Steady.card.model_copy(update={"name": "preempted"})

    def before(self, batch: Batch) -> None:
        note("batches")
        if len(notes("batches")) == 6:
            os.kill(os.getpid(), signal.SIGUSR2)


class Failing(Steady):
    """Raises at one image."""

    card = Steady.card.model_copy(update={"name": "failing"})

    def before(self, batch: Batch) -> None:
        if any(sample.record.image_id == "20" for sample in batch.samples):
            raise ValueError("this image is too much")


METHODS = (Steady, Shifted, Deadly, Preempted, Failing)


def make_root(root: Path) -> Path:
    """Write noise images in COCO's layout."""
    from PIL import Image

    (root / "val").mkdir(parents=True)
    (root / "annotations").mkdir()
    noise = np.random.default_rng(0)
    images, annotations = [], []
    for number in range(1, IMAGES + 1):
        pixels = noise.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / "val" / f"{number}.png")
        images.append({"id": number, "file_name": f"{number}.png", "height": HEIGHT, "width": WIDTH})
        box = {"id": number, "image_id": number, "category_id": 1, "bbox": [4, 4, 30, 24], "area": 720, "iscrowd": 0}
        annotations.append(box)
    document = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "person"}]}
    (root / "annotations" / "instances_val.json").write_text(json.dumps(document))
    return root


def make_groups(root: Path, methods: Sequence[type[Method]], limits: Sequence[int]) -> list[Group]:
    """Return the cells of methods on the first images of a data root, as a plan would."""
    datasets = [open_dataset(f"coco:{root}", split="val", limit=limit) for limit in limits]
    return [
        Group(method, MethodSettings(), None, tuple(Job(_cell(method, one), one, f"{one.limit}") for one in datasets))
        for method in methods
    ]


def _cell(method: type[Method], dataset: Dataset) -> Cell:
    return Cell(
        method=method.card.name,
        method_source="0" * 64,
        dataset="noise",
        dataset_version=dataset.spec.version,
        split=dataset.split,
        limit=dataset.limit,
        dataset_fingerprint=dataset.fingerprint,
    )
