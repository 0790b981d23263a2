"""The method card: what a reader must know to judge a method's numbers."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class MethodCard(BaseModel):
    """Facts about a method that stand beside its numbers in every report."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    summary: str
    """One or two sentences: what happens to an image before and while objects are detected."""
    kind: Literal["detector", "sr-then-detect", "restore-then-detect", "oracle", "external"]
    paper: str = ""
    """Citation; empty for baselines without one."""
    licence: str = "Apache-2.0"
    needs_clean: bool = False
    """True only for oracles, which see the clean image; reports mark them as a ceiling, not a competitor."""
    restores: bool = False
    """True where ``restore`` returns an image, so that PSNR and SSIM can be measured."""
    tuned_on: str = ""
    """Degradations seen in training, or "none"; decides which comparisons are fair."""
