"""Peak memory of this process while something ran."""

from __future__ import annotations

import re
from pathlib import Path

from ...results.timing import Memory

MIB = 1 << 20
SELF = Path("/proc/self")


class PeakMemory:
    """Measures peaks; make one before the method is constructed, ``start`` it when the method is ready.

    Resident memory is read from Linux' ``/proc``: its high-water mark is set back by ``start``, so that neither loading
    images nor reading a checkpoint counts. Elsewhere it is not told: ``getrusage`` cannot be set back.

    Args:
        device: torch device string.
        proc: This process's folder in ``/proc``; replaced in tests.
    """

    def __init__(self, device: str, proc: Path = SELF) -> None:
        self._device = device
        self._proc = proc
        self._before = self._status("VmRSS")
        self._reset = False

    def start(self) -> None:
        """Forget the peaks so far."""
        try:
            (self._proc / "clear_refs").write_text("5", encoding="ascii")  # 5 resets VmHWM, see proc(5)
            self._reset = True
        except OSError:
            self._reset = False
        if self._device.startswith("cuda"):
            import torch

            torch.cuda.reset_peak_memory_stats(self._device)

    def read(self) -> Memory:
        """Return the peaks since ``start``."""
        allocated, reserved = self._gpu()
        return Memory(resident_mib=self._resident(), gpu_allocated_mib=allocated, gpu_reserved_mib=reserved)

    def _resident(self) -> float | None:
        peak = self._status("VmHWM")
        if not self._reset or peak is None or self._before is None:
            return None
        return max(0, peak - self._before) / 1024

    def _status(self, field: str) -> int | None:
        """Return a field of the process's status, in KiB."""
        try:
            found = re.search(rf"^{field}:\s+(\d+) kB$", (self._proc / "status").read_text("ascii"), re.MULTILINE)
        except (OSError, UnicodeDecodeError):
            return None
        return int(found[1]) if found else None

    def _gpu(self) -> tuple[float | None, float | None]:
        if not self._device.startswith("cuda"):
            return None, None
        import torch

        peaks = torch.cuda.max_memory_allocated(self._device), torch.cuda.max_memory_reserved(self._device)
        return peaks[0] / MIB, peaks[1] / MIB
