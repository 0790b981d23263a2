from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lqbench.datasets.seeds import generator
from lqbench.datasets.types import Boxes
from lqbench.methods.aeris.data import CropConfig, Crops, Patch, collate, cut, draw_patch, inside, mirrored, move_boxes

CONFIG = CropConfig(size=64, border=16)


def boxes_of(rows: list[list[float]], crowd: list[bool] | None = None) -> Boxes:
    xyxy = np.array(rows, np.float32).reshape(-1, 4)
    count = len(xyxy)
    area = np.ones(count)
    return Boxes(xyxy, np.arange(count), area, area, np.array(crowd or [False] * count, bool), np.zeros(count, bool))


def marked_image(height: int = 80, width: int = 100) -> np.ndarray:
    """A black image with a white square where the box of ``MARKED`` is."""
    image = np.zeros((height, width, 3), np.uint8)
    image[20:40, 30:60] = 255
    return image


MARKED = [30.0, 20.0, 60.0, 40.0]


def crops(config: CropConfig = CONFIG, seed: int = 0, rows: list[list[float]] | None = None) -> Crops:
    rows = [MARKED] if rows is None else rows
    return Crops(lambda index: marked_image(), [boxes_of(rows), boxes_of(rows)], config, seed)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 500), st.floats(0.6, 1.3))
def test_boxes_stay_on_their_objects(position: int, ratio: float) -> None:
    config = CONFIG.model_copy(update={"ratios": (ratio,)})
    image, boxes, labels = crops(config)[(3, position)]
    assert image.shape == (3, 64, 64)
    assert image.dtype == torch.uint8
    assert labels.tolist() == [0]
    x1, y1, x2, y2 = boxes[0].tolist()
    assert 0 <= x1 < x2 <= 64
    assert 0 <= y1 < y2 <= 64
    rows, columns = (image[0] > 127).nonzero().T
    seen = [float(columns.min()), float(rows.min()), float(columns.max()) + 1, float(rows.max()) + 1]
    assert np.abs(np.array(seen) - [x1, y1, x2, y2]).max() < 1.6


def test_seed_epoch_and_position_decide_a_crop() -> None:
    def pixels(seed: int, epoch: int, position: int) -> torch.Tensor:
        return crops(seed=seed)[(epoch, position)][0]

    assert torch.equal(pixels(0, 1, 0), pixels(0, 1, 0))
    assert len({pixels(*key).numpy().tobytes() for key in ((0, 1, 0), (1, 1, 0), (0, 2, 0), (0, 1, 2))}) == 4


def test_half_of_the_crops_are_mirrored() -> None:
    gradient = np.broadcast_to(np.arange(100, dtype=np.uint8)[None, :, None], (80, 100, 3))
    made = Crops(lambda index: gradient, [boxes_of([])], CONFIG, 0)
    rising = [bool((image := made[(0, position)][0][0].float())[32, 48] > image[32, 16]) for position in range(200)]
    assert 70 < sum(rising) < 130
    assert mirrored(np.array([[1.0, 2, 5, 9]], np.float32), 10).tolist() == [[5, 2, 9, 9]]


def test_a_patch_beyond_the_image_is_filled() -> None:
    image = np.full((40, 40, 3), 200, np.uint8)
    crop = cut(image, Patch(0, 0, 64), CropConfig(size=64, fill=7))
    assert (crop[:32] == 7).all()
    assert (crop[:, :32] == 7).all()
    assert (crop[32:, 32:] == 200).all()


def test_every_patch_holds_an_object_where_there_is_one() -> None:
    lonely = np.array([[95, 75, 99, 79]], np.float32)
    config = CropConfig(size=32, ratios=(0.6,), border=0)
    for position in range(50):
        patch = draw_patch(generator(position, "patch"), (80, 100), lonely, config)
        assert inside(lonely, patch, (80, 100)).all()


def test_an_object_that_no_border_allows_is_aimed_at() -> None:
    corner = np.array([[0, 0, 2, 2]], np.float32)
    patch = draw_patch(generator(0, "patch"), (512, 512), corner, CropConfig(size=32, ratios=(0.6,), border=128))
    assert inside(corner, patch, (512, 512)).all()


def test_boxes_are_clipped_and_slivers_dropped() -> None:
    rows = np.array([[-20, 10, 30, 20], [10, 10, 11, 30], [50, 50, 120, 60], [40, 40, 60, 60]], np.float32)
    kept, labels = move_boxes(rows, np.arange(4), Patch(32, 32, 64), CropConfig(size=128, min_side=3))
    assert labels.tolist() == [0, 3]
    assert kept.tolist() == [[0, 20, 60, 40], [80, 80, 120, 120]]


def test_crowds_are_not_learnt() -> None:
    made = Crops(lambda index: marked_image(), [boxes_of([MARKED, MARKED], [True, False])], CONFIG, 0)
    assert made[(0, 0)][2].tolist() == [1]


def test_a_batch_strings_objects_together() -> None:
    made = crops(rows=[MARKED, [31.0, 21.0, 59.0, 39.0]])
    nothing = Crops(lambda index: marked_image(), [boxes_of([])], CONFIG, 0)
    batch = collate([made[(0, 0)], nothing[(0, 0)], made[(0, 1)]])
    assert batch.images.shape == (3, 3, 64, 64)
    assert batch.owners.tolist() == [0, 0, 2, 2]
    assert batch.boxes.shape == (4, 4)
    assert batch.labels.tolist() == [0, 1, 0, 1]


def test_repeating_makes_an_epoch_longer() -> None:
    made = crops(CONFIG.model_copy(update={"repeat": 5}))
    assert len(made) == 10
    assert not torch.equal(made[(0, 0)][0], made[(0, 2)][0])


@pytest.mark.parametrize(
    ("border", "length", "wanted"), [(128, 512, 128), (128, 352, 128), (128, 235, 64), (128, 64, 16)]
)
def test_borders_are_halved_as_in_mmdetection(border: int, length: int, wanted: int) -> None:
    from lqbench.methods.aeris.data import _border

    assert _border(border, length) == wanted
