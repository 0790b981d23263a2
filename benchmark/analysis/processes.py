"""Calls of a function spread over processes, results in the order of the calls."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from ...datasets.errors import UserError

_Result = TypeVar("_Result")


def in_processes(
    function: Callable[..., _Result], calls: Sequence[tuple[Any, ...]], processes: int
) -> Iterator[_Result]:
    """Yield the result of each call, in order.

    Args:
        function: A function of a module, which a new process can import.
        calls: Arguments of each call.
        processes: How many to use; one, or one call, is done in this process.

    Raises:
        UserError: A process was ended from outside.
    """
    count = min(processes, len(calls))
    if count <= 1:
        for arguments in calls:
            yield function(*arguments)
        return
    with ProcessPoolExecutor(count, mp_context=_context(function.__module__), initializer=_start) as pool:
        try:
            for future in [pool.submit(function, *arguments) for arguments in calls]:
                yield future.result()
        except BrokenProcessPool:
            raise UserError(
                "a process that analysed cells was ended from outside, perhaps for want of memory; give the same "
                "command again, what was finished is kept."
            ) from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _start() -> None:
    """Prepare a process: Ctrl-C is left to the parent, and it ends when the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when its parent is killed: the executor's own processes would wait forever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _context(module: str) -> Any:
    """Return how processes start: from a clean server process, where there is one, which imported the module once."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([module])
    return context
