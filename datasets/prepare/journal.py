"""Which images of a build are done, so that a build that was stopped, or killed, goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from ..atomic import sha256_of_file, write_bytes
from ..errors import UserError

JOURNAL = ".journal.jsonl"
"""The journal's name in the folder of a set that is being built: a line for what is built, then one for each image."""


@dataclass(frozen=True, slots=True)
class Written:
    """One finished image file.

    Attributes:
        index: The image's position in the dataset.
        bytes: Length of the file.
        sha256: Hash of the file.
    """

    index: int
    bytes: int
    sha256: str

    def is_at(self, path: Path) -> bool:
        """Whether the file lies at a path, whole and unchanged."""
        try:
            return path.stat().st_size == self.bytes and sha256_of_file(path) == self.sha256
        except OSError:
            return False


class Journal:
    """An open journal that belongs to this process alone."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def add(self, written: Written) -> None:
        """Append one image; the line is handed to the operating system at once, so a killed process keeps it."""
        self._stream.write(_line(asdict(written)))
        self._stream.flush()


def read_journal(folder: Path) -> tuple[dict[str, Any], list[Written]] | None:
    """Return what a folder's journal says is built, and the images done; None where there is no journal.

    A last line that was cut short by a kill is left out.
    """
    try:
        lines = (folder / JOURNAL).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    parsed = list(_parsed(lines))
    return (parsed[0], [Written(**row) for row in parsed[1:]]) if parsed else ({}, [])


@contextmanager
def open_journal(folder: Path, identity: dict[str, Any], done: Iterable[Written]) -> Iterator[Journal]:
    """Write a journal anew with what is done and yield it for more.

    Raises:
        UserError: Another process builds into the folder.
    """
    path = folder / JOURNAL
    with (folder / f"{JOURNAL}.lock").open("a") as lock:
        if not _locked(lock):
            raise UserError(
                f"another process is building into {folder}; wait for it or name another folder with --out."
            )
        write_bytes(path, "".join([_line(identity), *(_line(asdict(row)) for row in done)]).encode())
        with path.open("a", encoding="utf-8") as stream:
            yield Journal(stream)


def remove_journal(folder: Path) -> None:
    """Take the journal away: the set is whole."""
    for name in (JOURNAL, f"{JOURNAL}.lock"):
        (folder / name).unlink(missing_ok=True)


def _locked(stream: TextIO) -> bool:
    """Lock a file until it is closed or this process ends, however it ends; False if another process has the lock.

    Where the system has no such locks, two builds into one folder are not kept apart; they would write the same bytes.
    """
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _line(content: dict[str, Any]) -> str:
    return json.dumps(content, separators=(",", ":")) + "\n"


def _parsed(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            yield json.loads(line)
        except ValueError:
            return
