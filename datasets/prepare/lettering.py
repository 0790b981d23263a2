"""Text on pictures, in the font that comes with Pillow."""

from __future__ import annotations

from PIL import ImageDraw, ImageFont


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return the font that comes with Pillow."""
    return ImageFont.load_default(size)


def clipped(draw: ImageDraw.ImageDraw, text: str, width: int, size: int) -> str:
    """Return a text that fits into a width in pixels, its end replaced by dots where it is too long."""
    if draw.textlength(text, font(size)) <= width:
        return text
    while text and draw.textlength(f"{text}...", font(size)) > width:
        text = text[:-1]
    return f"{text}..."
