"""Images worked on one by one, in this process or in several, with the same results for any number of them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from typing import Any, TypeVar

from ..errors import UserError

R = TypeVar("R")
CHUNK = 4
"""Images that a worker takes at a time."""
AHEAD = 3
"""Chunks for each worker that are handed out and not yet back; what bounds the memory for any number of images."""


def work(task: Callable[[int], R], indices: Sequence[int], workers: int) -> Iterator[tuple[int, R]]:
    """Yield (index, result) of each index as they come; the order is not that of the indices with several workers.

    Args:
        task: What to do; picklable where workers are used.
        indices: What to call it with.
        workers: Processes to use; up to 1 works in this process.

    Raises:
        UserError: What the task raised, or a worker process was ended from outside.
    """
    count = min(workers, -(-len(indices) // CHUNK))
    if count <= 1:
        with _one_thread_here():
            for index in indices:
                yield index, task(index)
        return
    with ProcessPoolExecutor(count, mp_context=_context(), initializer=_start, initargs=(task,)) as pool:
        try:
            yield from _collect(pool, indices, count * AHEAD)
        except BrokenProcessPool:
            raise UserError(
                "a worker process was ended from outside, perhaps for want of memory; run the same command again, with "
                "fewer --workers."
            ) from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _collect(pool: ProcessPoolExecutor, indices: Sequence[int], ahead: int) -> Iterator[tuple[int, Any]]:
    """Keep some chunks under way and yield the results of those that are done."""
    chunks = (indices[start : start + CHUNK] for start in range(0, len(indices), CHUNK))
    under_way: set[Future[list[tuple[int, Any]]]] = {pool.submit(_run, chunk) for chunk in islice(chunks, ahead)}
    while under_way:
        done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
        for future in done:
            yield from future.result()
        under_way |= {pool.submit(_run, chunk) for chunk in islice(chunks, len(done))}


_TASK: Callable[[int], Any] | None = None
"""The task of this worker process; sent once, since a dataset's records are large."""


def _start(task: Callable[[int], Any]) -> None:
    """Prepare a worker: one thread, Ctrl-C left to the parent, and an end when the parent is gone."""
    global _TASK  # noqa: PLW0603
    _TASK = task
    _one_thread()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _run(indices: Sequence[int]) -> list[tuple[int, Any]]:
    if _TASK is None:
        raise RuntimeError("the worker was not prepared")
    return [(index, _TASK(index)) for index in indices]


def _end_with_parent() -> None:
    """End this process when its parent is killed: the executor's own workers would wait forever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _one_thread() -> None:
    """Compute with one thread: pixels must not depend on where they are made, and processes are the parallelism."""
    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)


@contextmanager
def _one_thread_here() -> Iterator[None]:
    """Compute with one thread for a while."""
    import cv2
    import torch

    before = torch.get_num_threads(), cv2.getNumThreads()
    _one_thread()
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])


def _context() -> Any:
    """Return how workers start: from a clean server process where there is one, which has imported torch once.

    A plain fork of this process would copy the locks of its threads in whatever state they are in.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "cv2", __name__])
    return context
