"""Timing with a clock that the method itself moves: every latency is known beforehand."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, cast

import numpy as np
import pytest
import torch

from lqbench.benchmark.checks import MalformedOutputError
from lqbench.benchmark.timing.measure import (
    Stopwatch,
    device_clock,
    load,
    looking_inside,
    spread,
    time_detect,
    time_restoring,
    warm_up,
    whole_batches,
)
from lqbench.datasets.types import Detections, ImageRecord, Sample
from lqbench.methods.base import Method, MethodSettings
from lqbench.methods.card import MethodCard
from lqbench.methods.detecting import DetectingMethod, View
from lqbench.methods.detectors.base import Detector

CLASSES = ("person",)


class Clock:
    """Nanoseconds that move only when told to."""

    def __init__(self):
        self.now = 0

    def __call__(self):
        return self.now

    def sleep(self, nanoseconds):
        self.now += nanoseconds


def sample(index):
    record = ImageRecord(f"id-{index}", index, f"{index}.png", (8, 8), (8, 8), (8, 8), (1.0, 1.0), index, {})
    return Sample(record, torch.full((3, 8, 8), index, dtype=torch.uint8), torch.zeros(3, 8, 8, dtype=torch.uint8))


class Sleeper(Method):
    """Takes 1000 + 10 x (index of the image) nanoseconds for each image."""

    card = MethodCard(name="sleeper", title="Sleeper", summary="For tests.", kind="detector")

    def __init__(self, clock):
        super().__init__(MethodSettings())
        self.clock = clock
        self.slept = defaultdict(list)
        self.seen = []

    def setup(self, device, weights):
        pass

    def _sleep(self, what, nanoseconds):
        self.slept[what].append(nanoseconds)
        self.clock.sleep(nanoseconds)

    def detect(self, batch):
        assert not torch.is_grad_enabled()
        self.seen.append([one.record.index for one in batch.samples])
        for one in batch.samples:
            self._sleep("detect", 1000 + 10 * one.record.index)
        return [Detections.empty() for _ in batch.samples]


class Restorer(Sleeper):
    card = Sleeper.card.model_copy(update={"name": "restorer", "restores": True})

    def restore(self, batch):
        self.restored = [one.image for one in batch.samples]
        self._sleep("restore", 7000)
        return self.restored


class SlowDetector(Detector):
    name = "slow"

    def __init__(self, clock):
        self.clock = clock
        self.class_names = CLASSES

    def load(self, device, weights):
        pass

    def predict(self, images, *, enlarge=True):
        self.clock.sleep(500)
        return [Detections.empty() for _ in images]


class SlowView(DetectingMethod):
    card = Sleeper.card.model_copy(update={"name": "slow-view", "restores": True})

    def __init__(self, clock):
        super().__init__(MethodSettings())
        self.clock = clock
        self._detector = SlowDetector(clock)

    def view(self, sample):
        self.clock.sleep(30)
        return View(sample.image.float() / 255, (1.0, 1.0))

    def detect(self, batch):
        self.clock.sleep(2)
        return super().detect(batch)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def stopwatch(clock):
    return Stopwatch(clock)


def batches_of(count, size=1):
    return whole_batches([sample(index) for index in range(count)], CLASSES, size, clean=False)


def nanoseconds(stopwatch, phase):
    frame = stopwatch.frame()
    return frame[frame["phase"] == phase]["nanoseconds"].tolist()


def test_every_latency_is_that_of_its_call(clock, stopwatch):
    method, batches = Sleeper(clock), batches_of(7, size=2)
    time_detect(method, batches, 3, stopwatch)
    frame = stopwatch.frame()
    expected = [sum(pair) for pair in np.array(method.slept["detect"]).reshape(-1, 2).tolist()]
    assert frame["nanoseconds"].tolist() == expected
    assert frame["pass"].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert frame["batch"].tolist() == [0, 1, 2] * 3
    assert set(frame["images"]) == {2}
    assert set(frame["phase"]) == {"detect"}


def test_warm_up_goes_around_and_leaves_no_latency(clock):
    method = Sleeper(clock)
    warm_up(method, batches_of(2), 5)
    assert method.seen == [[0], [1], [0], [1], [0]]


def test_warm_up_refuses_output_against_the_contract(clock):
    method = Sleeper(clock)
    method.detect = lambda batch: []
    with pytest.raises(MalformedOutputError):
        warm_up(method, batches_of(2), 1)


def test_restoring_inside_of_detect_is_timed_from_within(clock, stopwatch):
    method, batches = SlowView(clock), batches_of(6, size=3)
    time_restoring(method, batches, stopwatch)
    assert nanoseconds(stopwatch, "restore") == [30] * 6
    assert nanoseconds(stopwatch, "predict") == [500] * 2
    assert nanoseconds(stopwatch, "split") == [2 + 3 * 30 + 500] * 2


def test_nothing_of_a_method_stays_changed(clock, stopwatch):
    method = SlowView(clock)
    with looking_inside(method, stopwatch):
        assert "view" in vars(method)
    assert "view" not in vars(method)
    assert "predict" not in vars(method.detector)
    time_detect(method, batches_of(1), 1, stopwatch)
    assert set(stopwatch.frame()["phase"]) == {"detect"}


def test_restoring_apart_sees_copies_of_the_images(clock, stopwatch):
    method, (batch,) = Restorer(clock), batches_of(1)
    time_restoring(method, [batch], stopwatch)
    assert nanoseconds(stopwatch, "restore") == method.slept["restore"] == [7000]
    assert nanoseconds(stopwatch, "split") == []
    assert method.restored[0] is not batch.samples[0].image
    assert torch.equal(method.restored[0], batch.samples[0].image)


def test_a_method_that_does_not_restore_has_no_split(clock, stopwatch):
    time_restoring(Sleeper(clock), batches_of(2), stopwatch)
    assert stopwatch.frame().empty


def test_batches_are_whole_and_clean_images_are_for_oracles_alone():
    samples = [sample(index) for index in range(5)]
    hidden = whole_batches(samples, CLASSES, 2, clean=False)
    assert [[one.record.index for one in batch.samples] for batch in hidden] == [[0, 1], [2, 3]]
    assert all(one.clean is None for batch in hidden for one in batch.samples)
    shown = whole_batches(samples, CLASSES, 2, clean=True)
    assert all(one.clean is not None for batch in shown for one in batch.samples)


@pytest.mark.parametrize(("images", "wanted"), [(100, 32), (32, 32), (5, 32), (1000, 1), (7, 3), (5000, 4999)])
def test_images_are_spread_evenly(images, wanted):
    indices = spread(images, wanted)
    assert len(indices) == min(images, wanted)
    assert indices[0] >= 0
    assert indices[-1] < images
    steps = np.diff(indices)
    assert (steps > 0).all()
    assert len(steps) == 0 or steps.max() - steps.min() <= 1
    assert abs(indices[0] - (images - 1 - indices[-1])) <= 1


def test_loading_is_timed_image_by_image_without_the_first_touch(clock):
    spent = iter([900, 30, 10, 20])

    asked = []

    class Images:
        def sample(self, index, *, clean):
            asked.append((index, clean))
            clock.sleep(next(spent) * 1_000_000)
            return sample(index)

    samples, median = load(cast(Any, Images()), [4, 8, 9], True, clock)
    assert [one.record.index for one in samples] == [4, 8, 9]
    assert asked == [(4, True), (4, True), (8, True), (9, True)]
    assert median == pytest.approx(20)


def test_the_clock_of_the_processor_counts_nanoseconds():
    now = device_clock("cpu")
    assert isinstance(now(), int)
    assert now() <= now()
