"""Pictures of a cell, beside the cells in a store: PNG files that say of themselves what they show.

Layout: ``pictures/<cell.directory>/<kind>-<image id>.png``. The bytes depend on pixels and facts alone.
"""

from __future__ import annotations

import hashlib
import io
import re
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydantic import BaseModel, ConfigDict, ValidationError

from ..datasets.errors import UserError
from .atomic import TEMPORARY, make_folder, write_bytes
from .cell import Cell

FOLDER = "pictures"
_KEY = "lqbench"
_SAFE = re.compile(r"[A-Za-z0-9._-]{1,100}")


class PictureFacts(BaseModel):
    """What a picture says of itself, in its file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    """What sort of picture it is, such as "crux"; lower-case letters."""
    image_id: str
    index: int
    """The image's position in the dataset."""
    alt: str
    """What it shows, for those who cannot see it."""
    caption: str
    """What stands beneath it."""

    @property
    def file_name(self) -> str:
        """Return the file's name; ids that make no file name are changed, and told apart by a hash."""
        if _SAFE.fullmatch(self.image_id):
            return f"{self.kind}-{self.image_id}.png"
        readable = re.sub(r"[^A-Za-z0-9._-]+", "-", self.image_id)[:60]
        return f"{self.kind}-{readable}~{hashlib.sha256(self.image_id.encode()).hexdigest()[:12]}.png"


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """A picture in a store.

    Attributes:
        path: Its file.
        facts: What it says of itself.
        size: (width, height), pixels.
    """

    path: Path
    facts: PictureFacts
    size: tuple[int, int]


def picture_folder(store: Path, cell: Cell) -> Path:
    """Return where a cell's pictures lie, whether there are any or not."""
    return store / FOLDER / cell.directory


def write_picture(folder: Path, image: Image.Image, facts: PictureFacts) -> Path:
    """Write a picture, whole or not at all, and return its file; an older one of the same image is replaced.

    Raises:
        WriteError: The folder cannot be made or written.
    """
    info = PngInfo()
    info.add_itxt(_KEY, facts.model_dump_json())
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=info)
    make_folder(folder)
    path = folder / facts.file_name
    write_bytes(path, buffer.getvalue())
    return path


def pictures_of(store: Path, cell: Cell) -> list[StoredPicture]:
    """Return a cell's pictures by kind, then in the order of the dataset's images; empty where there are none.

    Raises:
        UserError: A PNG file there is damaged, or not one of ours.
    """
    found = [path for path in picture_folder(store, cell).glob("*.png") if not path.name.startswith(TEMPORARY)]
    pictures = [_read(path) for path in found]
    return sorted(pictures, key=lambda one: (one.facts.kind, one.facts.index, one.path.name))


def _read(path: Path) -> StoredPicture:
    """Read a picture's facts and size, not its pixels."""
    try:
        with Image.open(path, formats=("PNG",)) as image:
            return StoredPicture(path, PictureFacts.model_validate_json(image.info.get(_KEY, "")), image.size)
    except (OSError, SyntaxError, Image.DecompressionBombError, ValidationError) as error:
        raise UserError(
            f"{path} is damaged, or no picture that `lqbench show` wrote; delete it, or make it again with "
            "`lqbench show`."
        ) from error
