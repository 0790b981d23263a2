"""Reading image files: RGB, 8 bit, in stored pixel order, with every failure told by file name."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from .errors import UserError

MISSING_PAIRS = "every degraded image needs its clear partner, so complete that folder or move it away"
"""What to do where clear images that pair with degraded ones are missing."""
EIGHT_BIT_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"})
ORIENTATION_TAG = 0x0112
"""EXIF's field for how a stored image is to be turned; 1 is not at all."""


def read_image(path: Path, expected_size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """Decode an image file to uint8 RGB (H, W, 3).

    Grey, palette, CMYK and transparent images are converted to RGB (transparency is dropped). Deeper images are
    refused: how their values were meant to be shown is not in the file. EXIF orientation is ignored: COCO's and VOC's
    boxes and sizes refer to the pixels as stored, and turning the image would part them.

    Args:
        path: The file.
        expected_size: (height, width) as annotated; None to accept any.

    Raises:
        UserError: The file is absent, not an image, truncated, deeper than 8 bit, or of another size than annotated.
    """
    try:
        with Image.open(path) as image:
            _check_size(path, image, expected_size)
            _check_depth(path, image)
            return np.asarray(image.convert("RGB"), np.uint8)
    except FileNotFoundError:
        raise UserError(f"the image file {path} does not exist; put it there or correct the annotations.") from None
    except UnidentifiedImageError:
        raise UserError(f"{path} is not an image that can be read; fetch the file anew.") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"the image file {path} is truncated or broken ({error}); fetch it anew.") from None


def image_size(path: Path) -> tuple[int, int]:
    """Return (height, width) from an image file's header, without decoding pixels.

    Raises:
        UserError: The file is absent or not an image.
    """
    try:
        with Image.open(path) as image:
            return image.height, image.width
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"the size of the image file {path} cannot be read ({error}); fetch it anew.") from None


def file_lengths(paths: Sequence[Path], hint: str = "") -> tuple[int, ...]:
    """Return the length in bytes of each image file.

    Args:
        paths: The files that a run needs.
        hint: Where to get missing files.

    Raises:
        UserError: Files are missing; the first is named and all are counted.
    """
    lengths = [_file_length(path) for path in paths]
    missing = [path for path, length in zip(paths, lengths, strict=True) if length is None]
    if missing:
        where = hint or "put the missing files there or correct the annotations"
        raise UserError(
            f"{len(missing)} of {len(paths)} image files named by the annotations are missing, "
            f"the first is {missing[0]}{_other_files(missing, len(paths))}; {where}."
        )
    return tuple(length for length in lengths if length is not None)


def _other_files(missing: Sequence[Path], named: int) -> str:
    """Say that annotations seem to be of other images, where none of theirs lies in a folder that is not empty."""
    folder = missing[0].parent
    if len(missing) < named or not folder.is_dir() or not any(folder.iterdir()):
        return ""
    return " (the folder holds other files, so the annotations may be of another split or release)"


def _file_length(path: Path) -> int | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _check_size(path: Path, image: Image.Image, expected: tuple[int, int] | None) -> None:
    size = (image.height, image.width)
    if expected is None or size == expected:
        return
    orientation = image.getexif().get(ORIENTATION_TAG, 1)
    if size == expected[::-1] and orientation != 1:
        raise UserError(
            f"the image file {path} is stored as {size[1]} x {size[0]} pixels with EXIF orientation {orientation}, but "
            f"its annotation says width {expected[1]} and height {expected[0]}, as if it had been turned; save the "
            "image turned and without the EXIF tag."
        )
    raise UserError(
        f"the image file {path} is {size[1]} x {size[0]} pixels, but its annotation says width {expected[1]} and "
        f"height {expected[0]}; the boxes would not fit, so use the image that was annotated."
    )


def _check_depth(path: Path, image: Image.Image) -> None:
    """Refuse more than 8 bits a channel, also where Pillow would drop the lower ones without a word (colour PNG)."""
    mode = image.mode
    raw_modes = [str(value) for tile in getattr(image, "tile", ()) for value in _flat(tile[3:])]
    if mode in EIGHT_BIT_MODES and not any(";16" in raw for raw in raw_modes):
        return
    shown = mode if mode not in EIGHT_BIT_MODES else f"{mode} with 16 bits a channel"
    raise UserError(f"the image file {path} has pixel mode {shown!r}; convert it to 8-bit RGB.")


def _flat(values: Iterable[Any]) -> Iterator[Any]:
    """Yield the members of nested tuples: the last fields of a Pillow tile differ between formats."""
    for value in values:
        if isinstance(value, tuple):
            yield from _flat(value)
        else:
            yield value
