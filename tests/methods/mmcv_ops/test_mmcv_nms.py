"""Suppression against its definition, written out box by box."""

from __future__ import annotations

import math
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor


def iou(a: list[float], b: list[float], offset: int) -> float:
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]) + offset)
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]) + offset)
    areas = [(box[2] - box[0] + offset) * (box[3] - box[1] + offset) for box in (a, b)]
    return width * height / (sum(areas) - width * height)


def boxes_and_scores(draw, count: int = 40) -> tuple[Tensor, Tensor]:
    corners = draw(count, 2, low=0, high=20)
    boxes = torch.cat([corners, corners + draw(count, 2, low=2, high=15)], dim=1).float()
    return boxes, draw(count, low=0, high=1).float()


def greedy(boxes: list[list[float]], scores: list[float], threshold: float, offset: int) -> list[int]:
    kept: list[int] = []
    for i in sorted(range(len(boxes)), key=lambda i: -scores[i]):
        if all(iou(boxes[i], boxes[j], offset) <= threshold for j in kept):
            kept.append(i)
    return kept


@pytest.mark.parametrize("offset", [0, 1])
def test_nms_keeps_what_greedy_suppression_keeps(ops: ModuleType, draw, offset: int) -> None:
    boxes, scores = boxes_and_scores(draw)
    dets, kept = ops.nms(boxes, scores, 0.3, offset)
    assert kept.tolist() == greedy(boxes.tolist(), scores.tolist(), 0.3, offset)
    assert 1 < len(kept) < len(boxes)
    assert torch.equal(dets, torch.cat([boxes[kept], scores[kept, None]], dim=1))


def test_the_offset_decides_for_small_boxes(ops: ModuleType, device: str) -> None:
    boxes = torch.tensor([[0.0, 0, 2, 2], [1, 0, 3, 2]], device=device)
    scores = torch.tensor([0.9, 0.8], device=device)
    # IoU is 2/6 for continuous coordinates and 6/12 for pixel indices.
    assert len(ops.nms(boxes, scores, 0.4, 0)[1]) == 2
    assert len(ops.nms(boxes, scores, 0.4, 1)[1]) == 1


def test_nms_takes_no_boxes_and_arrays(ops: ModuleType, device: str) -> None:
    _, kept = ops.nms(torch.zeros(0, 4, device=device), torch.zeros(0, device=device), 0.5)
    assert kept.dtype == torch.int64
    assert kept.tolist() == []
    dets, kept = ops.nms(np.array([[0, 0, 2, 2]], np.float32), np.array([0.5], np.float32), 0.5)
    assert dets.tolist() == [[0, 0, 2, 2, 0.5]]


def test_batched_nms_suppresses_within_a_class_only(ops: ModuleType, device: str) -> None:
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 10], [0, 0, 10, 10]], device=device)
    scores, labels = torch.tensor([0.5, 0.9, 0.7], device=device), torch.tensor([0, 0, 1], device=device)
    dets, kept = ops.batched_nms(boxes, scores, labels, {"type": "nms", "iou_threshold": 0.5})
    assert kept.tolist() == [1, 2]
    assert dets[:, :4].tolist() == boxes[[1, 2]].tolist()
    # Above split_thr boxes, mmcv goes class by class.
    assert ops.batched_nms(boxes, scores, labels, {"type": "nms", "iou_threshold": 0.5, "split_thr": 1})[
        1
    ].tolist() == [
        1,
        2,
    ]


def soft(
    boxes: list[list[float]], scores: list[float], method: str, threshold: float, sigma: float, least: float
) -> list[tuple[int, float]]:
    left, scores, found = list(range(len(boxes))), list(scores), []
    while left:
        best = max(left, key=lambda i: scores[i])
        left.remove(best)
        found.append((best, scores[best]))
        for i in left:
            overlap = iou(boxes[best], boxes[i], 0)
            if method == "gaussian":
                scores[i] *= math.exp(-(overlap**2) / sigma)
            elif overlap >= threshold:
                scores[i] *= 1 - overlap if method == "linear" else 0
        left = [i for i in left if scores[i] >= least]
    return found


@pytest.mark.parametrize("method", ["naive", "linear", "gaussian"])
def test_soft_nms_lowers_scores_as_defined(ops: ModuleType, draw, method: str) -> None:
    boxes, scores = boxes_and_scores(draw)
    dets, kept = ops.soft_nms(boxes, scores, iou_threshold=0.3, sigma=0.5, min_score=0.05, method=method)
    wanted = soft(boxes.tolist(), scores.tolist(), method, 0.3, 0.5, 0.05)
    assert kept.tolist() == [index for index, _ in wanted]
    assert dets[:, 4].tolist() == pytest.approx([score for _, score in wanted], abs=1e-6)
    assert torch.equal(dets[:, :4], boxes[kept])
    assert len(kept) < len(boxes)


def test_soft_nms_keeps_the_best_box_whatever_its_score(ops: ModuleType) -> None:
    boxes = torch.tensor([[0.0, 0, 4, 4], [5, 5, 9, 9]])
    _, kept = ops.soft_nms(boxes, torch.tensor([1e-4, 2e-4]), min_score=1e-3)
    assert kept.tolist() == [1]
    assert len(ops.soft_nms(boxes[:0], torch.zeros(0))[1]) == 0


def test_nms_match_groups_every_box_once(ops: ModuleType, draw) -> None:
    boxes, scores = boxes_and_scores(draw)
    groups = [group.tolist() for group in ops.nms_match(torch.cat([boxes, scores[:, None]], dim=1), 0.3)]
    kept = greedy(boxes.tolist(), scores.tolist(), 0.3, 0)
    assert [group[0] for group in groups] == kept
    assert sorted(i for group in groups for i in group) == list(range(len(boxes)))
    for first, *others in groups:
        assert [scores[i] for i in others] == sorted((scores[i] for i in others), reverse=True)
        assert all(iou(boxes[first].tolist(), boxes[i].tolist(), 0) >= 0.3 for i in others)
    assert any(len(group) > 1 for group in groups)
    assert ops.nms_match(torch.zeros(0, 5), 0.3) == []


@pytest.mark.parametrize(("mode", "aligned"), [("iou", False), ("iof", False), ("iou", True)])
def test_overlaps_of_boxes(ops: ModuleType, draw, mode: str, aligned: bool) -> None:
    first, second = boxes_and_scores(draw, 6)[0], boxes_and_scores(draw, 6)[0]
    found = ops.bbox_overlaps(first, second, mode=mode, aligned=aligned)

    def share(a: list[float], b: list[float]) -> float:
        if mode == "iou":
            return iou(a, b, 0)
        union = iou(a, b, 0)
        areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
        return union * sum(areas) / (1 + union) / areas[0]

    pairs = [[share(a, b) for b in second.tolist()] for a in first.tolist()]
    wanted = [row[i] for i, row in enumerate(pairs)] if aligned else pairs
    assert torch.allclose(found, found.new_tensor(wanted), atol=1e-6)
