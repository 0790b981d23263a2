"""The loss of yolox-nano is YOLOX's own, and classes without labels are left alone."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from lqbench.methods.class_names import COCO80, VOC20
from lqbench.methods.detectors.base import TaskTargets
from lqbench.methods.detectors.tasks.sim_ota import assign
from lqbench.methods.detectors.tasks.yolox_loss import yolox_loss
from lqbench.methods.detectors.yolox import YoloxNano
from lqbench.methods.detectors.yolox_net import STRIDES, YoloxNanoNet

SIZE = (96, 128)
CLASSES = 5
CELLS = sum((SIZE[0] // s) * (SIZE[1] // s) for s in STRIDES)
BOXES = torch.tensor([[5.0, 8, 60, 70], [40, 30, 125, 90], [100, 4, 112, 15], [44, 34, 122, 88]])
LABELS = torch.tensor([1, 4, 0, 2])


def raw_predictions(images: int, seed: int = 0) -> Tensor:
    raw = torch.randn(images, CELLS, 5 + CLASSES, generator=torch.Generator().manual_seed(seed))
    raw[..., 2:4] += 1.0
    return raw


def targets(*counts: int, known: Tensor | None = None) -> list[TaskTargets]:
    return [TaskTargets(BOXES[:count], LABELS[:count], known) for count in counts]


def only(*classes: int, of: int = CLASSES) -> Tensor:
    known = torch.zeros(of, dtype=torch.bool)
    known[list(classes)] = True
    return known


@pytest.mark.parametrize("counts", [(4, 1), (0, 3), (0, 0)])
def test_values_and_gradients_are_those_of_mmdets_head(counts: tuple[int, ...]) -> None:
    head, instances = mmdets_head()
    raw = raw_predictions(len(counts)).requires_grad_()
    ours = yolox_loss(raw, targets(*counts), SIZE)
    sum(ours.values(), torch.zeros(())).backward()
    gradient, raw.grad = raw.grad, None

    levels = raw.split([(SIZE[0] // s) * (SIZE[1] // s) for s in STRIDES], dim=1)
    maps = [
        level.transpose(1, 2).unflatten(2, (SIZE[0] // s, SIZE[1] // s))
        for level, s in zip(levels, STRIDES, strict=True)
    ]
    truth = [instances(bboxes=BOXES[:count], labels=LABELS[:count]) for count in counts]
    metas = [{"img_shape": SIZE}] * len(counts)
    wanted = head.loss_by_feat(
        [m[:, 5:] for m in maps], [m[:, :4] for m in maps], [m[:, 4:5] for m in maps], truth, metas
    )
    for name, theirs in (("box", "loss_bbox"), ("objectness", "loss_obj"), ("class", "loss_cls")):
        torch.testing.assert_close(ours[name], wanted[theirs], rtol=1e-5, atol=1e-6)
    sum(wanted.values(), torch.zeros(())).backward()
    assert gradient is not None
    torch.testing.assert_close(gradient, raw.grad, rtol=1e-4, atol=1e-6)


def mmdets_head() -> tuple[Any, Any]:
    from lqbench.methods.mmdet_adapter.build import import_mmdet

    import_mmdet()
    from mmdet.models.dense_heads import YOLOXHead
    from mmengine.structures import InstanceData

    head = YOLOXHead(
        num_classes=CLASSES, in_channels=8, feat_channels=8, train_cfg={"assigner": {"type": "mmdet.SimOTAAssigner"}}
    )
    return head, InstanceData


class TestAssignment:
    cells = torch.tensor([[x + 4.0, y + 4, 8] for y in range(0, 64, 8) for x in range(0, 64, 8)])

    def test_cells_near_the_centre_with_the_best_boxes_answer(self) -> None:
        box = torch.tensor([[8.0, 8, 40, 40]])
        predicted = torch.tensor([[0.0, 0, 1, 1]]).repeat(64, 1)
        predicted[[18, 27]] = box
        scores = torch.full((64, 2), 0.5)
        found = assign(predicted, scores, self.cells, box, torch.tensor([1]))
        assert found.cells.tolist() == [18, 27]
        assert found.objects.tolist() == [0, 0]
        assert found.overlaps.tolist() == [1, 1]

    def test_the_class_decides_between_equal_boxes(self) -> None:
        box = torch.tensor([[8.0, 8, 40, 40]])
        scores = torch.full((64, 2), 0.1)
        scores[27, 1], scores[18, 0] = 0.9, 0.9
        found = assign(box.repeat(64, 1) * 0.5, scores, self.cells, box, torch.tensor([1]))
        assert 27 in found.cells.tolist()
        assert 18 not in found.cells.tolist()

    def test_a_contested_cell_goes_to_one_object(self) -> None:
        boxes = torch.tensor([[8.0, 8, 40, 40], [10, 10, 42, 42]])
        found = assign(boxes[:1].repeat(64, 1), torch.full((64, 2), 0.5), self.cells, boxes, torch.tensor([0, 0]))
        assert len(set(found.cells.tolist())) == len(found.cells) > 0

    def test_an_object_beyond_all_cells_has_none(self) -> None:
        far = torch.tensor([[500.0, 500, 520, 520]])
        found = assign(torch.zeros(64, 4), torch.full((64, 2), 0.5), self.cells, far, torch.tensor([0]))
        assert len(found.cells) == len(found.objects) == len(found.overlaps) == 0


class TestUnlabelledClasses:
    """Class 4 stands for dogs, class 1 for persons; only persons are labelled."""

    def gradient(self, known: Tensor | None, boxes: int) -> Tensor:
        raw = raw_predictions(1)
        raw[0, :40, 5:] = -3.0
        raw[0, :40, 5 + 4] = 2.0
        raw[0, 40:, 5 + 1] = 6.0
        raw.requires_grad_()
        (target,) = targets(boxes, known=known)
        sum(yolox_loss(raw, [target], SIZE).values(), torch.zeros(())).backward()
        assert raw.grad is not None
        assert raw.grad.isfinite().all()
        return raw.grad[0]

    def test_cells_that_speak_for_one_are_no_background(self) -> None:
        assert (self.gradient(None, 0)[:40, 4] > 0).all()
        grad = self.gradient(only(1), 0)
        assert not grad[:40].any()
        assert (grad[40:, 4] > 0).all()

    def test_its_scores_are_not_asked_for_anything(self) -> None:
        grad = self.gradient(only(1), 1)
        assert grad[:, 5 + 1].any()
        assert not grad[:, [5, 7, 8, 9]].any()
        assert self.gradient(None, 1)[:, [5, 7, 8, 9]].any()

    def test_a_labelled_object_is_learnt_even_where_something_else_is_seen(self) -> None:
        grad = self.gradient(only(1), 1)
        assert (grad[:, 4] < 0).any()

    def test_all_classes_known_is_the_plain_loss(self) -> None:
        plain, masked = (
            yolox_loss(raw_predictions(2), targets(3, 0, known=known), SIZE) for known in (None, only(*range(CLASSES)))
        )
        assert all(torch.equal(plain[name], masked[name]) for name in plain)


@pytest.fixture(scope="module")
def untrained() -> YoloxNano:
    """Random weights, large enough that features and gradients do not fade away."""
    detector, generator = YoloxNano(), torch.Generator().manual_seed(0)
    detector.network = YoloxNanoNet(len(VOC20)).eval().requires_grad_(False)
    for module in detector.network.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight, generator=generator)
    for head in detector.network.heads:
        for name in ("class_logits", "box_offsets", "objectness"):
            head.get_submodule(name).get_parameter("weight").mul_(0.01)
    detector.class_names = VOC20
    detector._device = torch.device("cpu")
    return detector


def pictures(count: int, height: int = 50, width: int = 66) -> Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(1))


def test_logits_are_the_networks_output_before_the_sigmoid(untrained: YoloxNano) -> None:
    x = pictures(1, 64, 96) * 255
    raw, logits = untrained.network(x), untrained.network.logits(x)
    assert torch.equal(raw[..., :4], logits[..., :4])
    torch.testing.assert_close(raw[..., 4:], logits[..., 4:].sigmoid())


def test_boxes_are_letterboxed_with_the_image(untrained: YoloxNano) -> None:
    image = pictures(1, 208, 104)
    boxes, labels = torch.tensor([[20.0, 40, 90, 180]]), torch.tensor([3])
    given = untrained.task_loss(image, [TaskTargets(boxes, labels)])
    from lqbench.methods.detectors.letterbox import letterbox

    square, _ = letterbox(image[0], 416)
    wanted = yolox_loss(untrained.network.logits(square[None]), [TaskTargets(boxes * 2, labels)], (416, 416))
    assert all(torch.equal(given[name], wanted[name]) for name in wanted)


def test_features_are_the_necks_three_maps(untrained: YoloxNano) -> None:
    images = pictures(2).requires_grad_()
    maps = untrained.features(images)
    assert [tuple(m.shape) for m in maps] == [(2, 64, 52, 52), (2, 128, 26, 26), (2, 256, 13, 13)]
    torch.stack([m.square().mean() for m in maps]).sum().backward()
    assert images.grad is not None
    assert all(gradient.any() for gradient in images.grad)


def test_the_detector_stays_as_it_is(untrained: YoloxNano) -> None:
    images = pictures(2)
    before = {name: value.clone() for name, value in untrained.network.state_dict().items()}
    found = untrained.predict(list(images))
    front = torch.nn.Conv2d(3, 3, 3, padding=1)
    optimiser = torch.optim.SGD(front.parameters(), lr=0.1)
    loss = untrained.task_loss(front(images), targets(2, 1))
    sum(loss.values(), torch.zeros(())).backward()
    optimiser.step()
    assert all(p.grad is None for p in untrained.trainable_module().parameters())
    assert all(torch.equal(value, before[name]) for name, value in untrained.network.state_dict().items())
    again = untrained.predict(list(images))
    assert all(np.array_equal(a.xyxy, b.xyxy) for a, b in zip(found, again, strict=True))
    assert all(np.array_equal(a.scores, b.scores) for a, b in zip(found, again, strict=True))


def test_each_image_gets_a_gradient_with_and_without_boxes(untrained: YoloxNano) -> None:
    images = pictures(3).requires_grad_()
    losses = untrained.task_loss(images, targets(2, 0, 3))
    assert sorted(losses) == ["box", "class", "objectness"]
    sum(losses.values(), torch.zeros(())).backward()
    assert images.grad is not None
    assert images.grad.isfinite().all()
    assert all(gradient.any() for gradient in images.grad)


def test_the_gradient_is_that_of_finite_differences(untrained: YoloxNano) -> None:
    """Of boxes and objectness; the classes' loss takes its targets from the predictions, as a constant."""
    network = copy.deepcopy(untrained.network).double()
    squares = pictures(1, 64, 64).double() * 255

    def loss(x: Tensor) -> Tensor:
        losses = yolox_loss(network.logits(x), [TaskTargets(BOXES[:1] / 2, LABELS[:1])], (64, 64))
        return losses["box"] + losses["objectness"]

    squares.requires_grad_()
    (gradient,) = torch.autograd.grad(loss(squares), squares)
    assert gradient.abs().max() > 1e-6
    for pixel in gradient.abs().flatten().topk(3).indices.tolist():
        step = torch.zeros_like(squares)
        step.view(-1)[pixel] = 1e-3
        with torch.no_grad():
            slope = (loss(squares + step) - loss(squares - step)) / 2e-3
        assert float(slope) == pytest.approx(float(gradient.view(-1)[pixel]), rel=1e-3)


