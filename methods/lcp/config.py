"""What LCP's networks are made of, and the four methods built from them.

Numbers are those of the released code (github.com/xiaoDetection/learning-cruxes-to-push at 48cd911).
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

Side = Annotated[int, Field(gt=0)]

CASCADE_R50 = "cascade-rcnn_r50_fpn_1x_coco"
"""mmdet's config of the published detector."""
MINI = "mini"
"""A narrow Cascade R-CNN on ResNet-18 for CPUs."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LcpConfig(_Section):
    """The two learners; the defaults are those of all released configs."""

    crux: bool = True
    """Whether there is a crux learner; without, the second branch sees the image itself."""
    catch_up: bool = True
    """Whether there is a catch-up learner."""
    blocks: int = Field(default=3, ge=3)
    """Blocks of the crux learner."""
    channels: int = Field(default=16, gt=0)
    """Channels between its blocks."""
    steepness: float = Field(default=10.0, gt=0)
    """Of the sigmoid that turns the heat map into a mask."""
    threshold: float = 0.5
    """Where on the heat map the mask is one half."""
    relus: Literal[1, 2] = 1
    """ReLUs of the catch-up learner. The released code lists two under one key, so that one is left, and the released
    weights need one; the predecessor's learner (LHDP), otherwise the same, has two."""


class NetworkConfig(_Section):
    """A detector of mmdet, with LCP inside or without; the defaults are the published one."""

    base: str = CASCADE_R50
    """Name of one of mmdet's own configs, with a ResNet or ResNeXt of four stages and an FPN; or "mini"."""
    size: tuple[Side, Side] = (800, 1333)
    """(height, width) to which images are resized, pixels; then they are padded to multiples of 32."""
    keep_ratio: bool = False
    """Whether resizing keeps the aspect ratio, so that images fit into ``size``. All released configs of LCP say no;
    its predecessor trained without and tested with."""
    lcp: LcpConfig | None = None
    """None for the detector alone."""


class Variant(NamedTuple):
    """One method.

    Attributes:
        title: For tables.
        lcp: Its learners; None for the baseline.
    """

    title: str
    lcp: LcpConfig | None


VARIANTS: dict[str, Variant] = {
    "lcp": Variant("LCP", LcpConfig()),
    "lcp-crux": Variant("LCP, crux learner alone", LcpConfig(catch_up=False)),
    "lcp-catch-up": Variant("LCP, catch-up learner alone", LcpConfig(crux=False)),
    "cascade-rcnn": Variant("Cascade R-CNN, fine-tuned", None),
}
"""Method name to what it is, in the order of tables."""
