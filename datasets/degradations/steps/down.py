"""Down-sampling."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, model_validator

from ..base import Size
from ..separable import blur_then_resize, map_axes
from ..taps import Taps, matlab_taps, resize_taps
from ..values import Choices, Span, between, pick
from .base import Levels, Step

Mode = Literal["nearest", "bilinear", "bicubic", "matlab"]


def _shrinks(bounds: tuple[float, float]) -> tuple[float, float]:
    if bounds[0] < 1:
        raise ValueError("a down-sampling factor must be at least 1")
    return bounds


class DownStep(Step):
    """Make an image smaller.

    "nearest", "bilinear" and "bicubic" follow torch's ``interpolate``; "matlab" is MATLAB's ``imresize``, bicubic.
    """

    name: ClassVar[str] = "down"
    positional: ClassVar[tuple[str, ...]] = ("factor",)

    factor: Annotated[Span, AfterValidator(_shrinks)]
    """Pixels before per pixel after."""
    mode: Annotated[tuple[Mode, ...], Choices, Field(min_length=1)] = ("bicubic",)
    """Interpolation; of several, each image draws one."""
    antialias: bool | None = None
    """Whether the kernel is widened by the factor; by default only "matlab" does so, as there. "nearest" cannot."""
    fit: Literal["round", "floor", "ceil"] | None = None
    """What becomes of a side that the factor does not divide. "round": the rounded size, and boxes follow the ratio of
    the sizes; the default. "floor" and "ceil": one pixel after is exactly ``factor`` pixels before, the last may be
    missing or reach beyond the border; torch's ``scale_factor`` and MATLAB's scale (the default of "matlab") do so."""

    @model_validator(mode="after")
    def _defaults_of_modes(self) -> DownStep:
        if len(self.mode) > 1 and "matlab" in self.mode:
            raise ValueError('mode "matlab" cannot be one of several')
        if self.antialias and "nearest" in self.mode:
            raise ValueError('mode "nearest" has no antialiased form')
        matlab = self.mode == ("matlab",)
        object.__setattr__(self, "antialias", matlab if self.antialias is None else self.antialias)
        object.__setattr__(self, "fit", self.fit or ("ceil" if matlab else "round"))
        return self

    def draw(self, uniform: Sequence[float], size: Size, seed: int) -> dict[str, Any]:
        """Draw factor and mode."""
        return {"factor": between(self.factor, uniform[0]), "mode": pick(self.mode, uniform[1])}

    def new_size(self, size: Size, drawn: dict[str, Any]) -> Size:
        """Return the sides divided by the factor and made whole, at least 1."""
        height, width = (max(1, self._whole(side / drawn["factor"])) for side in size)
        return height, width

    def _whole(self, side: float) -> int:
        if self.fit == "round":
            return math.floor(side + 0.5)
        # 12 decimals: 30 / 0.3 must not become 101 pixels for its last bit.
        return math.floor(round(side, 12)) if self.fit == "floor" else math.ceil(round(side, 12))

    def scale(self, size: Size, drawn: dict[str, Any]) -> tuple[float, float]:
        """Return the ratio of the sizes, or one over the factor where ``fit`` keeps that exact."""
        if self.fit == "round":
            return super().scale(size, drawn)
        return 1 / drawn["factor"], 1 / drawn["factor"]

    def apply(self, levels: Levels, drawn: dict[str, Any], seed: int, depth_m: NDArray[np.float32] | None) -> Levels:
        """Resize the image."""
        sides, new_sides = levels.shape[1:], self.new_size((levels.shape[1], levels.shape[2]), drawn)
        if drawn["mode"] != "matlab" and self.antialias:
            return _antialiased(levels, new_sides, drawn["mode"])
        ratio = None if self.fit == "round" else drawn["factor"]
        if drawn["mode"] == "matlab":
            taps = [matlab_taps(*pair, ratio, bool(self.antialias)) for pair in zip(sides, new_sides, strict=True)]
            return _by_matrices(levels, *taps)
        taps = [resize_taps(*pair, drawn["mode"], ratio) for pair in zip(sides, new_sides, strict=True)]
        rows, columns = (blur_then_resize(one, np.ones((1, 1))) for one in taps)
        return map_axes(levels, rows, columns)


def _antialiased(levels: Levels, size: Size, mode: Any) -> Levels:
    import torch

    from ..resize import resize

    return resize(torch.from_numpy(levels), size, mode, antialias=True).numpy()


def _by_matrices(levels: Levels, rows: Taps, columns: Taps) -> Levels:
    """Resize by dense matrices: the taps of a widened kernel are many, and mirrored at borders."""
    return rows.matrix(levels.shape[1]) @ levels @ columns.matrix(levels.shape[2]).T