class TestOnPhotographs:
    @pytest.fixture(scope="class")
    def trained(self, shared_data: Path) -> YoloxNano:
        detector = YoloxNano()
        detector.load("cpu", shared_data / "weights" / "yolox_nano.onnx")
        return detector

    def test_a_step_against_the_loss_hides_an_unlabelled_bear_only_if_all_classes_count(
        self, trained: YoloxNano, shared_data: Path
    ) -> None:
        image, _ = labelled_photograph("bear", shared_data)
        plain, masked = (gradient_without_boxes(trained, image, known) for known in (None, only(0, of=80)))
        assert plain.abs().mean() > 100 * masked.abs().mean()
        rate = 0.5 / 255 / plain.abs().mean()
        before = bear_score(trained, image)
        assert before > 0.9
        assert bear_score(trained, image - rate * plain) < 0.85 * before
        assert bear_score(trained, image - rate * masked) > before - 0.002

    def test_a_blurred_photograph_costs_more(self, trained: YoloxNano, shared_data: Path) -> None:
        from lqbench.methods.detectors.tasks.task_inputs import usable_targets

        image, target = labelled_photograph("bear", shared_data)
        small = torch.nn.functional.interpolate(image, scale_factor=0.125, mode="area")
        blurred = torch.nn.functional.interpolate(small, image.shape[-2:], mode="bicubic").clamp(0, 1)
        assert len(usable_targets(image, [target], 80, image.device)[0].boxes) > 0
        with torch.no_grad():
            sharp, soft = (
                float(sum(trained.task_loss(x, [target]).values(), torch.zeros(()))) for x in (image, blurred)
            )
        assert soft > 1.2 * sharp


