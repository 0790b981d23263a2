"""Restoration by a network before a detector."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from ...datasets.errors import UserError
from ...datasets.types import Sample
from ..base import MethodSettings
from ..card import MethodCard
from ..sr.published import PublishedWeights
from .method import EnhanceThenDetect

if TYPE_CHECKING:
    import torch
    from torch import nn

    from ..sr.cost import Cost, CostMeter
    from ..training.request import FitRequest


class RestorerFile(BaseModel):
    """The file that a method's network is loaded from; all but its path is part of a cell's key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path = Field(exclude=True)
    sha256: str
    network: str
    """What the file holds, "aod" or "spandrel"."""


class RestorerSettings(MethodSettings):
    """Settings of methods with a restoration network."""

    restorer: RestorerFile | None = None
    """None only before weights are chosen."""


class RestoreByNetwork(EnhanceThenDetect):
    """Restores each degraded image with a network that keeps its size; see ``EnhanceThenDetect``."""

    settings_type: ClassVar[type[MethodSettings]] = RestorerSettings
    network: ClassVar[str] = ""
    """The network that its files must hold; empty where any will do."""
    published: ClassVar[tuple[PublishedWeights, ...]] = ()
    """Published weights for photographs."""

    def __init__(self, settings: MethodSettings) -> None:
        super().__init__(settings)
        self._network: nn.Module | None = None
        self._meter: CostMeter | None = None

    def setup(self, device: str, weights: Path | None) -> None:
        """Load the network and the detector; see ``Method.setup``.

        Args:
            device: Where to compute.
            weights: The detector's checkpoint; the network's is in the settings.
        """
        from ..sr.cost import CostMeter
        from .checkpoints import load_restorer

        assert isinstance(self.settings, RestorerSettings)
        chosen = self.settings.restorer
        if chosen is None:
            raise UserError(f"method {self.card.name!r} needs a restoration network; give one with --sr-weights.")
        network, _ = load_restorer(chosen.path, self.network)
        self._network = network.to(device).requires_grad_(False)
        self._meter = CostMeter(self._network)
        super().setup(device, weights)

    def enhance(self, image: torch.Tensor) -> torch.Tensor:
        """Restore an image; see ``EnhanceThenDetect.enhance``."""
        import torch

        if self._network is None:
            raise RuntimeError(f"method {self.card.name}: call setup before detect")
        device = next(self._network.parameters()).device
        with torch.inference_mode():
            return self._network(image.to(device)[None])[0].cpu()

    def cost(self, sample: Sample) -> Cost | None:
        """Return what restoring an image takes; see ``Method.cost``."""
        import torch

        return None if self._meter is None else self._meter.measure(torch.empty((1, *sample.image.shape)))

    def teardown(self) -> None:
        """Let go of the network and the detector."""
        self._network = None
        self._meter = None
        super().teardown()


class AodThenDetect(RestoreByNetwork):
    """AOD-Net, trained on the track's own degradation; see ``aod.AodNet``."""

    card: ClassVar[MethodCard] = MethodCard(
        name="aod-then-detect",
        title="AOD-Net, then detection",
        summary="A small network, made for haze and trained for the track, restores the image, then the detector sees "
        "it.",
        kind="restore-then-detect",
        paper="B. Li, X. Peng, Z. Wang, J. Xu, D. Feng: AOD-Net: All-in-One Dehazing Network, ICCV 2017",
        restores=True,
        tuned_on="the degradation that its weights were trained on: bundled ones on the track's own",
    )
    network: ClassVar[str] = "aod"
    published: ClassVar[tuple[PublishedWeights, ...]] = (
        PublishedWeights(
            1,
            "https://github.com/MayankSingal/PyTorch-Image-Dehazing/blob/master/snapshots/dehazer.pth",
            "dehazer.pth",
            "",
        ),
    )

    @classmethod
    def fit(cls, request: FitRequest) -> Path:
        """Train the network on pairs of degraded and clean images; see ``train.train_restorer`` and ``Method.fit``."""
        from .train import train_restorer

        return train_restorer(request)


class RestoreThenDetect(RestoreByNetwork):
    """Any restoration network that spandrel knows, or an AOD-Net: the weight file says which."""

    card: ClassVar[MethodCard] = MethodCard(
        name="restore-then-detect",
        title="Restoration, then detection",
        summary="A network brought by the user restores the image in its own size, then the detector sees it.",
        kind="restore-then-detect",
        restores=True,
    )
