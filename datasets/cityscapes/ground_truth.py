"""Reading gtFine: images of instance ids, or the polygons that they are drawn from."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, UnidentifiedImageError

from ..errors import UserError
from .instances import INSTANCES_PER_LABEL

ID_MODES = ("I;16", "I;16B", "I", "L")
"""Pillow's modes of images that can hold ids; the published PNG files are 16-bit grey."""

GROUP = "group"

_WITH_INSTANCES = {
    **{"person": 24, "rider": 25, "car": 26, "truck": 27, "bus": 28, "caravan": 29, "trailer": 30, "train": 31},
    **{"motorcycle": 32, "bicycle": 33},
}
_WITHOUT_INSTANCES = (
    *("unlabeled", "ego vehicle", "rectification border", "out of roi", "static", "dynamic", "ground", "road"),
    *("sidewalk", "parking", "rail track", "building", "wall", "fence", "guard rail", "bridge", "tunnel", "pole"),
    *("polegroup", "traffic light", "traffic sign", "vegetation", "terrain", "sky"),
)
_LABELS = {**{name: number for number, name in enumerate(_WITHOUT_INSTANCES)}, **_WITH_INSTANCES}
"""Label name to label id, after cityscapesScripts' labels.py."""
_NOT_DRAWN = ("license plate",)
"""Labels without an id, which leave what lies under them visible."""


def read_instance_ids(path: Path) -> NDArray[np.integer]:
    """Read ``*_gtFine_instanceIds.png``, (H, W).

    Raises:
        UserError: The file is broken, or an image of colours and not of ids.
    """
    try:
        with Image.open(path) as image:
            if image.mode not in ID_MODES:
                raise UserError(
                    f"{path} has pixel mode {image.mode!r}, but instance ids are 16-bit grey; unpack gtFine anew."
                )
            return np.asarray(image)
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError) as error:
        raise UserError(f"the instance ids {path} are broken ({error}); unpack gtFine anew.") from None


def draw_instance_ids(path: Path) -> NDArray[np.integer]:
    """Draw the polygons of ``*_gtFine_polygons.json`` as instance ids, (H, W).

    Polygons are filled in the file's order, later ones over earlier ones, by Pillow and with the numbering that
    cityscapesScripts' json2instanceImg.py has, so that the boxes are those of the published instance images. A label
    such as "cargroup" gets the bare id of its class.

    Raises:
        UserError: The file is not JSON, lacks a field, or has a label that Cityscapes does not know.
    """
    height, width, objects = _read_polygons(path)
    image = Image.new("I", (width, height), 0)
    drawer = ImageDraw.Draw(image)
    counts: Counter[str] = Counter()
    for position, entry in enumerate(objects):
        where = f"{path}: objects[{position}]"
        number = _number(where, entry, counts)
        if number is not None:
            drawer.polygon(_points(where, entry), fill=number)
    return np.asarray(image)


def _number(where: str, entry: Any, counts: Counter[str]) -> int | None:
    """Return the id to draw a polygon with, counting instances; None where nothing is drawn."""
    if not isinstance(entry, dict) or not isinstance(entry.get("label"), str):
        raise UserError(f"{where}: field 'label' is missing; unpack gtFine anew.")
    name: str = entry["label"]
    if entry.get("deleted") or name in _NOT_DRAWN:
        return None
    if name in _WITH_INSTANCES:
        counts[name] += 1
        return _WITH_INSTANCES[name] * INSTANCES_PER_LABEL + counts[name] - 1
    single = name if name in _LABELS else name.removesuffix(GROUP)
    if single not in _LABELS:
        raise UserError(f"{where}: field 'label' is {name!r}, which is no label of Cityscapes; correct it.")
    return _LABELS[single]


def _points(where: str, entry: dict[str, Any]) -> list[tuple[float, float]]:
    polygon = entry.get("polygon")
    try:
        points = [(float(x), float(y)) for x, y in polygon]  # pyright: ignore[reportGeneralTypeIssues,reportOptionalIterable]
    except (TypeError, ValueError):
        points = []
    if len(points) < 2:
        raise UserError(f"{where}: field 'polygon' is no list of at least two points x y; unpack gtFine anew.")
    return points


def _read_polygons(path: Path) -> tuple[int, int, list[Any]]:
    """Return height, width and the list of objects."""
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise UserError(f"the annotation file {path} cannot be read ({error.strerror}); check the path.") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not JSON ({error}); unpack gtFine anew.") from None
    fields = document if isinstance(document, dict) else {}
    height, width, objects = (fields.get(key) for key in ("imgHeight", "imgWidth", "objects"))
    if not (type(height) is int and type(width) is int and 0 < height < 2**15 and 0 < width < 2**15):
        raise UserError(f"{path}: fields 'imgHeight' and 'imgWidth' are no sizes in pixels; unpack gtFine anew.")
    if not isinstance(objects, list):
        raise UserError(f"{path}: field 'objects' is no list; unpack gtFine anew.")
    return height, width, objects
