"""One adapter for all methods that enlarge an image and then detect; a class only names its network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from ...datasets.errors import UserError
from ...datasets.types import Batch, Sample
from ..base import MethodSettings
from ..bicubic.method import fit
from ..detecting import DetectingMethod, View

if TYPE_CHECKING:
    import torch

    from ..sr.base import SrNetwork
    from ..sr.cost import Cost, CostMeter
    from ..training.request import FitRequest


class SrWeights(BaseModel):
    """The file that a method's super-resolution network is loaded from; all but its path is part of a cell's key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path = Field(exclude=True)
    sha256: str
    network: str
    """Name in the catalog of networks."""
    scale: int
    options: dict[str, Any] = {}
    """Arguments of the network's constructor besides the scale."""


class SrSettings(MethodSettings):
    """Settings of all methods of this folder."""

    sr: SrWeights | None = None
    """None only before weights are chosen."""


class SrThenDetect(DetectingMethod):
    """Enlarges each degraded image with a network, brings it to the clean image's size, and detects in it.

    The network enlarges by its own whole factor. Where that is exactly the inverse of the image's scale, as on voc-lr,
    what goes beyond the clean image's size is cropped. Elsewhere sizes were rounded or the scale is another, as on
    coco-d, and the result is resized to the clean image's size, bicubically and antialiased, so that no pixel is
    displaced. Then it is clipped and rounded to 8 bits, as a saved image would be.

    Images go through one by one: a convolution's rounding depends on the batch size, and no image's result may depend
    on its neighbours.
    """

    settings_type: ClassVar[type[MethodSettings]] = SrSettings
    network: ClassVar[str] = ""
    """The network's name in the catalog; empty where the weight file says."""
    trained_by: ClassVar[str] = ""
    """Name of the recipe's variant that trains this method; empty for training by reconstruction alone."""

    def __init__(self, settings: MethodSettings) -> None:
        super().__init__(settings)
        self._sr: SrNetwork | None = None
        self._meter: CostMeter | None = None
        self._kept: list[tuple[torch.Tensor, torch.Tensor]] = []

    @classmethod
    def parts(cls, settings: MethodSettings) -> tuple[type | str, ...]:
        """Return where the network that the settings name is imported from; see ``Method.parts``."""
        from ..sr.catalog import NETWORKS

        weights = _weights(settings)
        if weights is None:
            return ()
        # ClassSR's branches are networks of the catalog too.
        names = (weights.network, weights.options.get("branch", ""))
        return tuple(NETWORKS[name].target for name in names if name in NETWORKS)

    @classmethod
    def fit(cls, request: FitRequest) -> Path:
        """Train the network; see ``tdsr.train.train_tdsr`` and ``Method.fit``."""
        from ..tdsr.train import train_tdsr

        return train_tdsr(request, "" if cls.trained_by else cls.network)

    def setup(self, device: str, weights: Path | None) -> None:
        """Load the super-resolution network and the detector; see ``Method.setup``.

        Args:
            device: Where to compute.
            weights: The detector's checkpoint; the network's is in the settings.
        """
        from ..sr.checkpoints import load_sr
        from ..sr.cost import CostMeter

        chosen = _weights(self.settings)
        if chosen is None:
            raise UserError(f"method {self.card.name!r} needs a super-resolution network; give one with --sr-weights.")
        network, _ = load_sr(chosen.path, chosen.network, chosen.scale)
        self._sr = network.to(device).requires_grad_(False)
        self._meter = CostMeter(self._sr)
        super().setup(device, weights)

    def detect(self, batch: Batch) -> list:
        """Detect in the enlarged images, which are kept for ``restore``; see ``Method.detect``."""
        self._kept = []
        return super().detect(batch)

    def view(self, sample: Sample) -> View:
        """Return the enlarged image."""
        from ...datasets.degradations.resize import to_float

        return View(to_float(self._enlarged(sample)), sample.record.scale)

    def restore(self, batch: Batch) -> list[torch.Tensor]:
        """Return what the detector saw, in the clean images' sizes; see ``Method.restore``."""
        return [self._enlarged(sample) for sample in batch.samples]

    def cost(self, sample: Sample) -> Cost | None:
        """Return what enlarging an image takes; see ``Method.cost``."""
        from ...datasets.degradations.resize import to_float

        if self._sr is None or self._meter is None:
            return None
        device = next(self._sr.parameters()).device
        return self._meter.measure(to_float(sample.image.to(device, non_blocking=True))[None])

    def teardown(self) -> None:
        """Let go of the network and the detector."""
        self._sr = None
        self._meter = None
        self._kept = []
        super().teardown()

    def _enlarged(self, sample: Sample) -> torch.Tensor:
        """Return the enlarged image, uint8 (3, H, W); the last batch's are not computed twice."""
        found = next((enlarged for low, enlarged in self._kept if low is sample.image), None)
        if found is None:
            found = self._compute(sample)
            self._kept.append((sample.image, found))
        return found

    def _compute(self, sample: Sample) -> torch.Tensor:
        import torch

        from ...datasets.degradations.resize import resize, to_float, to_uint8

        if self._sr is None:
            raise RuntimeError(f"method {self.card.name}: call setup before detect")
        device = next(self._sr.parameters()).device
        with torch.inference_mode():
            high = self._sr(to_float(sample.image.to(device, non_blocking=True))[None])[0].clamp(0, 1)
            size, factor = sample.record.clean_size, self._sr.scale
            if sample.record.scale == (1 / factor, 1 / factor):
                return fit(to_uint8(high).cpu(), size)
            return to_uint8(resize(high, size, "bicubic", antialias=True)).cpu()


def _weights(settings: MethodSettings) -> SrWeights | None:
    assert isinstance(settings, SrSettings)
    return settings.sr
