from __future__ import annotations

from itertools import chain
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from lqbench.datasets.types import Boxes, ImageRecord
from lqbench.methods.training.heldout import EqualShares, HeldOut, split_off
from lqbench.methods.training.sampler import EpochSampler
from lqbench.methods.training.schedule import OptimiserConfig, ScheduleConfig, learning_rate_factor, make_optimiser


def batches(sampler: EpochSampler) -> list[list[tuple[int, int]]]:
    keys = list(sampler)
    return [keys[start : start + sampler.batch] for start in range(0, len(keys), sampler.batch)]


@given(st.integers(1, 4), st.integers(1, 5), st.integers(0, 60))
def test_processes_share_what_one_would_see(processes: int, batch: int, length: int) -> None:
    whole = batches(EpochSampler(length, batch * processes, seed=1))
    parts = [batches(EpochSampler(length, batch, 1, rank=rank, processes=processes)) for rank in range(processes)]
    assert [list(chain.from_iterable(shares)) for shares in zip(*parts, strict=True)] == whole
    seen = [position for part in parts for one in part for _, position in one]
    assert len(seen) == len(set(seen)) == length // (batch * processes) * batch * processes


def test_epochs_and_seeds_have_their_own_order() -> None:
    sampler = EpochSampler(50, 5, seed=0)
    first = list(sampler)
    assert first == list(sampler)
    sampler.set_epoch(1)
    second = list(sampler)
    assert {epoch for epoch, _ in second} == {1}
    assert [position for _, position in first] != [position for _, position in second]
    assert list(EpochSampler(50, 5, seed=1)) != first


def test_an_epoch_can_be_entered_late() -> None:
    whole = EpochSampler(23, 4, seed=0)
    whole.set_epoch(2)
    late = EpochSampler(23, 4, seed=0, first_epoch=2, first_batch=3)
    assert batches(late) == batches(whole)[3:]
    assert len(late) == len(whole) == 20
    late.set_epoch(3)
    assert len(list(late)) == 20


def test_the_published_schedule() -> None:
    config = ScheduleConfig(epochs=28, shape="steps", steps=(18, 24), warm_up_steps=1000)
    factor = learning_rate_factor(config, 9000)
    assert factor(0) == pytest.approx(0.001)
    assert factor(500) == pytest.approx(0.5005)
    assert factor(1000) == factor(18 * 9000 - 1) == 1
    assert factor(18 * 9000) == factor(24 * 9000 - 1) == pytest.approx(0.1)
    assert factor(24 * 9000) == pytest.approx(0.01)


def test_a_cosine_falls_to_nothing() -> None:
    factor = learning_rate_factor(ScheduleConfig(epochs=10, shape="cosine", warm_up_steps=20, warm_up_from=0.1), 10)
    values = [factor(step) for step in range(101)]
    assert values[0] == pytest.approx(0.1)
    assert values[20] == 1
    assert values[60] == pytest.approx(0.5)
    assert values[100] == pytest.approx(0)
    assert values[:21] == sorted(values[:21])
    assert values[20:] == sorted(values[20:], reverse=True)
    assert learning_rate_factor(ScheduleConfig(epochs=1, shape="constant"), 10)(9) == 1


def test_norms_may_be_left_out_of_the_decay() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    all_decay = make_optimiser(net, OptimiserConfig(name="sgd", learning_rate=0.1, weight_decay=0.01))
    some = make_optimiser(net, OptimiserConfig(name="adamw", learning_rate=0.1, weight_decay=0.01, decay_norms=False))
    assert [group["weight_decay"] for group in all_decay.param_groups] == [0.01]
    assert [(len(group["params"]), group["weight_decay"]) for group in some.param_groups] == [(1, 0.01), (3, 0.0)]


class Pictures:
    """Six images at half size, with what ``HeldOut`` asks of a dataset."""

    classes = ("thing",)
    fingerprint = "abc"
    spec = SimpleNamespace(name="pictures")

    def __init__(self, names: str = "abcdef") -> None:
        self.records = tuple(
            ImageRecord(name, index, name, (20, 30), (20, 30), (10, 15), (0.5, 0.5), 0)
            for index, name in enumerate(names)
        )
        ones, none = np.ones(1), np.zeros(1, bool)
        box = np.array([[1, 2, 3, 4]], np.float32)
        self.boxes = tuple(
            Boxes(box * (i + 1), np.zeros(1, np.int64), ones, ones, none, none) for i in range(len(names))
        )

    def __len__(self) -> int:
        return len(self.records)

    def sample(self, index: int) -> Any:
        return SimpleNamespace(image=torch.full((3, 10, 15), index, dtype=torch.uint8))

    def clean(self, index: int) -> torch.Tensor:
        return torch.full((3, 20, 30), 100 + index, dtype=torch.uint8)

    def facts(self) -> dict[str, Any]:
        return {"images": len(self)}


def test_what_is_held_out_follows_from_names() -> None:
    learnt, held_out = split_off(Pictures(), 2)  # type: ignore[arg-type]
    assert sorted(learnt + held_out) == list(range(6))
    assert len(held_out) == 2
    names = {Pictures().records[index].image_id for index in held_out}
    other = Pictures("fedcba")
    _, again = split_off(other, 2)  # type: ignore[arg-type]
    assert {other.records[index].image_id for index in again} == names


def test_held_out_images_are_degraded_or_clean() -> None:
    degraded, clean = (HeldOut(Pictures(), [4, 1], clean=clean) for clean in (False, True))  # type: ignore[arg-type]
    assert (degraded[1][0], int(degraded[1][1].max()), degraded[0][1].shape) == (1, 1, (3, 10, 15))
    assert (int(clean[0][1].max()), clean[0][1].shape) == (104, (3, 20, 30))
    assert [record.index for record in degraded.records] == [0, 1]
    assert degraded.boxes[0].xyxy.tolist() == [[5, 10, 15, 20]]
    assert clean.boxes[0].xyxy.tolist() == [[10, 20, 30, 40]]
    assert clean.boxes[0].areas.tolist() == [4]
    assert clean.records[0].size == (20, 30)
    assert degraded.fingerprint != clean.fingerprint
    assert degraded.facts()["images"] == 2


@given(st.integers(1, 30), st.integers(1, 7))
def test_shares_are_equal_and_complete(length: int, processes: int) -> None:
    shares = [list(EqualShares(length, rank, processes)) for rank in range(processes)]
    assert len({len(share) for share in shares}) == 1
    assert {place for share in shares for place in share} == set(range(length))
