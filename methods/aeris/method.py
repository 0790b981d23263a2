"""AERIS (Cui et al., ECCV 2022) and the CenterNet baselines that it is to be compared with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from ...datasets.errors import UserError
from ...datasets.types import Batch, Detections, Sample
from ..base import Method, MethodSettings
from ..boxes import MAX_DETECTIONS, finish
from ..card import MethodCard
from ..class_names import label_map
from .config import BACKBONES, VARIANTS, Backbone
from .header import Header, check_method, read_header

if TYPE_CHECKING:
    import torch

    from ..training.request import FitRequest
    from .net import AerisNet

BUNDLE = Path(__file__).parent
"""Where bundled weights lie, as ``<method>-<backbone>.safetensors``."""
PAPER = (
    "Z. Cui, Y. Zhu, L. Gu, G.-J. Qi, X. Li, R. Zhang, Z. Zhang, T. Harada: Exploring Resolution and Degradation Clues "
    "as Self-supervised Signal for Low Quality Object Detection, ECCV 2022"
)
CENTERNET = "X. Zhou, D. Wang, P. Krähenbühl: Objects as Points, arXiv 1904.07850, 2019"
SEEN = "blur, down-sampling by 1 to 4, noise up to 25/255 (the degradation of coco-d and scenes-d)"
"""What the methods that degrade their training images see, under the published training."""
RELEASE = "https://github.com/cuiziteng/ECCV_AERIS"


class AerisSettings(MethodSettings):
    """Settings of AERIS and its baselines. Everything else is read from the weight file."""

    backbone: Backbone | None = None
    """The encoder that the weights must have; None takes what ``--weights`` holds, and without those "mini"."""


@dataclass(frozen=True)
class _Loaded:
    """What ``setup`` made.

    Attributes:
        net: The network, on the device.
        header: Of its weight file.
        device: Where images go.
    """

    net: AerisNet
    header: Header
    device: torch.device


class CenterMethod(Method):
    """A CenterNet that looks at the degraded image in its own size; subclasses give a card.

    Images go through one by one: a convolution's rounding depends on the batch size, and no image's result may depend
    on its neighbours.
    """

    settings_type: ClassVar[type[MethodSettings]] = AerisSettings
    scenes_weights: ClassVar[str] = (
        f"download the checkpoint that the README of {RELEASE} links, convert it with `lqbench convert aeris FILE.pth "
        "--out FILE.safetensors`, or train with `lqbench train`, and give the file with --weights"
    )

    def __init__(self, settings: MethodSettings) -> None:
        super().__init__(settings)
        self._loaded: _Loaded | None = None

    @classmethod
    def weight_complaint(cls, settings: MethodSettings, weights: Path | None) -> str:
        """Say what is wrong with the weights, from the file's header alone; see ``Method.weight_complaint``."""
        try:
            _find(cls.card.name, settings, weights)
        except UserError as error:
            return str(error)
        return ""

    @classmethod
    def fit(cls, request: FitRequest) -> Path:
        """Train the method; see ``train.train_aeris`` and ``Method.fit``."""
        from .train import train_aeris

        return train_aeris(request)

    def setup(self, device: str, weights: Path | None) -> None:
        """Load the weights, the bundled ones if none are given; see ``Method.setup``."""
        import torch

        from .checkpoint import load_weights

        path = _find(self.card.name, self.settings, weights)
        net, header = load_weights(path)
        self._loaded = _Loaded(net.to(device), header, torch.device(device))

    def detect(self, batch: Batch) -> list[Detections]:
        """Detect without the restoration branch; see ``Method.detect``."""
        loaded = self._ready()
        labels = label_map(loaded.header.classes, batch.classes)
        return [self._detect_one(loaded, sample, labels) for sample in batch.samples]

    def teardown(self) -> None:
        """Let go of the network."""
        self._loaded = None

    def _ready(self) -> _Loaded:
        if self._loaded is None:
            raise RuntimeError(f"method {self.card.name}: call setup before detect")
        return self._loaded

    def _detect_one(self, loaded: _Loaded, sample: Sample, labels: NDArray[np.int64]) -> Detections:
        """Detect in one image, looking at the classes that the dataset has."""
        import torch

        from .decode import find_objects

        known = np.flatnonzero(labels >= 0)
        channels = None if len(known) == len(labels) else torch.from_numpy(known).to(loaded.device)
        with torch.inference_mode():
            peaks = find_objects(loaded.net, _pixels(sample, loaded.device), channels)
        found = labels[known][peaks.labels.cpu().numpy()]
        return finish(
            peaks.xyxy.cpu().numpy(), peaks.scores.cpu().numpy(), found, sample.record.size, limit=MAX_DETECTIONS
        )


