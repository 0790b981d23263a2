"""Who holds a claim, and whether that process is still there."""

from __future__ import annotations

import getpass
import json
import os
import socket
import uuid
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Owner:
    """A process as its claim names it; what is not known is empty. Claims of earlier versions know the first three.

    Attributes:
        host: Name of the machine; empty for a text that no launcher wrote.
        pid: Process id on it.
        token: Random text, which tells two claims of one process apart.
        user: User name.
        started: When the claim was made, ISO 8601, UTC, by the owner's clock: for people, never compared.
        process_start: When the process began, in the kernel's ticks since boot: tells a recycled process id.
        boot: The kernel's random id of this boot.
        namespace: The process ids' name space: containers on one machine count for themselves.
    """

    host: str = ""
    pid: int = 0
    token: str = ""
    user: str = ""
    started: str = ""
    process_start: str = ""
    boot: str = ""
    namespace: str = ""

    @property
    def text(self) -> str:
        """Return the owner as the text of a lock file."""
        return json.dumps(asdict(self))

    @property
    def name(self) -> str:
        """Return who it is for messages, such as "node7 (process 4242)"."""
        return f"{self.host or 'an unknown host'} (process {self.pid or 'unknown'})"


def this_process() -> Owner:
    """Return this process as a new owner."""
    pid = os.getpid()
    return Owner(
        host=socket.gethostname(),
        pid=pid,
        token=uuid.uuid4().hex,
        user=_user(),
        started=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        process_start=process_start(pid),
        boot=_boot(),
        namespace=_namespace(),
    )


def parse_owner(text: str) -> Owner:
    """Return who wrote a lock file; an empty owner for a text that no launcher wrote."""
    try:
        found = json.loads(text)
    except ValueError:
        return Owner()
    if not isinstance(found, dict):
        return Owner()
    pid = found.get("pid")
    texts = {field.name: str(found.get(field.name) or "") for field in fields(Owner) if field.name != "pid"}
    return Owner(pid=pid if isinstance(pid, int) else 0, **texts)


def is_gone(owner: Owner) -> bool:
    """Return whether the owner was a process of this machine that has ended; False where that cannot be told.

    Processes of another boot or another container cannot be told, even on a machine of this name: many machines are
    called "localhost". Their heartbeat decides.
    """
    if not owner.host or owner.host != socket.gethostname():
        return False
    mine = ((owner.boot, _boot()), (owner.namespace, _namespace()))
    if any(theirs and ours and theirs != ours for theirs, ours in mine):
        return False
    return not process_exists(owner.pid, owner.process_start)


def process_exists(pid: int, start: str = "") -> bool:
    """Return whether a process of this machine exists, whoever owns it, and did not end as a zombie.

    Args:
        pid: Its id.
        start: What ``process_start`` said of it; another start means another process of the same id.
    """
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    state, began = _stat(pid)
    return state not in ("Z", "X") and (not start or not began or start == began)


def process_start(pid: int) -> str:
    """Return when a process began, in ticks since boot; empty where /proc does not tell."""
    return _stat(pid)[1]


def _stat(pid: int) -> tuple[str, str]:
    """Return state and start time, fields 3 and 22 of /proc/PID/stat; empty where it does not tell."""
    try:
        text = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "", ""
    # The second field is the program's name in brackets and may hold blanks and brackets itself.
    rest = text.rpartition(")")[2].split()
    return (rest[0], rest[19]) if len(rest) > 19 else ("", "")


@lru_cache(maxsize=1)
def _boot() -> str:
    try:
        return (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


@lru_cache(maxsize=1)
def _namespace() -> str:
    try:
        return str((PROC / "self/ns/pid").readlink())
    except OSError:
        return ""


@lru_cache(maxsize=1)
def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""
