"""``mini``: the detector that comes with the project, trained from scratch on the embedded scenes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import torch

from ...datasets.types import Detections
from ..detector.decode import decode
from ..detector.net import MiniNet, normalise, pad
from ..detector.weights import BUNDLED, load_weights
from .base import Detector


class MiniDetector(Detector):
    """Small anchor-free detector for images of any size.

    It never resizes: an image meets the network pixel for pixel, padded with mid-grey to multiples of 32 at the right
    and the bottom. So ``enlarge`` changes nothing here.
    """

    name: ClassVar[str] = "mini"

    def __init__(self) -> None:
        self.class_names = ()
        self._net: MiniNet | None = None
        self._device = torch.device("cpu")

    def load(self, device: str, weights: Path | None) -> None:
        """Load weights that ``lqbench train --method detector`` wrote; None means the bundled ones.

        Raises:
            UserError: The file is missing, unreadable or of another architecture.
        """
        net, header = load_weights(BUNDLED if weights is None else weights)
        self._device = torch.device(device)
        self._net = net.to(self._device)
        self.class_names = header.classes

    def predict(self, images: Sequence[torch.Tensor], *, enlarge: bool = True) -> list[Detections]:
        """Detect objects in RGB float tensors (3, H, W) in [0, 1]; see ``Detector.predict``.

        Images go through one by one: a convolution's rounding depends on the batch size, and no image's result may
        depend on its neighbours.
        """
        if self._net is None:
            raise RuntimeError("call load before predict")
        return [self._predict_one(self._net, image) for image in images]

    @torch.inference_mode()
    def _predict_one(self, net: MiniNet, image: torch.Tensor) -> Detections:
        pixels = pad(normalise(image.to(self._device, torch.float32)))
        return decode(net(pixels[None]), (image.shape[-2], image.shape[-1]))