class RestoringMethod(CenterMethod):
    """A CenterNet with a restoration branch."""

    def restore(self, batch: Batch) -> list[torch.Tensor]:
        """Return the branch's images in the clean images' sizes; see ``Method.restore``.

        Each is restored by the inverse of its own scale, as up-sampling methods are compared, not by the ratio of
        sizes, which differs from it where a track pads or rounds.
        """
        loaded = self._ready()
        return [self._restore_one(loaded, sample) for sample in batch.samples]

    def _restore_one(self, loaded: _Loaded, sample: Sample) -> torch.Tensor:
        import torch

        from ...datasets.degradations.resize import to_uint8
        from .decode import pad_at_end

        sx, sy = sample.record.scale
        with torch.inference_mode():
            padded = pad_at_end(_pixels(sample, loaded.device)[None], loaded.net.config.divisor)
            restored = loaded.net.restore(padded, sample.record.clean_size, (1 / sy, 1 / sx))
        return to_uint8(restored[0].clamp(0, 1).cpu())


def _pixels(sample: Sample, device: torch.device) -> torch.Tensor:
    from ...datasets.degradations.resize import to_float

    return to_float(sample.image.to(device, non_blocking=True))


def _find(method: str, settings: MethodSettings, weights: Path | None) -> Path:
    """Return the weight file of a method.

    Raises:
        UserError: There is none, or it is of another family, method or backbone.
    """
    assert isinstance(settings, AerisSettings)
    path = weights or BUNDLE / f"{method}-{settings.backbone or BACKBONES[0]}.safetensors"
    if weights is None and not path.is_file():
        raise UserError(_how_to_get(method, settings.backbone or BACKBONES[0], path))
    header = read_header(path)
    check_method(path, header, method)
    if settings.backbone not in (None, header.model.backbone):
        raise UserError(
            f"{path} has the backbone {header.model.backbone!r}, the settings of {method!r} ask for "
            f"{settings.backbone!r}; leave the field 'backbone' out or give other weights."
        )
    return path


def _how_to_get(method: str, backbone: Backbone, path: Path) -> str:
    """Return one sentence on how to come by weights that are not bundled."""
    train = f"train some with `lqbench train --method {method}`"
    if backbone == "mini":
        return (
            f"weights of {method!r} are not bundled ({path.name} is not in {path.parent}): {train}, or convert a "
            f"released checkpoint of {RELEASE} with `lqbench convert aeris`, and give the file with --weights."
        )
    return (
        f"weights of {method!r} with the backbone {backbone!r} must be brought: download the checkpoint that the "
        f"README of {RELEASE} links, convert it with `lqbench convert aeris FILE.pth --out FILE.safetensors` and give "
        f"that with --weights, or {train}."
    )


def _card(name: str, summary: str, *, paper: str = PAPER, restores: bool = False) -> MethodCard:
    variant = VARIANTS[name]
    return MethodCard(
        name=name,
        title=variant.title,
        summary=summary,
        kind="detector",
        paper=paper,
        restores=restores,
        tuned_on=SEEN if variant.degrade else "none",
    )


class Aeris(RestoringMethod):
    """AERIS, branch after the neck's second deconvolution, the better of the published two."""

    card: ClassVar[MethodCard] = _card(
        "aeris",
        "CenterNet on the degraded image in its own size. In training, clean images are degraded inside the model and "
        "a branch of the neck restores them; detection does without the branch.",
        restores=True,
    )


class AerisStage1(RestoringMethod):
    """AERIS, branch after the neck's first deconvolution."""

    card: ClassVar[MethodCard] = _card(
        "aeris-stage1",
        "AERIS with the restoration branch leaving after the neck's first deconvolution instead of the second.",
        restores=True,
    )


class AerisWithoutArrd(CenterMethod):
    """AERIS's training on degraded images, without the restoration branch."""

    card: ClassVar[MethodCard] = _card(
        "aeris-wo-arrd",
        "AERIS without its restoration branch: the same network for detection, trained on the same degraded images.",
    )


class CenterNet(CenterMethod):
    """The published baseline: another neck, another normalisation, clean training images."""

    card: ClassVar[MethodCard] = _card(
        "centernet",
        "CenterNet as the published baseline: neck without skip connections on ResNet-18, ImageNet normalisation, "
        "trained on clean images.",
        paper=CENTERNET,
    )


class CenterNetControl(CenterMethod):
    """AERIS's own network for detection, trained on clean images."""

    card: ClassVar[MethodCard] = _card(
        "centernet-control",
        "The network of aeris-wo-arrd trained on clean images: differs from it in nothing but the degradation.",
        paper=CENTERNET,
    )
