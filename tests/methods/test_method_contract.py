"""The contract check passes a good method and catches each way to break the contract."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from lqbench.datasets.types import Batch, Detections
from lqbench.methods.base import Method
from lqbench.methods.card import MethodCard
from lqbench.methods.contract import SIZES, check_method, samples


def card(**more: object) -> MethodCard:
    facts = {"name": "test", "title": "Test", "summary": "For the test.", "kind": "detector"} | more
    return MethodCard.model_validate(facts)


class Good(Method):
    """Finds two boxes in every image that is not black."""

    card = card(restores=True)

    def setup(self, device: str, weights: Path | None) -> None:
        self.calls = 0

    def detect(self, batch: Batch) -> list[Detections]:
        self.calls += 1
        return [self.one(sample.image, index) for index, sample in enumerate(batch.samples)]

    def one(self, image: torch.Tensor, place: int) -> Detections:
        if not image.any():
            return Detections.empty()
        boxes = np.array([[0, 0, 10, 20], [3, 4, image.shape[2], image.shape[1]]], np.float32)
        return Detections(boxes, np.array([0.9, 0.3], np.float32), np.array([0, 79]))

    def restore(self, batch: Batch) -> list[torch.Tensor]:
        return [torch.zeros(3, *sample.record.clean_size, dtype=torch.uint8) for sample in batch.samples]


class Outside(Good):
    def one(self, image: torch.Tensor, place: int) -> Detections:
        boxes = np.array([[0, 0, image.shape[2] + 1, 5]], np.float32)
        return Detections(boxes, np.ones(1, np.float32), np.zeros(1, np.int64))


class NoArea(Good):
    def one(self, image: torch.Tensor, place: int) -> Detections:
        return Detections(np.array([[5, 5, 5, 9]], np.float32), np.ones(1, np.float32), np.zeros(1, np.int64))


class NotANumber(Good):
    def one(self, image: torch.Tensor, place: int) -> Detections:
        boxes = np.array([[0, 0, np.nan, 5]], np.float32)
        return Detections(boxes, np.ones(1, np.float32), np.zeros(1, np.int64))


class Unsorted(Good):
    def one(self, image: torch.Tensor, place: int) -> Detections:
        found = super().one(image, place)
        return Detections(found.xyxy, found.scores[::-1], found.labels)


class WrongLabel(Good):
    def one(self, image: torch.Tensor, place: int) -> Detections:
        found = super().one(image, place)
        return Detections(found.xyxy, found.scores, found.labels + 1)


class DoublePrecision(Good):
    def one(self, image: torch.Tensor, place: int) -> Detections:
        found = super().one(image, place)
        return Detections(found.xyxy.astype(np.float64), found.scores, found.labels)  # pyright: ignore


class TooMany(Good):
    def one(self, image: torch.Tensor, place: int) -> Detections:
        boxes = np.tile(np.array([[0, 0, 5, 5]], np.float32), (101, 1))
        return Detections(boxes, np.ones(101, np.float32), np.zeros(101, np.int64))


class Forgetful(Good):
    def detect(self, batch: Batch) -> list[Detections]:
        return super().detect(batch)[1:]


class Vandal(Good):
    def one(self, image: torch.Tensor, place: int) -> Detections:
        image[:, 0, 0] += 1
        return Detections.empty()


class Moody(Good):
    def one(self, image: torch.Tensor, place: int) -> Detections:
        found = super().one(image, place)
        return Detections(found.xyxy, found.scores * np.float32(1 - 0.01 * self.calls), found.labels)


class Social(Good):
    def one(self, image: torch.Tensor, place: int) -> Detections:
        found = super().one(image, place)
        return Detections(found.xyxy, found.scores * np.float32(0.5**place), found.labels)


class NeedsSomethingToSee(Good):
    def one(self, image: torch.Tensor, place: int) -> Detections:
        assert image.any(), "an image of plain black"
        return super().one(image, place)


class SmallRestore(Good):
    def restore(self, batch: Batch) -> list[torch.Tensor]:
        return [sample.image for sample in batch.samples]


class FloatRestore(Good):
    def restore(self, batch: Batch) -> list[torch.Tensor]:
        return [image / 255 for image in super().restore(batch)]


class Oracle(Good):
    card = card(kind="oracle", needs_clean=True)

    def detect(self, batch: Batch) -> list[Detections]:
        if any(sample.clean is None for sample in batch.samples):
            raise ValueError("no clean image")
        return super().detect(batch)


class FallbackOracle(Good):
    card = card(kind="oracle", needs_clean=True)


class HiddenOracle(Oracle):
    card = card(kind="detector", needs_clean=True)


class Peeper(Good):
    def detect(self, batch: Batch) -> list[Detections]:
        assert all(sample.clean is not None for sample in batch.samples), "looks at the clean image"
        return super().detect(batch)


@pytest.mark.parametrize("method", [Good, Oracle])
def test_a_good_method_passes(method: type[Method]) -> None:
    check_method(method)


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (Outside, "a box leaves the image"),
        (NoArea, "a box has no area"),
        (NotANumber, "a box is not finite"),
        (Unsorted, "scores do not descend"),
        (WrongLabel, "a label is no class of the dataset"),
        (DoublePrecision, "boxes are float64, not float32"),
        (TooMany, "101 detections, more than 100"),
        (Forgetful, "3 results for 4 samples"),
        (Vandal, "changed the pixels"),
        (Moody, "a second run differs"),
        (Social, "depend on what else is in the batch"),
        (NeedsSomethingToSee, "an image of plain black"),
        (SmallRestore, r"restored to \(3, 64, 96\), not \(3, 128, 192\)"),
        (FloatRestore, "not uint8"),
        (FallbackOracle, "must raise ValueError"),
        (HiddenOracle, "must be an oracle by its card"),
        (Peeper, "looks at the clean image"),
    ],
)
def test_each_breach_is_caught(method: type[Method], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_method(method)


def test_the_method_is_torn_down_after_a_breach(monkeypatch: pytest.MonkeyPatch) -> None:
    torn: list[bool] = []
    monkeypatch.setattr(Outside, "teardown", lambda self: torn.append(True))
    with pytest.raises(AssertionError):
        check_method(Outside)
    assert torn == [True]


def test_samples_are_the_same_each_time_and_end_in_black() -> None:
    first, second = samples(clean=True), samples(clean=True)
    assert [tuple(sample.image.shape[1:]) for sample in first] == list(SIZES)
    for a, b in zip(first, second, strict=True):
        assert torch.equal(a.image, b.image)
        assert a.clean is not None
        assert tuple(a.clean.shape[1:]) == a.record.clean_size
    assert not first[-1].image.any()
    assert all(sample.clean is None for sample in samples(clean=False))
