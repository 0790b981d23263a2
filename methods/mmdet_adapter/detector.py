"""Models of mmdet 3.x behind the detector interface, and any of them from its config."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...datasets.errors import UserError
from ...datasets.types import Detections
from ..boxes import finish
from ..detectors.base import Detector, DetectorConfig, TaskTargets
from ..detectors.checkpoint import load_strictly
from .build import build_model, import_mmdet, scope_of
from .checkpoint import read_checkpoint
from .classes import class_names
from .config import read_config
from .pipeline import Pipeline, Results

if TYPE_CHECKING:
    from ..detectors.tasks.mmdet_losses import Geometry


class ModelDetector(Detector):
    """A detector whose network is one of mmdet's; a subclass says how it is loaded."""

    _model: nn.Module
    _pipeline: Pipeline
    _device: torch.device

    def __init__(self) -> None:
        self._geometries: dict[tuple[int, int], Geometry] = {}

    @property
    def description(self) -> str:
        """What to call the detector in a message."""
        return f"the detector {self.name!r}"

    def use(self, model: nn.Module, pipeline: Pipeline, device: str) -> None:
        """Take a loaded model with its test pipeline; its parameters become frozen."""
        self._model = model.to(device).eval().requires_grad_(False)
        self._pipeline, self._device = pipeline, torch.device(device)
        self._geometries.clear()

    def predict(self, images: Sequence[Tensor], *, enlarge: bool = True) -> list[Detections]:
        """Detect objects in RGB float tensors (3, H, W) in [0, 1]; see ``Detector.predict``.

        Images are rounded to 8 bits, as if they had been read from files. They go through one by one: in a batch,
        mmdet pads them to a common size, and what lies beside an image would change its detections.
        """
        return [detect_in(self._model, self._pipeline, image, enlarge=enlarge) for image in images]

    @classmethod
    def differentiable(cls) -> bool:
        """Return True."""
        return True

    def task_loss(self, images: Tensor, targets: Sequence[TaskTargets]) -> dict[str, Tensor]:
        """Return the model's own losses by its own names; see ``Detector.task_loss``.

        Images are resized and padded as by the config's test pipeline, but not rounded.

        Raises:
            UserError: Some classes are not labelled, or the model's loss needs more than boxes.
        """
        from ..detectors.tasks.mmdet_losses import network_input, own_losses
        from ..detectors.tasks.task_inputs import refuse_partial_labels, usable_targets

        name = self.description
        usable = usable_targets(images, targets, len(self.class_names), self._device)
        refuse_partial_labels(usable, name)
        pixels = images.to(self._device, torch.float32)
        return own_losses(self._model, network_input(self._model, self._geometry(pixels), pixels, usable), name)

    def features(self, images: Tensor) -> list[Tensor]:
        """Return the maps of the model's backbone and neck; see ``Detector.features``."""
        from ..detectors.tasks.mmdet_losses import network_input

        pixels = images.to(self._device, torch.float32)
        inputs = network_input(self._model, self._geometry(pixels), pixels, ())["inputs"]
        return list(self._model.extract_feat(inputs))  # pyright: ignore[reportCallIssue]

    def trainable_module(self) -> nn.Module:
        """Return the model; its batch normalisation keeps its statistics as long as it stays in evaluation mode."""
        return self._model

    def _geometry(self, images: Tensor) -> Geometry:
        """Return what the test pipeline does to images of this size, found out once."""
        from ..detectors.tasks.mmdet_losses import geometry

        size = (images.shape[-2], images.shape[-1])
        if size not in self._geometries:
            self._geometries[size] = geometry(self._pipeline, size)
        return self._geometries[size]


class MmdetDetector(ModelDetector):
    """A config's model behind the config's own test pipeline and data preprocessor.

    Score thresholds, suppression and the number of boxes are those of the config's ``test_cfg``.
    """

    name: ClassVar[str] = "mmdet"

    def __init__(self, config: DetectorConfig) -> None:
        super().__init__()
        self._config = config

    @property
    def description(self) -> str:
        """The name of the config."""
        return f"the config {self._config.name}"

    @classmethod
    def create(cls, config: DetectorConfig | None) -> MmdetDetector:
        """Construct the detector that a config describes.

        Raises:
            UserError: There is no config.
        """
        if config is None:
            raise UserError("the detector 'mmdet' needs a config; give one with --config.")
        return cls(config)

    def load(self, device: str, weights: Path | None) -> None:
        """Build the config's model and load a checkpoint of which every name and shape has to fit.

        Raises:
            UserError: The config or the checkpoint is wrong, they do not belong together, or nothing names classes.
        """
        if weights is None:
            raise UserError(f"the config {self._config.name} needs its checkpoint; give it with --weights.")
        path = self._config.path
        import_mmdet()
        config = read_config(path)
        with scope_of(config):
            model = build_model(config, path)
            pipeline = Pipeline(config, path)
            checkpoint = read_checkpoint(weights)
            self.class_names = class_names(checkpoint, config, path, model)
        load_strictly(model, checkpoint.state, weights, self.description)
        self.use(model, pipeline, device)


@torch.inference_mode()
def detect_in(model: nn.Module, pipeline: Pipeline, image: Tensor, *, enlarge: bool) -> Detections:
    """Detect in one image as mmdet's own test script would, were the image a file.

    Args:
        model: An mmdet detector in evaluation mode.
        pipeline: Its config's.
        image: RGB, float (3, H, W) in [0, 1]; rounded to 8 bits.
        enlarge: Whether the pipeline's resizing may enlarge it.
    """
    (found,) = model.test_step(as_input(pipeline, image, enlarge=enlarge))  # pyright: ignore[reportCallIssue]
    boxes = found.pred_instances
    # Boxes are a tensor, or an object of mmdet that holds one.
    xyxy = getattr(boxes.bboxes, "tensor", boxes.bboxes).float().cpu().numpy()
    scores, labels = boxes.scores.float().cpu().numpy(), boxes.labels.cpu().numpy()
    return finish(xyxy, scores, labels, (image.shape[-2], image.shape[-1]))


def as_input(pipeline: Pipeline, image: Tensor, *, enlarge: bool) -> Results:
    """Return a batch of one for ``model.test_step``; see ``detect_in``."""
    return pipeline(_as_read(image), enlarge=enlarge)


def _as_read(image: Tensor) -> NDArray[np.uint8]:
    """Return what mmdet reads from a file with these pixels: uint8 (H, W, 3), BGR."""
    rounded = (image.clamp(0, 1) * 255).round().to(torch.uint8)
    return np.ascontiguousarray(rounded.flip(0).permute(1, 2, 0).cpu().numpy())
