"""``mmdet``: a detector of mmdet 3.x sees the degraded image through its own test pipeline."""

from __future__ import annotations

from typing import ClassVar

from ...datasets.types import Sample
from ..card import MethodCard
from ..detecting import DetectingMethod, View


class Mmdet(DetectingMethod):
    """Detects in the degraded image just as mmdet's own test script would, were the image a file.

    The config's test pipeline resizes, also upwards where it says so, and pads; its data preprocessor normalises.
    """

    card: ClassVar[MethodCard] = MethodCard(
        name="mmdet",
        title="Any detector of mmdet 3.x from its config and checkpoint",
        summary="The degraded image goes through the test pipeline of an mmdet config into the config's model.",
        kind="detector",
        tuned_on="whatever the checkpoint was trained on",
    )
    own_detector: ClassVar[str] = "mmdet"

    def view(self, sample: Sample) -> View:
        """Return the degraded image itself."""
        from ...datasets.degradations.resize import to_float

        return View(to_float(self.on_device(sample.image)), (1.0, 1.0))
