"""Focal losses against their formulas, and their gradients."""

from __future__ import annotations

import math
from types import ModuleType

import pytest
import torch

GAMMA, ALPHA, CLASSES = 2.0, 0.25, 4
TARGETS = [0, 3, 4, 1, 4, 2]
"""4 is background."""


def sigmoid_loss(x: float, positive: bool) -> float:
    p = 1 / (1 + math.exp(-x))
    if positive:
        return -ALPHA * (1 - p) ** GAMMA * math.log(p)
    return -(1 - ALPHA) * p**GAMMA * math.log(1 - p)


def softmax_loss(row: list[float], target: int) -> float:
    p = math.exp(row[target]) / sum(math.exp(x) for x in row)
    return -ALPHA * (1 - p) ** GAMMA * math.log(p)


def test_sigmoid_focal_loss_is_its_formula(ops: ModuleType, draw, device: str) -> None:
    logits = draw(len(TARGETS), CLASSES, low=-4, high=4)
    target = torch.tensor(TARGETS, device=device)
    wanted = [
        [sigmoid_loss(x, c == t) for c, x in enumerate(row)] for row, t in zip(logits.tolist(), TARGETS, strict=True)
    ]
    found = ops.sigmoid_focal_loss(logits.float(), target, GAMMA, ALPHA, None, "none")
    assert torch.allclose(found.cpu(), torch.tensor(wanted), atol=1e-6)
    mean = ops.sigmoid_focal_loss(logits.float(), target, GAMMA, ALPHA, None, "mean")
    assert float(mean) == pytest.approx(sum(map(sum, wanted)) / len(TARGETS), rel=1e-5)


def test_sigmoid_focal_loss_weighs_samples_by_their_class(ops: ModuleType, draw, device: str) -> None:
    logits, target = draw(2, CLASSES).float(), torch.tensor([1, 3], device=device)
    weight = torch.tensor([1.0, 5.0, 1.0, 0.5], device=device)
    plain = ops.sigmoid_focal_loss(logits, target, GAMMA, ALPHA, None, "none")
    weighed = ops.sigmoid_focal_loss(logits, target, GAMMA, ALPHA, weight, "none")
    assert torch.allclose(weighed, plain * weight[target][:, None])


def test_sigmoid_focal_loss_passes_the_right_gradient(ops: ModuleType, draw, device: str) -> None:
    logits = draw(len(TARGETS), CLASSES, low=-4, high=4)
    leaf = logits.float().requires_grad_()
    ops.sigmoid_focal_loss(leaf, torch.tensor(TARGETS, device=device), GAMMA, ALPHA, None, "sum").backward()
    assert leaf.grad is not None
    step = 1e-5
    for n, t in enumerate(TARGETS):
        for c, x in enumerate(logits[n].tolist()):
            slope = (sigmoid_loss(x + step, c == t) - sigmoid_loss(x - step, c == t)) / (2 * step)
            assert float(leaf.grad[n, c]) == pytest.approx(slope, abs=1e-5)


def test_sigmoid_focal_loss_stays_finite_for_certain_logits(ops: ModuleType, device: str) -> None:
    logits = torch.tensor([[200.0, -200.0]], device=device, requires_grad=True)
    loss = ops.sigmoid_focal_loss(logits, torch.tensor([1], device=device), GAMMA, ALPHA, None, "sum")
    loss.backward()
    assert math.isfinite(loss.item())
    assert logits.grad is not None
    assert bool(logits.grad.isfinite().all())


def test_sigmoid_focal_loss_in_half_precision(ops: ModuleType, draw, device: str) -> None:
    logits, target = draw(len(TARGETS), CLASSES, low=-4, high=4), torch.tensor(TARGETS, device=device)
    exact = ops.sigmoid_focal_loss(logits.float(), target, GAMMA, ALPHA, None, "none")
    half = ops.sigmoid_focal_loss(logits.half(), target, GAMMA, ALPHA, None, "none")
    assert half.dtype == torch.float16
    assert torch.allclose(half.float(), exact, atol=1e-2)


def test_softmax_focal_loss_is_its_formula_with_the_right_gradient(ops: ModuleType, draw, device: str) -> None:
    targets = [0, 3, 1]
    logits = draw(len(targets), CLASSES, low=-2, high=2)
    leaf, target = logits.float().requires_grad_(), torch.tensor(targets, device=device)
    loss = ops.softmax_focal_loss(leaf, target, GAMMA, ALPHA, None, "none")
    rows = logits.tolist()
    wanted = [softmax_loss(row, t) for row, t in zip(rows, targets, strict=True)]
    assert loss.tolist() == pytest.approx(wanted, abs=1e-6)
    ops.softmax_focal_loss(leaf, target, GAMMA, ALPHA, None, "sum").backward()
    assert leaf.grad is not None
    step = 1e-5
    for n, t in enumerate(targets):
        for c in range(CLASSES):
            up, down = list(rows[n]), list(rows[n])
            up[c], down[c] = up[c] + step, down[c] - step
            slope = (softmax_loss(up, t) - softmax_loss(down, t)) / (2 * step)
            assert float(leaf.grad[n, c]) == pytest.approx(slope, abs=1e-5)


def test_softmax_focal_loss_leaves_out_samples_without_a_target(ops: ModuleType, draw, device: str) -> None:
    leaf = draw(2, CLASSES).float().requires_grad_()
    loss = ops.softmax_focal_loss(leaf, torch.tensor([-1, 2], device=device), GAMMA, ALPHA, None, "sum")
    loss.backward()
    assert leaf.grad is not None
    assert not leaf.grad[0].any()
    assert leaf.grad[1].all()
