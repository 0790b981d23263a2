"""torchvision's SSD300, Faster R-CNN, FCOS and RetinaNet behind the detector interface.

Score thresholds, suppression and the number of boxes per image are torchvision's defaults, with which its published
COCO results were measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...datasets.errors import UserError
from ...datasets.types import Detections
from ..boxes import finish
from ..class_names import COCO91, VOC21
from ..weights import WEIGHT_FILES, check_published_hash, required_weights
from .base import Detector, TaskTargets
from .checkpoint import StateDict, foreign, load_strictly, read_state_dict
from .torchvision_build import ARCHITECTURES, TorchvisionNet, set_eps

SHORT_SIDE = 800
"""Length to which torchvision's networks other than SSD bring the short side, pixels (its default)."""

SSD_SIDE = 300
"""Side of SSD300's square input, pixels."""

_KNOWN_CLASSES = {len(COCO91): COCO91, len(VOC21): VOC21}


class TorchvisionDetector(Detector):
    """Shared loading, prediction and training loss; subclasses say how an image is kept from being enlarged."""

    network: TorchvisionNet
    classes_are_independent: ClassVar[bool] = True
    """Whether the loss judges each class by itself, so that some can be left out."""

    def load(self, device: str, weights: Path | None) -> None:
        """Build the network for the checkpoint's class count and load it.

        Raises:
            UserError: The file is missing, damaged, of another architecture or of an unknown class count.
        """
        path = required_weights(weights, self.name)
        state = read_state_dict(path, self.name)
        digest = check_published_hash(path)
        classes = _class_count(state, path, self.name)
        architecture = ARCHITECTURES[self.name]
        network = architecture.build(classes)
        load_strictly(network, state, path, self.name)
        if digest.startswith(WEIGHT_FILES[self.name].hash_prefix):
            set_eps(network, architecture.published_eps)
        self.class_names = _KNOWN_CLASSES[classes]
        self.network = network.to(device).eval().requires_grad_(False)
        self._device = torch.device(device)

    def predict(self, images: Sequence[Tensor], *, enlarge: bool = True) -> list[Detections]:
        """Detect objects in RGB float tensors (3, H, W) in [0, 1]; see ``Detector.predict``.

        Images go through one by one: in a batch, torchvision pads them to a common size, and what lies beside an
        image would change its detections.
        """
        return [self._predict_one(image.to(self._device), enlarge) for image in images]

    @torch.inference_mode()
    def _predict_one(self, image: Tensor, enlarge: bool) -> Detections:
        found, (left, top) = self._run(image, enlarge)
        offset = torch.tensor([left, top, left, top], device=found["boxes"].device)
        xyxy = (found["boxes"].float() - offset).cpu().numpy()
        scores, labels = found["scores"].float().cpu().numpy(), found["labels"].cpu().numpy()
        return finish(xyxy, scores, labels, (image.shape[-2], image.shape[-1]))

    def _run(self, image: Tensor, enlarge: bool) -> tuple[dict[str, Tensor], tuple[int, int]]:
        """Return torchvision's result and the (left, top) offset of the image in the frame of its boxes."""
        height, width = image.shape[-2:]
        # torchvision scales the short side to ``min_size``; the smaller of both never enlarges.
        self._resize_to(SHORT_SIDE if enlarge else min(SHORT_SIDE, height, width))
        return self.network([image])[0], (0, 0)

    def _resize_to(self, short_side: int) -> None:
        self.network.transform.min_size = (short_side,)  # pyright: ignore[reportArgumentType, reportAttributeAccessIssue]

    @classmethod
    def differentiable(cls) -> bool:
        """Return True."""
        return True

    def task_loss(self, images: Tensor, targets: Sequence[TaskTargets]) -> dict[str, Tensor]:
        """Return torchvision's own losses by its own names; see ``Detector.task_loss``.

        Where not all classes are labelled, FCOS and RetinaNet leave the others out of their focal loss. Faster R-CNN
        cannot: its proposals know of no classes.

        Raises:
            UserError: The detector is Faster R-CNN, and some classes are not labelled.
        """
        from .tasks.task_inputs import known_mask, refuse_partial_labels, usable_targets
        from .tasks.torchvision_losses import own_losses

        usable = usable_targets(images, targets, len(self.class_names), self._device)
        if not self.classes_are_independent:
            refuse_partial_labels(usable, self.name)
        self._resize_to(SHORT_SIDE)
        known = known_mask(usable, len(self.class_names), self._device)
        return own_losses(self.network, self._pixels(images), usable, known)

    def features(self, images: Tensor) -> list[Tensor]:
        """Return the maps of the feature pyramid, of SSD the six maps its heads see; see ``Detector.features``."""
        self._resize_to(SHORT_SIDE)
        resized, _ = self.network.transform(list(self._pixels(images)))
        return list(self.network.backbone(resized.tensors).values())

    def trainable_module(self) -> nn.Module:
        """Return the network; its batch normalisation is frozen for good."""
        return self.network

    def _pixels(self, images: Tensor) -> Tensor:
        return images.to(self._device, torch.float32)


