"""Files and folders that appear whole or not at all: written under a temporary name, then renamed."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

TEMPORARY = ".tmp-"
"""Prefix of unfinished files and folders; readers skip it."""
_HERE, _EXCHANGE = -100, 2
"""AT_FDCWD and RENAME_EXCHANGE of Linux' fcntl.h and stdio.h."""
_UNSUPPORTED = (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP)
"""What a kernel or a file system says that cannot exchange two names."""
SWAP_TRIES = 100
"""Attempts at putting a folder where others put theirs at the same time; each failure means that one of them got in."""


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
        # A disk that failed may refuse this too: what is told is what failed first.
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


@contextmanager
def replacing_directory(path: Path, *, keep_older: bool = False) -> Iterator[Path]:
    """Yield a temporary folder to fill; it replaces the folder ``path`` at the end, or is removed on failure.

    Args:
        path: The folder.
        keep_older: Whether a folder that meanwhile lies at ``path`` stays, and the new one is dropped: for content
            that is the same whoever writes it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_sibling(path)
    try:
        temporary.mkdir()
        yield temporary
        if not _rename_to_free(temporary, path):
            if keep_older:
                shutil.rmtree(temporary, ignore_errors=True)
            else:
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


def _rename_to_free(temporary: Path, path: Path) -> bool:
    """Rename a folder to a name that is free; False if a folder with content has it."""
    try:
        temporary.rename(path)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return False
    return True


def _exchange(temporary: Path, path: Path) -> bool:
    """Let two folders change names in one step; False where the system cannot, or one of them is not there."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):  # no Linux, or a C library of before 2018
        return False
    if renameat2(_HERE, os.fsencode(temporary), _HERE, os.fsencode(path), _EXCHANGE) == 0:
        return True
    error = ctypes.get_errno()
    if error in (*_UNSUPPORTED, errno.ENOENT):
        return False
    raise OSError(error, os.strerror(error), str(path))


def _swap_in(temporary: Path, path: Path) -> None:
    """Put a finished folder in the place of an older one, which is removed."""
    if _exchange(temporary, path):
        shutil.rmtree(temporary, ignore_errors=True)
    else:
        _swap_in_two_steps(temporary, path)


def _swap_in_two_steps(temporary: Path, path: Path) -> None:
    """Rename a finished folder into place, moving an older one out of the way first.

    Such a file system renames no folder over a filled one, so for a moment there is none at ``path``. Should the second
    renaming fail, the older folder gets its place back.
    """
    for _ in range(SWAP_TRIES):
        older = temporary_sibling(path)
        try:
            path.rename(older)
        except FileNotFoundError:
            # Somebody else is between the same two steps.
            if _rename_to_free(temporary, path):
                return
            continue
        try:
            renamed = _rename_to_free(temporary, path)
        except BaseException:
            _rename_to_free(older, path)
            raise
        shutil.rmtree(older, ignore_errors=True)
        if renamed:
            return
    raise OSError(errno.EBUSY, "others keep replacing it", str(path))
