"""Measures what running a cell costs over a bare PyTorch loop; writes docs/performance.md.

    python tests/harness_speed.py [--images 16] [--rounds 7]

Run it on a machine that does nothing else. Both sides load the same batches in the same way and call ``detect`` without
gradients. The harness beside that seeds the generators, checks what comes back, times the phases, makes tables and
writes each chunk. The two take turns, and so do their orders; medians over the rounds are told. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from lqbench.benchmark.waiting import wait_briefly

# ruff: noqa: E402
wait_briefly()  # before torch is loaded, as the command line does

import torch
from performance_page import OUT, cpu, put

from lqbench.benchmark.buckets import sized_batches
from lqbench.benchmark.determinism import prepare_process, single_thread
from lqbench.benchmark.inference import InferenceOptions, chunks_of, run_chunks
from lqbench.benchmark.loader import load_ahead, load_batches
from lqbench.benchmark.plan import make_plan
from lqbench.benchmark.request import Request
from lqbench.datasets.dataset import Dataset
from lqbench.datasets.types import Batch, Detections
from lqbench.methods.base import Method
from lqbench.results.partial import Partial

HEADING = "## Overhead of the harness"
CELLS = (("lr", "scenes-d"), ("cascade-rcnn", "scenes-fog"))
BATCH_SIZE = 4


@dataclass(frozen=True)
class Taken:
    """Seconds of one pass."""

    wall: float
    processor: float


def timed(work: Callable[[], object]) -> Taken:
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return Taken(time.perf_counter() - wall, time.process_time() - processor)


def batches_of_cell(dataset: Dataset) -> list[list[int]]:
    sizes = [record.size for record in dataset.records]
    chunks = chunks_of(len(dataset), BATCH_SIZE)
    return [batch for chunk in chunks for batch in sized_batches(chunk, BATCH_SIZE, sizes)]


def bare_loop(method: Method, dataset: Dataset) -> list[Detections]:
    """Do what anybody would write to run a method over a dataset."""
    found: list[Detections] = []
    for indices in batches_of_cell(dataset):
        with single_thread():
            samples = [dataset.sample(index) for index in indices]
        with torch.no_grad():
            found += method.detect(Batch(samples, dataset.classes))
    return found


def harness(method: Method, dataset: Dataset) -> float:
    """Run the cell; return the wall seconds beside loading and detecting."""
    start, busy = time.perf_counter(), 0.0
    options = InferenceOptions(batch_size=BATCH_SIZE)
    chunks = chunks_of(len(dataset), BATCH_SIZE)
    with tempfile.TemporaryDirectory() as folder:
        partial = Partial(Path(folder) / "cell", {"batch_size": BATCH_SIZE, "device": "cpu"})
        ignore: Callable[[Any], None] = lambda _: None  # noqa: E731
        running = run_chunks(method, dataset, chunks, options, on_images=ignore, on_notice=ignore)
        for chunk, result in running:
            partial.write(chunk, result)
            busy += result.seconds["load"] + result.seconds["detect"]
    return time.perf_counter() - start - busy


def loading(method: Method, dataset: Dataset, *, ahead: bool) -> None:
    """Detect in batches that are loaded in turn with the method, or ahead of it in a thread."""
    batches = batches_of_cell(dataset)
    loaded = (
        load_ahead(dataset, batches, clean=False, device="cpu")
        if ahead
        else load_batches(dataset, batches, clean=False, workers=0)
    )
    with closing(loaded), torch.no_grad():
        for samples in loaded:
            method.detect(Batch(samples, dataset.classes))


def waiting(dataset: Dataset, seconds: float, *, ahead: bool) -> None:
    """Wait for each batch as for another device, while batches are loaded in turn or ahead."""
    batches = batches_of_cell(dataset)
    load: Callable[..., Any] = load_ahead if ahead else load_batches
    extra: dict[str, Any] = {"device": "cpu"} if ahead else {"workers": 0}
    with closing(load(dataset, batches, clean=False, **extra)) as loaded:
        for _ in loaded:
            time.sleep(seconds)


def take_turns(first: Callable[[], object], second: Callable[[], object], rounds: int) -> list[tuple[Taken, Taken]]:
    """Measure two ways in turn, each first every other time, after one pass of each that does not count."""
    first()
    second()
    pairs = []
    for number in range(rounds):
        if number % 2:
            other, one = timed(second), timed(first)
        else:
            one, other = timed(first), timed(second)
        pairs.append((one, other))
    return pairs


def ratio(pairs: Sequence[tuple[Taken, Taken]], clock: str = "wall") -> float:
    """Return the median over the rounds of the second way's time over the first's."""
    return median(getattr(other, clock) / getattr(one, clock) for one, other in pairs)


def ready(name: str, dataset: str, images: int) -> tuple[Method, Dataset]:
    (group,) = make_plan(Request((name,), (dataset,), limit=images))
    method = group.method(group.settings)
    method.setup("cpu", group.weights)
    return method, group.jobs[0].dataset


def row(name: str, pairs: Sequence[tuple[Taken, Taken]], images: int) -> str:
    one, other = (1e3 * median(pair[side].wall for pair in pairs) / images for side in (0, 1))
    wall, processor = ratio(pairs), ratio(pairs, "processor")
    return f"| {name} | {images} | {one:.1f} | {other:.1f} | {wall:.3f} | {processor:.3f} |"


def measure(images: int, rounds: int) -> str:
    """Measure, and return the section of the page."""
    overhead, overlap = [], []
    for number, (name, dataset_name) in enumerate(CELLS):
        method, dataset = ready(name, dataset_name, images)
        title, count, own = f"{name} on {dataset_name}", len(dataset), []
        pairs = take_turns(
            lambda: bare_loop(method, dataset),  # noqa: B023
            lambda: own.append(harness(method, dataset)),  # noqa: B023
            rounds,
        )
        overhead.append(f"{row(title, pairs, count)} {1e3 * median(own[1:]) / count:.2f} |")
        if number == 0:
            alone = timed(lambda: waiting(dataset, 0.0, ahead=False)).wall / len(batches_of_cell(dataset))  # noqa: B023
            pairs = take_turns(
                lambda: loading(method, dataset, ahead=False),  # noqa: B023
                lambda: loading(method, dataset, ahead=True),  # noqa: B023
                rounds,
            )
            overlap.append(row(title, pairs, count))
            pairs = take_turns(
                lambda: waiting(dataset, alone, ahead=False),  # noqa: B023
                lambda: waiting(dataset, alone, ahead=True),  # noqa: B023
                rounds,
            )
            overlap.append(row(f"waiting {1e3 * alone:.0f} ms a batch instead", pairs, count))
        method.teardown()
    return TEMPLATE.format(
        rounds=rounds,
        threads=torch.get_num_threads(),
        batch=BATCH_SIZE,
        overhead="\n".join(overhead),
        overlap="\n".join(overlap),
        machine=f"{cpu()}; {os.cpu_count()} processors; load average {os.getloadavg()[1]:.1f}",
        versions=f"Python {platform.python_version()}, torch {torch.__version__}",
    )


TEMPLATE = (
    HEADING
    + """

