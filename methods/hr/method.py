"""The oracle: what the detector finds when nothing is degraded."""

from __future__ import annotations

from typing import ClassVar

from ...datasets.types import Sample
from ..card import MethodCard
from ..detecting import DetectingMethod, View


class HighResolution(DetectingMethod):
    """Detects in the clean image and reports the boxes in degraded pixels.

    Called "HR" in the tables of TDSR (Haris et al., ICONIP 2021).
    """

    card: ClassVar[MethodCard] = MethodCard(
        name="hr",
        title="HR (clean image)",
        summary="The detector sees the image before degradation: a ceiling, not a competitor.",
        kind="oracle",
        needs_clean=True,
        tuned_on="none",
    )

    def view(self, sample: Sample) -> View:
        """Return the clean image; the record's scale leads from clean to degraded pixels.

        Raises:
            ValueError: The sample comes without its clean image.
        """
        from ...datasets.degradations.resize import to_float

        if sample.clean is None:
            raise ValueError(f"method hr needs the clean image of {sample.record.file}, which was not loaded")
        return View(to_float(self.on_device(sample.clean)), sample.record.scale)
