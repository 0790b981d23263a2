"""Times one method over batches that are already in memory. Runs in a process of its own; see ``child``."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from ...datasets.types import Batch, Sample
from ...methods.detecting import DetectingMethod
from ...results.timing import LATENCY_COLUMNS
from ..checks import check_output
from ..determinism import seed_everything, single_thread
from ..loader import without_clean
from .statistics import MS

if TYPE_CHECKING:
    from ...datasets.dataset import Dataset
    from ...methods.base import Method

Clock = Callable[[], int]
"""Returns nanoseconds of a steady clock, after all work given to the device is done."""


def device_clock(device: str) -> Clock:
    """Return the clock for a torch device: GPUs work on after a call returned, so they are waited for first."""
    import torch

    kind = torch.device(device).type
    if kind == "cuda":
        return lambda: (torch.cuda.synchronize(device), time.perf_counter_ns())[1]
    if kind == "mps":
        return lambda: (torch.mps.synchronize(), time.perf_counter_ns())[1]
    return time.perf_counter_ns


def spread(images: int, wanted: int) -> list[int]:
    """Return the indices of ``wanted`` images spread evenly over a dataset, or of all if it has fewer."""
    count = min(images, wanted)
    return [(2 * position + 1) * images // (2 * count) for position in range(count)]


def load(dataset: Dataset, indices: Sequence[int], clean: bool, clock: Clock) -> tuple[list[Sample], float]:
    """Return samples, and the median milliseconds that decoding and degrading one took with one thread.

    The first image is loaded once before: it opens files and wakes compiled code.
    """
    samples, spent = [], []
    with single_thread():
        dataset.sample(indices[0], clean=clean)
        for index in indices:
            start = clock()
            samples.append(dataset.sample(index, clean=clean))
            spent.append(clock() - start)
    return samples, statistics.median(spent) * MS


def whole_batches(samples: Sequence[Sample], classes: tuple[str, ...], size: int, *, clean: bool) -> list[Batch]:
    """Cut samples into batches of one size; a smaller rest is dropped, since its latency would mean something else.

    Args:
        samples: In order.
        classes: Of the dataset.
        size: Samples in a batch.
        clean: Whether the method sees clean images.
    """
    shown = list(samples) if clean else without_clean(samples)
    return [Batch(shown[first : first + size], classes) for first in range(0, len(shown) - size + 1, size)]


@dataclass
class Stopwatch:
    """Keeps every latency.

    Attributes:
        clock: Nanoseconds, device work done.
        rows: One tuple of ``LATENCY_COLUMNS`` for each span of time.
    """

    clock: Clock
    rows: list[tuple[str, int, int, int, int]] = field(default_factory=list)
    _place: tuple[int, int, int] = (0, 0, 0)

    def call(self, phase: str, place: tuple[int, int], function: Callable[[Batch], Any], batch: Batch) -> Any:
        """Time a call on a batch without gradients; seeds are set before, as a run does.

        Args:
            phase: Name of the row.
            place: Numbers of pass and batch.
            function: What to call.
            batch: What to call it with.
        """
        import torch

        self._place = (*place, len(batch))
        seed_everything("batch", batch.samples[0].record.seed)
        with torch.no_grad(), self.span(phase):
            return function(batch)

    @contextmanager
    def span(self, phase: str) -> Iterator[None]:
        """Time what happens inside, as a part of the call that goes on."""
        start = self.clock()
        yield
        self.rows.append((phase, *self._place, self.clock() - start))

    def frame(self) -> pd.DataFrame:
        """Return all latencies in the order in which they ended."""
        kinds = {"pass": "int32", "batch": "int32", "images": "int32", "nanoseconds": "int64"}
        return pd.DataFrame(self.rows, columns=list(LATENCY_COLUMNS)).astype(kinds)


def warm_up(method: Method, batches: Sequence[Batch], calls: int) -> None:
    """Call a method untimed, on the first batches and around again; what it returns is checked against the contract.

    The first calls make a device's buffers and handles and find code that is not in memory yet.
    """
    untimed = Stopwatch(time.perf_counter_ns)
    for number in range(calls):
        batch = batches[number % len(batches)]
        output = untimed.call("warm-up", (0, number), method.detect, batch)
        check_output(method.card.name, batch, output)


def time_detect(method: Method, batches: Sequence[Batch], repeat: int, stopwatch: Stopwatch) -> None:
    """Time ``detect`` on every batch, pass after pass, with nothing inside of it changed."""
    for number in range(repeat):
        for index, batch in enumerate(batches):
            stopwatch.call("detect", (number, index), method.detect, batch)


def time_restoring(method: Method, batches: Sequence[Batch], stopwatch: Stopwatch) -> None:
    """Time what restoring takes, in one pass of its own; nothing for methods that do not restore.

    Methods that show a detector a view of each image (``DetectingMethod``) restore inside of ``detect``: one of its
    passes is repeated with ``view`` and the detector's ``predict`` timed from within. Others may detect without
    restoring, as AERIS does: their ``restore`` is called on its own, with copies of the images, so that nothing
    kept from ``detect`` is taken for it.
    """
    if not method.card.restores:
        return
    if isinstance(method, DetectingMethod):
        with looking_inside(method, stopwatch):
            for index, batch in enumerate(batches):
                stopwatch.call("split", (0, index), method.detect, batch)
        return
    for index, batch in enumerate(batches):
        stopwatch.call("restore", (0, index), method.restore, _copy(batch))


@contextmanager
def looking_inside(method: DetectingMethod, stopwatch: Stopwatch) -> Iterator[None]:
    """Time the making of views and the detector's part of every ``detect`` inside of the block."""
    detector = method.detector
    view, predict = method.view, detector.predict
    vars(method)["view"] = _timed(view, "restore", stopwatch)
    vars(detector)["predict"] = _timed(predict, "predict", stopwatch)
    try:
        yield
    finally:
        del vars(method)["view"], vars(detector)["predict"]


def _timed(function: Callable[..., Any], phase: str, stopwatch: Stopwatch) -> Callable[..., Any]:
    def timed(*arguments: Any, **named: Any) -> Any:
        with stopwatch.span(phase):
            return function(*arguments, **named)

    return timed


def _copy(batch: Batch) -> Batch:
    return Batch([replace(sample, image=sample.image.clone()) for sample in batch.samples], batch.classes)
