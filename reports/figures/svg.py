"""SVG as matplotlib writes it, made fit for a page with other figures, and for a file of its own."""

from __future__ import annotations

import re
from html import escape

from .style import INK

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_PROLOGUE = re.compile(r"^.*?(?=<svg\b)", re.DOTALL)
_METADATA = re.compile(r"\s*<(metadata|title)>.*?</\1>", re.DOTALL)
_STYLE = re.compile(r"\s*<style\b.*?</style>", re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_ROOT = re.compile(r"^<svg\b[^>]*>")
_FONT = re.compile(r"'DejaVu Sans'(?:, '[^']*')*, sans-serif")
_LOOK = "font-family: ui-sans-serif, system-ui, sans-serif; stroke-linejoin: round; stroke-linecap: butt"
_PAPER = '\n <rect width="100%" height="100%" fill="#ffffff"/>'


def inline(document: str, name: str, alt: str) -> str:
    """Return the ``svg`` element of a document, fit to stand in a page.

    - Ids get the figure's name before them, since those of several figures in one page would be the same.
    - ``INK`` becomes ``currentColor``: text and axes take the colour of the page's text, in light and dark. The
      background is transparent.
    - The style sheet, whose rule would hold for the whole page, becomes a style of the element. Text takes the
      system's plain font.
    - The element is an image to a screen reader, which reads the alternative text.

    Args:
        document: What matplotlib wrote, text as text; all text from records is escaped there.
        name: Lower-case letters, digits and hyphens.
        alt: Alternative text; escaped here.
    """
    element = _STYLE.sub("", _METADATA.sub("", _COMMENT.sub("", _PROLOGUE.sub("", document))))
    element = _TAG.sub(lambda tag: _adapted(tag[0], name), element).strip()
    size = _box(element)
    root = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" {size} '
        f'role="img" aria-label="{escape(alt)}" style="{_LOOK}">'
    )
    return _ROOT.sub(lambda _: root, element)


def standalone(document: str) -> str:
    """Return the document with a white background, on which its black text is readable in every viewer."""
    start = document.index("<svg")
    end = document.index(">", start) + 1
    return document[:end] + _PAPER + document[end:]


def _box(element: str) -> str:
    """Return the attributes of the element's size, in user units."""
    match = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', element)
    assert match is not None
    return f'viewBox="0 0 {match[1]} {match[2]}" width="{match[1]}pt" height="{match[2]}pt"'


def _adapted(tag: str, name: str) -> str:
    """Return a tag with ids of its own and the page's colour; tags hold no text from records."""
    tag = re.sub(r'\bid="', f'id="{name}-', tag)
    tag = re.sub(r'(href="|url\()#', rf"\1#{name}-", tag)
    return _FONT.sub("inherit", tag).replace(INK, "currentColor")
