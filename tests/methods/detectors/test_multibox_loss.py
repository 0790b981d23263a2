"""SSD's loss equals that of the official code and of torchvision, and leaves out classes without labels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.ops import box_convert

from lqbench.methods.detectors.base import TaskTargets
from lqbench.methods.detectors.tasks.multibox import encode, match, multibox_loss

ANCHORS = torch.tensor([[0.0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1], [0, 0.5, 0.5, 1], [0.5, 0, 1, 0.5], [0.2, 0.2, 0.8, 0.8]])


def test_values_and_gradients_are_those_of_the_official_code(shared_golden: Path) -> None:
    golden = np.load(shared_golden / "ssd_multibox.npz")
    priors = torch.from_numpy(np.load(shared_golden / "ssd300_priors.npz")["voc"][::12].copy())
    rows = json.loads((shared_golden / "ssd_multibox.json").read_text())["targets"]
    targets = [TaskTargets((t := torch.tensor(image))[:, :4], t[:, 4].long() + 1) for image in rows]
    codes, logits = (torch.from_numpy(golden[name]).requires_grad_() for name in ("loc", "conf"))
    losses = multibox_loss(logits, codes, box_convert(priors, "cxcywh", "xyxy"), targets)
    assert losses["bbox_regression"].item() == pytest.approx(float(golden["loss_loc"]), rel=1e-5)
    assert losses["classification"].item() == pytest.approx(float(golden["loss_conf"]), rel=1e-5)
    sum(losses.values(), torch.zeros(())).backward()
    assert codes.grad is not None
    assert logits.grad is not None
    torch.testing.assert_close(codes.grad, torch.from_numpy(golden["grad_loc"]), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(logits.grad, torch.from_numpy(golden["grad_conf"]), rtol=1e-4, atol=1e-6)


def test_values_are_those_of_torchvision() -> None:
    from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
    from torchvision.models.detection.ssd import SSD

    backbone = torch.nn.Conv2d(3, 8, 1)
    backbone.out_channels = [8]  # pyright: ignore[reportAttributeAccessIssue, reportArgumentType]
    network = SSD(backbone, DefaultBoxGenerator([[2]]), (32, 32), 4)
    generator = torch.Generator().manual_seed(0)
    anchors = box_convert(torch.rand(40, 4, generator=generator) * 0.5 + 0.1, "cxcywh", "xyxy")
    logits, codes = torch.randn(2, 40, 4, generator=generator), torch.randn(2, 40, 4, generator=generator)
    targets = [
        TaskTargets(anchors[[3, 9]] + 0.01, torch.tensor([1, 3])),
        TaskTargets(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64)),
    ]
    wanted = network.compute_loss(
        [{"boxes": t.boxes, "labels": t.labels} for t in targets],
        {"cls_logits": logits, "bbox_regression": codes},
        [anchors, anchors],
        [match(t.boxes, anchors) for t in targets],
    )
    given = multibox_loss(logits, codes, anchors, targets)
    for name, value in given.items():
        torch.testing.assert_close(value, wanted[name])


def test_every_object_has_a_default_box_and_overlaps_of_half_match() -> None:
    tiny = torch.tensor([[0.6, 0.6, 0.65, 0.65]])
    assert match(tiny, ANCHORS).tolist() == [-1, 0, -1, -1, -1]
    half = torch.tensor([[0.0, 0, 0.25, 0.5], [0.5, 0.5, 1, 1]])
    assert match(half, ANCHORS).tolist() == [0, 1, -1, -1, -1]
    assert match(torch.zeros(0, 4), ANCHORS).tolist() == [-1] * 5


def test_of_two_objects_with_one_best_default_box_the_later_takes_it() -> None:
    twins = torch.tensor([[0.0, 0, 0.5, 0.5], [0, 0, 0.5, 0.4]])
    assert match(twins, ANCHORS).tolist()[0] == 1


def test_a_matching_box_has_the_code_zero() -> None:
    assert encode(ANCHORS, ANCHORS).abs().max() == 0
    moved = encode(ANCHORS[:1] + torch.tensor([0.1, 0, 0.1, 0]), ANCHORS[:1])
    torch.testing.assert_close(moved, torch.tensor([[2.0, 0, 0, 0]]))
    wider = encode(torch.tensor([[-0.25, 0, 0.75, 0.5]]), ANCHORS[:1])
    torch.testing.assert_close(wider, torch.tensor([[0, 0, np.log(2) / 0.2, 0]], dtype=torch.float32))


def test_images_without_boxes_cost_nothing() -> None:
    nothing = TaskTargets(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64))
    logits = torch.randn(1, 5, 3).requires_grad_()
    losses = multibox_loss(logits, torch.randn(1, 5, 4), ANCHORS, [nothing])
    assert [value.item() for value in losses.values()] == [0, 0]
    losses["classification"].backward()


class TestUnlabelledClasses:
    """Class 1 is labelled, class 2 is not."""

    known = torch.tensor([False, True, False])

    def gradient(self, known: Tensor | None) -> Tensor:
        logits = torch.tensor([[[0.0, 1, 0], [0, 0, 3], [0, 2, 0], [1, 0.5, 0], [0.2, 0.1, 4]]]).requires_grad_()
        target = TaskTargets(ANCHORS[:1], torch.tensor([1]), known)
        multibox_loss(logits, torch.zeros(1, 5, 4), ANCHORS, [target])["classification"].backward()
        assert logits.grad is not None
        return logits.grad[0]

    def test_what_speaks_for_one_is_no_negative(self) -> None:
        gradient = self.gradient(self.known)
        assert not gradient[[1, 4]].any()
        assert (gradient[[2, 3], 0] < 0).all()
        assert gradient[0, 1] < 0
        assert (self.gradient(None)[[1, 4], 2] > 0).all()

    def test_its_logits_get_no_gradient(self) -> None:
        assert not self.gradient(self.known)[:, 2].any()
        assert self.gradient(None)[:, 2].any()
