"""The gallery as the page holds it: pictures reduced to fit, and one block of data that its script draws from."""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from markupsafe import Markup
from PIL import Image

from ..results.pictures import StoredPicture
from .columns import MISSING
from .gallery_data import GalleryImage, GalleryTrack, Mark, MethodView, disagreement
from .provenance import CellSource
from .sections import DatasetSection

IMAGES = 8
"""Images of an image set that are shown at most."""
BUDGET = 6_000_000
"""Bytes of all pictures of the gallery together; base64 makes a third more of them."""
SMALLEST, LARGEST = 9_000, 150_000
"""Bytes that a picture may take: rather fewer images than pictures of less, and never more than the other."""
WIDEST, NARROWEST = 1024, 160
"""Longest side of a reduced picture, pixels; the narrowest takes the bytes that it needs."""
QUALITY = 82
_BYTES_PER_PIXEL = 0.12
"""Of a JPEG of this quality that is easy to compress: no larger copy is tried than would fit then."""
_UNSAFE = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})


@dataclass(frozen=True, slots=True)
class FittedPicture:
    """A picture as it is embedded.

    Attributes:
        source: Its ``data:`` address.
        size: (width, height), pixels.
    """

    source: str
    size: tuple[int, int]


@dataclass(frozen=True)
class TrackGallery:
    """The gallery of one image set.

    Attributes:
        number: Its place on the page, from 0.
        section: The image set.
        track: Its images, those of most disagreement first, no more than are shown.
        sources: Where the numbers of each method come from, by the cell's key.
        allowance: Bytes that each picture may take.
        stored: How many images there are pictures of.
    """

    number: int
    section: DatasetSection
    track: GalleryTrack
    sources: Mapping[str, CellSource]
    allowance: int
    stored: int

    @property
    def anchor(self) -> str:
        """Return its id on the page."""
        return f"gallery-{self.number}"

    @property
    def note(self) -> str:
        """Return how many images are shown, and of how many."""
        shown = len(self.track.images)
        more = f" of {self.stored}" if self.stored > shown else ""
        plural = "" if shown == 1 and not more else "s"
        return f"{shown}{more} image{plural} with pictures in the store, those on which methods differ most first."

    @cached_property
    def thumbs(self) -> list[Thumb]:
        """Return the degraded pictures, which open the full view."""
        name = self.section.name
        return [
            Thumb(
                number,
                image.image_id,
                fitted(image.degraded.path, self.allowance),
                f"Degraded image {image.image_id} of {name}",
                self._spread_text(image),
            )
            for number, image in enumerate(self.track.images)
        ]

    @property
    def data(self) -> dict[str, Any]:
        """Return what the page's script needs, JSON-able: see the head of ``gallery.js``."""
        keys = [view.key for view in self.track.images[0].views]
        return {
            "name": self.section.name,
            "classes": self.track.classes,
            "methods": [
                {"key": key, "label": source_label(self.sources[key]), "ceiling": self.sources[key].row.is_ceiling}
                for key in keys
            ],
            "images": [self._image_data(image) for image in self.track.images],
        }

    def _spread_text(self, image: GalleryImage) -> str:
        spread = spread_of(image, self.sources)
        return f"spread of AP {100 * spread:.1f}" if not math.isnan(spread) else "spread of AP unknown"

    def _image_data(self, image: GalleryImage) -> dict[str, Any]:
        return {
            "id": image.image_id,
            "size": image.size,
            "truths": [[mark.label, *mark.box, int(mark.counts)] for mark in image.truths],
            "clean": self._source(image.clean),
            "views": [self._view_data(view) for view in image.views],
        }

    def _view_data(self, view: MethodView) -> dict[str, Any]:
        return {
            "ap": MISSING if math.isnan(view.ap) else f"{100 * view.ap:.1f}",
            "boxes": [_found(mark) for mark in view.marks],
            "restored": self._source(view.restored),
            "crux": self._source(view.crux),
        }

    def _source(self, picture: StoredPicture | None) -> str | None:
        return None if picture is None else fitted(picture.path, self.allowance).source


@dataclass(frozen=True)
class Thumb:
    """An image in the list of a gallery.

    Attributes:
        number: Its place in the list, from 0.
        image_id: Its id.
        picture: The degraded image.
        alt: What it shows.
        spread: How far methods differ on it.
    """

    number: int
    image_id: str
    picture: FittedPicture
    alt: str
    spread: str


