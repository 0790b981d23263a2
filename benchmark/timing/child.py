"""The process that measures: ``python -m lqbench.benchmark.timing.child FOLDER``.

Each timing has a process of its own, so that thread counts, the allocator's state and peaks of memory are those of one
method alone, and a method that dies takes nothing else down. Standard output carries the two words of ``job``; whatever
a method prints goes to standard error.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from time import perf_counter_ns
from typing import IO, TYPE_CHECKING

from ...datasets.errors import UserError
from ...results.atomic import encode_parquet, write_bytes
from ..determinism import prepare_process
from ..provenance import provenance
from .cost import compute_of
from .job import GO, LATENCIES, MEASURED, READY, RESULT, Result, TimingJob, read_job, timed_images
from .measure import Stopwatch, device_clock, load, spread, time_detect, time_restoring, warm_up, whole_batches
from .memory import PeakMemory

if TYPE_CHECKING:
    from ...datasets.types import Batch
    from ...methods.base import Method

ERROR_LINES = 20
"""Lines of a traceback that a record keeps."""


def main(folder: Path) -> None:
    """Measure the job of a folder and leave result and latencies there."""
    channel = _take_standard_output()
    try:
        result = _measure(read_job(folder), folder, channel)
    except UserError as mistake:
        result = Result(mistake=str(mistake))
    except Exception as error:
        lines = "".join(traceback.format_exception(error)).rstrip().splitlines()
        result = Result(error="\n".join(lines[-ERROR_LINES:]))
    write_bytes(folder / RESULT, result.model_dump_json().encode())


def _measure(job: TimingJob, folder: Path, channel: IO[str]) -> Result:
    """Load, set up, time and count, in the order in which one disturbs the other least."""
    import torch

    options = job.options
    torch.set_num_threads(options.threads)
    prepare_process()
    clock = device_clock(options.device)
    batches, load_ms = _batches(job)
    memory = PeakMemory(options.device)
    start = clock()
    method = job.method(job.settings)
    try:
        method.setup(options.device, job.weights)
        setup_s = (clock() - start) * 1e-9
        _limit_opencv(options.threads)
        stopwatch = Stopwatch(clock)
        memory.start()
        _say(channel, f"{READY} {_gpu_uuid(options.device)}")
        warm_up(method, batches, options.warm_up)
        time_detect(method, batches, options.repeat, stopwatch)
        peaks = memory.read()
        _say(channel, MEASURED)
        return _counted(job, method, batches, stopwatch, folder).model_copy(
            update={"setup_s": setup_s, "load_ms": load_ms, "memory": peaks}
        )
    finally:
        method.teardown()


def _counted(job: TimingJob, method: Method, batches: list[Batch], stopwatch: Stopwatch, folder: Path) -> Result:
    """Measure what may disturb the timed calls, after them, and write all latencies."""
    time_restoring(method, batches, stopwatch)
    write_bytes(folder / LATENCIES, encode_parquet(stopwatch.frame()))
    device = job.options.device
    return Result(
        compute=compute_of(method, batches),
        precision=_precision(device),
        provenance=provenance(device, job.options.command),
    )


def _batches(job: TimingJob) -> tuple[list[Batch], float]:
    """Return the batches in memory, and the milliseconds of loading one image."""
    dataset, options, clean = job.dataset, job.options, job.method.card.needs_clean
    indices = spread(len(dataset), timed_images(len(dataset), options))
    samples, load_ms = load(dataset, indices, clean, perf_counter_ns)
    return whole_batches(samples, dataset.classes, options.batch_size, clean=clean), load_ms


def _take_standard_output() -> IO[str]:
    """Return standard output for our words alone; what anybody prints from now on goes to standard error."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return channel


def _say(channel: IO[str], word: str) -> None:
    """Say a word and wait for the answer.

    Raises:
        RuntimeError: The process that watches is gone.
    """
    channel.write(f"{word}\n")
    channel.flush()
    if sys.stdin.readline().strip() != GO:
        raise RuntimeError("the process that started this one is gone")


def _limit_opencv(threads: int) -> None:
    """Hold OpenCV to the thread count, where the method uses it; it reads none of the usual variables."""
    cv2 = sys.modules.get("cv2")
    if cv2 is not None:
        cv2.setNumThreads(threads)


def _gpu_uuid(device: str) -> str:
    """Return the GPU's UUID as nvidia-smi names it; "" where no NVIDIA GPU computes."""
    if not device.startswith("cuda"):
        return ""
    import torch

    uuid = str(getattr(torch.cuda.get_device_properties(device), "uuid", ""))
    return uuid if not uuid or uuid.startswith("GPU-") else f"GPU-{uuid}"


def _precision(device: str) -> str:
    """Return the format in which float32 tensors are multiplied."""
    import torch

    if not device.startswith("cuda"):
        return "float32"
    shorter = [
        name
        for name, short in (
            ("convolutions", torch.backends.cudnn.allow_tf32),
            ("matrix products", torch.backends.cuda.matmul.allow_tf32),
        )
        if short
    ]
    return f"float32, {' and '.join(shorter)} in TF32" if shorter else "float32"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
