"""Recipes: everything that decides the training of a super-resolution network besides method, data set and seed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from ..training.config import config_file, read_config
from ..training.schedule import OptimiserConfig, ScheduleConfig
from ..training.trainer import RunConfig
from .data import PairConfig
from .schedule import LossSchedule, parse_schedule

CONTROL = "sr-ft-plus"
"""The training by reconstruction alone, in as many iterations as TDSR's."""
TRAININGS = ("tdsr", "sr-ft", CONTROL, "fdsr")
"""Methods that are named by their training."""
CONFIGS = Path(__file__).with_name("configs")

Setting = Literal["T->S", "H->T", "L->T", "S->T", "S+T"]
"""Which network learns, S for super-resolution and T for the task, and what T sees; named as in SR4IR (Kim et al.,
CVPR 2024). "T->S": S learns through a frozen T, which is TDSR. "H->T", "L->T", "S->T": T learns on high-resolution
images, on low-resolution ones enlarged bicubically, or on the output of a frozen S. "S+T": both learn together."""


def _checked(text: str) -> str:
    parse_schedule(text)
    return text


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SrChoice(_Section):
    """The super-resolution network."""

    name: str
    """A network of `methods.sr.catalog`."""
    scale: int = Field(gt=0)
    options: dict[str, Any] = {}
    """Its constructor arguments besides the scale."""
    init: str | None = None
    """Path of first weights; None for random ones."""


class TaskConfig(_Section):
    """The task network and its loss."""

    detector: str | None = None
    """None for the default detector of the data set."""
    weights: str | None = None
    """Path of its weights; None for bundled or published ones."""
    loss: Literal["detection", "features"] = "detection"
    """"detection": the detector's own training loss; "features": the distance of its features on the restored and the
    high-resolution image, as FDSR (Wang, Lu, Zhang, arXiv 2004.00554) has it."""
    levels: tuple[int, ...] | None = None
    """Feature maps that "features" compares, by number; None for all. FDSR's own choice is unknown."""
    norm: Literal["l1", "l2"] = "l2"
    """Distance of features: mean absolute or mean squared difference. FDSR's own choice is unknown."""


class CurveConfig(_Section):
    """The learning rate over the training."""

    shape: Literal["steps", "cosine", "constant"] = "steps"
    drops: tuple[Annotated[int, Field(gt=0)], ...] = ()
    """Iterations after which the learning rate is multiplied by ``factor``."""
    factor: float = Field(default=0.1, gt=0, lt=1)
    warm_up_steps: int = Field(default=0, ge=0)


class ValidationConfig(_Section):
    """Held-out training images on which progress is measured.

    The last weights are written, whatever they show: methods that are compared at equal iterations must not differ in
    how a checkpoint was chosen.
    """

    images: int = Field(ge=0)


class TdsrRecipe(_Section):
    """One training recipe, the same for all methods of this folder but for its ``variants``."""

    network: SrChoice
    setting: Setting = "T->S"
    losses: Annotated[str, AfterValidator(_checked)]
    """Iterations and the weights of reconstruction and task loss, phase by phase: ``100k:1:0+200k:1:0.01``."""
    reconstruction: Literal["mse", "l1"] = "mse"
    """On pixels in [0, 1], which is the only range that gives the published weights a meaning."""
    task: TaskConfig = TaskConfig()
    epoch_steps: int = Field(gt=0)
    """Optimiser steps between checkpoints, lines of progress and validations; must divide the iterations."""
    train_split: str | None = None
    """None for the data set's split named train, train2017 or trainval."""
    train_images: int | None = Field(default=None, gt=0)
    """Use the first so many images of each data set; None for all."""
    cache: bool = False
    """Whether decoded training images are kept in one raw file, 3 bytes a pixel, while training runs."""
    batch: int = Field(gt=0)
    pairs: PairConfig = PairConfig()
    optimiser: OptimiserConfig
    curve: CurveConfig = CurveConfig()
    validation: ValidationConfig
    run: RunConfig = RunConfig()
    half: bool = False
    """Whether convolutions are written in half precision."""

    @model_validator(mode="after")
    def _iterations_fit(self) -> TdsrRecipe:
        for name, count in (
            ("losses", self.loss_schedule.iterations),
            *(("curve.drops", one) for one in self.curve.drops),
        ):
            if count % self.epoch_steps:
                raise ValueError(f"{count} iterations of {name!r} are no multiple of epoch_steps, {self.epoch_steps}")
        return self

    @property
    def loss_schedule(self) -> LossSchedule:
        """The parsed ``losses``."""
        return parse_schedule(self.losses)

    @property
    def epochs(self) -> int:
        """Stretches of ``epoch_steps`` iterations."""
        return self.loss_schedule.iterations // self.epoch_steps

    @property
    def learns_sr(self) -> bool:
        """Whether the super-resolution network learns."""
        return self.setting in ("T->S", "S+T")

    @property
    def learns_task(self) -> bool:
        """Whether the task network learns."""
        return self.setting != "T->S"

    @property
    def uses_task(self) -> bool:
        """Whether a task network is needed."""
        return self.learns_task or self.loss_schedule.needs_task

    def learning_rates(self) -> ScheduleConfig:
        """Return the learning-rate schedule in epochs."""
        drops = tuple(count // self.epoch_steps for count in self.curve.drops)
        curve = self.curve
        return ScheduleConfig(
            epochs=self.epochs, shape=curve.shape, steps=drops, factor=curve.factor, warm_up_steps=curve.warm_up_steps
        )


def load_recipe(method: str, config: str, overrides: tuple[str, ...] = ()) -> TdsrRecipe:
    """Read a named config, or a file, with the fields of a method's variant and of the command line put over it.

    A method that is not one of ``TRAININGS`` is named by its network, and trained as the control ``sr-ft-plus`` is.

    Raises:
        UserError: There is no such config or field, or a value does not fit.
    """
    variants = (method,) if method in TRAININGS else (CONTROL, method)
    return read_config(TdsrRecipe, config_file(CONFIGS, config), overrides, variants=variants)
