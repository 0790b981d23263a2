"""A log for each cell: what the program, its libraries and Python had to say while the cell was computed."""

from __future__ import annotations

import logging
import os
import platform
import socket
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import TextIO

from .. import __version__
from ..datasets.errors import UserError

PACKAGE = "lqbench"
TAIL_BLOCK = 1 << 16
"""Bytes read at once from the end of a log."""


def log_path(store_path: Path, directory: str) -> Path:
    """Return the log file of a cell, whether it exists or not."""
    return store_path / "logs" / f"{directory}.log"


class CellLog:
    """The open log of one cell; make it with ``cell_log``. Its methods never raise for a file that cannot be written.

    Each entry is one ``write`` to a file opened with O_APPEND, so that several processes of one machine may log the
    same cell; over NFS, which has no such operation, entries of different machines may overwrite each other.
    """

    def __init__(self, path: Path, worker: str, tell: Callable[[str], None]) -> None:
        self.path = path
        self.thread = threading.get_ident()
        where = f"{socket.gethostname()}:{os.getpid()}"
        self._who = f"{where} {worker}" if worker else where
        self._tell = tell
        self._failed: BaseException | None = None
        self._descriptor: int | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        except OSError as error:
            self._give_up(error)

    def line(self, text: str) -> None:
        """Append a text; each of its lines gets the time (UTC) and who wrote it."""
        if self._descriptor is None:
            return
        stamp = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        lines = text.splitlines() or [""]
        entry = "".join(f"{stamp} {self._who} | {line}\n" for line in lines).encode("utf-8", "backslashreplace")
        try:
            while entry:
                entry = entry[os.write(self._descriptor, entry) :]
        except OSError as error:
            self._give_up(error)

    def failure(self, error: BaseException) -> None:
        """Append an error's whole traceback; an error that was told already is not told again."""
        if error is not self._failed:
            self._failed = error
            self.line("failed:\n" + "".join(traceback.format_exception(error)).rstrip())

    def close(self) -> None:
        """Close the file; what is told later is dropped."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _give_up(self, error: OSError) -> None:
        """Tell that there is no log, and go on without one."""
        self.close()
        self._tell(f"the log {self.path} cannot be written ({error.strerror or error}); the cell goes on without it.")


@contextmanager
def cell_log(
    store_path: Path, directory: str, worker: str, tell: Callable[[str], None] | None = None
) -> Iterator[CellLog]:
    """Log the computation of a cell to ``<store>/logs/<directory>.log``, to which it is appended.

    While the block runs, the log also gets Python's warnings and the logging records of all libraries that propagate
    to the root logger, INFO and above of lqbench's, WARNING and above of others'. Records and warnings still reach
    where they went before. With several logs open in one process, a record goes to the one that was opened in its
    thread, and one from a thread without a log to all of them. What leaves the block as an exception is logged with
    its whole traceback.

    Args:
        store_path: The store's folder.
        directory: ``Cell.directory``.
        worker: Worker or device, for the lines; may be empty.
        tell: Told a sentence if the log cannot be written, once a process; written on standard error by default.
    """
    log = CellLog(log_path(store_path, directory), worker, lambda sentence: _tell_once(sentence, tell))
    _CAPTURE.add(log)
    try:
        log.line(_introduction(directory))
        yield log
        log.line("end")
    except Exception as error:
        log.failure(error)
        raise
    except BaseException as stop:
        log.line(f"stopped: {type(stop).__name__}")
        raise
    finally:
        _CAPTURE.remove(log)
        log.close()


def find_log(store_path: Path, name: str) -> Path:
    """Return the log of the cell with a directory, the beginning of one, or the key at its end.

    Raises:
        UserError: No log, or several, are meant by the name.
    """
    stems = sorted(path.name.removesuffix(".log") for path in (store_path / "logs").glob("*.log"))
    if name in stems:
        return log_path(store_path, name)
    found = [stem for stem in stems if stem.startswith(name) or stem.rpartition("__")[2] == name]
    if len(found) == 1:
        return log_path(store_path, found[0])
    if found:
        raise UserError(f"{len(found)} cells with a log begin with {name!r}: {_some(found)}; give more of the name.")
    known = f"there are logs of {_some(stems)}" if stems else "there is none of any cell yet"
    raise UserError(f"there is no log of a cell {name!r} in {store_path / 'logs'}; {known}.")


def tail(path: Path, lines: int) -> list[str]:
    """Return the last lines of a log, of however long a file.

    Raises:
        UserError: The file cannot be read.
    """
    content = b""
    try:
        with path.open("rb") as stream:
            left = stream.seek(0, os.SEEK_END)
            while left and content.count(b"\n") <= lines:
                size = min(TAIL_BLOCK, left)
                left = stream.seek(left - size)
                content = stream.read(size) + content
    except OSError as error:
        raise UserError(f"the log {path} cannot be read ({error.strerror or error}).") from error
    return content.decode("utf-8", "replace").splitlines()[-lines:]


class _Capture(logging.Handler):
    """Passes logging records and warnings on to the open logs; installed while there is one."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._logs: list[CellLog] = []
        self._level = logging.NOTSET
        self._showwarning: Callable[..., None] = warnings.showwarning

    def add(self, log: CellLog) -> None:
        """Begin to pass records on to a log."""
        with _LOCK:
            self._logs.append(log)
            if len(self._logs) == 1:
                self._install()

    def remove(self, log: CellLog) -> None:
        """Stop it; after the last one all is as it was before."""
        with _LOCK:
            self._logs.remove(log)
            if not self._logs:
                self._uninstall()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record to the logs that it belongs to."""
        if record.levelno >= logging.WARNING or record.name.partition(".")[0] == PACKAGE:
            text = self.format(record)
            for log in self._meant(record.thread):
                log.line(f"{record.levelname} {record.name}: {text}")
        if record.levelno >= logging.WARNING and logging.lastResort is not None and not _heard(record.name, self):
            # Without a handler of anybody, warnings go to standard error: this one must not silence them.
            logging.lastResort.handle(record)

    def _install(self) -> None:
        package = logging.getLogger(PACKAGE)
        self._level = package.level
        if not package.isEnabledFor(logging.INFO):
            package.setLevel(logging.INFO)
        logging.getLogger().addHandler(self)
        self._showwarning = warnings.showwarning
        warnings.showwarning = self._show

    def _uninstall(self) -> None:
        logging.getLogger(PACKAGE).setLevel(self._level)
        logging.getLogger().removeHandler(self)
        if warnings.showwarning == self._show:
            warnings.showwarning = self._showwarning

    def _show(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        """Log a warning, and show it as it would have been."""
        for log in self._meant(threading.get_ident()):
            log.line(warnings.formatwarning(message, category, filename, lineno, line).rstrip())
        self._showwarning(message, category, filename, lineno, file, line)

    def _meant(self, thread: int | None) -> list[CellLog]:
        """Return the logs that were opened in a thread; all of them for a thread without one."""
        logs = list(self._logs)
        return [log for log in logs if log.thread == thread] or logs


_LOCK = threading.RLock()
_CAPTURE = _Capture()
_TOLD = threading.Event()


def _tell_once(sentence: str, tell: Callable[[str], None] | None) -> None:
    """Tell the first sentence of this process, so that a full disk is not told for every cell."""
    with _LOCK:
        if _TOLD.is_set():
            return
        _TOLD.set()
    if tell is not None:
        tell(sentence)
    else:
        sys.stderr.write(f"lqbench: {sentence}\n")


def _heard(name: str, capture: logging.Handler) -> bool:
    """Return whether a record of a logger reaches a handler other than the one that fills the logs."""
    logger: logging.Logger | None = logging.getLogger(name)
    while logger is not None:
        if any(handler is not capture for handler in logger.handlers):
            return True
        logger = logger.parent if logger.propagate else None
    return False


def _introduction(directory: str) -> str:
    """Return the first line of a computation: what, with what, and on what machine."""
    python, system = platform.python_version(), platform.platform()
    return f"start: {directory}, lqbench {__version__}, Python {python} on {system}, {os.cpu_count()} processors"


def _some(names: Sequence[str]) -> str:
    """Return a few names of many."""
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
