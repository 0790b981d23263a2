"""Starts the process that measures and watches the machine meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pandas as pd
from pydantic import ValidationError

from ...results.atomic import read_parquet
from ...results.timing import Surroundings
from .job import GO, LATENCIES, LOG, MEASURED, READY, RESULT, Result, TimingJob, thread_variables, write_job
from .surroundings import Watch

LOG_LINES = 20
"""Lines of a dead process's standard error that are kept."""
CHILD = f"{__package__}.child"


class Watching(Protocol):
    """What ``measure_apart`` needs of a watch; see ``surroundings.Watch``."""

    def start(self) -> None:
        """Begin to watch."""
        ...

    def stop(self) -> Surroundings:
        """Return what went on since."""
        ...


@dataclass(frozen=True)
class Measured:
    """What came back from the process that measured.

    Attributes:
        result: Its findings, or an error in them.
        latencies: Columns ``results.timing.LATENCY_COLUMNS``; None where it failed.
        surroundings: What else went on; None where nothing was timed.
    """

    result: Result
    latencies: pd.DataFrame | None = None
    surroundings: Surroundings | None = None


def measure_apart(
    job: TimingJob, watch: Callable[[Sequence[int], str], Watching] = Watch, program: Sequence[str] = ()
) -> Measured:
    """Time a method in a fresh process.

    Args:
        job: What to time.
        watch: Makes a watch from our process ids and the GPU's UUID; replaced in tests.
        program: The command to start in place of the usual one; replaced in tests.

    Returns:
        The findings; where the process failed or died, ``result`` says how.

    Raises:
        KeyboardInterrupt: The process is ended too.
    """
    with tempfile.TemporaryDirectory(prefix="lqbench-time-") as name:
        folder = Path(name)
        write_job(folder, job)
        command = [*(program or (sys.executable, "-m", CHILD)), str(folder)]
        environment = {**os.environ, **thread_variables(job.options.threads)}
        with (folder / LOG).open("wb") as log:
            process = subprocess.Popen(  # noqa: S603
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment, text=True
            )
            surroundings = _attend(process, watch)
        return _collect(folder, process.returncode, surroundings)


def _attend(process: subprocess.Popen[str], watch: Callable[[Sequence[int], str], Watching]) -> Surroundings | None:
    """Watch from the process's first word to its second, then wait for its end."""
    watching, surroundings = None, None
    try:
        assert process.stdout is not None
        for line in process.stdout:
            word, _, gpu = line.strip().partition(" ")
            if word == READY:
                watching = watch((process.pid, os.getpid()), gpu)
                watching.start()
            elif word == MEASURED and watching is not None:
                surroundings = watching.stop()
            _answer(process)
        process.wait()
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                _close(stream)
    return surroundings


def _answer(process: subprocess.Popen[str]) -> None:
    """Let the process go on; one that died meanwhile is noticed by its exit status."""
    assert process.stdin is not None
    try:
        process.stdin.write(f"{GO}\n")
        process.stdin.flush()
    except BrokenPipeError:
        return


def _close(stream: object) -> None:
    try:
        stream.close()  # pyright: ignore[reportAttributeAccessIssue]
    except BrokenPipeError:
        return


def _collect(folder: Path, status: int, surroundings: Surroundings | None) -> Measured:
    """Read what the process left behind."""
    try:
        result = Result.model_validate_json((folder / RESULT).read_bytes())
        if result.mistake or result.error:
            return Measured(result)
        return Measured(result, read_parquet(folder / LATENCIES), surroundings)
    except (OSError, ValidationError):
        return Measured(Result(error=death(status, (folder / LOG).read_text(encoding="utf-8", errors="replace"))))


def death(status: int, log: str) -> str:
    """Return how a process that left no result ended: one sentence last, as in a traceback, after its last lines."""
    tail = log.rstrip().splitlines()[-LOG_LINES:]
    return "\n".join([*tail, f"the process that measured {_ending(status)} before it was done"])


def _ending(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    hint = " (as Linux does when memory runs out)" if name == "SIGKILL" else ""
    return f"was killed by {name}{hint}"
