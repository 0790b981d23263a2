"""File names that come out of annotation files, which anyone may have written."""

from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath

from .errors import UserError


def safe_name(where: str, name: str) -> str:
    """Return a relative path unchanged, if it stays inside the folder that it is relative to.

    Args:
        where: File and field, for the message.
        name: The path, with slashes; backslashes are judged too, since Windows takes them for slashes.

    Raises:
        UserError: The path is absolute, has a drive, or goes up by "..".
    """
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    leads_out = posix.is_absolute() or windows.drive or windows.root or ".." in (*posix.parts, *windows.parts)
    if leads_out or "\0" in name:
        raise UserError(f"{where} is {name!r}; give a path inside the image folder.")
    return name
