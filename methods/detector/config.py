"""Configurations of the detector and of its training, read from ``mini.yaml``."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ...datasets.errors import UserError
from ...datasets.registry import Registry

CONFIG_FILE = Path(__file__).with_name("mini.yaml")


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NetworkConfig(_Section):
    """Shape of the network."""

    widths: tuple[int, int, int, int, int]
    """Channels at strides 2, 4, 8, 16 and 32."""
    blocks: tuple[int, int, int, int]
    """Residual blocks at strides 4, 8, 16 and 32."""
    neck: int = Field(gt=0)
    """Channels of the feature pyramid and of the heads."""


class CropConfig(_Section):
    """How training crops are cut."""

    size: int = Field(gt=0, multiple_of=32)
    """Side of a crop, pixels."""
    scale: tuple[float, float]
    """Smallest and largest enlargement of the image's pixels; drawn log-uniformly."""
    aimed: float = Field(ge=0, le=1)
    """Share of crops placed so that they hold a randomly chosen object's centre; the others lie anywhere."""
    per_image: int = Field(gt=0)
    """Crops taken of each image in an epoch."""
    min_visible: float = Field(gt=0, le=1)
    """An object of which less lies inside the crop is neither learnt nor counted as background."""
    min_side: float = Field(gt=0)
    """The same for objects narrower or lower than this, in crop pixels."""
    colour: float = Field(ge=0, lt=1)
    """Brightness, contrast and saturation are multiplied by factors from [1 - colour, 1 + colour]."""

    @model_validator(mode="after")
    def _ordered(self) -> CropConfig:
        if not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError("scale must be two positive numbers, the smaller first")
        return self


class OptimiserConfig(_Section):
    """AdamW with a one-cycle schedule and an exponential moving average of the weights."""

    epochs: int = Field(gt=0)
    batch: int = Field(gt=0)
    learning_rate: float = Field(gt=0)
    """At the top of the cycle."""
    warm_up: float = Field(gt=0, lt=1)
    """Share of all steps in which the rate rises."""
    weight_decay: float = Field(ge=0)
    clip: float = Field(gt=0)
    """Largest norm of the gradient."""
    average: float = Field(ge=0, lt=1)
    """Decay of the weights' moving average per step."""


class DetectorConfig(_Section):
    """One named entry of ``mini.yaml``."""

    network: NetworkConfig
    crops: CropConfig
    optimiser: OptimiserConfig
    train_split: str
    train_images: int | None = Field(default=None, gt=0)
    """Train on the first so many images; None for the whole split."""
    val_split: str
    val_images: int | None = Field(default=None, gt=0)

    def with_epochs(self, epochs: int | None) -> DetectorConfig:
        """Return the config with another number of epochs; None leaves it as it is."""
        if epochs is None:
            return self
        return self.model_copy(update={"optimiser": self.optimiser.model_copy(update={"epochs": epochs})})


def load_config(name: str, file: Path = CONFIG_FILE) -> DetectorConfig:
    """Read one named configuration.

    Raises:
        UserError: The name is unknown, or a field is missing, unknown or out of range.
    """
    entries = yaml.safe_load(file.read_text(encoding="utf-8"))
    names: Registry[DetectorConfig] = Registry("detector config")
    for entry in entries:
        names.register(entry, f"{file.name}:{entry}")
    names.target(name)
    try:
        return DetectorConfig.model_validate(entries[name])
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise UserError(f"{file}: config {name!r}, field {field!r}: {first['msg']}.") from error
