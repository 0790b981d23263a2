"""Recipes: everything that decides a training besides the method, the dataset and the seed. Read from ``configs``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ...datasets.errors import UserError
from ..training.config import read_recipe
from ..training.schedule import OptimiserConfig, ScheduleConfig
from ..training.trainer import RunConfig
from .config import VARIANTS, Backbone, ModelConfig, Normalisation, RestorationConfig, model_config
from .data import CropConfig
from .loss import LossWeights
from .transform import TransformConfig

CONFIGS = Path(__file__).with_name("configs")


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NetworkChoice(_Section):
    """What a recipe says of the network; the method says the rest. None keeps the method's own value."""

    backbone: Backbone
    dcn: bool | None = None
    head_channels: int | None = Field(default=None, gt=0)
    normalisation: Normalisation | None = None
    restoration: RestorationConfig | None = None
    """The decoder of methods that have one."""


class ValidationConfig(_Section):
    """Which images choose among checkpoints. They are held out of the training split; the test set is never looked at.

    Methods that train on degraded images are measured on degraded ones, the others on clean ones.
    """

    images: int = Field(gt=0)
    degrade: str = "aeris"
    """The degradation of the held-out images where the dataset is a clean one, in the words of ``--degrade``."""


class Recipe(_Section):
    """One training recipe, the same for all methods of this folder but for its ``variants``."""

    model: NetworkChoice
    init: str | None = None
    """First weights of the encoder: "imagenet" for the published ones, "scenes" for those of the bundled `mini`
    detector (encoder "mini"), the path of such a file, or None for random."""
    train_split: str | None = None
    """None for the dataset's split named train, train2017 or trainval."""
    train_images: int | None = Field(default=None, gt=0)
    """Use the first so many images of the split; None for all."""
    skip_empty: bool = True
    """Whether images without objects are left out of training, as mmdetection does."""
    cache: bool = False
    """Whether decoded training images are kept in one raw file, 3 bytes a pixel, while training runs."""
    batch: int = Field(gt=0)
    """Crops in a step of all processes together."""
    crops: CropConfig = CropConfig()
    degradation: TransformConfig = TransformConfig()
    """Of no effect in methods that train on clean images."""
    losses: LossWeights = LossWeights()
    optimiser: OptimiserConfig
    schedule: ScheduleConfig
    validation: ValidationConfig
    run: RunConfig = RunConfig()
    half: bool = False
    """Whether convolutions are written in half precision."""

    def network(self, method: str) -> ModelConfig:
        """Return the network of a method under this recipe.

        Raises:
            UserError: The fields do not fit the method.
        """
        fields = model_config(method, self.model.backbone).model_dump()
        chosen: dict[str, Any] = self.model.model_dump(exclude_none=True)
        if fields["restoration"] is None:
            chosen.pop("restoration", None)
        try:
            return ModelConfig.model_validate(fields | chosen)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise UserError(f"the recipe's model does not fit {method!r}: {first['msg']}.") from error


def load_recipe(method: str, name: str, overrides: Sequence[str] = (), epochs: int | None = None) -> Recipe:
    """Read a recipe for a method.

    Args:
        method: A key of ``VARIANTS``.
        name: Name of a file in ``configs``, or the path of a YAML file.
        overrides: ``field=value`` texts, see ``training.config.read_config``.
        epochs: Replaces the recipe's number; None keeps it.

    Raises:
        UserError: The method or config is unknown, or a field is unknown, missing or out of range.
    """
    return read_recipe(Recipe, CONFIGS, VARIANTS, method, name, overrides, epochs)
