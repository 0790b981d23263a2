"""Pictures of cells as the page shows them: a few of each cell, embedded, so that the page needs no other file."""

from __future__ import annotations

import base64
import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from PIL import Image

from ..results.pictures import FOLDER, StoredPicture
from .gallery_data import CRUX
from .provenance import CellSource

PICTURES = 6
"""Pictures of a cell that are embedded at most."""
WIDEST = 1600
"""Pixels; wider pictures are reduced."""
LARGEST_AS_IT_IS = 500_000
"""Bytes; larger pictures are embedded as JPEG."""
QUALITY = 88


@dataclass(frozen=True, slots=True)
class EmbeddedPicture:
    """A picture on the page.

    Attributes:
        source: Its ``data:`` address.
        size: (width, height) as embedded, pixels.
        alt: What it shows, for those who cannot see it.
        caption: What stands beneath it.
    """

    source: str
    size: tuple[int, int]
    alt: str
    caption: str


@dataclass(frozen=True)
class CellGallery:
    """The pictures of one cell.

    Attributes:
        source: The cell.
        stored: All its pictures in the store; never empty.
    """

    source: CellSource
    stored: tuple[StoredPicture, ...]

    @property
    def anchor(self) -> str:
        """Return its id on the page."""
        return f"pictures-{self.source.row.key}"

    @property
    def title(self) -> str:
        """Return method and dataset."""
        return f"{self.source.row.label} on {self.source.section.name}"

    @property
    def folder(self) -> str:
        """Return where the pictures lie, relative to the store."""
        return f"{FOLDER}/{self.source.row.record.cell.directory}"

    @property
    def count_text(self) -> str:
        """Return how many pictures there are: "1 picture", "3 pictures"."""
        return f"{len(self.stored)} picture{'' if len(self.stored) == 1 else 's'}"

    @property
    def note(self) -> str:
        """Return where the pictures lie, and how many more lie there than are shown."""
        more = len(self.stored) - PICTURES
        shown = f"The first {PICTURES} of {self.count_text}; {more} more lie" if more > 0 else f"{self.count_text},"
        return f"{shown} in {self.folder} of the store."

    @cached_property
    def shown(self) -> list[EmbeddedPicture]:
        """Return the pictures that the page holds."""
        return [_embedded(picture) for picture in self.stored[:PICTURES]]


def galleries(
    sources: Sequence[CellSource], pictures: Mapping[str, Sequence[StoredPicture]], without: Collection[Path] = ()
) -> list[CellGallery]:
    """Return the galleries of the cells that have pictures of their masks, in the order of the rows.

    Args:
        sources: The cells.
        pictures: Stored pictures by the cell's key; those of other kinds are for the gallery of images.
        without: Files of pictures that are shown elsewhere.
    """
    keyed = [
        (source, tuple(one for one in pictures.get(source.row.key, ()) if _own(one, without))) for source in sources
    ]
    return [CellGallery(source, stored) for source, stored in keyed if stored]


def _own(picture: StoredPicture, without: Collection[Path]) -> bool:
    return picture.facts.kind == CRUX and picture.path not in without


def _embedded(picture: StoredPicture) -> EmbeddedPicture:
    """Return a picture ready for the page: the file itself where it is small enough, else a smaller copy."""
    payload, kind, size = picture.path.read_bytes(), "png", picture.size
    if size[0] > WIDEST or len(payload) > LARGEST_AS_IT_IS:
        payload, size = _reduced(payload)
        kind = "jpeg"
    address = f"data:image/{kind};base64,{base64.b64encode(payload).decode()}"
    return EmbeddedPicture(address, size, picture.facts.alt, picture.facts.caption)


def _reduced(payload: bytes) -> tuple[bytes, tuple[int, int]]:
    """Return a picture as JPEG, at most ``WIDEST`` wide, with its (width, height)."""
    with Image.open(io.BytesIO(payload)) as image:
        copy = image.convert("RGB")
    if copy.width > WIDEST:
        height = max(1, round(copy.height * WIDEST / copy.width))
        copy = copy.resize((WIDEST, height), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    # Text and colour maps suffer where colours are kept at half the resolution.
    copy.save(buffer, "JPEG", quality=QUALITY, subsampling=0)
    return buffer.getvalue(), copy.size
