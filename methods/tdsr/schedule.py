"""Loss schedules in the notation of TDSR (Haris, Shakhnarovich, Ukita, ICONIP 2021): ``100k:1:0+200k:1:0.01``."""

from __future__ import annotations

import re
from dataclasses import dataclass

_COUNT = re.compile(r"(\d+(?:\.\d+)?)(k|M)?")
_FACTORS = {None: 1, "k": 1_000, "M": 1_000_000}


@dataclass(frozen=True, slots=True)
class Phase:
    """Part of a training with fixed loss weights.

    Attributes:
        iterations: Optimiser steps.
        alpha: Weight of the reconstruction loss.
        beta: Weight of the task loss.
    """

    iterations: int
    alpha: float
    beta: float


@dataclass(frozen=True, slots=True)
class LossSchedule:
    """Phases, one after another."""

    phases: tuple[Phase, ...]

    @property
    def iterations(self) -> int:
        """Optimiser steps in all."""
        return sum(phase.iterations for phase in self.phases)

    def at(self, step: int) -> Phase:
        """Return the phase of an optimiser step, counted from 0; the last one for steps beyond the end."""
        for phase in self.phases:
            if step < phase.iterations:
                return phase
            step -= phase.iterations
        return self.phases[-1]

    @property
    def needs_task(self) -> bool:
        """Whether any phase weighs the task loss."""
        return any(phase.beta for phase in self.phases)


def parse_schedule(text: str) -> LossSchedule:
    """Read a schedule: ``iterations:alpha:beta`` for each phase, joined by ``+``; 100k is 100,000 and 1M a million.

    The paper prints SR-FT's as ``100k : 0``, with one weight; only its reading ``100k:1:0`` fits the others, and only
    that is accepted.

    Raises:
        ValueError: The text is of another form, a phase has no iterations, or a weight is negative.
    """
    return LossSchedule(tuple(_phase(part.strip(), text) for part in text.split("+")))


def _phase(part: str, text: str) -> Phase:
    fields = [field.strip() for field in part.split(":")]
    count = _COUNT.fullmatch(fields[0])
    if len(fields) != 3 or count is None:
        raise ValueError(f"{text!r} is no schedule; write iterations:alpha:beta, joined by +, as 100k:1:0+200k:1:0.01")
    iterations = float(count[1]) * _FACTORS[count[2]]
    try:
        alpha, beta = float(fields[1]), float(fields[2])
    except ValueError:
        raise ValueError(f"the weights of {part!r} are no numbers") from None
    if iterations < 1 or iterations != int(iterations):
        raise ValueError(f"{part!r} has no whole number of iterations from 1")
    if not (0 <= alpha < float("inf") and 0 <= beta < float("inf")):
        raise ValueError(f"the weights of {part!r} must be 0 or above")
    return Phase(int(iterations), alpha, beta)
