"""How datasets are written on a command line: plain names, names with choices, and paths of one's own data.

``coco-d``; ``foggy-cityscapes:beta=0.01,boxes=dafrcnn``; ``coco:/data/ann.json``, ``coco:/data/ann.json,/data/images``
and ``voc:/data/mine``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from .errors import UserError

_OUTER_COMMA = re.compile(r",(?![^()]*\))")

FORMATS = ("coco", "voc")
"""Words before a colon that name a format and not a dataset."""


@dataclass(frozen=True)
class DatasetName:
    """A dataset's name taken apart.

    Attributes:
        name: The name before the colon: a dataset of the suite, or one of ``FORMATS`` before a path.
        path: The path after ``coco:`` or ``voc:``; None for datasets of the suite.
        images: The image folder given after the path; None to look for it.
        choices: The ``key=value`` pairs after a dataset's name, in the order given.
    """

    name: str
    path: Path | None = None
    images: Path | None = None
    choices: dict[str, str] = field(default_factory=dict)


def parse_name(text: str) -> DatasetName:
    """Take a dataset's name apart.

    Raises:
        UserError: Nothing follows the colon, a choice is not of the form key=value, or a key is given twice.
    """
    name, colon, rest = text.partition(":")
    if not colon:
        return DatasetName(text)
    if not rest:
        wanted = "a path" if name in FORMATS else "choices such as key=value"
        raise UserError(f"the dataset {text!r} ends with a colon; write {wanted} behind it.")
    return _parse_path(text, name, rest) if name in FORMATS else DatasetName(name, choices=_choices(text, rest))


def split_dataset_names(text: str) -> list[str]:
    """Split a comma list of datasets; commas inside a name, before an image folder or a further choice, stay.

    A part belongs to the name before it if that one has a colon and the part is a ``key=value`` pair, or if it is a
    COCO file and the part looks like a path (it has a slash, or is a folder here). Commas inside parentheses, as in
    the recipe of a stored ``scenes-d+blur(iso,var=2.4)``, never split.
    """
    names: list[str] = []
    for part in (part.strip() for part in _OUTER_COMMA.split(text)):
        if names and _continues(names[-1], part):
            names[-1] += f",{part}"
        else:
            names.append(part)
    return names


def _parse_path(text: str, name: str, rest: str) -> DatasetName:
    path, comma, images = rest.partition(",")
    if comma and (not images or name != "coco"):
        raise UserError(f"the dataset {text!r} has a comma too many; write coco:ANN.json,IMAGE_FOLDER or {name}:PATH.")
    return DatasetName(name, Path(path).expanduser(), Path(images).expanduser() if images else None)


def _choices(text: str, rest: str) -> dict[str, str]:
    choices: dict[str, str] = {}
    for pair in rest.split(","):
        key, equals, value = (part.strip() for part in pair.partition("="))
        if not (key and equals and value):
            raise UserError(f"the dataset {text!r}: {pair!r} is not of the form key=value; write NAME:key=value.")
        if key in choices:
            raise UserError(f"the dataset {text!r} gives {key!r} twice; give it once.")
        choices[key] = value
    return choices


def _continues(name: str, part: str) -> bool:
    """Tell whether a part of a comma list belongs to the name before it."""
    before, colon, rest = name.partition(":")
    if not colon or (":" in part and part.partition(":")[0] in FORMATS):
        return False
    if before in FORMATS:
        return "," not in rest and before == "coco" and ("/" in part or "\\" in part or Path(part).is_dir())
    return "=" in part and ":" not in part