def track_galleries(tracks: Sequence[GalleryTrack], sources: Sequence[CellSource]) -> list[TrackGallery]:
    """Return the galleries of the image sets on the page, in its order.

    Args:
        tracks: What the store holds; methods that are not on the page are left out, and image sets without any.
        sources: The cells on the page.
    """
    known = {source.row.key: source for source in sources}
    order = list(known)
    shown = [_on_page(track, known, order) for track in tracks]
    whole = sorted((track for track in shown if track.images), key=lambda track: _place(track, order))
    images, allowance = _room([[_pictures(image) for image in track.images] for track in whole])
    galleries = []
    for number, track in enumerate(whole):
        first = known[track.images[0].views[0].key]
        part = replace(track, images=track.images[:images])
        galleries.append(TrackGallery(number, first.section, part, known, allowance, len(track.images)))
    return galleries


def gallery_json(galleries: Sequence[TrackGallery]) -> Markup:
    """Return the data of all galleries as JSON that may stand inside a script element: it holds no angle bracket."""
    text = json.dumps([gallery.data for gallery in galleries], ensure_ascii=True, separators=(",", ":"))
    return Markup(text.translate(_UNSAFE))  # noqa: S704 - what could end the element is escaped


def source_label(source: CellSource) -> str:
    """Return a method's label, with the detector behind it where the image set was run with several."""
    several = len(source.section.tables) > 1 and source.row.record.cell.detector
    return f"{source.row.label} \N{MIDDLE DOT} {source.row.record.cell.detector}" if several else source.row.label


def spread_of(image: GalleryImage, sources: Mapping[str, CellSource]) -> float:
    """Return how far methods differ on an image; those that see the clean image count only where others are too few."""
    aps = {view.key: view.ap for view in image.views}
    others = [ap for key, ap in aps.items() if not sources[key].row.is_ceiling]
    return disagreement(others if len(others) > 1 else aps.values())


def fitted(path: Path, allowance: int) -> FittedPicture:
    """Return a picture ready for the page: the file itself where it is small enough, else a smaller copy as JPEG.

    Args:
        path: A PNG file.
        allowance: Bytes that it may take; only the narrowest copy may exceed them.

    Raises:
        OSError: It cannot be read.
    """
    payload = path.read_bytes()
    with Image.open(io.BytesIO(payload)) as image:
        size = image.size
        if len(payload) <= allowance:
            return FittedPicture(_address("png", payload), size)
        whole = image.convert("RGB")
    return _reduced(whole, allowance)


def _reduced(whole: Image.Image, allowance: int) -> FittedPicture:
    """Return a copy as JPEG; each that is too large says how small the next one has to be."""
    longest = max(whole.size)
    side = min(longest, WIDEST, round(longest * math.sqrt(allowance / (_BYTES_PER_PIXEL * whole.width * whole.height))))
    while True:
        copy = whole.copy()
        copy.thumbnail((max(side, NARROWEST), max(side, NARROWEST)), Image.Resampling.BICUBIC)
        buffer = io.BytesIO()
        copy.save(buffer, "JPEG", quality=QUALITY)
        payload = buffer.getvalue()
        if len(payload) <= allowance or side <= NARROWEST:
            return FittedPicture(_address("jpeg", payload), copy.size)
        side = math.floor(0.95 * side * math.sqrt(allowance / len(payload)))


def _address(kind: str, payload: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(payload).decode()}"


def _on_page(track: GalleryTrack, known: Mapping[str, CellSource], order: Sequence[str]) -> GalleryTrack:
    """Return a track with the views of cells on the page, in its order, and the images of most disagreement first."""
    place = {key: number for number, key in enumerate(order)}
    images = [
        replace(
            image,
            views=tuple(sorted((v for v in image.views if v.key in known), key=lambda view: place[view.key])),
        )
        for image in track.images
    ]
    kept = [image for image in images if image.views]
    return replace(track, images=tuple(sorted(kept, key=lambda image: (_rank(image, known), image.index))))


def _rank(image: GalleryImage, known: Mapping[str, CellSource]) -> float:
    spread = spread_of(image, known)
    return 0.0 if math.isnan(spread) else -spread


def _place(track: GalleryTrack, order: Sequence[str]) -> int:
    return order.index(track.images[0].views[0].key)


def _pictures(image: GalleryImage) -> int:
    """Return how many pictures an image is shown in."""
    own = sum((view.restored is not None) + (view.crux is not None) for view in image.views)
    return 1 + (image.clean is not None) + own


def _room(pictures: Sequence[Sequence[int]]) -> tuple[int, int]:
    """Return how many images of each image set are shown, and how many bytes each picture may take.

    Args:
        pictures: By image set, how many pictures each of its images has.
    """
    for images in range(IMAGES, 0, -1):
        total = sum(sum(counts[:images]) for counts in pictures)
        if total * SMALLEST <= BUDGET or images == 1:
            return images, min(LARGEST, max(SMALLEST, BUDGET // max(1, total)))
    raise AssertionError("unreachable: one image is always shown")


def _found(mark: Mark) -> list[float]:
    return [mark.label, *mark.box, mark.score]
