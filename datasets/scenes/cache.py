"""Rendered scenes on disk: pixels, distances and boxes of each, in a folder named by the renderer's source."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import platformdirs
from numpy.typing import NDArray

from ..seeds import stable_seed
from .distances import decode_distances, distances, encode_distances
from .scene import RENDERER_VERSION, Scene, render_scene

ENVIRONMENT = "LQBENCH_CACHE"
_NOT_PIXELS = frozenset({"source.py", "cache.py", "distances.py", "sheet.py", "probe.py", "__init__.py"})


@lru_cache(maxsize=1)
def renderer_hash() -> str:
    """Return the sha256 hex digest of every source file that pixels depend on, line endings unified."""
    here = Path(__file__).parent
    files = [here.parent / "seeds.py", *here.glob("*.py"), *(here / "objects").glob("*.py")]
    digest = hashlib.sha256()
    for path in sorted(files, key=lambda p: p.relative_to(here.parent).as_posix()):
        if path.parent == here and path.name in _NOT_PIXELS:
            continue
        digest.update(path.relative_to(here.parent).as_posix().encode())
        digest.update(path.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()


def cache_root() -> Path:
    """Return the folder of all caches: ``LQBENCH_CACHE`` or the user's cache folder."""
    override = os.environ.get(ENVIRONMENT)
    return Path(override) if override else Path(platformdirs.user_cache_dir("lqbench"))


def scene_folder(split: str, size: int) -> Path:
    """Return where the scenes of a split lie; another renderer or image size lies elsewhere."""
    return cache_root() / "scenes" / renderer_hash()[:16] / f"{split}-{size}"


def scene_seed(split: str, index: int) -> int:
    """Return the seed of a scene: disjoint streams for the splits, the same for any count."""
    return stable_seed("scenes", RENDERER_VERSION, split, index)


@dataclass(frozen=True, slots=True)
class StoredBoxes:
    """Annotations of one stored scene.

    Attributes:
        xyxy: float64 (N, 4), boxes of visible pixels.
        labels: int64 (N,), indices into ``SCENE_CLASSES``.
        areas: float64 (N,), visible pixels.
        visible: float64 (N,), visible share of the whole silhouette.
    """

    xyxy: NDArray[np.float64]
    labels: NDArray[np.int64]
    areas: NDArray[np.float64]
    visible: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SceneFile:
    """One scene in the cache."""

    split: str
    index: int
    size: int

    @property
    def image_id(self) -> str:
        """Name of the image, such as ``val-000012``."""
        return f"{self.split}-{self.index:06d}"

    @property
    def png(self) -> Path:
        """Where the pixels lie."""
        return scene_folder(self.split, self.size) / f"{self.image_id}.png"

    @property
    def distance_png(self) -> Path:
        """Where the distances lie, see ``distances.encode_distances``."""
        return self.png.with_name(f"{self.image_id}-distance.png")

    def boxes(self) -> StoredBoxes | None:
        """Read the annotations; None when the scene is not stored, or not readably."""
        png = self.png
        try:
            stored = json.loads(png.with_suffix(".json").read_text())
            return _boxes(stored) if png.is_file() else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def pixels(self) -> NDArray[np.uint8]:
        """Return the image (H, W, 3) RGB, rendering it when the stored file is absent or broken."""
        raw = np.frombuffer(_whole_png(self.png), np.uint8)
        image = cv2.imdecode(raw, cv2.IMREAD_COLOR) if len(raw) else None
        if image is None or image.shape[:2] != (self.size, self.size):
            return self.render().image
        return np.ascontiguousarray(image[..., ::-1]).astype(np.uint8, copy=False)

    def distances(self) -> NDArray[np.float32]:
        """Return metres along each pixel's ray (H, W), rendering the scene when the stored file is absent or broken.

        The values are always those that went through the file's steps, so that a first use equals a later one.
        """
        size = (self.size, self.size)
        stored = decode_distances(_whole_png(self.distance_png), size)
        if stored is None:
            stored = decode_distances(encode_distances(distances(self.render())), size)
        if stored is None:
            raise RuntimeError(f"OpenCV could not decode the distances of scene {self.image_id}")
        return stored

    def render(self) -> Scene:
        """Render the scene and store it; the JSON file comes last, so that its presence means the PNGs are there."""
        scene = render_scene(scene_seed(self.split, self.index), self.size, self.size)
        self.png.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self.png, _encode(scene.image))
        write_atomically(self.distance_png, encode_distances(distances(scene)))
        facts = {
            "xyxy": scene.xyxy.astype(np.float64).tolist(),
            "labels": scene.labels.tolist(),
            "areas": scene.areas.astype(np.float64).tolist(),
            "visible": [round(float(v), 6) for v in scene.visible_fraction],
        }
        write_atomically(self.png.with_suffix(".json"), json.dumps(facts).encode())
        return scene


def _encode(image: NDArray[np.uint8]) -> bytes:
    """Return the PNG file of an image (H, W, 3) RGB.

    Film grain leaves no repeats to search for: run lengths take half of the time of zlib's level 1, in a file of the
    same size.
    """
    options = [cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
    done, encoded = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    if not done:
        raise RuntimeError("OpenCV could not encode a scene as PNG")
    return encoded.tobytes()


def _whole_png(path: Path) -> bytes:
    """Read a PNG file; nothing where it is absent or ends early, for which decoders return grey rows."""
    try:
        raw = path.read_bytes()
    except OSError:
        return b""
    return raw if raw[:8] == b"\x89PNG\r\n\x1a\n" and raw[-8:-4] == b"IEND" else b""


def _boxes(stored: dict[str, Any]) -> StoredBoxes:
    labels = np.array(stored["labels"], np.int64)
    columns = StoredBoxes(
        np.array(stored["xyxy"], np.float64).reshape(-1, 4),
        labels,
        np.array(stored["areas"], np.float64),
        np.array(stored["visible"], np.float64),
    )
    if not len(columns.xyxy) == len(labels) == len(columns.areas) == len(columns.visible):
        raise ValueError("columns of different length")
    return columns


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file under a temporary name in its folder and rename it, so that no reader sees half of it."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
