"""A contact sheet as a PNG image."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw

from .lettering import clipped, font
from .preview import Box, Pair, Picture

PANEL = (360, 270)
"""Width and height of the place of one picture; pictures are fitted into it."""
COLUMNS = 2
"""Pairs in a row; single pictures stand twice as many in a row."""
GAP, LINE, LINES, HEADING = 12, 15, 3, 34
PAPER, INK, FRAME = (250, 250, 250), (20, 20, 20), (225, 225, 225)


def sheet(heading: str, pairs: Sequence[Pair]) -> bytes:
    """Return the sheet as the bytes of a PNG file.

    Degraded pictures are enlarged to their clean partner's size by repeating pixels, so that both show the same.
    """
    panels = 1 if all(pair.clean is None for pair in pairs) else 2
    cell = (panels * PANEL[0] + (panels - 1) * 4, PANEL[1] + (LINES + 1) * LINE)
    columns = min(len(pairs), COLUMNS * 2 // panels)
    rows = -(-len(pairs) // columns)
    width = GAP + columns * (cell[0] + GAP)
    paper = Image.new("RGB", (width, HEADING + rows * (cell[1] + GAP)), PAPER)
    draw = ImageDraw.Draw(paper)
    draw.text((GAP, 9), clipped(draw, heading, width - 2 * GAP, 16), INK, font(16))
    for number, pair in enumerate(pairs):
        row, column = divmod(number, columns)
        _draw_pair(paper, pair, GAP + column * (cell[0] + GAP), HEADING + row * (cell[1] + GAP), cell[0])
    buffer = io.BytesIO()
    paper.save(buffer, "PNG")
    return buffer.getvalue()


def _draw_pair(paper: Image.Image, pair: Pair, left: int, top: int, width: int) -> None:
    """Draw one pair and its captions at a place of the sheet."""
    draw = ImageDraw.Draw(paper)
    pictures = [picture for picture in (pair.clean, pair.degraded) if picture is not None]
    for position, picture in enumerate(pictures):
        x = left + position * (PANEL[0] + 4)
        paper.paste(_panel(picture), (x, top))
        draw.text((x, top + PANEL[1] + 2), picture.caption, INK, font(12))
    caption = f"{pair.title}: {pair.drawn}" if pair.drawn else pair.title
    for number, line in enumerate(_wrapped(draw, caption, width, LINES)):
        draw.text((left, top + PANEL[1] + 2 + (number + 1) * LINE), line, INK, font(12))


def _panel(picture: Picture) -> Image.Image:
    """Return a picture fitted into its place, its boxes drawn in the panel's own pixels so that lines stay thin."""
    height, width = picture.pixels.shape[:2]
    factor = min(PANEL[0] / width, PANEL[1] / height)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    method = Image.Resampling.NEAREST if factor > 1 else Image.Resampling.BOX
    panel = Image.new("RGB", PANEL, FRAME)
    left, top = (PANEL[0] - size[0]) // 2, (PANEL[1] - size[1]) // 2
    panel.paste(Image.fromarray(picture.pixels).resize(size, method), (left, top))
    draw = ImageDraw.Draw(panel)
    for box in picture.boxes:
        x1, y1, x2, y2 = (value * factor for value in box.xyxy)
        corners = (left + x1, top + y1, max(left + x1, left + x2 - 1), max(top + y1, top + y2 - 1))
        draw.rectangle(corners, outline=box.colour, width=1 if box.faint else 2)
    for box in picture.boxes:
        _draw_name(draw, box, left + box.xyxy[0] * factor, max(0.0, top + box.xyxy[1] * factor - 11))
    return panel


def _draw_name(draw: ImageDraw.ImageDraw, box: Box, left: float, top: float) -> None:
    """Write a box's class on a ground of its colour, dark on bright colours and bright on dark ones."""
    red, green, blue = box.colour
    bright = 0.299 * red + 0.587 * green + 0.114 * blue > 110
    draw.rectangle((left, top, left + draw.textlength(box.name, font(9)) + 2, top + 10), fill=box.colour)
    draw.text((left + 1, top - 1), box.name, INK if bright else PAPER, font(9))


def _wrapped(draw: ImageDraw.ImageDraw, text: str, width: int, lines: int) -> list[str]:
    """Break a text at spaces into a few lines; what does not fit ends in dots."""
    done: list[str] = []
    current = ""
    for word in text.split():
        longer = f"{current} {word}".strip()
        if current and draw.textlength(longer, font(12)) > width:
            done.append(current)
            current = word
        else:
            current = longer
    done.append(current)
    if len(done) > lines:
        done[lines - 1] = f"{done[lines - 1]} ..."
    return [clipped(draw, line, width, 12) for line in done[:lines]]
