"""Optimisers and learning-rate schedules. A schedule is a function of the step alone: resuming needs no state."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn
from torch.optim.lr_scheduler import LambdaLR


class OptimiserConfig(BaseModel):
    """SGD with momentum, Adam, or AdamW."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Literal["sgd", "adam", "adamw"]
    learning_rate: float = Field(gt=0)
    """Before the schedule's factor."""
    momentum: float = Field(default=0.9, ge=0, lt=1)
    """SGD's momentum, the first beta of the others; their second is 0.999."""
    weight_decay: float = Field(default=0.0, ge=0)
    decay_norms: bool = True
    """Whether biases and normalisation gains decay as well, as in mmdetection's default; without, kernels alone."""
    clip: float | None = Field(default=None, gt=0)
    """Largest L2 norm of the whole gradient; None for no limit."""


class ScheduleConfig(BaseModel):
    """How the learning rate changes, as a factor on the optimiser's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: int = Field(gt=0)
    shape: Literal["steps", "cosine", "constant"]
    """After the warm-up. "steps": multiplied by ``factor`` after the epochs of ``steps``; "cosine": falls to 0."""
    steps: tuple[Annotated[int, Field(gt=0)], ...] = ()
    factor: float = Field(default=0.1, gt=0, lt=1)
    warm_up_steps: int = Field(default=0, ge=0)
    """Optimiser steps in which the factor rises linearly from ``warm_up_from``."""
    warm_up_from: float = Field(default=0.001, gt=0, le=1)


def make_optimiser(
    net: nn.Module, config: OptimiserConfig, rates: Mapping[str, float] | None = None
) -> torch.optim.Optimizer:
    """Return the optimiser of a network's parameters.

    Args:
        net: The network; parameters that need no gradient are left out.
        config: Which optimiser.
        rates: Factors on the learning rate, by a part of the names of the parameters that they are for.
    """
    named = [(name, one) for name, one in net.named_parameters() if one.requires_grad]
    chosen = dict(rates or {})
    groups: list[dict[str, Any]] = []
    for part in (*chosen, ""):
        own = [one for name, one in named if _rate_of(name, chosen) == part]
        groups += _decay_groups(own, config, config.learning_rate * chosen.get(part, 1.0)) if own else []
    if config.name == "sgd":
        return torch.optim.SGD(groups, lr=config.learning_rate, momentum=config.momentum)
    kind = torch.optim.Adam if config.name == "adam" else torch.optim.AdamW
    return kind(groups, lr=config.learning_rate, betas=(config.momentum, 0.999))


def _rate_of(name: str, rates: Mapping[str, float]) -> str:
    """Return the part of a parameter's name that decides its learning rate, "" for none."""
    return next((part for part in rates if part in name), "")


def _decay_groups(parameters: list[nn.Parameter], config: OptimiserConfig, rate: float) -> list[dict[str, Any]]:
    """Return an optimiser's groups of parameters with one learning rate."""
    if config.decay_norms:
        return [{"params": parameters, "weight_decay": config.weight_decay, "lr": rate}]
    return [
        {"params": [one for one in parameters if one.ndim > 1], "weight_decay": config.weight_decay, "lr": rate},
        {"params": [one for one in parameters if one.ndim <= 1], "weight_decay": 0.0, "lr": rate},
    ]


def learning_rate_factor(config: ScheduleConfig, epoch_length: int) -> Callable[[int], float]:
    """Return the factor on the learning rate as a function of the optimiser step, counted from 0.

    Args:
        config: The schedule.
        epoch_length: Optimiser steps in an epoch.
    """
    milestones = [epoch * epoch_length for epoch in config.steps]
    total = config.epochs * epoch_length

    def factor(step: int) -> float:
        rise = 1.0
        if step < config.warm_up_steps:
            rise = 1 - (1 - step / config.warm_up_steps) * (1 - config.warm_up_from)
        if config.shape == "steps":
            return rise * config.factor ** sum(step >= milestone for milestone in milestones)
        if config.shape == "constant" or step < config.warm_up_steps:
            return rise
        return 0.5 + 0.5 * math.cos(math.pi * min(1.0, (step - config.warm_up_steps) / _rest(total, config)))

    return factor


def optimiser_and_schedule(
    net: nn.Module,
    optimiser: OptimiserConfig,
    schedule: ScheduleConfig,
    epoch_length: int,
    rates: Mapping[str, float] | None = None,
) -> Any:
    """Return what ``LightningModule.configure_optimizers`` returns, the schedule stepped after every batch.

    ``rates`` is that of ``make_optimiser``, ``epoch_length`` that of ``learning_rate_factor``.
    """
    made = make_optimiser(net, optimiser, rates)
    rule = LambdaLR(made, learning_rate_factor(schedule, epoch_length))
    return {"optimizer": made, "lr_scheduler": {"scheduler": rule, "interval": "step"}}


def _rest(total: int, config: ScheduleConfig) -> int:
    return max(1, total - config.warm_up_steps)
