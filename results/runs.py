"""Notes of runs: what a launcher has set out to do, for those who watch it from another shell."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from .atomic import TEMPORARY, make_folder, write_json
from .owner import process_exists, this_process

KEPT_NOTES = 50
"""Older notes of runs that ended are removed."""
RUNNING, ENDED, STOPPED, BROKEN = "running", "ended", "stopped", "broken"
"""Usual states of a note: at work; came to its end; ended by the user; ended by an error."""


class PlannedCell(BaseModel):
    """A cell as it was when the run was planned."""

    model_config = ConfigDict(frozen=True)

    directory: str
    """``Cell.directory``."""
    title: str
    images: int
    seconds: float | None = None
    """Estimate for the whole cell; None where unknown."""
    state: str = "to do"
    """Its state at planning: "done" for one that the run leaves alone, "to do", "stale", "failed" or "running" for one
    without a finished record, else a word for a finished cell that is computed again."""


class SkippedCell(BaseModel):
    """A method on a dataset that the run left out."""

    model_config = ConfigDict(frozen=True)

    method: str
    dataset: str
    reason: str
    """What was missing, in sentences."""


class RunNote(BaseModel):
    """What a launcher wrote about its run. Fields that a later version adds are passed over."""

    model_config = ConfigDict(frozen=True)

    id: str
    host: str
    pid: int
    process_start: str = ""
    """With ``boot`` and ``namespace`` as in ``owner.Owner``; empty where the system does not tell."""
    boot: str = ""
    namespace: str = ""
    user: str
    command: tuple[str, ...] = ()
    folder: str = ""
    """Working directory of the command."""
    engine: str = "inline"
    workers: int = 1
    started: str
    """ISO 8601, UTC."""
    ended: str | None = None
    """None while the run goes on, and for ever if the launcher died."""
    state: str = RUNNING
    cells: tuple[PlannedCell, ...] = ()
    skipped: tuple[SkippedCell, ...] = ()


def new_run(
    command: Sequence[str],
    engine: str,
    workers: int,
    cells: Sequence[PlannedCell],
    skipped: Sequence[SkippedCell] = (),
) -> RunNote:
    """Return the note of a run that this process begins now; ``write_run`` stores it."""
    now = datetime.now(timezone.utc)
    me = this_process()
    stamp = f"{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03d}Z"
    return RunNote(
        id=f"{stamp}-{re.sub(r'[^A-Za-z0-9.-]+', '-', me.host)}-{me.pid}",
        host=me.host,
        pid=me.pid,
        process_start=me.process_start,
        boot=me.boot,
        namespace=me.namespace,
        user=me.user or "unknown",
        command=tuple(command),
        folder=str(Path.cwd()),
        engine=engine,
        workers=workers,
        started=now.isoformat(timespec="milliseconds"),
        cells=tuple(cells),
        skipped=tuple(skipped),
    )


def write_run(store_path: Path, note: RunNote) -> Path:
    """Write a note, whole or not at all, replacing one of the same id; old notes beyond ``KEPT_NOTES`` are removed.

    Returns:
        The file, ``<store>/runs/<id>.json``.

    Raises:
        WriteError: The store cannot be written.
    """
    path = store_path / "runs" / f"{note.id}.json"
    make_folder(path.parent)
    write_json(path, note.model_dump(mode="json"))
    _remove_old(store_path)
    return path


def end_run(store_path: Path, note: RunNote, state: str = ENDED) -> RunNote:
    """Write that a run has ended, as ``ENDED``, ``STOPPED``, ``BROKEN`` or another word, and return the new note.

    Raises:
        WriteError: The store cannot be written.
    """
    ended = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    note = note.model_copy(update={"ended": ended, "state": state})
    write_run(store_path, note)
    return note


def runs(store_path: Path, on_damaged: Callable[[str], None] | None = None) -> list[RunNote]:
    """Return the notes in a store, the oldest first; there may be none.

    Args:
        store_path: The store's folder; it is only read.
        on_damaged: Told one sentence about each file that is no note and is passed over; logged by default.
    """
    tell = on_damaged or logging.getLogger("lqbench.results.runs").warning
    notes = [note for path in _note_files(store_path) if (note := _read(path, tell)) is not None]
    return sorted(notes, key=lambda note: (note.started, note.id))


def skipped_cells(store_path: Path) -> list[SkippedCell]:
    """Return what runs left out, by method and dataset; of several reasons for one, the newest run's."""
    found = {(cell.method, cell.dataset): cell for note in runs(store_path) for cell in note.skipped}
    return [found[pair] for pair in sorted(found)]


def is_alive(note: RunNote) -> bool | None:
    """Return whether the launcher of a run still lives.

    Returns:
        False for a run that ended, or whose process is gone from this machine, even if its number was given to another
        process since; None for one on another machine, before another boot of it or in another container, which only
        the heartbeats of its claims can tell.
    """
    if note.ended is not None:
        return False
    me = this_process()
    if note.host != me.host:
        return None
    elsewhere = ((note.boot, me.boot), (note.namespace, me.namespace))
    if any(theirs and mine and theirs != mine for theirs, mine in elsewhere):
        return None
    return process_exists(note.pid, note.process_start)


def _note_files(store_path: Path) -> list[Path]:
    """Return the files of notes, sorted by name; none where the store has no such folder or it cannot be read."""
    try:
        return sorted(p for p in (store_path / "runs").glob("*.json") if not p.name.startswith(TEMPORARY))
    except OSError:
        return []


def _read(path: Path, tell: Callable[[str], None]) -> RunNote | None:
    """Read a note; one that was removed this moment or is damaged is None."""
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        return RunNote.model_validate(content)
    except FileNotFoundError:
        return None
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"])
        tell(f"{path} is no valid note of a run (field {place}) and was passed over; delete it.")
    except (OSError, ValueError) as error:
        tell(f"{path} is damaged ({error}) and was passed over; delete it.")
    return None


def _remove_old(store_path: Path) -> None:
    """Remove the oldest notes beyond ``KEPT_NOTES``, but none of a run that may still go on."""
    for path in _note_files(store_path)[:-KEPT_NOTES]:
        note = _read(path, lambda sentence: None)
        if note is None or note.ended is not None or is_alive(note) is False:
            path.unlink(missing_ok=True)
