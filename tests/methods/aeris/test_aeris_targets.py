from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lqbench.methods.aeris.loss import Losses, LossWeights, centre_loss, heat_loss, restoration_loss
from lqbench.methods.aeris.targets import Targets, encode, gaussian_radius
from lqbench.methods.mmcv_ops.install import install

CLASSES, COUNT, SIZE = 3, 2, (64, 96)


def objects(seed: int = 0, number: int = 9) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    low = torch.rand(number, 2, generator=random) * torch.tensor([60.0, 30.0])
    boxes = torch.cat([low, low + 2 + torch.rand(number, 2, generator=random) * 32], dim=1)
    labels = torch.randint(0, CLASSES, (number,), generator=random)
    return boxes, labels, torch.arange(number) % COUNT


def brute_heat(boxes: torch.Tensor, labels: torch.Tensor, owners: torch.Tensor) -> torch.Tensor:
    """Draw each cell of each bell by itself, as the papers' formulas say."""
    heat = torch.zeros(COUNT, CLASSES, SIZE[0] // 4, SIZE[1] // 4)
    for box, label, owner in zip(boxes.tolist(), labels.tolist(), owners.tolist(), strict=True):
        x1, y1, x2, y2 = (value / 4 for value in box)
        cx, cy = int((x1 + x2) / 2), int((y1 + y2) / 2)
        radius = int(brute_radius(x2 - x1, y2 - y1, 0.3))
        sigma = (2 * radius + 1) / 6
        for y in range(max(0, cy - radius), min(heat.shape[2], cy + radius + 1)):
            for x in range(max(0, cx - radius), min(heat.shape[3], cx + radius + 1)):
                value = math.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * sigma**2))
                heat[owner, label, y, x] = max(float(heat[owner, label, y, x]), value)
    return heat


def brute_radius(width: float, height: float, overlap: float) -> float:
    """Find by bisection how far corners may move in each of the three cases."""

    def moved(r: float) -> float:
        inner = max(0, width - r) * max(0, height - r)
        return inner / (2 * width * height - inner)

    def shrunk(r: float) -> float:
        return max(0, width - 2 * r) * max(0, height - 2 * r) / (width * height)

    def grown(r: float) -> float:
        return width * height / ((width + 2 * r) * (height + 2 * r))

    def largest(iou: object) -> float:
        low, high = 0.0, 4 * (width + height)
        for _ in range(80):
            middle = (low + high) / 2
            low, high = (middle, high) if iou(middle) >= overlap else (low, middle)  # type: ignore[operator]
        return low

    return min(largest(moved), largest(shrunk), largest(grown))


@settings(max_examples=50, deadline=None)
@given(st.floats(0.5, 200), st.floats(0.5, 200), st.sampled_from([0.1, 0.3, 0.7]))
def test_the_radius_keeps_the_overlap(width: float, height: float, overlap: float) -> None:
    found = gaussian_radius(torch.tensor([width]), torch.tensor([height]), overlap)
    assert float(found) == pytest.approx(brute_radius(width, height, overlap), rel=1e-4)


def test_heat_maps_are_those_drawn_cell_by_cell() -> None:
    boxes, labels, owners = objects()
    heat = encode(boxes, labels, owners, COUNT, CLASSES, SIZE).heat
    assert torch.allclose(heat, brute_heat(boxes, labels, owners), atol=1e-6)


