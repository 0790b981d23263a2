"""Gaussian blur."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, model_validator

from ..base import Size
from ..blur import filter_reflect
from ..kernels import gaussian_kernel
from ..values import Choices, Span, between, pick
from .base import Levels, Step


def _odd(size: int) -> int:
    if size % 2 == 0:
        raise ValueError("a kernel size must be odd")
    return size


def _positive(bounds: tuple[float, float]) -> tuple[float, float]:
    if bounds[0] <= 0:
        raise ValueError("a variance must be above 0")
    return bounds


KernelSize = Annotated[int, Field(ge=1, le=255), AfterValidator(_odd)]
Variance = Annotated[Span, AfterValidator(_positive)]


class BlurStep(Step):
    """Blur by a sampled Gaussian whose borders are reflected; see ``kernels.gaussian_kernel``."""

    name: ClassVar[str] = "blur"
    positional: ClassVar[tuple[str, ...]] = ("kind", "var")

    kind: Literal["iso", "aniso"] = "iso"
    """"iso" is equally wide in all directions, "aniso" has two widths and a direction."""
    var: Variance
    """Variance along the first axis, pixels squared."""
    var2: Variance | None = None
    """Variance along the second axis, pixels squared; only "aniso" has one."""
    theta_deg: Span | None = None
    """Direction of the first axis, degrees; 0 to 180 where "aniso" is given none."""
    size: Annotated[tuple[KernelSize, ...], Choices, Field(min_length=1)] = (21,)
    """Side of the kernel, pixels."""

    @model_validator(mode="before")
    @classmethod
    def _any_direction(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("kind") == "aniso" and given.get("theta_deg") is None:
            return {**given, "theta_deg": (0.0, 180.0)}
        return given

    @model_validator(mode="after")
    def _kinds_have_their_fields(self) -> BlurStep:
        if self.kind == "iso" and (self.var2 is not None or self.theta_deg is not None):
            raise ValueError("var2 and theta_deg belong to blur(aniso, ...)")
        if self.kind == "aniso" and self.var2 is None:
            raise ValueError("blur(aniso, ...) needs var2")
        return self

    def draw(self, uniform: Sequence[float], size: Size, seed: int) -> dict[str, Any]:
        """Draw the kernel's parameters."""
        drawn = {"kernel_size": pick(self.size, uniform[0]), "variance1_px2": between(self.var, uniform[1])}
        if self.var2 is not None and self.theta_deg is not None:
            drawn["variance2_px2"] = between(self.var2, uniform[2])
            drawn["theta_deg"] = between(self.theta_deg, uniform[3])
        return drawn

    def apply(self, levels: Levels, drawn: dict[str, Any], seed: int, depth_m: NDArray[np.float32] | None) -> Levels:
        """Filter the image."""
        theta = math.radians(drawn.get("theta_deg", 0.0))
        kernel = gaussian_kernel(drawn["kernel_size"], drawn["variance1_px2"], drawn.get("variance2_px2"), theta)
        return filter_reflect(levels, kernel)
