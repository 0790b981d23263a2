"""Claims on cells: two launchers that share a store compute each cell once.

A claim is a file that names its owner and that only one process can make; its modification time is the heartbeat. A
claim whose process is gone from this machine, or whose heartbeat stopped, is taken over.

Ages are judged by the file system's own clock alone (``clock.file_system_now``): launchers whose machines' clocks
differ agree, since the same server stamps heartbeats and the file they are compared with. A claim dated further than
``STALE_SECONDS`` into the future is abandoned by the same rule: its owner would have stamped it anew with the file
system's present time every ``BEAT_SECONDS``.

Taking over is exclusive: only who holds the guard of a claim, itself a claim whose name derives from the claim's text,
may replace or remove it, and looks at it again before. So of several processes that find one claim abandoned one wins,
and none can end the claim of who was faster. A process that dies as it holds a guard leaves an abandoned claim on the
guard, which is taken over like any other.
"""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from .atomic import make_folder, temporary_sibling, write_bytes
from .clock import file_system_now
from .failures import WriteError, told_if_unwritable
from .owner import Owner, is_gone, parse_owner, this_process

BEAT_SECONDS = 20.0
"""Pause between heartbeats."""
STALE_SECONDS = 600.0
"""A claim without a heartbeat for this long counts as abandoned."""
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
"""What file systems without hard links answer."""
JOIN_SECONDS = 5.0
"""How long the end of a claim waits for its heart: a file server that hangs must not hold up what is finished."""


class Claim:
    """An exclusive claim on one cell; make it with ``claim``, end it with ``release``.

    Attributes:
        path: The lock file.
        text: What the file says while the claim holds; with it another process can end the claim of one that died.
        lost: Whether another launcher took the claim over, as the last look at it told.
    """

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.text = text
        self.lost = False

    def heartbeat(self) -> None:
        """Show that the owner is alive; a claim that another launcher took over is left alone."""
        self.lost = _read(self.path) != self.text
        if not self.lost:
            # Without times: on a network file system the server stamps the file by its own clock.
            with suppress(FileNotFoundError):
                os.utime(self.path)

    @contextmanager
    def beating(self) -> Iterator[Claim]:
        """Send heartbeats from a thread until the block ends or another launcher took the claim over.

        However long a batch or the loading of a model takes, the claim stays fresh while this process lives.
        """
        stop = threading.Event()
        heart = threading.Thread(target=self._beat, args=(stop,), name="lqbench-heartbeat", daemon=True)
        heart.start()
        try:
            yield self
        finally:
            stop.set()
            heart.join(JOIN_SECONDS)

    def release(self) -> None:
        """End the claim, unless another launcher took it over, or is about to."""
        try:
            with _guard(self.path, self.text) as held:
                if held:
                    self._unlink()
        except WriteError:
            # A full disk has no room for the guard, yet removes files.
            self._unlink()

    def _unlink(self) -> None:
        with suppress(OSError):
            if _read(self.path) == self.text:
                self.path.unlink()

    def _beat(self, stop: threading.Event) -> None:
        while not (stop.wait(BEAT_SECONDS) or self.lost):
            # A file server that fails for a moment does not end the work: the next heartbeat may reach it.
            with suppress(OSError):
                self.heartbeat()


@dataclass(frozen=True)
class Look:
    """A claim as one look at its file found it.

    Attributes:
        text: The file's text.
        owner: Who wrote it.
        stamped: Its last heartbeat, seconds since 1970 by the file system's clock.
    """

    text: str
    owner: Owner
    stamped: float

    def stale(self, now: float) -> bool:
        """Return whether the owner's process is gone, or its heart stopped, at a time of the file system's clock."""
        return is_gone(self.owner) or abs(now - self.stamped) > STALE_SECONDS


