"""Writing COCO instances files, one entry a line, entry by entry so that large sets need little memory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TextIO

from ..atomic import replacing
from ..classes import COCO_CLASSES, COCO_HOLES

Entry = dict[str, Any]

_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)
"""Kept: ``json.dumps`` makes one for each call."""


def coco_ids(image_ids: Sequence[str]) -> list[int]:
    """Return whole numbers for image ids, as tools for COCO want them, in the same order.

    Ids that are such numbers already stay (COCO's own); where any is not, all become positions from 1.
    """
    if all(text.isascii() and text.isdigit() and str(int(text)) == text for text in image_ids):
        return [int(text) for text in image_ids]
    return list(range(1, len(image_ids) + 1))


def category_ids(classes: Sequence[str]) -> list[int]:
    """Return the category id of each class, by label.

    The 80 classes of COCO have COCO's own ids, which run to 90 with holes, so that files go to and from other tools;
    any other classes are numbered from 1.
    """
    if tuple(classes) == COCO_CLASSES:
        return [number for number in range(1, 91) if number not in COCO_HOLES]
    return list(range(1, len(classes) + 1))


def write_coco_file(
    path: Path, info: Entry, images: Iterable[Entry], annotations: Iterable[Entry], classes: Sequence[str]
) -> None:
    """Write a COCO file whole or not at all; category ids are those of ``category_ids``."""
    numbered = zip(category_ids(classes), classes, strict=True)
    categories = ({"id": number, "name": name} for number, name in numbered)
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as stream:
        stream.write(f'{{"info":{json_line(info)}')
        for section, entries in (("images", images), ("annotations", annotations), ("categories", categories)):
            stream.write(f',\n"{section}":[')
            _write_entries(stream, entries)
            stream.write("]")
        stream.write("}\n")


def json_line(content: Any) -> str:
    """Return JSON without spaces or line ends; floats are written so that reading gives the same value."""
    return _ENCODER.encode(content)


def _write_entries(stream: TextIO, entries: Iterable[Entry]) -> None:
    for position, entry in enumerate(entries):
        stream.write(("\n" if position == 0 else ",\n") + json_line(entry))
