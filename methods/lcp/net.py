"""A detector of mmdet with LCP inside, or without: detection, its own loss, and the features that catch up."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...datasets.types import Detections
from ..mmdet_adapter.build import build_model, import_mmdet, scope_of
from ..mmdet_adapter.detector import as_input, detect_in
from ..mmdet_adapter.pipeline import Pipeline
from .backbone import LcpBackbone
from .catch_up import catch_up_loss
from .config import NetworkConfig
from .detector_config import detector_config


class LcpNet(nn.Module):
    """The network of all methods of this folder.

    Attributes:
        config: What it is.
        classes: Names by label index.
        model: mmdet's detector; its ``backbone`` is an ``LcpBackbone`` where the config has learners.
    """

    def __init__(self, config: NetworkConfig, classes: Sequence[str], seed: int = 0) -> None:
        """Build the network with random weights that depend on the seed alone.

        The detector begins as mmdet's do; the learners begin with torch's own numbers, as in the release, where a
        pre-trained detector keeps mmdet from initialising what is inside.

        Raises:
            UserError: mmdet cannot be imported or has no such config, or LCP does not fit its backbone.
        """
        super().__init__()
        self.config, self.classes = config, tuple(classes)
        import_mmdet()
        described, path = detector_config(config, classes)
        with torch.random.fork_rng(devices=[]), scope_of(described):
            torch.manual_seed(seed)
            self.model = build_model(described, path)
            self.pipeline = Pipeline(described, path)
            _init_weights(self.model)
            if config.lcp is not None:
                self.model.backbone = LcpBackbone(self.model.get_submodule("backbone"), config.lcp)

    @property
    def lcp(self) -> LcpBackbone | None:
        """The backbone, where LCP is inside."""
        backbone = self.model.get_submodule("backbone")
        return backbone if isinstance(backbone, LcpBackbone) else None

    def detect(self, image: Tensor) -> Detections:
        """Detect in one RGB image, float (3, H, W) in [0, 1], as mmdet's own test script would."""
        return detect_in(self.model, self.pipeline, image, enlarge=True)

    @torch.inference_mode()
    def mask(self, image: Tensor) -> Tensor | None:
        """Return the crux learner's mask of one RGB image, float (3, H, W) in [0, 1], as ``detect`` sees it.

        Returns:
            float (H, W) in [0, 1], resized bilinearly from the mask's own size; None without a crux learner.
        """
        learner = None if self.lcp is None else self.lcp.crux_learner
        if learner is None:
            return None
        data = self.model.get_submodule("data_preprocessor")(as_input(self.pipeline, image, enlarge=True), False)
        height, width = data["data_samples"][0].img_shape[:2]
        mask = learner.mask(data["inputs"])[..., :height, :width]
        return F.interpolate(mask, size=image.shape[1:], mode="bilinear", align_corners=False)[0, 0].cpu()

    def detection_losses(
        self, images: Sequence[Tensor], boxes: Sequence[Tensor], labels: Sequence[Tensor]
    ) -> dict[str, Tensor]:
        """Return the detector's own losses by its own names; those of several levels under one name are added.

        Args:
            images: uint8 (3, h, w) RGB, resized already.
            boxes: float (N, 4) of each image, x1 y1 x2 y2 in its pixels.
            labels: int64 (N,) of each image.
        """
        samples = [_sample(image, *found) for image, *found in zip(images, boxes, labels, strict=True)]
        losses = self.model(**self._normalised(images, samples), mode="loss")
        # mmengine adds up what has "loss" in its name; the rest is for logs.
        return {name: _total(value) for name, value in losses.items() if "loss" in name}

    def catch_up_loss(self, low: Sequence[Tensor], favoured: Sequence[Tensor]) -> Tensor:
        """Return how far low-quality images are from favoured ones, unpaired, in the medium features.

        Both pass the crux learner; the catch-up learner, the only part that gets a gradient, adds to the low-quality
        ones alone.

        Args:
            low: uint8 (3, h, w) RGB images, resized already.
            favoured: As many, of the same sizes.
        """
        backbone = self.lcp
        assert backbone is not None
        assert backbone.catch_up_learner is not None
        with torch.no_grad():
            wanted = backbone.medium(self._second_view(backbone, favoured), catch_up=False)
            shallow = self._second_view(backbone, low)
            medium = backbone.medium(shallow, catch_up=False)
        return catch_up_loss(medium + backbone.catch_up_learner(shallow), wanted)

    def _second_view(self, backbone: LcpBackbone, images: Sequence[Tensor]) -> Tensor:
        """Return the shallow features of the images' cruxes."""
        return backbone.shallow(backbone.crux(self.normalise(images)))

    def normalise(self, images: Sequence[Tensor]) -> Tensor:
        """Return what the backbone sees of RGB images, uint8 (3, h, w): normalised, padded, (B, 3, H, W)."""
        return self._normalised(images, [_sample(image) for image in images])["inputs"]

    def _normalised(self, images: Sequence[Tensor], samples: list[Any]) -> dict[str, Any]:
        # mmdet's preprocessor takes blue first, as OpenCV reads files.
        data = {"inputs": [image.flip(0) for image in images], "data_samples": samples}
        return self.model.get_submodule("data_preprocessor")(data, False)


def _init_weights(model: nn.Module) -> None:
    """Let mmdet's modules draw their first weights, without a line in the log for each."""
    logging.disable(logging.INFO)
    try:
        model.init_weights()  # pyright: ignore[reportCallIssue]
    finally:
        logging.disable(logging.NOTSET)


def _sample(image: Tensor, boxes: Tensor | None = None, labels: Tensor | None = None) -> Any:
    """Return mmdet's description of an image, with its objects if there are any to learn."""
    from mmdet.structures import DetDataSample
    from mmengine.structures import InstanceData

    size = (image.shape[1], image.shape[2])
    sample = DetDataSample(metainfo={"img_shape": size, "ori_shape": size, "scale_factor": (1.0, 1.0)})
    if boxes is not None and labels is not None:
        sample.gt_instances = InstanceData(bboxes=boxes, labels=labels)
        sample.ignored_instances = InstanceData(bboxes=boxes[:0], labels=labels[:0])
    return sample


def _total(value: Tensor | Sequence[Tensor]) -> Tensor:
    parts = [value] if isinstance(value, Tensor) else list(value)
    return torch.stack([part.mean() for part in parts]).sum()