def claim(path: Path) -> Claim | None:
    """Claim the cell behind a lock file, taking over an abandoned claim.

    Returns:
        The claim, or None while another live launcher holds it.

    Raises:
        WriteError: The store cannot be written.
    """
    make_folder(path.parent)
    text = this_process().text
    if _create(path, text) or _take_over(path, text):
        return Claim(path, text)
    return None


def remove_abandoned(path: Path) -> bool:
    """Remove a claim if it is abandoned; False if it is held, gone, or somebody else is at it.

    Raises:
        WriteError: The store cannot be written.
    """
    seen = look(path)
    if seen is None or not _abandoned(path, seen):
        return False
    with _guard(path, seen.text) as held, told_if_unwritable(path):
        if not held or not _still_abandoned(path, seen):
            return False
        path.unlink(missing_ok=True)
    return True


def holder(path: Path) -> str:
    """Return who holds a claim, such as "node7 (process 4242)", for messages."""
    return parse_owner(_read(path)).name


def look(path: Path) -> Look | None:
    """Return what a lock file says; None if there is none."""
    try:
        # Opening makes a network file system ask its server for the newest time stamp.
        with path.open(encoding="utf-8", errors="replace") as stream:
            text = stream.read()
            stamped = os.fstat(stream.fileno()).st_mtime
    except FileNotFoundError:
        return None
    return Look(text, parse_owner(text), stamped)


def _take_over(path: Path, text: str) -> bool:
    """Replace an abandoned claim; False if its owner lives or somebody else was faster."""
    seen = look(path)
    if seen is None:
        return _create(path, text)
    if not _abandoned(path, seen):
        return False
    with _guard(path, seen.text) as held:
        if not held or not _still_abandoned(path, seen):
            return False
        # Replaced, never removed first: nobody finds the name free in between.
        write_bytes(path, text.encode())
    return True


@contextmanager
def _guard(path: Path, text: str) -> Iterator[bool]:
    """Hold the sole right to replace or remove the claim with a text; yields whether it was got."""
    place = path.with_name(f"{path.name}.{hashlib.sha256(text.encode()).hexdigest()[:8]}")
    mine = this_process().text
    # A guard is held for an instant: one that was left behind is a claim like any other.
    held = _create(place, mine) or _take_over(place, mine)
    try:
        yield held
    finally:
        if held and _read(place) == mine:
            with suppress(OSError):
                place.unlink(missing_ok=True)


def _still_abandoned(path: Path, seen: Look) -> bool:
    """Return whether a second look, under the guard, finds the same claim, and it is still abandoned."""
    again = look(path)
    return again is not None and again.text == seen.text and _abandoned(path, again)


def _abandoned(path: Path, seen: Look) -> bool:
    """Return whether a claim counts as abandoned now.

    Of a text without an owner, as a process leaves it that is killed while it writes one, only the age counts.
    """
    return is_gone(seen.owner) or seen.stale(file_system_now(path.parent))


def _create(path: Path, text: str) -> bool:
    """Create the lock file with its text at once, exclusively; False if it exists.

    A link to a finished file is exclusive on every file system that has hard links, network ones included, and a
    process that is killed leaves no claim without an owner, which would block the cell until it is stale.
    """
    temporary = temporary_sibling(path)
    with told_if_unwritable(path):
        if path.exists():
            return False
        try:
            _write_new(temporary, text)
            try:
                os.link(temporary, path)
            except FileExistsError:
                return False
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                return _create_in_steps(path, text)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
    return True


def _create_in_steps(path: Path, text: str) -> bool:
    """Create the lock file, exclusively, then write its text: for file systems without hard links."""
    try:
        _write_new(path, text)
    except FileExistsError:
        return False
    except OSError:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise
    return True


def _write_new(path: Path, text: str) -> None:
    """Write a file that must not exist yet.

    Raises:
        FileExistsError: It does.
    """
    with path.open("x", encoding="utf-8") as stream:
        stream.write(text)


def _read(path: Path) -> str:
    """Return the lock's text; empty if it is gone."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
