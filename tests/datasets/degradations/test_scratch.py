"""Memory that is used again: each thread's own, and laid out for quick loads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from lqbench.datasets.degradations.scratch import ALIGNMENT, KEPT, LEAST, scratch


def test_scratch_memory_is_reused_and_each_threads_own():
    first, again = scratch("test", (3, 4), np.float32), scratch("test", (2, 2), np.float64)
    assert np.shares_memory(first, again)
    with ThreadPoolExecutor(1) as pool:
        assert not np.shares_memory(first, pool.submit(scratch, "test", (3, 4), np.float32).result())
    big, other = (scratch("test", (KEPT + 1,), np.uint8) for _ in range(2))
    assert not np.shares_memory(big, other), "memory of that size is not to be kept"


def test_scratch_memory_begins_with_a_cache_line():
    for size in (1, LEAST, LEAST + 1, 2 * LEAST + 5):
        memory = scratch("aligned", (size,), np.uint8)
        assert memory.size == size
        assert memory.ctypes.data % ALIGNMENT == 0
