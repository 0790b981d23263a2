"""One figure: its words, and its picture, which is drawn when somebody asks for it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...results.atomic import make_folder, write_bytes
from .style import drawing
from .svg import inline, standalone

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("svg", "pdf", "png")
DOTS_PER_INCH = 200


@dataclass(frozen=True)
class FigureFile:
    """A figure of the report.

    The same records give the same bytes in each format: nothing in them tells the time or a random number.

    Attributes:
        name: Lower-case letters, digits and hyphens, at most 80; unique among the figures of a report.
        title: One line of plain text.
        alt: What the figure shows, in words, with the range of its numbers; plain text, not escaped.
        caption: What is shown, on which images, and intervals of what; plain text, not escaped.
        draw: Makes the figure, within ``style.drawing``.
    """

    name: str
    title: str
    alt: str
    caption: str
    draw: Callable[[], Figure] = field(repr=False, compare=False)

    @cached_property
    def svg(self) -> str:
        """Return an ``svg`` element to stand in a page, see ``svg.inline``."""
        return inline(self._drawn, self.name, self.alt)

    @cached_property
    def _drawn(self) -> str:
        """Return the picture as matplotlib writes it, which page and file share."""
        return self._render("svg").decode()

    def save(self, folder: Path, formats: Sequence[str] = FORMATS) -> list[Path]:
        """Write the figure as ``folder/<name>.<format>``, each file whole or not at all.

        Args:
            folder: Made where it is missing.
            formats: Out of ``FORMATS``.

        Returns:
            The files, in the order of the formats.

        Raises:
            ValueError: A format is not known.
            WriteError: The file system cannot be written.
        """
        unknown = sorted(set(formats) - set(FORMATS))
        if unknown:
            raise ValueError(f"figures are written as {', '.join(FORMATS)}, not as {', '.join(unknown)}")
        make_folder(folder)
        paths = [folder / f"{self.name}.{each}" for each in formats]
        for path, each in zip(paths, formats, strict=True):
            write_bytes(path, standalone(self._drawn).encode() if each == "svg" else self._render(each))
        return paths

    def _render(self, kind: str) -> bytes:
        """Return the picture as a file of a format; PNG on white, the others on nothing."""
        buffer = BytesIO()
        paper: dict[str, Any] = {"facecolor": "white"} if kind == "png" else {}
        # A letter that the font lacks becomes a box; that is no reason for warnings on somebody's terminal.
        with drawing(self.name), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            self.draw().savefig(buffer, format=kind, dpi=DOTS_PER_INCH, metadata=self._metadata(kind), **paper)
        return buffer.getvalue()

    def _metadata(self, kind: str) -> dict[str, Any]:
        dates: dict[str, dict[str, Any]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
        return {"Title": self.title, **dates.get(kind, {})}
