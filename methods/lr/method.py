"""The floor: what the detector finds in the degraded image without any restoration."""

from __future__ import annotations

from typing import ClassVar

from ...datasets.types import Sample
from ..card import MethodCard
from ..detecting import DetectingMethod, View


class LowResolution(DetectingMethod):
    """Detects in the degraded image at its own size; the detector pads a small image in place of enlarging it.

    Called "LR" in the tables of TDSR (Haris et al., ICONIP 2021): the low-resolution image on a black canvas.
    """

    card: ClassVar[MethodCard] = MethodCard(
        name="lr",
        title="LR (degraded image as it is)",
        summary="The detector sees the degraded image at its own size; small images are padded, never enlarged.",
        kind="detector",
        tuned_on="none",
    )
    enlarge = False

    def view(self, sample: Sample) -> View:
        """Return the degraded image itself."""
        from ...datasets.degradations.resize import to_float

        return View(to_float(self.on_device(sample.image)), (1.0, 1.0))
