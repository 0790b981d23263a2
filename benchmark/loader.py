"""Samples in batches, in order, from this process or from worker processes with the same bytes."""

from __future__ import annotations

import multiprocessing
import signal
import threading
import warnings
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..datasets.errors import UserError
from ..datasets.types import Sample
from .ahead import in_background
from .determinism import single_thread
from .device import usable_processors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..datasets.dataset import Dataset
    from ..datasets.types import ImageRecord


def default_workers() -> int:
    """Return how many loader workers are used if none are asked for: the processors of this machine, at most 4.

    One or two processors get none: the method itself needs them more.
    """
    usable = usable_processors()
    return 0 if usable <= 2 else min(4, usable)


def load_batches(
    dataset: Dataset, batches: Sequence[Sequence[int]], *, clean: bool, workers: int, device: str = "cpu"
) -> Generator[list[Sample]]:
    """Yield the samples of each batch of image indices, in the order given.

    While a method works on a batch on another device than the processor, the next ones are decoded and degraded: by
    the worker processes, or without them by a thread. On the processor there is no thread: it would compete with the
    method for the same cores, and the seconds of detecting would not be the method's own any more (docs/performance.md
    has the times of both). For CUDA devices the thread also moves the batches to pinned memory, from which copies to
    the device are quicker.

    Args:
        dataset: Where samples come from; must be picklable if workers are used.
        batches: Image indices, one sequence per batch.
        clean: Whether samples carry the clean image.
        workers: Number of worker processes; 0 loads in this process. The samples are the same for any number.
        device: torch device on which the method computes.

    Raises:
        UserError: A sample cannot be made, such as from a truncated file; raised here, at its batch's turn, also if it
            arose in a worker or thread.
    """
    kind = device.partition(":")[0]
    if workers:
        loaded = _load_in_workers(dataset, batches, clean, workers)
        return in_background(lambda _: _pinned(loaded, device)) if kind == "cuda" else loaded
    if kind == "cpu":
        return _load_here(dataset, batches, clean)
    return load_ahead(dataset, batches, clean=clean, device=device)


def load_ahead(
    dataset: Dataset, batches: Sequence[Sequence[int]], *, clean: bool, device: str
) -> Generator[list[Sample]]:
    """Yield batches as ``load_batches`` does; a thread makes the next ones."""

    def make(stop: threading.Event) -> Iterator[list[Sample]]:
        made = _make(dataset, batches, clean, stop)
        return _pinned(made, device) if device.partition(":")[0] == "cuda" else made

    return in_background(make)


def _make(
    dataset: Dataset, batches: Sequence[Sequence[int]], clean: bool, stop: threading.Event
) -> Iterator[list[Sample]]:
    """Yield batches until nothing more is wanted, which is asked before every image."""
    for indices in batches:
        samples: list[Sample] = []
        for index in indices:
            if stop.is_set():
                return
            samples.append(dataset.sample(index, clean=clean))
        yield samples


def _pinned(batches: Iterable[list[Sample]], device: str) -> Iterator[list[Sample]]:
    """Yield the batches with their images in pinned memory of a CUDA device."""
    import torch

    torch.cuda.set_device(device)  # kept for each thread
    for samples in batches:
        yield [_pinned_sample(sample) for sample in samples]


def _pinned_sample(sample: Sample) -> Sample:
    clean = None if sample.clean is None else sample.clean.pin_memory()
    return replace(sample, image=sample.image.pin_memory(), clean=clean)


def _load_here(dataset: Dataset, batches: Sequence[Sequence[int]], clean: bool) -> Generator[list[Sample]]:
    for indices in batches:
        with single_thread():
            samples = [dataset.sample(index, clean=clean) for index in indices]
        yield samples


def _load_in_workers(
    dataset: Dataset, batches: Sequence[Sequence[int]], clean: bool, workers: int
) -> Generator[list[Sample]]:
    from torch.utils.data import DataLoader

    with warnings.catch_warnings():
        # The number of workers is the user's choice, and the samples are the same for any.
        warnings.filterwarnings("ignore", message="This DataLoader will create")
        loader: DataLoader[Any] = DataLoader(
            _WorkerView(dataset, clean),  # pyright: ignore[reportArgumentType] (any object with __getitem__ serves)
            batch_sampler=[list(indices) for indices in batches],
            num_workers=min(workers, max(1, len(batches))),
            collate_fn=_as_is,
            worker_init_fn=_start_worker,
            multiprocessing_context=_context(),
        )
        loaded = iter(loader)
    for batch in loaded:
        yield [_unpacked(item) for item in batch]


@dataclass(frozen=True)
class _Packed:
    """A sample on its way between processes.

    Arrays travel through a pipe: tensors would need shared memory, of which containers often have only 64 MB.
    """

    record: ImageRecord
    image: NDArray[Any]
    clean: NDArray[Any] | None


class _WorkerView:
    """The dataset as workers see it: mistakes come back as values, since torch would wrap what is raised."""

    def __init__(self, dataset: Dataset, clean: bool) -> None:
        self._dataset = dataset
        self._clean = clean

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: int) -> _Packed | UserError:
        try:
            sample = self._dataset.sample(index, clean=self._clean)
        except UserError as error:
            return UserError(str(error))
        return _Packed(sample.record, sample.image.numpy(), None if sample.clean is None else sample.clean.numpy())


def _unpacked(item: _Packed | UserError) -> Sample:
    """Return the sample, or raise the mistake that the worker met."""
    import torch

    if isinstance(item, UserError):
        raise item
    clean = None if item.clean is None else torch.from_numpy(item.clean)
    return Sample(item.record, torch.from_numpy(item.image), clean)


def without_clean(samples: Sequence[Sample]) -> list[Sample]:
    """Return the samples without their clean images, for methods that may not see them."""
    return [replace(sample, clean=None) for sample in samples]


def _as_is(items: list[Any]) -> list[Any]:
    return items


def _context() -> Any:
    """Return how workers start: from a clean server process where there is one.

    A plain fork of this process would copy the locks of its threads (progress display, OpenMP, CUDA) in whatever state
    they are in.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", __name__])
    return context


def _start_worker(_: int) -> None:
    """Prepare a worker: one thread, and Ctrl-C left to the parent."""
    import torch

    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
