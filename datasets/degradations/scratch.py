"""Memory for what lies between an image and the degraded one, used again for the next image.

The system hands out fresh memory page by page when it is first written to. For arrays of megabytes that takes longer
than to compute what they hold.
"""

from __future__ import annotations

import math
import threading
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

KEPT = 64 * 2**20
"""Bytes up to which memory is kept; larger arrays, of images beyond 10 megapixels, are fresh ones."""

ALIGNMENT = 64
"""Bytes of a cache line: numbers that lie across two lines take longer to load."""

LEAST = 4 * 2**20
"""Bytes of the smallest memory: from here on numpy asks the system for large pages, which are found faster."""

T = TypeVar("T", bound=np.generic)


class _Memory(threading.local):
    def __init__(self) -> None:
        self.by_name: dict[str, NDArray[np.uint8]] = {}


_MEMORY = _Memory()


def scratch(name: str, shape: tuple[int, ...], dtype: type[T]) -> NDArray[T]:
    """Return an array of unknown content, for use within one function.

    Args:
        name: Names the memory; the next call with this name in the same thread may return the same memory, so what is
            handed to callers must be a copy.
        shape: The array's shape.
        dtype: The array's type.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size > KEPT:
        return np.empty(shape, dtype)
    memory: NDArray[Any] | None = _MEMORY.by_name.get(name)
    if memory is None or memory.size < size:
        fresh = np.empty(max(size, LEAST) + ALIGNMENT, np.uint8)
        memory = _MEMORY.by_name[name] = fresh[-fresh.ctypes.data % ALIGNMENT :]
    return memory[:size].view(dtype).reshape(shape)
