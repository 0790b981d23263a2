"""Consoles for tables on standard output."""

from __future__ import annotations

from rich.console import Console

FILE_WIDTH = 160
"""Columns in a file or pipe, which have no width of their own: no table of the suite is folded at this one."""


def table_console() -> Console:
    """Return the console for tables: as wide as the terminal, or wide enough for a file."""
    console = Console()
    return console if console.is_terminal else Console(width=FILE_WIDTH)
