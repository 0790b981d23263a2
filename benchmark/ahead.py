"""An iterator that a thread advances while the caller works on what it got before."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterable
from typing import Any, TypeVar

from .determinism import single_threaded_start

AHEAD = 2
"""Items that wait ready at most; each further one would only take memory."""

Item = TypeVar("Item")


def in_background(make: Callable[[threading.Event], Iterable[Item]], ahead: int = AHEAD) -> Generator[Item]:
    """Yield the items of an iterable that a thread of its own goes through, in order.

    The thread computes with one torch thread and leaves the caller's number alone. What the iterable raises is raised
    here, after the items that came before. When the generator is closed the thread is told by the event and waited
    for.

    Args:
        make: Returns the iterable; called in the thread with an event that is set once nothing more is wanted.
        ahead: Items that may wait ready, at least 1.
    """
    ready: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue(ahead)
    stop = threading.Event()

    def work() -> None:
        try:
            for item in make(stop):
                ready.put((item, None))
                if stop.is_set():
                    return
            ready.put((_END, None))
        except BaseException as error:  # raised again in the caller's thread
            ready.put((None, error))

    thread = single_threaded_start(work, "lqbench-loader")
    try:
        yield from _taken(ready)
    finally:
        stop.set()
        _drain(ready)
        thread.join()


_END = object()


def _taken(ready: queue.Queue[tuple[Any, BaseException | None]]) -> Generator[Any]:
    """Yield what the thread made until the end; raise what it raised."""
    while True:
        item, error = ready.get()
        if error is not None:
            raise error
        if item is _END:
            return
        yield item


def _drain(ready: queue.Queue[Any]) -> None:
    """Make room, so that a thread that waits to hand something over goes on and sees that it shall stop."""
    while True:
        try:
            ready.get_nowait()
        except queue.Empty:
            return
