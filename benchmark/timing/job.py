"""What the process that measures is told, and what it tells."""

from __future__ import annotations

import os
import pickle
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from ...results.record import Provenance
from ...results.timing import Compute, Memory

if TYPE_CHECKING:
    from ...datasets.dataset import Dataset
    from ...methods.base import Method, MethodSettings

JOB, RESULT, LATENCIES, LOG = "job.pickle", "result.json", "latencies.parquet", "log.txt"
"""Files of a job's folder."""
READY, MEASURED = "ready", "measured"
"""Words that the measuring process says on its standard output; after each it waits for ``GO``."""
GO = "go"


@dataclass(frozen=True)
class TimingOptions:
    """How to time; all of it is recorded.

    Attributes:
        device: torch device string.
        threads: Threads that torch computes one operation with.
        batch_size: Images in a call.
        limit: Images to time, spread evenly over the dataset.
        warm_up: Calls before the timed ones.
        repeat: Timed passes over the images.
        again: Whether a timing that exists is made anew.
        plugins: Files of methods to load first.
        command: The command line, for the record.
    """

    device: str = "cpu"
    threads: int = 1
    batch_size: int = 1
    limit: int = 32
    warm_up: int = 5
    repeat: int = 1
    again: bool = False
    plugins: tuple[Path, ...] = ()
    command: tuple[str, ...] = ()


@dataclass(frozen=True)
class TimingJob:
    """One method to be timed on one dataset."""

    method: type[Method]
    settings: MethodSettings
    weights: Path | None
    dataset: Dataset
    options: TimingOptions


class Result(BaseModel):
    """What the measuring process found, or why it found nothing."""

    model_config = ConfigDict(extra="forbid")

    mistake: str = ""
    """Message of a ``UserError``."""
    error: str = ""
    """End of a traceback."""
    setup_s: float | None = None
    load_ms: float | None = None
    memory: Memory = Memory()
    compute: Compute = Compute()
    precision: str = "float32"
    provenance: Provenance | None = None


def write_job(folder: Path, job: TimingJob) -> None:
    """Write a job; its plug-ins go first, since the method's class may be in one of them."""
    with (folder / JOB).open("wb") as stream:
        pickle.dump(job.options.plugins, stream)
        pickle.dump(job, stream)


def read_job(folder: Path) -> TimingJob:
    """Read a job that this machine's ``lqbench time`` has just written for this process alone."""
    from ...methods.catalog import load_plugin

    with (folder / JOB).open("rb") as stream:
        for path in pickle.load(stream):  # noqa: S301
            load_plugin(path)
        return pickle.load(stream)  # noqa: S301


def timed_images(images: int, options: TimingOptions) -> int:
    """Return how many of a dataset's images are timed: no more than asked for, in whole batches."""
    return min(images, options.limit) // options.batch_size * options.batch_size


def default_threads() -> int:
    """Return OMP_NUM_THREADS where it is a number, else the processors that this process may use."""
    from ..device import usable_processors

    given = re.fullmatch(r"\s*([1-9]\d*)\s*", os.environ.get("OMP_NUM_THREADS", ""))
    return int(given[1]) if given else usable_processors()


def thread_variables(threads: int) -> dict[str, str]:
    """Return the environment that numeric libraries read their thread counts from when they are imported."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    return dict.fromkeys(names, str(threads))
