"""The file system's own clock: what a file's time stamp is compared with, whatever this machine's clock says."""

from __future__ import annotations

import os
import time
from pathlib import Path

from ..datasets.errors import UserError
from .atomic import temporary_sibling
from .failures import told_if_unwritable


def file_system_now(folder: Path) -> float:
    """Return the time, seconds since 1970, by the clock that stamps files in a folder.

    On a network file system that is the server's clock. A temporary file is made there, stamped and removed.

    Raises:
        OSError: The folder is missing.
        WriteError: The folder cannot be written.
    """
    probe = temporary_sibling(folder / "clock")
    with told_if_unwritable(folder):
        try:
            descriptor = os.open(probe, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
            os.close(descriptor)
            # As a heartbeat does it: without times, the server sets the time rather than this machine.
            os.utime(probe)
            return probe.stat().st_mtime
        finally:
            probe.unlink(missing_ok=True)


def approximate_now(folder: Path) -> float:
    """Return ``file_system_now``, or this machine's time where the folder cannot be written: for showing ages only."""
    try:
        return file_system_now(folder)
    except (OSError, UserError):
        return time.time()
