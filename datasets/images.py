"""Reading image files: RGB, 8 bit, in stored pixel order, with every failure told by file name."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from .errors import UserError

EIGHT_BIT_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"})


def read_image(path: Path, expected_size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """Decode an image file to uint8 RGB (H, W, 3).

    Grey, palette, CMYK and transparent images are converted to RGB (transparency is dropped). EXIF orientation is
    ignored: COCO's and VOC's boxes and sizes refer to the pixels as stored, and turning the image would part them.

    Args:
        path: The file.
        expected_size: (height, width) as annotated; None to accept any.

    Raises:
        UserError: The file is absent, not an image, truncated, deeper than 8 bit, or of another size than annotated.
    """
    try:
        with Image.open(path) as image:
            _check_size(path, (image.height, image.width), expected_size)
            _check_mode(path, image.mode)
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
            f"the first is {missing[0]}; {where}."
        )
    return tuple(length for length in lengths if length is not None)


def _file_length(path: Path) -> int | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _check_size(path: Path, size: tuple[int, int], expected: tuple[int, int] | None) -> None:
    if expected is not None and size != expected:
        raise UserError(
            f"the image file {path} is {size[1]} x {size[0]} pixels, but its annotation says width {expected[1]} and "
            f"height {expected[0]}; the boxes would not fit, so use the image that was annotated."
        )


def _check_mode(path: Path, mode: str) -> None:
    if mode not in EIGHT_BIT_MODES:
        raise UserError(f"the image file {path} has pixel mode {mode!r}; convert it to 8-bit RGB.")
