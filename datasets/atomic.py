"""Files and folders that appear whole or not at all: written under a temporary name, then renamed."""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TEMPORARY = ".tmp-"
"""Prefix of unfinished files and folders; readers skip it."""


def temporary_sibling(path: Path) -> Path:
    """Return an unused name in the same folder, so that renaming to ``path`` stays on one file system."""
    return path.with_name(f"{TEMPORARY}{path.name}-{uuid.uuid4().hex[:8]}")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write; it replaces ``path`` at the end, or is removed if the block raises."""
    temporary = temporary_sibling(path)
    try:
        yield temporary
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def replacing_directory(path: Path) -> Iterator[Path]:
    """Yield a temporary folder to fill; it replaces the folder ``path`` at the end, or is removed on failure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_sibling(path)
    temporary.mkdir()
    try:
        yield temporary
        _swap_in(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def write_json(path: Path, content: Any) -> None:
    """Write JSON with sorted keys, whole or not at all."""
    text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write bytes, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def hash_of_file(path: Path, algorithm: str = "sha256") -> str:
    """Return the file's hash as hex digits, by the name of a ``hashlib`` algorithm; md5 serves published sums only."""
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def sha256_of_file(path: Path) -> str:
    """Return the file's sha256 as hex digits."""
    return hash_of_file(path)


def _swap_in(temporary: Path, path: Path) -> None:
    """Rename a finished folder into place, moving an older one out of the way first."""
    if not path.exists():
        temporary.rename(path)
        return
    older = temporary_sibling(path)
    path.rename(older)
    temporary.rename(path)
    shutil.rmtree(older, ignore_errors=True)
