"""Training pairs: augmentation, sizes, boxes that stay on their objects."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lqbench.datasets.degradations import degradation
from lqbench.methods.tdsr.augment import AugmentConfig, augment, distort, expand
from lqbench.methods.tdsr.data import ImageSource, PairConfig, Pairs, collate, reduced, squeeze, window

RED, GREY = (250, 10, 10), 120


def scene(height: int, width: int, box: tuple[int, int, int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a grey image with one red rectangle, its box and its label."""
    image = np.full((height, width, 3), GREY, np.uint8)
    x1, y1, x2, y2 = box
    image[y1:y2, x1:x2] = RED
    return image, np.array([box], np.float32), np.array([3])


def red_box(image: np.ndarray) -> tuple[float, float, float, float]:
    """Return the bounding box of what is more red than green."""
    rows, columns = np.nonzero(image[..., 0].astype(int) - image[..., 1] > 100)
    return float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(40, 120), st.integers(40, 120))
def test_boxes_stay_on_their_objects(seed: int, height: int, width: int) -> None:
    image, xyxy, labels = scene(height, width, (12, 15, 30, 33))
    before = image.copy()
    config = AugmentConfig(photometric=0.0)
    changed, boxes, kept = augment(np.random.default_rng(seed), image, xyxy, labels, config)
    assert np.array_equal(image, before)
    assert kept.tolist() == [3]
    assert np.abs(boxes[0] - red_box(changed)).max() <= 1
    resized, moved = squeeze(changed, boxes, 64)
    assert resized.shape == (64, 64, 3)
    shrink = max(changed.shape[:2]) / 64
    assert np.abs(moved[0] - red_box(resized)).max() <= 2 + 2 / min(1, shrink)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(20, 90), st.integers(20, 90))
def test_a_window_shows_the_object_pixel_for_pixel(seed: int, height: int, width: int) -> None:
    image, xyxy, labels = scene(height, width, (5, 6, 15, 14))
    part, boxes, kept = window(np.random.default_rng(seed), image, xyxy, labels, 32)
    assert part.shape == (32, 32, 3)
    assert len(boxes) == 1
    assert kept.tolist() == [3]
    assert (boxes >= 0).all()
    assert (boxes <= 32).all()
    x1, y1, x2, y2 = boxes[0].astype(int)
    assert (part[y1:y2, x1:x2] == RED).all()


def test_colours_stay_within_eight_bits_and_change() -> None:
    image = np.random.default_rng(0).integers(0, 256, (20, 20, 3)).astype(np.uint8)
    changed = distort(np.random.default_rng(1), image, 1.0)
    assert changed.dtype == np.uint8
    assert (changed != image).mean() > 0.5
    assert np.array_equal(distort(np.random.default_rng(1), image, 0.0), image)


def test_an_expanded_image_lies_whole_on_a_canvas_of_the_mean() -> None:
    image, xyxy, _ = scene(30, 40, (2, 3, 10, 12))
    canvas, boxes = expand(np.random.default_rng(3), image, xyxy, AugmentConfig())
    assert canvas.shape[0] >= 30
    assert canvas.shape[1] >= 40
    x1, y1, x2, y2 = boxes[0].astype(int)
    assert (canvas[y1:y2, x1:x2] == RED).all()
    outside = (canvas == (123, 117, 104)).all(axis=2).sum()
    assert outside == canvas.shape[0] * canvas.shape[1] - 30 * 40


def test_low_resolution_images_are_those_of_the_track() -> None:
    image = torch.randint(0, 256, (3, 300, 300), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    for factor in (4, 8):
        track = degradation("voc-lr", {"factor": factor})
        expected = track.apply(image, track.draw(0, (300, 300)), 0)
        found = reduced(image, factor)
        assert found.shape == expected.shape
        # The track computes in double precision; a level may differ where single precision rounds otherwise.
        assert (found.int() - expected.int()).abs().max() <= 1
        assert (found != expected).float().mean() < 0.001


def sources() -> list[ImageSource]:
    scenes = [scene(50, 60, (5, 5, 25, 30)), scene(70, 45, (10, 20, 30, 60)), scene(40, 40, (0, 0, 40, 40))]
    return [
        ImageSource(lambda place: scenes[place][0], [one[1:] for one in scenes[:2]]),
        ImageSource(lambda place: scenes[2][0], [scenes[2][1:]]),
    ]


def test_pairs_depend_on_their_key_alone_and_go_round_all_images() -> None:
    pairs = Pairs(sources(), 4, PairConfig(size=32), seed=5, length=6)
    first, again = pairs[1, 4], Pairs(sources(), 4, PairConfig(size=32), seed=5, length=6)[1, 4]
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first.high, pairs[2, 4].high)
    assert [int(pairs[0, position].source) for position in range(6)] == [0, 0, 1, 0, 0, 1]
    batch = collate([pairs[0, position] for position in range(3)])
    assert batch.high.shape == (3, 3, 32, 32)
    assert batch.low.shape == (3, 3, 8, 8)
    assert batch.high.dtype == batch.low.dtype == torch.uint8
    assert len(batch.boxes) == len(batch.labels) == 3
    assert batch.source.tolist() == [0, 0, 1]


def test_sides_that_the_scale_does_not_divide_are_continued() -> None:
    pairs = Pairs(sources(), 8, PairConfig(size=30, shape="window"), seed=0, length=2)
    assert pairs[0, 0].low.shape == (3, 4, 4)


def test_noise_is_added_to_low_resolution_images_alone() -> None:
    plain = Pairs(sources(), 4, PairConfig(size=32), seed=5, length=6)[0, 0]
    noisy = Pairs(sources(), 4, PairConfig(size=32, noise_sigma_255=(10, 10)), seed=5, length=6)[0, 0]
    assert torch.equal(plain.high, noisy.high)
    assert 4 < (plain.low.float() - noisy.low.float()).std() < 16


def test_objects_too_thin_to_see_are_left_out() -> None:
    image, xyxy, labels = scene(64, 64, (10, 10, 11, 40))
    thin = ImageSource(lambda place: image, [(xyxy, labels)])
    config = PairConfig(size=64, shape="window", least_side=2)
    assert len(Pairs([thin], 4, config, seed=0, length=1)[0, 0].boxes) == 0


@pytest.mark.parametrize("shape", ["squeeze", "window"])
def test_images_without_objects_make_pairs(shape: str) -> None:
    image = np.zeros((40, 50, 3), np.uint8)
    empty = ImageSource(lambda place: image, [(np.zeros((0, 4), np.float32), np.zeros(0, np.int64))])
    pair = Pairs([empty], 4, PairConfig.model_validate({"size": 32, "shape": shape}), seed=0, length=1)[0, 0]
    assert pair.boxes.shape == (0, 4)