class Ssd300(TorchvisionDetector):
    """SSD300 on VGG16; ``enlarge=False`` pads with black, the image in the centre.

    That is the "LR" baseline of TDSR (Haris et al., ICONIP 2021), which does not print where it puts the image; the
    independent reproduction HaiShaw/super-resolution-detection takes the centre.
    """

    name: ClassVar[str] = "ssd300_vgg16"

    def _run(self, image: Tensor, enlarge: bool) -> tuple[dict[str, Tensor], tuple[int, int]]:
        if enlarge:
            return self.network([image])[0], (0, 0)
        padded, offset = pad_to_centre(image, SSD_SIDE)
        return self.network([padded])[0], offset

    def task_loss(self, images: Tensor, targets: Sequence[TaskTargets]) -> dict[str, Tensor]:
        """Return the losses "bbox_regression" and "classification" of SSD's training; see ``Detector.task_loss``."""
        from .tasks.multibox import multibox_loss
        from .tasks.task_inputs import usable_targets

        usable = usable_targets(images, targets, len(self.class_names), self._device)
        resized, _ = self.network.transform(list(self._pixels(images)))
        maps = list(self.network.backbone(resized.tensors).values())
        outputs = self.network.get_submodule("head")(maps)
        anchors = self.network.get_submodule("anchor_generator")(resized, maps)[0]
        scale = anchors.new_tensor([SSD_SIDE / images.shape[-1], SSD_SIDE / images.shape[-2]] * 2)
        mapped = [replace(target, boxes=target.boxes * scale) for target in usable]
        return multibox_loss(outputs["cls_logits"], outputs["bbox_regression"], anchors, mapped)

    def _resize_to(self, short_side: int) -> None:
        """Do nothing: SSD300 has one size."""


class FasterRcnn(TorchvisionDetector):
    """Faster R-CNN R50-FPN, short side 800, long side at most 1333."""

    name: ClassVar[str] = "fasterrcnn"
    classes_are_independent: ClassVar[bool] = False


class Fcos(TorchvisionDetector):
    """FCOS R50-FPN, short side 800, long side at most 1333."""

    name: ClassVar[str] = "fcos"


class RetinaNetDetector(TorchvisionDetector):
    """RetinaNet R50-FPN, short side 800, long side at most 1333."""

    name: ClassVar[str] = "retinanet"


def pad_to_centre(image: Tensor, side: int) -> tuple[Tensor, tuple[int, int]]:
    """Pad (3, H, W) with black to at least ``side`` along each axis, the image in the centre.

    Returns:
        The padded image and the (left, top) offset of the image in it; an odd remainder goes to the right and bottom.
    """
    height, width = image.shape[-2:]
    missing_x, missing_y = max(0, side - width), max(0, side - height)
    left, top = missing_x // 2, missing_y // 2
    return F.pad(image, (left, missing_x - left, top, missing_y - top)), (left, top)


def _class_count(state: StateDict, path: Path, detector: str) -> int:
    """Read the number of classes, background included, off the checkpoint's head."""
    architecture = ARCHITECTURES[detector]
    head = state.get(architecture.class_key)
    if head is None:
        detail = f"tensor {architecture.class_key!r} is missing, while it has {next(iter(state), 'nothing')!r}"
        raise UserError(foreign(path, detector, detail))
    count, rest = divmod(head.shape[0], architecture.rows_per_class)
    if rest or count not in _KNOWN_CLASSES:
        raise UserError(
            f"{path} has {head.shape[0]} rows in {architecture.class_key!r}, which is no known class count of "
            f"{detector}; known are {len(COCO91)} (COCO) and {len(VOC21)} (PASCAL VOC), background included."
        )
    return count
