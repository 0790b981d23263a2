"""Training images in one memory-mapped file of raw pixels, for sets small enough.

Every epoch reads every image; decoding or rendering them anew each time can cost more than the network's step.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


class PixelStore:
    """Read-only images (H, W, 3) uint8 of any sizes; picklable, opened lazily by each process.

    Attributes:
        path: The raw file: the images' bytes one after another.
        sizes: (height, width) of each image.
    """

    def __init__(self, path: Path, sizes: Sequence[tuple[int, int]]) -> None:
        self.path, self.sizes = path, tuple(sizes)
        lengths = [height * width * 3 for height, width in self.sizes]
        self._offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        self._map: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        if self._map is None:
            self._map = np.memmap(self.path, np.uint8, mode="r")
        return self._map[self._offsets[index] : self._offsets[index + 1]].reshape(*self.sizes[index], 3)

    def __getstate__(self) -> dict[str, Any]:
        # A mapped array would be copied whole into every worker.
        return self.__dict__ | {"_map": None}

    @property
    def complete(self) -> bool:
        """Whether the file is there with all images."""
        return self.path.is_file() and self.path.stat().st_size == int(self._offsets[-1])

    def fill(self, images: Iterable[NDArray[np.uint8]]) -> None:
        """Write all images (H, W, 3), in order, under a name of this process first: several may write at once."""
        partial = self.path.with_name(f"{self.path.name}.{os.getpid()}.part")
        try:
            with partial.open("wb") as file:
                for image, size in zip(images, self.sizes, strict=True):
                    if image.shape != (*size, 3):
                        raise ValueError(f"image of shape {image.shape} where {size} was announced")
                    file.write(np.ascontiguousarray(image).data)
            partial.replace(self.path)
        finally:
            partial.unlink(missing_ok=True)
