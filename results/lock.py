"""Claims on cells: two launchers that share a store compute each cell once.

A claim is a file made with O_EXCL that names host and process; its modification time is the heartbeat. A claim whose
process is gone from this host, or whose heartbeat stopped, is taken over.
"""

from __future__ import annotations

import json
import os
import socket
import time
import uuid
from pathlib import Path

from .atomic import temporary_sibling

STALE_SECONDS = 600.0
"""A claim without a heartbeat for this long counts as abandoned."""


class Claim:
    """An exclusive claim on one cell; make it with ``claim``, end it with ``release``."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self._text = text

    def heartbeat(self) -> None:
        """Show that the owner is alive; a claim that another launcher took over is left alone."""
        if _read(self.path) == self._text:
            os.utime(self.path)

    def release(self) -> None:
        """End the claim, unless another launcher took it over."""
        if _read(self.path) == self._text:
            self.path.unlink(missing_ok=True)


def claim(path: Path) -> Claim | None:
    """Claim the cell behind a lock file, taking over an abandoned claim.

    Returns:
        The claim, or None while another live launcher holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "token": uuid.uuid4().hex})
    if _create(path, text):
        return Claim(path, text)
    if _remove_abandoned(path) and _create(path, text):
        return Claim(path, text)
    return None


def holder(path: Path) -> str:
    """Return who holds a claim, such as "node7 (process 4242)", for messages."""
    owner = _owner(_read(path))
    return f"{owner.get('host', 'an unknown host')} (process {owner.get('pid', 'unknown')})"


def _create(path: Path, text: str) -> bool:
    """Create the lock file, exclusively; False if it exists."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    return True


def _remove_abandoned(path: Path) -> bool:
    """Move an abandoned claim out of the way; False if its owner lives or somebody else was faster."""
    seen = _read(path)
    if not _abandoned(path, seen):
        return False
    aside = temporary_sibling(path)
    try:
        path.rename(aside)
    except FileNotFoundError:
        return True
    if _read(aside) != seen:
        # A third launcher took the claim over between our look and our rename: it gets its claim back.
        aside.rename(path)
        return False
    aside.unlink()
    return True


def _abandoned(path: Path, text: str) -> bool:
    """Return whether the owner's process is gone, or its heartbeat stopped.

    A text without an owner is one that is being written this moment: only its age counts.
    """
    owner = _owner(text)
    if owner.get("host") == socket.gethostname() and not _alive(owner.get("pid")):
        return True
    try:
        return time.time() - path.stat().st_mtime > STALE_SECONDS
    except FileNotFoundError:
        return True


def _alive(pid: object) -> bool:
    """Return whether a process of this host exists, whoever owns it."""
    if not isinstance(pid, int) or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _read(path: Path) -> str:
    """Return the lock's text; empty if it is gone."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def _owner(text: str) -> dict[str, object]:
    """Return who wrote a lock; empty for a text that no launcher wrote."""
    try:
        owner = json.loads(text)
    except ValueError:
        return {}
    return owner if isinstance(owner, dict) else {}
