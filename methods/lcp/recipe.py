"""Recipes: everything that decides a training besides the method, the dataset and the seed. Read from ``configs``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ...datasets.errors import UserError
from ..training.config import read_recipe
from ..training.schedule import OptimiserConfig, ScheduleConfig
from ..training.trainer import RunConfig
from .config import CASCADE_R50, VARIANTS, LcpConfig, NetworkConfig, Side
from .modes import Mode, parse_modes

CONFIGS = Path(__file__).with_name("configs")


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NetworkChoice(_Section):
    """What a recipe says of the network; see ``NetworkConfig``."""

    base: str = CASCADE_R50
    size: tuple[Side, Side] = (800, 1333)
    keep_ratio: bool = False
    learners: LcpConfig = LcpConfig()
    """Which of them there are, the method says."""


class LegacyConfig(_Section):
    """What the released code does and this one does not, unless asked."""

    drift: bool = False
    """Frozen parameters that learnt in an earlier epoch go on to change by momentum and weight decay. Under the
    release's torch 1.13 gradients become 0 instead of nothing, and one optimiser has all parameters."""
    favoured_test_images: bool = False
    """Favoured images are also drawn from the favoured dataset's test split, and those of held-out images too: the
    release's folder of clear images is documented to hold all of them."""
    best_on_test: bool = False
    """The best epoch is chosen on the test split, as in all released configs, instead of on held-out images."""


class ValidationConfig(_Section):
    """Which images choose among checkpoints: the first so many of the training split in a fixed random order."""

    images: int = Field(gt=0)


class Recipe(_Section):
    """One training recipe, the same for all methods of this folder but for its ``variants``."""

    network: NetworkChoice = NetworkChoice()
    init: str | None = None
    """First weights of the whole detector: "scenes" for the bundled ones, which know clear scenes, the path of a file
    of mmdet (2.x or 3.x) or of this project, or None for random ones."""
    train_norms: bool = False
    """Whether batch normalisation learns, which it has to from random weights; the published training freezes it."""
    train_split: str | None = None
    """None for the dataset's split named train, train2017 or trainval."""
    train_images: int | None = Field(default=None, gt=0)
    """Use the first so many images of the split; None for all."""
    skip_empty: bool = True
    """Whether images without objects are left out of training, as mmdet does."""
    cache: bool = False
    """Whether resized training images are kept in one raw file, 3 bytes a pixel, while training runs."""
    favoured: str = ""
    """The dataset of images that detectors do well on, without labels: for the catch-up learner alone."""
    favoured_split: str | None = None
    """None for its split named train, train2017 or trainval."""
    modes: str = "6:catch-up+6:crux+12:alternate"
    """Which learner learns in which epoch; of no effect in methods without a catch-up learner."""
    kl_weight: float = Field(default=1.0, gt=0)
    """Of the catch-up loss; released: 1 for fog and rain, 100 for URPC."""
    batch: int = Field(gt=0)
    """Images in a step of all processes together."""
    flip: float = Field(default=0.5, ge=0, le=1)
    """Share of images that are mirrored left to right; a favoured image does as its low-quality one."""
    optimiser: OptimiserConfig
    crux_rate: float = Field(default=1.0, gt=0)
    """Learning rate of the crux learner over that of all else; released: 100 for URPC."""
    schedule: ScheduleConfig
    validation: ValidationConfig
    run: RunConfig = RunConfig()
    half: bool = False
    """Whether convolutions and matrices are written in half precision."""
    legacy: LegacyConfig = LegacyConfig()

    @field_validator("modes")
    @classmethod
    def _readable(cls, modes: str) -> str:
        parse_modes(modes)
        return modes

    def network_of(self, method: str) -> NetworkConfig:
        """Return the network of a method under this recipe."""
        own, choice = VARIANTS[method].lcp, self.network
        lcp = None
        if own is not None:
            lcp = choice.learners.model_copy(update={"crux": own.crux, "catch_up": own.catch_up})
        return NetworkConfig(base=choice.base, size=choice.size, keep_ratio=choice.keep_ratio, lcp=lcp)

    def epoch_modes(self, method: str) -> tuple[Mode, ...]:
        """Return the mode of each epoch; methods without a catch-up learner learn to detect in all of theirs."""
        learners = VARIANTS[method].lcp
        if learners is not None and learners.catch_up:
            return parse_modes(self.modes)
        return ("crux",) * self.schedule.epochs


def load_recipe(method: str, name: str, overrides: Sequence[str] = (), epochs: int | None = None) -> Recipe:
    """Read a recipe for a method.

    Args:
        method: A key of ``VARIANTS``.
        name: Name of a file in ``configs``, or the path of a YAML file.
        overrides: ``field=value`` texts, see ``training.config.read_config``.
        epochs: Replaces the recipe's number; None keeps it.

    Raises:
        UserError: The method or config is unknown, a field is unknown, missing or out of range, or the modes do not
            last as long as the schedule.
    """
    recipe = read_recipe(Recipe, CONFIGS, VARIANTS, method, name, overrides, epochs)
    lasting = len(recipe.epoch_modes(method))
    if lasting != recipe.schedule.epochs:
        raise UserError(
            f"the field 'modes' ({recipe.modes}) says what is learnt in {lasting} epochs, but {method} is trained for "
            f"{recipe.schedule.epochs} (the field 'schedule.epochs'); let both name the same number."
        )
    return recipe
