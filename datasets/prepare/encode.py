"""Degraded images as the bytes of image files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..degradations.lossless import encode_png
from ..errors import UserError

if TYPE_CHECKING:
    import torch

DEFAULT_JPEG_QUALITY = 95


@dataclass(frozen=True)
class ImageFormat:
    """How image files are written.

    Attributes:
        name: "png", which is lossless, or "jpg".
        quality: JPEG quality from 1 to 100; None for PNG.
    """

    name: str = "png"
    quality: int | None = None

    @property
    def lossless(self) -> bool:
        """Whether the stored pixels are those that were encoded."""
        return self.quality is None

    def encode(self, image: torch.Tensor) -> bytes:
        """Return the file's bytes of an image, uint8 (3, H, W) RGB. JPEG stores colours at half the resolution."""
        import cv2
        import numpy as np

        pixels = image.numpy()
        if self.quality is None:
            return encode_png(pixels)
        bgr = np.ascontiguousarray(pixels[::-1].transpose(1, 2, 0))
        done, encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, self.quality])
        if not done:
            raise RuntimeError(f"OpenCV could not encode an image of {bgr.shape} as JPEG")
        return encoded.tobytes()


def image_format(name: str, quality: int | None) -> ImageFormat:
    """Return a format after checking that its options fit.

    Raises:
        UserError: The format is unknown, or a quality is given for PNG or lies outside 1 to 100.
    """
    if name not in ("png", "jpg"):
        raise UserError(f"--format {name!r} is not known; give png or jpg.")
    if name == "png" and quality is not None:
        raise UserError(f"--quality {quality} is given, but PNG has none, it is lossless; add --format jpg.")
    if name == "png":
        return ImageFormat()
    chosen = DEFAULT_JPEG_QUALITY if quality is None else quality
    if not 1 <= chosen <= 100:
        raise UserError(f"--quality is {chosen}; give a number from 1 to 100.")
    return ImageFormat(name, chosen)
