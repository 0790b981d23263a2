"""A chain of steps, written in the mini language."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from .base import DegradationSettings
from .chain import ChainDegradation
from .language import parse_steps
from .steps.base import Step


def _canonical(text: str) -> str:
    return "|".join(step.text() for step in parse_steps(text))


class PipelineSettings(DegradationSettings):
    """The chain."""

    steps: Annotated[str, AfterValidator(_canonical)]
    """Text of the mini language, see ``language``; kept in its canonical form."""


class PipelineDegradation(ChainDegradation[PipelineSettings]):
    """Any chain of steps, for a user's own data or experiments."""

    settings_type = PipelineSettings

    def make_steps(self) -> tuple[Step, ...]:
        """Read the text."""
        return parse_steps(self.settings.steps)
