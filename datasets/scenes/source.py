"""Rendered scenes as a source of annotated images."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..source import Annotations, Source, SourceImage
from .cache import SceneFile, StoredBoxes, renderer_hash
from .scene import RENDERER_VERSION, SCENE_CLASSES

SPLITS: dict[str, int] = {"train": 1200, "val": 100}
"""Splits and the number of images that each has by default."""
Progress = Callable[[int, int], None]


class ScenesSource(Source):
    """The first ``count`` scenes of a split; what is not in the cache is rendered when first needed.

    Annotations come from visible pixels, so reading ``images`` renders every missing scene. Call ``ensure`` before
    to do that on several processes and with progress.
    """

    def __init__(
        self, split: str = "val", count: int | None = None, size: int = 512, on_progress: Progress | None = None
    ) -> None:
        """Name the scenes; nothing is rendered yet.

        Args:
            split: "train" or "val".
            count: Number of images; the split's default when None. A smaller count is a prefix of a larger one.
            size: Width and height of every image, pixels.
            on_progress: Told (done, total) while missing scenes are rendered.

        Raises:
            UserError: The split is unknown, or a number is out of range.
        """
        if split not in SPLITS:
            raise UserError(f"scenes have no split {split!r}; choose one of {', '.join(SPLITS)}.")
        wanted = SPLITS[split] if count is None else count
        if wanted < 1:
            raise UserError(f"the number of scenes must be at least 1, not {wanted}.")
        if size < 64:
            raise UserError(f"the size of scenes must be at least 64 pixels, not {size}.")
        self.split, self.size, self.count = split, size, wanted
        self.classes = SCENE_CLASSES
        self.notes: dict[str, Any] = {"renderer": RENDERER_VERSION, "renderer_sha256": renderer_hash()}
        self.digest = _digest(split, wanted, size)
        self._images: tuple[SourceImage, ...] | None = None
        self._progress = on_progress

    @property
    def images(self) -> Sequence[SourceImage]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The images with their boxes, in order."""
        if self._images is None:
            self.ensure()
            self._images = tuple(self._image(index) for index in range(self.count))
        return self._images

    def load(self, index: int) -> NDArray[np.uint8]:
        """Return one image (H, W, 3) RGB; a broken file in the cache is rendered anew.

        Raises:
            IndexError: There is no such image.
        """
        return self._file(index).pixels()

    def load_depth(self, index: int) -> NDArray[np.float32]:
        """Return how far each pixel's surface is, see ``Source.load_depth``; exact to 0.01 %.

        Raises:
            IndexError: There is no such image.
        """
        return self._file(index).distances()

    def missing(self) -> list[int]:
        """Return the positions that are not in the cache."""
        return [index for index in range(self.count) if self._file(index).boxes() is None]

    def ensure(self, workers: int = 1, on_progress: Progress | None = None) -> None:
        """Render what is missing, on ``workers`` processes; pixels do not depend on their number."""
        progress = on_progress or self._progress or _silent
        files = [self._file(index) for index in self.missing()]
        if workers <= 1 or len(files) < 8:
            for done, file in enumerate(files, start=1):
                _render(file)
                progress(done, len(files))
            return
        # Spawned, because a forked child of a process that runs OpenMP or torch threads can hang.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(min(workers, len(files)), mp_context=context) as pool:
            for done, _ in enumerate(pool.map(_render, files, chunksize=4), start=1):
                progress(done, len(files))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_progress": None}

    def _file(self, index: int) -> SceneFile:
        if not 0 <= index < self.count:
            raise IndexError(f"scene {index} of {self.count}")
        return SceneFile(self.split, index, self.size)

    def _image(self, index: int) -> SourceImage:
        file = self._file(index)
        boxes = file.boxes()
        if boxes is None:
            raise UserError(f"the cached scene {file.png} vanished while it was read; run the command again.")
        name = f"scenes/{self.split}/{index:06d}"
        return SourceImage(file.image_id, name, (self.size, self.size), _annotations(boxes))


def _annotations(boxes: StoredBoxes) -> Annotations:
    none = np.zeros(len(boxes.labels), bool)
    return Annotations(boxes.xyxy, boxes.labels, boxes.areas, none, none.copy())


def _render(file: SceneFile) -> None:
    file.render()


def _silent(done: int, total: int) -> None:
    """Report nothing."""


def _digest(split: str, count: int, size: int) -> str:
    facts = [renderer_hash(), RENDERER_VERSION, split, count, size, list(SCENE_CLASSES)]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()
