"""A leaderboard for a repository of results: files that merge without conflicts, and a table for its README.

``methods/<name>.json`` are the content; ``leaderboard.json`` and the table are made from all of them, so that after a
merge they only have to be made again. ``.gitattributes`` tells git to join changes of these two instead of reporting a
conflict.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..datasets.errors import UserError
from ..results.atomic import make_folder, write_bytes
from ..results.record import Record
from .leaderboard_files import FOLDER, VERSION, Entry, MethodFile, by_method, file_name, method_file, read_method_files
from .leaderboard_readme import with_table

LEADERBOARD, README, ATTRIBUTES = "leaderboard.json", "README.md", ".gitattributes"
UNION = (f"{LEADERBOARD} merge=union", f"{README} merge=union")


@dataclass(frozen=True, slots=True)
class Written:
    """What was done to a leaderboard.

    Attributes:
        methods: Names of the methods whose files come from the records.
        kept: Names of the methods whose files were there and stay.
        dropped: Number of cells, by method, that its file held before and the records do not.
    """

    methods: tuple[str, ...]
    kept: tuple[str, ...]
    dropped: Mapping[str, int]


def write_leaderboard(records: Sequence[Record], folder: Path) -> Written:
    """Write the files of the records' methods, then all that is made from the files of all methods.

    Failed cells and those without metrics are left out; a method that has nothing else gets no file. Files of other
    methods in the folder stay and take part. The same files and records give the same bytes.

    Args:
        records: Records in any order; may be none, to make the table again after a merge.
        folder: A folder, such as that of a git repository; made if absent.

    Raises:
        UserError: A file of a method is damaged, or there is neither a record nor a file of a method.
        WriteError: The folder cannot be written.
    """
    before = read_method_files(folder)
    new = {file_name(name): method_file(own) for name, own in by_method(records).items()}
    files = {**before, **new}
    if not files:
        raise UserError(f"there is nothing for a leaderboard in {folder}: no finished cell and no file in {FOLDER}/.")
    board = leaderboard(files.values())
    texts = {f"{FOLDER}/{name}": _json(content.model_dump(mode="json")) for name, content in new.items()}
    texts[LEADERBOARD] = _json(board)
    texts[README] = with_table(_existing(folder / README), board)
    texts[ATTRIBUTES] = _with_lines(_existing(folder / ATTRIBUTES), UNION)
    make_folder(folder / FOLDER)
    for name, text in texts.items():
        write_bytes(folder / name, text.encode())
    return Written(
        methods=tuple(content.method for content in new.values()),
        kept=tuple(content.method for name, content in before.items() if name not in new),
        dropped={content.method: gone for name, content in new.items() if (gone := _gone(before.get(name), content))},
    )


def leaderboard(files: Iterable[MethodFile]) -> dict[str, Any]:
    """Return the content of ``leaderboard.json``: tracks, each with its entries, highest value first.

    A track is what numbers may be compared on: dataset, version, split, limit, content fingerprint and detector. Rank
    1 is the highest value; equal ones share a rank; ceilings and undefined values have none.
    """
    tracks: dict[tuple[Any, ...], list[tuple[MethodFile, Entry]]] = {}
    for content in files:
        for entry in content.cells:
            tracks.setdefault(_track_of(entry), []).append((content, entry))
    return {"version": VERSION, "tracks": [_track(tracks[key]) for key in sorted(tracks)]}


def _track_of(entry: Entry) -> tuple[Any, ...]:
    """Return what the entries of a track share, in the order in which tracks are sorted."""
    limit = -1 if entry.limit is None else entry.limit
    return (entry.dataset, entry.dataset_version, entry.split, limit, entry.fingerprint, entry.detector, entry.metric)


def _track(members: Sequence[tuple[MethodFile, Entry]]) -> dict[str, Any]:
    first = members[0][1]
    return {
        "dataset": first.dataset,
        "dataset_version": first.dataset_version,
        "split": first.split,
        "limit": first.limit,
        "fingerprint": first.fingerprint,
        "detector": first.detector,
        "metric": first.metric,
        "images": max(entry.images for _, entry in members),
        "images_official": first.images_official,
        "entries": _entries(members),
    }


def _entries(members: Sequence[tuple[MethodFile, Entry]]) -> list[dict[str, Any]]:
    """Return entries, highest value first, undefined ones last."""
    values = [entry.value for content, entry in members if not content.ceiling and entry.value is not None]
    made = [_board_entry(content, entry, values) for content, entry in members]
    return sorted(made, key=lambda e: (e["value"] is None, -(e["value"] or 0.0), e["method"], e["label"], e["key"]))


def _board_entry(content: MethodFile, entry: Entry, values: Sequence[float]) -> dict[str, Any]:
    ranked = entry.value is not None and not content.ceiling
    return {
        "rank": 1 + sum(value > (entry.value or 0.0) for value in values) if ranked else None,
        "method": content.method,
        "title": content.title,
        "label": entry.label,
        "ceiling": content.ceiling,
        "value": entry.value,
        "key": entry.key,
        "detections_sha256": entry.detections_sha256,
        "started": entry.started,
    }


def _gone(before: MethodFile | None, now: MethodFile) -> int:
    """Return how many cells a file held that it does not hold any more."""
    return len({entry.key for entry in before.cells} - {entry.key for entry in now.cells}) if before else 0


def _json(content: Any) -> str:
    return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def _existing(path: Path) -> str:
    """Return a file's text; empty where there is none.

    Raises:
        UserError: It cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}); mend or move it.") from error


def _with_lines(text: str, lines: Sequence[str]) -> str:
    """Return a file's text with those of the lines added that it lacks."""
    missing = [line for line in lines if line not in text.splitlines()]
    return text if not missing else "\n".join([*text.splitlines(), *missing]) + "\n"
