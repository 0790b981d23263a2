"""YOLOX-Nano on COCO, with the weights of its published ONNX file (Ge et al., arXiv 2107.08430; Apache-2.0)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn
from torchvision.ops import batched_nms

from ...datasets.errors import UserError
from ...datasets.types import Detections
from ..boxes import MAX_DETECTIONS, finish, map_boxes
from ..class_names import COCO80, VOC20
from ..weights import required_weights
from .base import Detector, TaskTargets
from .letterbox import letterbox, letterbox_batch
from .yolox_net import YoloxNanoNet, decode
from .yolox_onnx import read_yolox

SIDE = 416
"""Side of the network's square input, pixels."""
SCORE_THRESHOLD = 0.01
NMS_IOU = 0.65

_KNOWN_CLASSES = {len(COCO80): COCO80, len(VOC20): VOC20}


class YoloxNano(Detector):
    """YOLOX-Nano: letterbox to 416 pixels, every class of a cell above the threshold, class-aware suppression.

    A network in front of it can learn through it (``task_loss``). The published file holds its convolutions with batch
    normalisation folded in, so it has no statistics that a training could change.
    """

    name: ClassVar[str] = "yolox-nano"
    network: YoloxNanoNet

    def load(self, device: str, weights: Path | None) -> None:
        """Read the ONNX file's weights.

        Raises:
            UserError: The file is missing, no ONNX file, of another architecture or of an unknown class count.
        """
        path = required_weights(weights, self.name)
        network, classes = read_yolox(path)
        if classes not in _KNOWN_CLASSES:
            known = " or ".join(str(count) for count in _KNOWN_CLASSES)
            raise UserError(f"{path} has {classes} classes; known class lists have {known} (COCO or PASCAL VOC).")
        self.class_names = _KNOWN_CLASSES[classes]
        self.network = network.to(device).eval().requires_grad_(False)
        self._device = torch.device(device)

    def predict(self, images: Sequence[Tensor], *, enlarge: bool = True) -> list[Detections]:
        """Detect objects in RGB float tensors (3, H, W) in [0, 1]; see ``Detector.predict``.

        Images go through one by one: the rounding of a convolution depends on the batch size, and no image's result
        may depend on its neighbours.
        """
        return [self._predict_one(image, enlarge) for image in images]

    @torch.inference_mode()
    def _predict_one(self, image: Tensor, enlarge: bool) -> Detections:
        square, scale = letterbox(image.to(self._device), SIDE, enlarge=enlarge)
        boxes, scores = decode(self.network(square[None]).float(), (SIDE, SIDE))
        return _detections(boxes[0], scores[0], scale, (image.shape[-2], image.shape[-1]))

    @classmethod
    def differentiable(cls) -> bool:
        """Return True."""
        return True

    def task_loss(self, images: Tensor, targets: Sequence[TaskTargets]) -> dict[str, Tensor]:
        """Return the losses "box", "objectness" and "class" of its own training; see ``Detector.task_loss``.

        Images are letterboxed as for ``predict``, and the boxes with them.
        """
        from .tasks.task_inputs import usable_targets
        from .tasks.yolox_loss import yolox_loss

        usable = usable_targets(images, targets, len(self.class_names), self._device)
        squares, (sx, sy) = self._squares(images)
        scale = squares.new_tensor([sx, sy, sx, sy])
        mapped = [replace(target, boxes=target.boxes * scale) for target in usable]
        return yolox_loss(self.network.logits(squares).float(), mapped, (SIDE, SIDE))

    def features(self, images: Tensor) -> list[Tensor]:
        """Return the neck's three maps, at strides 8, 16 and 32 of the letterboxed image; see ``Detector.features``."""
        return list(self.network.features(self._squares(images)[0]))

    def trainable_module(self) -> nn.Module:
        """Return the network."""
        return self.network

    def _squares(self, images: Tensor) -> tuple[Tensor, tuple[float, float]]:
        return letterbox_batch(images.to(self._device, torch.float32), SIDE)


def _detections(boxes: Tensor, scores: Tensor, scale: tuple[float, float], size: tuple[int, int]) -> Detections:
    """Select one image's detections among its cells and map them back into the image.

    Each class of a cell is a candidate of its own, as in YOLOX's class-aware ONNX post-processing; its evaluation
    script keeps a cell's best class only, which costs 0.003 AP on the 128 images measured.
    """
    cells, labels = (scores > SCORE_THRESHOLD).nonzero(as_tuple=True)
    boxes, scores = boxes[cells], scores[cells, labels]
    kept = batched_nms(boxes, scores, labels, NMS_IOU)[:MAX_DETECTIONS]
    xyxy = map_boxes(boxes[kept].cpu().numpy(), (1 / scale[0], 1 / scale[1]))
    return finish(xyxy, scores[kept].cpu().numpy(), labels[kept].cpu().numpy(), size)
