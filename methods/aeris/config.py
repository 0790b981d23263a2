"""What the network of AERIS and of its comparison methods is made of, and the five methods built from it."""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, model_validator

Backbone = Literal["mini", "resnet18", "swin_t"]
Neck = Literal["stock", "skip", "stage1", "stage2"]
Normalisation = Literal["unit", "imagenet"]

BACKBONES: tuple[Backbone, ...] = ("mini", "resnet18", "swin_t")
RESTORING: tuple[Neck, ...] = ("stage1", "stage2")
"""Necks from which a restoration branch leaves."""


class RestorationConfig(BaseModel):
    """The restoration decoder (ARRD); the defaults are those of the released code."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channels: int = Field(default=16, gt=0)
    """Channels that the branch brings to the decoder; the paper's code also tries 32."""
    pixel_shuffle: int = Field(default=4, gt=0)
    """Output pixels per cell of the decoder's grid, along each axis."""
    blocks: int = Field(default=2, ge=0)
    """Residual blocks."""
    bottleneck: int = Field(default=16, gt=0)
    """Channels in the middle of a residual block."""

    @property
    def hidden(self) -> int:
        """Channels between the blocks: three colours for each pixel that a cell becomes, 48 as released."""
        return 3 * self.pixel_shuffle**2


class ModelConfig(BaseModel):
    """One network; the defaults are AERIS with ResNet-18, branch after the second deconvolution."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    backbone: Backbone = "resnet18"
    """"mini" is a narrow residual network for CPUs."""
    neck: Neck = "stage2"
    """"stock": three deconvolutions without skip connections (CenterNet on ResNet-18). "skip": the same with
    backbone features concatenated. "stage1", "stage2": "skip" with a restoration branch after the first or the
    second deconvolution."""
    dcn: bool = True
    """Whether the neck's 3x3 convolutions are deformable ones (DCNv2), as published; they are slow on CPUs."""
    restoration: RestorationConfig | None = RestorationConfig()
    """None for necks without a branch."""
    normalisation: Normalisation = "unit"
    """"unit": pixels in [0, 1] as they are. "imagenet": ImageNet's mean and standard deviation."""
    head_channels: int = Field(default=64, gt=0)
    """Channels inside the head; 64 with ResNet-18 and 96 with Swin-T as published."""
    divisor: int = Field(default=32, gt=0, multiple_of=32)
    """Sides of images must be multiples of this, the coarsest stride."""

    @model_validator(mode="after")
    def _branch_fits_neck(self) -> ModelConfig:
        if (self.restoration is not None) != (self.neck in RESTORING):
            raise ValueError(
                f"neck {self.neck!r} {'needs a' if self.restoration is None else 'has no'} restoration branch"
            )
        return self


class Variant(NamedTuple):
    """One method: its network and how it is trained.

    Attributes:
        title: For tables.
        model: With ResNet-18; ``model_config`` gives it with another backbone.
        degrade: Whether clean training images are degraded inside the model.
    """

    title: str
    model: ModelConfig
    degrade: bool


_WITHOUT_BRANCH = ModelConfig(neck="skip", restoration=None)

VARIANTS: dict[str, Variant] = {
    "aeris": Variant("AERIS", ModelConfig(), True),
    "aeris-stage1": Variant("AERIS, branch at stage 1", ModelConfig(neck="stage1"), True),
    # The release names a config of this row but lacks it, so its neck and normalisation are unknown. Those of AERIS
    # are taken: then the restoration branch is the only difference between the two.
    "aeris-wo-arrd": Variant("AERIS without ARRD", _WITHOUT_BRANCH, True),
    "centernet": Variant("CenterNet", ModelConfig(neck="stock", restoration=None, normalisation="imagenet"), False),
    # Not in the release: differs from aeris-wo-arrd in nothing but the training images.
    "centernet-control": Variant("CenterNet with AERIS's neck, clean training", _WITHOUT_BRANCH, False),
}
"""Method name to what it is, in the order of tables."""

_HEAD_CHANNELS: dict[Backbone, int] = {"mini": 24, "resnet18": 64, "swin_t": 96}


def model_config(method: str, backbone: Backbone) -> ModelConfig:
    """Return the network of a method with a backbone.

    With Swin-T the released CenterNet baseline has the neck with skip connections; with "mini" no convolution is
    deformable.

    Args:
        method: A key of ``VARIANTS``.
        backbone: Which encoder.
    """
    model = VARIANTS[method].model
    fields = {"backbone": backbone, "dcn": backbone != "mini", "head_channels": _HEAD_CHANNELS[backbone]}
    if backbone == "swin_t" and model.neck == "stock":
        fields["neck"] = "skip"
    return model.model_copy(update=fields)
