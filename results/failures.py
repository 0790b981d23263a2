"""One sentence for a store that cannot be written: full disk, quota, read-only or failing file system."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..datasets.errors import UserError

REMEDIES = {
    errno.ENOSPC: "the disk is full: free some space",
    errno.EDQUOT: "your disk quota is used up: free some space, or ask for more",
    errno.EROFS: "the file system is read-only: name another folder",
    errno.EACCES: "there is no permission: ask for it, or name another folder",
    errno.EPERM: "there is no permission: ask for it, or name another folder",
    errno.EIO: "the file system reports an input/output error: have the disk or the connection to it checked",
    errno.ESTALE: "the file server lost the folder: have the connection to it checked",
}
"""What a failure to write means and what to do about it, by error number."""


class WriteError(UserError):
    """A file could not be written; nothing was left half-written, and what was finished before is kept."""


@contextmanager
def told_if_unwritable(path: Path) -> Iterator[None]:
    """Turn a failure of the file system while ``path`` is written into one sentence.

    Args:
        path: What is written, for the sentence; a file that the error itself names is not, since it may be temporary.

    Raises:
        WriteError: The disk is full, the quota used up, the file system read-only or failing, or permission is missing.
            Other errors are raised as they are.
    """
    try:
        yield
    except (OSError, WriteError) as error:
        # A write inside another one names its temporary place: the outer one names what the user knows.
        number = getattr(error.__cause__ if isinstance(error, WriteError) else error, "errno", None)
        remedy = REMEDIES.get(number or 0)
        if remedy is None:
            raise
        raise WriteError(
            f"{path} cannot be written, {remedy}, then give the same command again; what was finished before is kept."
        ) from error
