"""What else runs on the machine while a method is timed: other processes on the processors and on the GPU, and heat."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from ...results.timing import Surroundings

Number = TypeVar("Number", int, float)
LEAST_SECONDS = 0.5
"""Shorter than this, the ticks of 10 ms in which Linux counts processor time do not tell who was busy."""
LEAST_BUSY = 0.1
"""Busy processors of others that are always allowed: a machine is never quite idle."""
BUSY_SHARE = 0.02
"""Part of all processors that others may keep busy."""


@dataclass(frozen=True)
class Reading:
    """The machine's state at one moment; None where it cannot be told.

    Attributes:
        at: Seconds of a steady clock.
        busy: Seconds that all processors were busy since the machine's start, time stolen by a hypervisor included.
        own: Of those, the seconds of our own processes.
        processors: How many there are.
        throttled: Times that a processor slowed down because of heat.
        gpu_processes: Process ids on the GPU.
    """

    at: float
    busy: float | None = None
    own: float | None = None
    processors: int = 1
    throttled: int | None = None
    gpu_processes: tuple[int, ...] | None = None


def run_text(command: Sequence[str]) -> str | None:
    """Return what a command prints; None if it is not there, fails or takes too long."""
    if shutil.which(command[0]) is None:
        return None
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


class Watch:
    """Reads what Linux tells in ``/proc`` and ``/sys``, and nvidia-smi where a GPU computes.

    Args:
        pids: Our own processes: the one that measures and the one that watches.
        gpu: The GPU's UUID as nvidia-smi names it; "" where none computes.
        proc: Where to read; replaced in tests.
        sys: Where to read; replaced in tests.
        clock: Seconds of a steady clock; replaced in tests.
        ask: Runs a command; replaced in tests.
    """

    def __init__(
        self,
        pids: Sequence[int],
        gpu: str = "",
        *,
        proc: Path = Path("/proc"),
        sys: Path = Path("/sys"),
        clock: Callable[[], float] = time.monotonic,
        ask: Callable[[Sequence[str]], str | None] = run_text,
    ) -> None:
        self._pids = tuple(pids)
        self._gpu = gpu
        self._proc = proc
        self._cpus = sys / "devices" / "system" / "cpu"
        self._zones = sys / "class" / "thermal"
        self._clock = clock
        self._ask = ask
        self._first: Reading | None = None

    def start(self) -> None:
        """Begin to watch. The slow question goes first, so that asking it does not count as load."""
        gpu_processes = self._gpu_processes()
        self._first = replace(self._read(), gpu_processes=gpu_processes)

    def stop(self) -> Surroundings:
        """Return what went on since ``start``."""
        assert self._first is not None
        last = self._read()
        last = replace(last, gpu_processes=self._gpu_processes())
        others_cpu, others_gpu = busy_with_others(self._first, last), self._others_on_gpu(self._first, last)
        throttled = _difference(self._first.throttled, last.throttled)
        seconds = last.at - self._first.at
        reasons = complaints(seconds, others_cpu, last.processors, throttled)
        if self._gpu:
            reasons += gpu_complaints(others_gpu)
        return Surroundings(
            quiet=not reasons,
            reasons=tuple(reasons),
            seconds=round(seconds, 3),
            others_cpu=None if others_cpu is None else round(others_cpu, 3),
            others_gpu=others_gpu,
            frequency_mhz=self._frequency(),
            governor=_text(self._cpus / "cpu0" / "cpufreq" / "scaling_governor").strip(),
            temperature_c=self._temperature(),
            throttled=throttled,
            gpu_state=self._gpu_state(),
        )

    def _read(self) -> Reading:
        lines = [line.split() for line in _text(self._proc / "stat").splitlines() if line.startswith("cpu")]
        busy = _busy_seconds(lines[0]) if lines else None
        own = [_process_seconds(_text(self._proc / str(pid) / "stat")) for pid in self._pids]
        return Reading(
            at=self._clock(),
            busy=busy,
            own=None if None in own else sum(each for each in own if each is not None),
            processors=max(1, len(lines) - 1),
            throttled=self._throttled(),
        )

    def _throttled(self) -> int | None:
        counts = [_text(path) for path in self._cpus.glob("cpu[0-9]*/thermal_throttle/core_throttle_count")]
        numbers = [int(count) for count in counts if count.strip().isdigit()]
        return sum(numbers) if numbers else None

    def _frequency(self) -> float | None:
        """Return the mean clock frequency of the processors in MHz, from the driver or else from cpuinfo."""
        kilohertz = [_text(path) for path in self._cpus.glob("cpu[0-9]*/cpufreq/scaling_cur_freq")]
        found = [float(each) / 1000 for each in kilohertz if each.strip().isdigit()]
        lines = _text(self._proc / "cpuinfo").splitlines()
        found = found or [float(line.partition(":")[2]) for line in lines if line.startswith("cpu MHz")]
        return round(statistics.fmean(found), 1) if found else None

    def _temperature(self) -> float | None:
        """Return the hottest zone in degrees Celsius."""
        zones = [_text(path).strip() for path in self._zones.glob("thermal_zone*/temp")]
        found = [int(each) / 1000 for each in zones if each.lstrip("-").isdigit()]
        return max(found) if found else None

    def _gpu_processes(self) -> tuple[int, ...] | None:
        text = self._nvidia("--query-compute-apps=pid", "--format=csv,noheader")
        return None if text is None else tuple(int(line) for line in text.split() if line.isdigit())

    def _gpu_state(self) -> str:
        fields = "clocks.current.sm,clocks.max.sm,temperature.gpu,power.draw"
        return (self._nvidia(f"--query-gpu={fields}", "--format=csv,noheader") or "").strip()

    def _nvidia(self, *arguments: str) -> str | None:
        return self._ask(["nvidia-smi", f"--id={self._gpu}", *arguments]) if self._gpu else None

    def _others_on_gpu(self, first: Reading, last: Reading) -> int | None:
        """Return how many processes besides ours were on the GPU, at the beginning or at the end.

        In a container nvidia-smi may list the host's process ids, ours among them under a number that we do not know.
        """
        found = [each for each in (first.gpu_processes, last.gpu_processes) if each is not None]
        if not found:
            return None
        return max(self._strangers(pids) for pids in found)

    def _strangers(self, pids: tuple[int, ...]) -> int:
        known = set(pids) & set(self._pids)
        return len(set(pids) - known) if known else max(0, len(set(pids)) - 1)


def busy_with_others(first: Reading, last: Reading) -> float | None:
    """Return how many processors other processes kept busy between two readings, mean; None where unknown."""
    busy, own = _difference(first.busy, last.busy), _difference(first.own, last.own)
    seconds = last.at - first.at
    if busy is None or own is None or seconds <= 0:
        return None
    return max(0.0, busy - own) / seconds


def complaints(seconds: float, others_cpu: float | None, processors: int, throttled: int | None) -> list[str]:
    """Return why a timing on these processors may not be compared; empty where nothing speaks against it."""
    found = []
    allowed = max(LEAST_BUSY, BUSY_SHARE * processors)
    if others_cpu is None:
        found.append("what other processes did is unknown on this system")
    elif seconds < LEAST_SECONDS:
        found.append(f"it took under {LEAST_SECONDS} s, too short to tell what other processes did")
    elif others_cpu > allowed:
        found.append(f"other processes kept {others_cpu:.2f} of {processors} processors busy (allowed: {allowed:.2f})")
    if throttled:
        found.append(f"the processors slowed down {throttled} times because of heat")
    return found


def gpu_complaints(others_gpu: int | None) -> list[str]:
    """Return why a timing on a GPU may not be compared, besides what holds for the processors."""
    if others_gpu is None:
        return ["what other processes do on the GPU is unknown (nvidia-smi did not tell)"]
    return [f"{others_gpu} other processes were on the GPU"] if others_gpu else []


def _busy_seconds(fields: Sequence[str]) -> float:
    """Return busy seconds from a line of ``/proc/stat``: user, nice, system, irq, softirq and steal.

    Idle and iowait are left out; guest time is part of user time already.
    """
    ticks = [int(each) for each in fields[1:9]]
    return sum(ticks[index] for index in (0, 1, 2, 5, 6, 7) if index < len(ticks)) / _ticks_per_second()


def _process_seconds(stat: str) -> float | None:
    """Return the processor time of a process with its threads and ended children, from its ``stat`` line."""
    fields = stat.rpartition(")")[2].split()  # the name before may hold spaces and brackets
    if len(fields) < 15:
        return None
    return sum(int(each) for each in fields[11:15]) / _ticks_per_second()


def _ticks_per_second() -> int:
    return os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


def _difference(first: Number | None, last: Number | None) -> Number | None:
    return None if first is None or last is None else last - first


def _text(path: Path) -> str:
    """Return a small file's text; empty where it is not there or cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