def test_targets_and_losses_are_mmdetections() -> None:
    install()
    head_module = pytest.importorskip("mmdet.models.dense_heads.centernet_head", exc_type=ImportError)
    structures = pytest.importorskip("mmengine.structures")
    head = head_module.CenterNetHead(8, 8, CLASSES)
    boxes, labels, owners = objects(3, 12)
    random = torch.Generator().manual_seed(1)
    shapes = ((COUNT, channels, SIZE[0] // 4, SIZE[1] // 4) for channels in (CLASSES, 2, 2))
    logits, sizes, offsets = (torch.randn(shape, generator=random) for shape in shapes)
    instances = [
        structures.InstanceData(bboxes=boxes[owners == image], labels=labels[owners == image]) for image in range(COUNT)
    ]
    wanted = head.loss_by_feat([logits.sigmoid()], [sizes], [offsets], instances, [{"batch_input_shape": SIZE}] * COUNT)
    targets = encode(boxes, labels, owners, COUNT, CLASSES, SIZE)
    theirs, number = head.get_targets(
        [one.bboxes for one in instances], [one.labels for one in instances], logits.shape, SIZE
    )
    assert torch.allclose(targets.heat, theirs["center_heatmap_target"], atol=1e-6)
    assert number == int((targets.heat == 1).sum())
    found = {
        "loss_center_heatmap": heat_loss(logits, targets.heat),
        "loss_wh": 0.1 * centre_loss(sizes, targets.sizes, targets),
        "loss_offset": centre_loss(offsets, targets.offsets, targets),
    }
    for name, value in found.items():
        assert float(value) == pytest.approx(float(wanted[name]), rel=1e-4), name


def test_targets_follow_the_size_of_the_degraded_image() -> None:
    boxes, labels, owners = objects(5)
    small = encode(boxes / 2, labels, owners, COUNT, CLASSES, (32, 48))
    whole = encode(boxes, labels, owners, COUNT, CLASSES, SIZE)
    assert small.heat.shape == (COUNT, CLASSES, 8, 12)
    # The same object, drawn alone: half as wide, its centre cell at half the place.
    one = encode(boxes[:1] / 2, labels[:1], owners[:1], COUNT, CLASSES, (32, 48))
    twice = encode(boxes[:1], labels[:1], owners[:1], COUNT, CLASSES, SIZE)
    assert torch.allclose(one.sizes * 2, twice.sizes)
    place, wide = int(one.cells) % 96, int(twice.cells) % (16 * 24)
    assert (place // 12, place % 12) == (wide // 24 // 2, wide % 24 // 2)
    assert len(whole.cells) >= len(small.cells)


def test_of_two_objects_in_one_cell_the_later_is_learnt() -> None:
    boxes = torch.tensor([[0.0, 0.0, 16.0, 16.0], [4.0, 4.0, 12.5, 12.5]])
    targets = encode(boxes, torch.tensor([0, 1]), torch.tensor([0, 0]), 1, CLASSES, SIZE)
    assert targets.cells.tolist() == [2 * 24 + 2]
    assert torch.allclose(targets.sizes, torch.tensor([[8.5 / 4, 8.5 / 4]]))
    assert torch.allclose(targets.offsets, torch.tensor([[8.25 / 4 - 2] * 2]))
    assert targets.heat[0, :2, 2, 2].tolist() == [1, 1]


def test_a_batch_without_objects_has_background_only() -> None:
    nothing = torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.int64)
    targets = encode(*nothing, COUNT, CLASSES, SIZE)
    assert targets.heat.sum() == 0
    logits = torch.full(targets.heat.shape, -2.0)
    probability = 1 / (1 + math.exp(2))
    expected = -math.log(1 - probability) * probability**2 * logits.numel()
    assert float(heat_loss(logits, targets.heat)) == pytest.approx(expected, rel=1e-5)
    assert float(centre_loss(torch.randn(COUNT, 2, 16, 24), targets.sizes, targets)) == 0


def test_an_object_at_the_far_corner_stays_on_the_map() -> None:
    boxes = torch.tensor([[95.9, 63.9, 96.0, 64.0], [96.0, 64.0, 96.0, 64.0]])
    targets = encode(boxes, torch.tensor([0, 1]), torch.tensor([0, 0]), 1, CLASSES, SIZE)
    assert targets.cells.tolist() == [16 * 24 - 1]


def test_the_sum_of_the_losses_is_weighted() -> None:
    parts = [torch.tensor(value) for value in (1.0, 2.0, 3.0, 5.0)]
    assert float(Losses(*parts).total(LossWeights())) == pytest.approx(1 + 0.2 + 3 + 2)
    assert float(Losses(*parts[:3]).total(LossWeights())) == pytest.approx(4.2)
    assert float(restoration_loss(torch.full((1, 3, 2, 2), 0.75), torch.full((1, 3, 2, 2), 0.5))) == 0.25


def test_the_loss_is_finite_for_wild_logits() -> None:
    boxes, labels, owners = objects()
    targets: Targets = encode(boxes, labels, owners, COUNT, CLASSES, SIZE)
    logits = torch.full_like(targets.heat, 200.0).requires_grad_()
    loss = heat_loss(logits, targets.heat) + heat_loss(-logits, targets.heat)
    loss.backward()
    assert torch.isfinite(loss)
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
