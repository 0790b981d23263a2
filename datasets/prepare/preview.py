"""A look at a dataset: some images, clean beside degraded, with boxes and what was drawn for each."""

from __future__ import annotations

import colorsys
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..atomic import write_bytes
from ..errors import UserError

if TYPE_CHECKING:
    from ..dataset import Dataset

SUFFIXES = (".png", ".html")


@dataclass(frozen=True)
class Box:
    """One box on a picture.

    Attributes:
        xyxy: x1 y1 x2 y2 in pixels of the picture.
        name: Its class.
        colour: Red, green, blue.
        faint: Whether it is a crowd region or a difficult object, which metrics ignore.
    """

    xyxy: tuple[float, float, float, float]
    name: str
    colour: tuple[int, int, int]
    faint: bool


@dataclass(frozen=True)
class Picture:
    """An image, uint8 (H, W, 3) RGB, with its boxes and one line about it."""

    pixels: NDArray[np.uint8]
    boxes: tuple[Box, ...]
    caption: str


@dataclass(frozen=True)
class Pair:
    """One image of a dataset.

    Attributes:
        title: Its id.
        drawn: What was drawn for it, in words; empty where nothing is.
        clean: Before degradation; None where the dataset has no clean images, or degrades nothing.
        degraded: As methods see it.
    """

    title: str
    drawn: str
    clean: Picture | None
    degraded: Picture


def write_preview(
    dataset: Dataset, out: Path, count: int, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> int:
    """Write a contact sheet as ``.png`` or as one self-contained ``.html`` page; images are spread over the dataset.

    Args:
        dataset: The dataset.
        out: The file.
        count: How many images to show; fewer where the dataset has fewer.
        on_progress: Told (done, total).

    Returns:
        The number of images shown.

    Raises:
        UserError: The file's ending is another, the file cannot be written, or an image cannot be read.
    """
    if out.suffix.lower() not in SUFFIXES:
        raise UserError(f"--out {out} must end in .png or .html.")
    chosen = spread(len(dataset), count)
    pairs = []
    for index in chosen:
        pairs.append(make_pair(dataset, index))
        on_progress(len(pairs), len(chosen))
    heading = f"{dataset.spec.title} ({dataset.spec.name}, {dataset.split}, {len(pairs)} of {len(dataset)} images)"
    content = _page(heading, pairs) if out.suffix.lower() == ".html" else _sheet(heading, pairs)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(out, content)
    except OSError as error:
        raise UserError(f"{out} cannot be written ({error.strerror or error}); name another file with --out.") from None
    return len(pairs)


def spread(total: int, count: int) -> list[int]:
    """Return up to ``count`` positions, evenly over ``total``, the first and the last among them."""
    return sorted({round(float(position)) for position in np.linspace(0, total - 1, min(count, total))})


def make_pair(dataset: Dataset, index: int) -> Pair:
    """Make one image of a dataset, clean and degraded, with boxes on both."""
    spec = dataset.spec
    differs = spec.degradation != "none" or bool(spec.recipe) or spec.clean == "pair"
    sample = dataset.sample(index, clean=differs and dataset.has_clean)
    record, found = sample.record, dataset.boxes[index]
    ignored = found.crowd | found.difficult

    def boxes(sx: float, sy: float) -> tuple[Box, ...]:
        """Return the boxes divided by a scale."""
        scaled = (found.xyxy / np.array([sx, sy, sx, sy])).tolist()
        return tuple(
            Box(tuple(xyxy), dataset.classes[label], colour_of(int(label)), bool(faint))
            for xyxy, label, faint in zip(scaled, found.labels, ignored, strict=True)
        )

    degraded = _pixels(sample.image)
    picture = Picture(degraded, boxes(1.0, 1.0), f"degraded {degraded.shape[1]} x {degraded.shape[0]}")
    clean = None
    if sample.clean is not None:
        pixels = _pixels(sample.clean)
        clean = Picture(pixels, boxes(*record.scale), f"clean {pixels.shape[1]} x {pixels.shape[0]}")
    else:
        picture = Picture(degraded, picture.boxes, f"{degraded.shape[1]} x {degraded.shape[0]}")
    return Pair(record.image_id, words(record.parameters), clean, picture)


def words(parameters: Mapping[str, Any]) -> str:
    """Return drawn parameters as text, numbers with three digits; those that are not used are left out.

    The steps of a chain are named one after the other, each with what was drawn for it in parentheses.
    """
    return ", ".join(
        " | ".join(_step(step) for step in value) if name == "steps" else f"{name} {_value(value)}"
        for name, value in parameters.items()
        if value is not None
    )


def colour_of(label: int) -> tuple[int, int, int]:
    """Return a bright colour for a class; neighbouring labels differ by the golden ratio in hue."""
    red, green, blue = colorsys.hsv_to_rgb(label * 0.618034 % 1.0, 0.85, 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)


def _step(drawn: Mapping[str, Any]) -> str:
    return f"{drawn['step']} ({words({name: value for name, value in drawn.items() if name != 'step'})})"


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"({words(value)})"
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return value if isinstance(value, str) else json.dumps(value)


def _pixels(image: Any) -> NDArray[np.uint8]:
    """Return a uint8 (3, H, W) tensor as an array (H, W, 3)."""
    return np.ascontiguousarray(image.numpy().transpose(1, 2, 0))


def _page(heading: str, pairs: list[Pair]) -> bytes:
    from .preview_page import page

    return page(heading, pairs)


def _sheet(heading: str, pairs: list[Pair]) -> bytes:
    from .preview_sheet import sheet

    return sheet(heading, pairs)
