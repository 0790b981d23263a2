"""Enhancers without a network, each before a detector."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ..base import MethodSettings
from ..card import MethodCard
from .method import EnhanceThenDetect
from .settings import ClaheSettings, DehazeSettings, OpeningSettings, UnderwaterSettings

if TYPE_CHECKING:
    import torch


class DcpThenDetect(EnhanceThenDetect):
    """Dehazing by the dark channel prior; see ``dehaze.dehaze``."""

    card: ClassVar[MethodCard] = MethodCard(
        name="dcp-then-detect",
        title="DCP, then detection",
        summary="Haze is estimated from the image's dark channel and removed, then the detector sees the image.",
        kind="restore-then-detect",
        paper="K. He, J. Sun, X. Tang: Single Image Haze Removal Using Dark Channel Prior, CVPR 2009",
        restores=True,
        tuned_on="none",
    )
    settings_type: ClassVar[type[MethodSettings]] = DehazeSettings

    def enhance(self, image: torch.Tensor) -> torch.Tensor:
        """Remove haze; see ``EnhanceThenDetect.enhance``."""
        from .dehaze import dehaze

        assert isinstance(self.settings, DehazeSettings)
        return dehaze(image, self.settings)


class UdcpThenDetect(DcpThenDetect):
    """Dehazing by the dark channel of green and blue, for water."""

    card: ClassVar[MethodCard] = MethodCard(
        name="udcp-then-detect",
        title="UDCP, then detection",
        summary="Backscatter is estimated from the dark channel of green and blue and removed, then the detector sees "
        "the image.",
        kind="restore-then-detect",
        paper="P. Drews Jr., E. do Nascimento, F. Moraes, S. Botelho, M. Campos: Transmission Estimation in Underwater "
        "Single Images, ICCV Workshops 2013",
        restores=True,
        tuned_on="none",
    )
    settings_type: ClassVar[type[MethodSettings]] = UnderwaterSettings


class ClaheThenDetect(EnhanceThenDetect):
    """Equalisation of lightness tile by tile; see ``clahe.equalise``."""

    card: ClassVar[MethodCard] = MethodCard(
        name="clahe-then-detect",
        title="CLAHE, then detection",
        summary="Contrast is equalised tile by tile within limits, then the detector sees the image.",
        kind="restore-then-detect",
        paper="K. Zuiderveld: Contrast Limited Adaptive Histogram Equalization, Graphics Gems IV, 1994",
        restores=True,
        tuned_on="none",
    )
    settings_type: ClassVar[type[MethodSettings]] = ClaheSettings

    def enhance(self, image: torch.Tensor) -> torch.Tensor:
        """Equalise lightness; see ``EnhanceThenDetect.enhance``."""
        from .clahe import equalise

        assert isinstance(self.settings, ClaheSettings)
        return equalise(image, self.settings)


class OpeningThenDetect(EnhanceThenDetect):
    """Removal of thin bright streaks along rows, a plain control for deraining; see ``opening.open_rows``."""

    card: ClassVar[MethodCard] = MethodCard(
        name="opening-then-detect",
        title="Opening, then detection",
        summary="What is bright and less than three pixels wide along a row, as thin rain is, is removed by a "
        "morphological opening, then the detector sees the image.",
        kind="restore-then-detect",
        paper="J. Serra: Image Analysis and Mathematical Morphology, Academic Press, 1982",
        restores=True,
        tuned_on="none; its width suits streaks one or two pixels wide",
    )
    settings_type: ClassVar[type[MethodSettings]] = OpeningSettings

    def enhance(self, image: torch.Tensor) -> torch.Tensor:
        """Open along rows; see ``EnhanceThenDetect.enhance``."""
        from .opening import open_rows

        assert isinstance(self.settings, OpeningSettings)
        return open_rows(image, self.settings)
