"""Downloads that go on where they stopped."""

from __future__ import annotations

import http.client
import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ... import __version__
from ..atomic import write_json
from ..errors import UserError

PART = ".part"
"""What the name of an unfinished download ends in."""
TIMEOUT_SECONDS = 30.0
BLOCK = 1 << 20
NETWORK_ERRORS = (OSError, http.client.HTTPException)
"""What urllib raises: its own errors and time-outs are OSErrors."""
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class _Answer:
    """What a server said of a file.

    Attributes:
        start: Byte at which its answer begins.
        total: Length of the whole file; 0 where it is not told.
        version: ETag or date of the file; empty where none is told.
    """

    start: int
    total: int
    version: str


def download(url: str, path: Path, on_progress: Progress) -> None:
    """Fetch a file; the part that is there from an earlier try is kept if the server still has the same file.

    Args:
        url: http or https address.
        path: Where to put the file; while it is fetched it has ``PART`` behind its name.
        on_progress: Told (bytes done, bytes in all); 0 where the server does not tell.

    Raises:
        UserError: The network or the server fails, or there is too little room; what came stays for the next try.
    """
    if not url.startswith(("http://", "https://")):
        raise UserError(f"{url} is no http or https address; give one that begins with http:// or https://.")
    part = path.with_name(path.name + PART)
    try:
        _fetch(url, part, on_progress)
    except NETWORK_ERRORS as error:
        done = part.stat().st_size if part.is_file() else 0
        kept = f"; {done} bytes are kept in {part}, the same command goes on there" if done else ""
        raise UserError(f"{url} could not be fetched ({_reason(error)}){kept}.") from None
    part.replace(path)
    _state_file(part).unlink(missing_ok=True)


def _fetch(url: str, part: Path, on_progress: Progress) -> None:
    """Append what is missing to the part."""
    have = part.stat().st_size if part.is_file() else 0
    version = _known_version(part)
    if not version:
        have = 0  # without a version nobody can tell whether the rest belongs to the same file
    headers = {"User-Agent": f"lqbench/{__version__}"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": version}
    try:
        opened = _open(url, headers)
    except urllib.error.HTTPError as error:
        if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        if _total(error.headers) == have:
            return  # the part is the whole file
        part.unlink()
        opened = _open(url, {"User-Agent": headers["User-Agent"]})
    with opened as response:
        answer = _answer(response)
        _check_room(part, answer)
        write_json(_state_file(part), {"url": url, "version": answer.version})
        _copy(response, part, answer, on_progress)


def _open(url: str, headers: Mapping[str, str]) -> Any:
    request = urllib.request.Request(url, headers=dict(headers))  # noqa: S310 (the scheme was checked)
    return urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)  # noqa: S310


def _copy(response: Any, part: Path, answer: _Answer, on_progress: Progress) -> None:
    """Write the answer behind what is there, or from the start where the server sends the whole file."""
    done = answer.start
    with part.open("ab" if answer.start else "wb") as stream:
        while block := response.read(BLOCK):
            stream.write(block)
            done += len(block)
            on_progress(done, answer.total)
    if answer.total and done != answer.total:
        raise http.client.HTTPException(f"the connection ended after {done} of {answer.total} bytes")


def _answer(response: Any) -> _Answer:
    version = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
    if version.startswith("W/"):
        version = ""  # a weak tag does not say that the bytes are the same
    if response.status == http.client.PARTIAL_CONTENT:
        start = int(response.headers["Content-Range"].removeprefix("bytes ").split("-")[0])
        return _Answer(start, _total(response.headers), version)
    return _Answer(0, int(response.headers.get("Content-Length") or 0), version)


def _total(headers: Any) -> int:
    """Return the whole length of a file from the field Content-Range; 0 where it does not tell."""
    text = str(headers.get("Content-Range") or "").rpartition("/")[2]
    return int(text) if text.isdigit() else 0


def _check_room(part: Path, answer: _Answer) -> None:
    free = shutil.disk_usage(part.parent).free
    if answer.total - answer.start > free:
        raise UserError(
            f"{part.name.removesuffix(PART)} has {answer.total / 1e9:.1f} GB, but only {free / 1e9:.1f} GB are free in "
            f"{part.parent}; make room."
        )


def _state_file(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _known_version(part: Path) -> str:
    """Return the version of the file that a part is of; empty where it is not known."""
    try:
        return str(json.loads(_state_file(part).read_bytes())["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answers {error.code} {error.reason}"
    return str(getattr(error, "reason", "") or error or type(error).__name__)
