"""JPEG coding."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import AfterValidator

from ..base import Size
from ..values import Span, between
from .base import Levels, Step

SUBSAMPLING = {"444": 0, "422": 1, "420": 2}
"""Pillow's names for how colour is stored: full, half and quarter resolution."""


def _is_quality(bounds: tuple[float, float]) -> tuple[float, float]:
    if not 1 <= bounds[0] <= bounds[1] <= 100:
        raise ValueError("a JPEG quality is between 1 and 100")
    return bounds


class JpegStep(Step):
    """Write the image as JPEG and read it back, after clipping and rounding to 8 bits.

    Pillow's libjpeg-turbo does it. Its results are the same on every processor, but another version may change them.
    """

    name: ClassVar[str] = "jpeg"
    positional: ClassVar[tuple[str, ...]] = ("quality",)

    quality: Annotated[Span, AfterValidator(_is_quality)]
    """libjpeg's quality from 1 to 100; drawn values are rounded to whole numbers."""
    chroma: Literal["444", "422", "420"] = "420"
    """Colour resolution; 4:2:0 is what cameras and libraries use by default."""

    def draw(self, uniform: Sequence[float], size: Size, seed: int) -> dict[str, Any]:
        """Draw the quality."""
        return {"quality": int(between(self.quality, uniform[0]) + 0.5)}

    def apply(self, levels: Levels, drawn: dict[str, Any], seed: int, depth_m: NDArray[np.float32] | None) -> Levels:
        """Code and decode the image."""
        from ..rounding import round_levels

        return code_jpeg(round_levels(levels), drawn["quality"], self.chroma).astype(np.float64)


def code_jpeg(image: NDArray[np.uint8], quality: int, chroma: str = "420") -> NDArray[np.uint8]:
    """Return what is left of an image, uint8 (3, H, W) RGB, after JPEG coding."""
    stream = io.BytesIO()
    picture = Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0)))
    picture.save(stream, format="JPEG", quality=quality, subsampling=SUBSAMPLING[chroma])
    with Image.open(stream) as coded:
        return np.ascontiguousarray(np.asarray(coded.convert("RGB")).transpose(2, 0, 1))
