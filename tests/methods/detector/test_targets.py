from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lqbench.methods.detector.decode import decode, peaks
from lqbench.methods.detector.loss import detector_loss, heat_loss
from lqbench.methods.detector.net import Prediction, decode_boxes
from lqbench.methods.detector.targets import STRIDE, Targets, encode

SIZE = (96, 128)
NOTHING = torch.zeros(0, 4)


@st.composite
def apart_boxes(draw: st.DrawFn) -> torch.Tensor:
    """Boxes of any size whose centres lie in different cells, more than one cell apart."""
    cells = draw(
        st.lists(
            st.tuples(st.integers(0, SIZE[1] // STRIDE // 2 - 1), st.integers(0, SIZE[0] // STRIDE // 2 - 1)),
            min_size=1,
            max_size=6,
            unique=True,
        )
    )
    side = st.floats(1.0, 60.0)
    within = st.floats(0.125, 0.875)
    boxes = []
    for column, row in cells:
        x, y = (2 * column + draw(within)) * STRIDE, (2 * row + draw(within)) * STRIDE
        w, h = min(draw(side), 2 * x, 2 * (SIZE[1] - x)), min(draw(side), 2 * y, 2 * (SIZE[0] - y))
        boxes.append([x - w / 2, y - h / 2, x + w / 2, y + h / 2])
    return torch.tensor(boxes, dtype=torch.float32)


def as_logits(heat: torch.Tensor) -> torch.Tensor:
    return torch.logit(heat.clamp(1e-6, 1 - 1e-6))[None]


@settings(max_examples=60, deadline=None)
@given(apart_boxes())
def test_perfect_maps_decode_to_the_boxes(boxes: torch.Tensor) -> None:
    # One class each, so that no box suppresses another.
    labels = torch.arange(len(boxes))
    targets = encode(boxes, labels, NOTHING, len(boxes), SIZE)
    # A cell shared by two objects learns the smaller one's box; give each object its own box here.
    maps = targets.boxes.clone()
    centres = ((boxes[:, :2] + boxes[:, 2:]) / 2 / STRIDE).floor().long()
    maps[:, centres[:, 1], centres[:, 0]] = boxes.T
    found = decode(Prediction(as_logits(targets.heat), maps[None]), SIZE)
    best = {int(label): box for label, box in reversed(list(zip(found.labels, found.xyxy, strict=True)))}
    assert sorted(best) == labels.tolist()
    np.testing.assert_allclose(np.stack([best[i] for i in range(len(boxes))]), boxes.numpy(), atol=1e-3)


@settings(max_examples=60, deadline=None)
@given(apart_boxes())
def test_centre_cells_are_exactly_the_ones_of_heat_1(boxes: torch.Tensor) -> None:
    targets = encode(boxes, torch.zeros(len(boxes), dtype=torch.int64), NOTHING, 1, SIZE)
    centres = ((boxes[:, :2] + boxes[:, 2:]) / 2 / STRIDE).floor().long()
    wanted = {(int(x), int(y)) for x, y in centres}
    rows, columns = torch.nonzero(targets.heat[0] == 1, as_tuple=True)
    assert {(int(x), int(y)) for x, y in zip(columns, rows, strict=True)} == wanted
    assert float(targets.heat.max()) == 1
    assert float(targets.heat.min()) >= 0


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.floats(-2, 2), st.floats(-2, 2), st.floats(-2, 4), st.floats(-2, 4)),
    st.integers(0, 23),
    st.integers(0, 31),
)
def test_box_code_means_centre_and_size_around_its_cell(code: tuple[float, ...], row: int, column: int) -> None:
    maps = torch.zeros(1, 4, SIZE[0] // STRIDE, SIZE[1] // STRIDE, dtype=torch.float64)
    maps[0, :, row, column] = torch.tensor(code, dtype=torch.float64)
    x1, y1, x2, y2 = decode_boxes(maps)[0, :, row, column].tolist()
    dx, dy, log_w, log_h = code
    np.testing.assert_allclose([x2 - x1, y2 - y1], [STRIDE * np.exp(log_w), STRIDE * np.exp(log_h)])
    cell_x, cell_y = (column + 0.5) * STRIDE, (row + 0.5) * STRIDE
    np.testing.assert_allclose([(x1 + x2) / 2, (y1 + y2) / 2], [cell_x + dx * (x2 - x1), cell_y + dy * (y2 - y1)])


def test_a_cell_under_two_objects_learns_the_smaller_one() -> None:
    boxes = torch.tensor([[0.0, 0, 80, 80], [34, 34, 46, 46]])
    targets = encode(boxes, torch.tensor([0, 0]), NOTHING, 1, SIZE)
    assert targets.boxes[:, 10, 10].tolist() == boxes[1].tolist()
    assert targets.boxes[:, 10, 5].tolist() == boxes[0].tolist()


def test_weights_of_an_object_sum_to_one() -> None:
    boxes = torch.tensor([[8.0, 8, 60, 70], [100, 20, 112, 28]])
    targets = encode(boxes, torch.tensor([0, 1]), NOTHING, 2, SIZE)
    large = targets.weight[:, : 80 // STRIDE].sum()
    assert abs(float(large) - 1) < 1e-5
    assert abs(float(targets.weight.sum()) - 2) < 1e-5


def test_ignored_regions_and_no_boxes() -> None:
    targets = encode(NOTHING, torch.zeros(0, dtype=torch.int64), torch.tensor([[16.0, 8, 32, 24]]), 3, SIZE)
    assert targets.heat.shape == (3, 24, 32)
    assert float(targets.heat.sum()) == 0
    assert int((targets.known == 0).sum()) == 4 * 4
    assert float(targets.known[2:6, 4:8].sum()) == 0
    logits = torch.full((1, 3, 24, 32), -9.0)
    batch = Targets(*(value[None] for value in targets))
    quiet = heat_loss(logits, batch)
    logits[:, :, 3, 5] = 9.0
    assert torch.isclose(heat_loss(logits, batch), quiet, rtol=0.01)
    logits[:, :, 20, 20] = 9.0
    assert heat_loss(logits, batch) > quiet + 10


def test_perfect_prediction_has_nearly_no_loss() -> None:
    boxes = torch.tensor([[8.0, 8, 60, 70], [100, 20, 112, 28]])
    targets = encode(boxes, torch.tensor([0, 1]), NOTHING, 2, SIZE)
    batch = Targets(*(value[None] for value in targets))
    perfect = Prediction(torch.where(batch.heat == 1, 12.0, -12.0), batch.boxes)
    assert float(detector_loss(perfect, batch)) < 1e-3
    shifted = Prediction(perfect.heat, batch.boxes + 3)
    assert float(detector_loss(shifted, batch)) > 0.5


def test_peaks_are_local_maxima_best_first() -> None:
    heat = torch.zeros(2, 6, 6)
    heat[0, 1, 1], heat[0, 1, 2], heat[1, 4, 4], heat[1, 0, 0] = 0.9, 0.8, 0.95, 0.005
    scores, labels, cells = peaks(heat)
    assert labels.tolist() == [1, 0]
    assert cells.tolist() == [4 * 6 + 4, 1 * 6 + 1]
    np.testing.assert_allclose(scores.numpy(), [0.95, 0.9])


def test_boxes_are_clipped_and_those_in_the_padding_dropped() -> None:
    heat = torch.full((1, 1, 8, 8), -20.0)
    boxes = torch.zeros(1, 4, 8, 8)
    heat[0, 0, 1, 1], heat[0, 0, 7, 7] = 5.0, 4.0
    boxes[0, :, 1, 1] = torch.tensor([-5.0, 2, 40, 12])
    boxes[0, :, 7, 7] = torch.tensor([27.0, 26, 31, 30])
    found = decode(Prediction(heat, boxes), (20, 25))
    assert found.xyxy.tolist() == [[0, 2, 25, 12]]
