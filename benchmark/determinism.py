"""Settings under which the same inputs give the same bytes.

What is fixed: torch's deterministic algorithms where it has them (a warning names those it lacks), no search for the
fastest convolution, and the global seeds before every batch, so that neither the order of cells nor a resumed run
changes what a method that draws random numbers sees. What is not: results on another processor, GPU, thread count or
torch release may differ in the last digits.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from ..datasets.seeds import stable_seed
from ..methods.memory import keep_freed_memory


def make_deterministic(threads: int = 0) -> None:
    """Choose deterministic algorithms for this process; call before the first use of a GPU.

    Args:
        threads: Processor threads that torch uses from now on; 0 leaves its own choice.
    """
    import torch

    if threads:
        torch.set_num_threads(threads)

    # cuBLAS reads this when its handle is made and is not deterministic without it.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # As use_deterministic_algorithms(True, warn_only=True), which imports all of torch's compiler for 1.5 seconds.
    torch.set_deterministic_debug_mode("warn")
    torch.backends.cudnn.benchmark = False


def prepare_process(threads: int = 0) -> None:
    """Prepare this process to compute with methods: deterministic, and with freed memory kept for the next layer.

    Args:
        threads: As for ``make_deterministic``.
    """
    make_deterministic(threads)
    keep_freed_memory()


def seed_everything(*parts: object) -> None:
    """Seed the global generators of Python, numpy and torch from names; for methods that draw from them."""
    import torch

    seed = stable_seed(*parts)
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


@contextmanager
def single_thread() -> Iterator[None]:
    """Compute with one torch thread, as loader workers do, so that pixels do not depend on where they are made."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def single_threaded_start(work: Callable[[], None], name: str) -> threading.Thread:
    """Start a daemon thread that computes with one torch thread, and leave the number of this thread as it is.

    ``single_thread`` around each piece of work would not do: OpenMP and MKL keep the number for each thread, but torch
    also keeps the last number set, from which threads that begin later take theirs. So the new thread sets its own
    number once, before it works, and this thread then sets that last number back.
    """
    import torch

    threads = torch.get_num_threads()
    ready = threading.Event()

    def run() -> None:
        # Asked first: a thread takes over the last number set at its first question, and would forget its own.
        torch.get_num_threads()
        torch.set_num_threads(1)
        ready.set()
        work()

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    ready.wait()
    torch.set_num_threads(threads)
    return thread