def labelled_photograph(name: str, shared_data: Path) -> tuple[Tensor, TaskTargets]:
    """Return the photograph with the largest object of a class."""
    root = shared_data / "coco128"
    document = json.loads((root / "annotations" / "instances_val2017.json").read_text())
    names = {category["id"]: category["name"] for category in document["categories"]}
    largest = max((a for a in document["annotations"] if names[a["category_id"]] == name), key=lambda a: a["area"])
    file = next(i["file_name"] for i in document["images"] if i["id"] == largest["image_id"])
    own = [a for a in document["annotations"] if a["image_id"] == largest["image_id"]]
    boxes = torch.tensor([a["bbox"] for a in own])
    boxes[:, 2:] += boxes[:, :2]
    labels = torch.tensor([COCO80.index(names[a["category_id"]]) for a in own])
    pixels = torch.from_numpy(np.array(Image.open(root / "val2017" / file).convert("RGB")))
    return pixels.permute(2, 0, 1)[None] / 255, TaskTargets(boxes, labels)


def bear_score(detector: YoloxNano, image: Tensor) -> float:
    (found,) = detector.predict([image[0].clamp(0, 1)])
    return float(found.scores[found.labels == COCO80.index("bear")].max(initial=0))


def gradient_without_boxes(detector: YoloxNano, image: Tensor, known: Tensor | None) -> Tensor:
    image = image.clone().requires_grad_()
    nothing = TaskTargets(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), known)
    (gradient,) = torch.autograd.grad(torch.stack(list(detector.task_loss(image, [nothing]).values())).sum(), image)
    return gradient
