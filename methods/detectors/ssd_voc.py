"""SSD300 on PASCAL VOC with the published checkpoints of amdegroot/ssd.pytorch (MIT)."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import torch

from ...datasets.errors import UserError
from ..class_names import VOC21
from ..weights import required_weights
from .checkpoint import StateDict, foreign, load_strictly, read_state_dict
from .ssd_voc_net import build_voc_ssd, published_names
from .torchvision_models import Ssd300


class Ssd300Voc(Ssd300):
    """``ssd300_mAP_77.43_v2.pth``: trained by that repository on VOC 2007 and 2012 trainval, channels red first.

    Its 77.43 are VOC 2007 test AP in percent with the eleven-point metric. The repository resizes with OpenCV in 8
    bits, this with float pixels, which keeps it differentiable.
    """

    name: ClassVar[str] = "ssd300-voc"
    bgr: ClassVar[bool] = False

    def load(self, device: str, weights: Path | None) -> None:
        """Build the network and load a checkpoint with the published names, of which every one has to be there.

        Raises:
            UserError: The file is missing, damaged or of another architecture or class count.
        """
        path = required_weights(weights, self.name)
        network = build_voc_ssd(self.bgr)
        load_strictly(network, _renamed(read_state_dict(path, self.name), path, self.name), path, self.name)
        self.class_names = VOC21
        self.network = network.to(device).eval().requires_grad_(False)
        self._device = torch.device(device)


class Ssd300VocCaffe(Ssd300Voc):
    """``ssd_300_VOC0712.pth``: the original Caffe weights converted, channels blue first.

    Fed with red first it loses five points of AP (its repository's issue 31: 72.47 against 77.18), and nothing in the
    file tells the two kinds apart.
    """

    name: ClassVar[str] = "ssd300-voc-caffe"
    bgr: ClassVar[bool] = True


def _renamed(state: StateDict, path: Path, detector: str) -> StateDict:
    names = published_names()
    missing = [name for name in names if name not in state]
    if missing:
        detail = f"tensor {missing[0]!r} is missing, while it has {next(iter(state))!r}"
        raise UserError(foreign(path, detector, detail))
    return {names.get(name, name): tensor for name, tensor in state.items()}
