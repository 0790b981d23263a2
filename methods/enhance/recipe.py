"""Recipes: everything that decides the training of a restoration network besides the dataset and the seed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from ..training.config import config_file, read_config
from ..training.schedule import OptimiserConfig, ScheduleConfig
from ..training.trainer import RunConfig
from .aod import First

CONFIGS = Path(__file__).with_name("configs")


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PairConfig(_Section):
    """What is cut from a degraded image and its clean one."""

    window: int | None = Field(default=None, gt=0)
    """Side of a square part, pixels, drawn anew each time; None for whole images, which must then be equally large."""
    mirror: float = Field(default=0.5, ge=0, le=1)
    """Chance of a left-right mirror image."""


class ValidationConfig(_Section):
    """Held-out training images on which progress is measured; the last weights are written, whatever they show."""

    images: int = Field(ge=0)


class RestorerRecipe(_Section):
    """One training recipe: mean squared difference of AOD-Net's output and the clean image."""

    first: First = "identity"
    """First weights, see ``aod.First``."""
    train_split: str | None = None
    """None for the dataset's split named train, train2017 or trainval."""
    train_images: int | None = Field(default=None, gt=0)
    """Use the first so many images of the split; None for all."""
    cache: bool = False
    """Whether degraded and clean images are kept in one raw file, 6 bytes a pixel, while training runs."""
    batch: int = Field(gt=0)
    """Pairs in a step of all processes together."""
    pairs: PairConfig = PairConfig()
    optimiser: OptimiserConfig
    schedule: ScheduleConfig
    """In an epoch each image is seen once."""
    validation: ValidationConfig
    run: RunConfig = RunConfig()


def load_recipe(name: str, overrides: Sequence[str] = (), epochs: int | None = None) -> RestorerRecipe:
    """Read a recipe.

    Args:
        name: Name of a file in ``configs``, or the path of a YAML file.
        overrides: ``field=value`` texts, see ``training.config.read_config``.
        epochs: Replaces the recipe's number; None keeps it.

    Raises:
        UserError: There is no such config or field, or a value does not fit.
    """
    replaced = [*overrides, *([] if epochs is None else [f"schedule.epochs={epochs}"])]
    return read_config(RestorerRecipe, config_file(CONFIGS, name), replaced)