Written by `python tests/harness_speed.py`: a method over a dataset by `run_chunks`, with each chunk written, against a
plain loop that loads the same batches in the same way and calls `detect`, both with lqbench's settings of a process
(freed memory is kept, threads that wait turn briefly). Batches of {batch}, computing threads:
{threads}, no loader processes. Milliseconds of wall time an image, medians of {rounds} rounds in which the two take
turns; the ratios are medians of the rounds' own. The last column is what the harness spends outside loading and the
method's call.

| cell | images | plain loop, ms | harness, ms | wall time, ratio | processor time, ratio | harness's own, ms |
|---|---:|---:|---:|---:|---:|---:|
{overhead}

Loading the next batches in a thread while the method works. It is used for other devices than the processor alone:
there the two would compete for the same cores, and the seconds of detecting would not be the method's own any more. The
second row stands for another device: a wait as long as loading a batch takes.

| cell | images | in turn, ms | ahead, ms | wall time, ratio | processor time, ratio |
|---|---:|---:|---:|---:|---:|
{overlap}

{machine} over the last five minutes of the run. A load
above the number of processors means that other programs took part of the machine. {versions}.
"""
)


def main() -> None:
    """Read the arguments, measure, print, and put the section into the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path, default=OUT, help="the page whose section is written")
    arguments = parser.parse_args()
    prepare_process()
    text = measure(arguments.images, arguments.rounds)
    print(text)
    put(HEADING, text, arguments.out)


if __name__ == "__main__":
    main()
