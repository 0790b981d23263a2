"""The file names of Cityscapes and of the sets made of it.

``{type}/{split}/{city}/{city}_{sequence:06}_{frame:06}_{type}{ending}``, see the README of cityscapesScripts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError

FRAME = re.compile(r"[a-zA-Z-]+_\d{6}_\d{6}(?=_)")
RAIN_INTENSITIES = {
    "0.01": "alpha_0.01_beta_0.005_dropsize_0.01",
    "0.02": "alpha_0.02_beta_0.01_dropsize_0.005",
    "0.03": "alpha_0.03_beta_0.015_dropsize_0.002",
}
"""Alpha of RainCityscapes to the three values of its file names, which move together (DAF-Net, rain_txt.m)."""
RAIN_PATTERNS = tuple(str(number) for number in range(1, 13))
ANNOTATION_ENDINGS = ("_gtFine_instanceIds.png", "_gtFine_polygons.json")


@dataclass(frozen=True, slots=True)
class Frame:
    """One photograph of Cityscapes.

    Attributes:
        city: Its folder.
        name: City, sequence and number, such as ``aachen_000000_000019``.
    """

    city: str
    name: str

    def path(self, folder: Path, ending: str) -> Path:
        """Return one of its files in the folder of a split."""
        return folder / self.city / f"{self.name}{ending}"


def image_endings(options: Mapping[str, str]) -> tuple[str, ...]:
    """Return what follows the frame in the names of the images to read, one for each variant of a frame.

    Args:
        options: ``ending``, with the other options' names in braces.
    """
    ending = options["ending"]
    if "{beta}" in ending:
        return (ending.format(beta=options["beta"]),)
    if "{rain}" not in ending:
        return (ending,)
    rains = [text for alpha, text in RAIN_INTENSITIES.items() if options["alpha"] in ("all", alpha)]
    patterns = [number for number in RAIN_PATTERNS if options["pattern"] in ("all", number)]
    return tuple(ending.format(rain=rain, pattern=pattern) for rain in rains for pattern in patterns)


def list_frames(folder: Path, endings: Sequence[str]) -> list[Frame]:
    """Return the frames that have a file with one of the endings in the folder of a split, by name.

    Raises:
        UserError: There is none.
    """
    frames = set()
    for path in folder.glob("*/*"):
        match = FRAME.match(path.name)
        if match and path.name[match.end() :] in endings:
            frames.add(Frame(path.parent.name, match[0]))
    if not frames:
        raise UserError(
            f"{folder} has no files such as CITY/CITY_000000_000019{endings[0]}; unpack the archive so that the "
            "folders of the cities lie there."
        )
    return sorted(frames, key=lambda frame: frame.name)
