from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from lqbench.datasets.seeds import generator
from lqbench.datasets.types import Boxes
from lqbench.methods.detector.config import load_config
from lqbench.methods.detector.crops import Crops, CropSampler, Window, crop_boxes, cut, draw_window, mirror
from lqbench.methods.detector.net import normalise
from lqbench.methods.training.pixels import PixelStore

CONFIG = load_config("tiny").crops


def boxes_of(*rows: tuple[float, float, float, float], crowd: bool = False) -> Boxes:
    n = len(rows)
    xyxy = np.array(rows, np.float32).reshape(n, 4)
    area = (xyxy[:, 2] - xyxy[:, 0]).astype(np.float64)
    return Boxes(xyxy, np.arange(n), area, area, np.full(n, crowd), np.zeros(n, bool))


@pytest.fixture
def store(tmp_path: Path) -> PixelStore:
    rng = np.random.default_rng(1)
    sizes = ((90, 120), (64, 50), (200, 200))
    images = [rng.integers(0, 256, (*size, 3), np.uint8) for size in sizes]
    store = PixelStore(tmp_path / "pixels.u8", sizes)
    assert not store.complete
    store.fill(images)
    assert store.complete
    assert all(np.array_equal(store[i], image) for i, image in enumerate(images))
    return store


@pytest.fixture
def crops(store: PixelStore) -> Crops:
    boxes = (boxes_of((10, 10, 60, 70)), Boxes.empty(), boxes_of((20, 30, 90, 100), (150, 150, 190, 180)))
    return Crops(store, boxes, 2, CONFIG, seed=5)


def test_store_refuses_an_image_of_another_size(tmp_path: Path) -> None:
    store = PixelStore(tmp_path / "pixels.u8", [(4, 4)])
    with pytest.raises(ValueError, match="announced"):
        store.fill([np.zeros((4, 5, 3), np.uint8)])
    assert not store.complete


def test_a_pickled_store_carries_no_pixels(store: PixelStore) -> None:
    assert store[0].size
    assert len(pickle.dumps(store)) < 2000
    assert np.array_equal(pickle.loads(pickle.dumps(store))[1], store[1])


def test_cut_without_scaling_is_the_window_with_grey_outside() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)
    crop = cut(image, Window(-8, 20, 32), 32).permute(1, 2, 0).numpy()
    assert np.array_equal(crop[:20, 8:], image[20:40, :24])
    assert (crop[:, :8] == 128).all()
    assert (crop[20:] == 128).all()


def test_windows_stay_inside_larger_images_and_hold_smaller_ones() -> None:
    rng = generator(0, "windows")
    for _ in range(200):
        window = draw_window(rng, (400, 20), np.zeros((0, 4), np.float32), CONFIG)
        assert CONFIG.size / 1.31 <= window.side <= CONFIG.size / 0.39
        assert 0 <= window.y <= 400 - window.side
        assert 20 - window.side <= window.x <= 0


def test_aimed_windows_hold_a_whole_object() -> None:
    rng = generator(0, "aimed")
    corner = np.array([[380, 2, 398, 9]], np.float32)
    config = CONFIG.model_copy(update={"aimed": 1.0})
    for _ in range(200):
        window = draw_window(rng, (300, 400), corner, config)
        assert window.x <= 380
        assert window.x + window.side >= 398
        assert window.y <= 2
        assert window.y + window.side >= 9
        assert 0 <= window.x <= 400 - window.side
        assert 0 <= window.y <= 300 - window.side


def test_windows_aimed_at_an_object_larger_than_them_hold_its_centre() -> None:
    rng = generator(0, "large")
    config = CONFIG.model_copy(update={"aimed": 1.0})
    for _ in range(200):
        window = draw_window(rng, (400, 400), np.array([[0, 0, 400, 300]], np.float32), config)
        assert window.x <= 200 <= window.x + window.side
        assert window.y <= 150 <= window.y + window.side


def test_boxes_follow_the_pixels() -> None:
    # A white box on black: after cutting and scaling, the white pixels and the moved box must agree.
    image = np.zeros((100, 100, 3), np.uint8)
    image[20:60, 30:90] = 255
    window = Window(10, -4, 128)
    boxes, labels, ignored = crop_boxes(boxes_of((30, 20, 90, 60)), window, CONFIG)
    assert labels.tolist() == [0]
    assert len(ignored) == 0
    rows, columns = np.nonzero(cut(image, window, CONFIG.size)[0].numpy() == 255)
    extent = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    np.testing.assert_allclose(boxes[0].numpy(), extent, atol=1)


def test_small_cut_off_and_crowd_boxes_are_ignored_not_learnt() -> None:
    window = Window(0, 0, CONFIG.size)
    mostly_outside, too_small, outside = (60.0, 10.0, 90.0, 40.0), (10.0, 10.0, 12.0, 40.0), (70.0, 70.0, 90.0, 90.0)
    boxes, labels, ignored = crop_boxes(boxes_of(mostly_outside, too_small, outside, (5, 5, 45, 45)), window, CONFIG)
    assert labels.tolist() == [3]
    assert boxes.tolist() == [[5, 5, 45, 45]]
    assert ignored.tolist() == [[60, 10, 64, 40], [10, 10, 12, 40]]
    boxes, _, ignored = crop_boxes(boxes_of((5, 5, 45, 45), crowd=True), window, CONFIG)
    assert (len(boxes), len(ignored)) == (0, 1)


def test_mirror_twice_is_the_same() -> None:
    boxes = torch.tensor([[1.0, 2, 10, 20]])
    assert mirror(boxes, 64).tolist() == [[54, 2, 63, 20]]
    assert torch.equal(mirror(mirror(boxes, 64), 64), boxes)


def test_a_crop_depends_on_seed_epoch_and_position_alone(crops: Crops) -> None:
    image, targets = crops[3, 2]
    again, targets_again = pickle.loads(pickle.dumps(crops))[3, 2]
    assert torch.equal(image, again)
    assert all(torch.equal(a, b) for a, b in zip(targets, targets_again, strict=True))
    assert image.shape == (3, CONFIG.size, CONFIG.size)
    assert not torch.equal(image, crops[4, 2][0])
    assert float(image.min()) >= float(normalise(torch.tensor(0.0)))


def test_an_image_without_objects_gives_empty_targets(crops: Crops) -> None:
    _, targets = crops[0, 1]
    assert float(targets.heat.sum()) == 0
    assert float(targets.known.min()) == 1


def test_the_sampler_visits_every_position_in_a_new_order_each_epoch() -> None:
    sampler = CropSampler(20, seed=3)
    orders = []
    for epoch in (0, 1, 0):
        sampler.set_epoch(epoch)
        orders.append(list(sampler))
    assert orders[0] == orders[2]
    assert [position for _, position in orders[0]] != [position for _, position in orders[1]]
    assert sorted(position for _, position in orders[1]) == list(range(20))
    assert {epoch for epoch, _ in orders[1]} == {1}
