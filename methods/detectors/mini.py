"""``mini``: the detector that comes with the project, trained from scratch on the embedded scenes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import torch

from ...datasets.types import Detections
from ..detector.decode import decode
from ..detector.net import MiniNet, normalise, pad
from ..detector.weights import BUNDLED, Header, load_weights, save_weights
from .base import Detector, TaskTargets


class MiniDetector(Detector):
    """Small anchor-free detector for images of any size.

    It never resizes: an image meets the network pixel for pixel, padded with mid-grey to multiples of 32 at the right
    and the bottom. So ``enlarge`` changes nothing here.
    """

    name: ClassVar[str] = "mini"

    def __init__(self) -> None:
        self.class_names = ()
        self._net: MiniNet | None = None
        self._header: Header | None = None
        self._device = torch.device("cpu")

    def load(self, device: str, weights: Path | None) -> None:
        """Load weights that ``lqbench train --method detector`` wrote; None means the bundled ones.

        Raises:
            UserError: The file is missing, unreadable or of another architecture.
        """
        net, header = load_weights(BUNDLED if weights is None else weights)
        self._device = torch.device(device)
        self._net = net.to(self._device).requires_grad_(False)
        self._header = header
        self.class_names = header.classes

    def predict(self, images: Sequence[torch.Tensor], *, enlarge: bool = True) -> list[Detections]:
        """Detect objects in RGB float tensors (3, H, W) in [0, 1]; see ``Detector.predict``.

        Images go through one by one: a convolution's rounding depends on the batch size, and no image's result may
        depend on its neighbours.
        """
        return [self._predict_one(self._loaded(), image) for image in images]

    @torch.inference_mode()
    def _predict_one(self, net: MiniNet, image: torch.Tensor) -> Detections:
        return decode(net(self._pixels(image)[None]), (image.shape[-2], image.shape[-1]))

    @classmethod
    def differentiable(cls) -> bool:
        """Return True."""
        return True

    def task_loss(self, images: torch.Tensor, targets: Sequence[TaskTargets]) -> dict[str, torch.Tensor]:
        """Return the losses "heat" and "box" of its own training; see ``Detector.task_loss``."""
        from .tasks.mini_loss import mini_loss
        from .tasks.task_inputs import usable_targets

        usable = usable_targets(images, targets, len(self.class_names), self._device)
        pixels = self._pixels(images)
        return mini_loss(self._loaded()(pixels), usable, (pixels.shape[-2], pixels.shape[-1]))

    def features(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Return the pyramid's one map, at stride 4; see ``Detector.features``."""
        net = self._loaded()
        return [net.features(self._pixels(images))]

    def trainable_module(self) -> torch.nn.Module:
        """Return the network; its batch normalisation keeps its statistics as long as it stays in evaluation mode."""
        return self._loaded()

    def save(self, path: Path) -> None:
        """Write the weights as they are now; see ``Detector.save``."""
        net = self._loaded()
        assert self._header is not None
        save_weights(net, self._header, path)

    def _pixels(self, images: torch.Tensor) -> torch.Tensor:
        return pad(normalise(images.to(self._device, torch.float32)))

    def _loaded(self) -> MiniNet:
        if self._net is None:
            raise RuntimeError("call load first")
        return self._net
