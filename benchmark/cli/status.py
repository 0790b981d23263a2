"""``lqbench status``: what the runs on a store are doing, from another shell."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import store_option

if TYPE_CHECKING:
    from ..status import StoreStatus

LOG_LINES = 40


@click.command(epilog="Example: lqbench status --watch 5")
@store_option
@click.option(
    "--watch",
    type=click.FloatRange(min=0.1),
    metavar="SECONDS",
    help="Look again every so many seconds until no run goes on any more, or until Ctrl-C.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--log",
    "cell",
    metavar="CELL",
    help="Print the end of a cell's log in place of the status; CELL is its folder's name, the beginning of it, or the "
    "key at its end.",
)
@click.option(
    "--lines", type=click.IntRange(min=1), default=LOG_LINES, show_default=True, help="Lines of a log to print."
)
def command(store: Path, watch: float | None, as_json: bool, cell: str | None, lines: int) -> None:
    """Show what runs on a store, without disturbing it.

    For each run that goes on, for the last that ended, and for those whose process died: who began it where and when,
    its cells by state, who computes what, and how long it still takes. The store is only read.
    """
    if watch is not None and (as_json or cell is not None):
        raise click.UsageError("--watch goes with neither --json nor --log.")
    if cell is not None:
        _print_log(store, cell, lines)
    elif watch is not None:
        _watch(store, watch)
    elif as_json:
        from ..status_text import status_object

        click.echo(json.dumps(status_object(_look(store)), indent=2, ensure_ascii=False))
    else:
        from ..status_text import status_lines

        click.echo("\n".join(status_lines(_look(store))))


def _look(store: Path) -> StoreStatus:
    from ..status import store_status

    return store_status(store)


def _print_log(store: Path, cell: str, lines: int) -> None:
    """Print a log's last lines; where it lies goes to standard error."""
    from ...results.logs import find_log, tail

    path = find_log(store, cell)
    click.echo(f"{path}:", err=True)
    click.echo("\n".join(tail(path, lines)))


def _watch(store: Path, seconds: float) -> None:
    """Show the status again and again: in place on a terminal, one below the other elsewhere."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    from ..status_text import status_lines

    console = Console()
    if not console.is_terminal:
        _repeat(store, seconds, lambda status: click.echo("\n".join([*status_lines(status), ""])))
        return
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:

        def draw(status: StoreStatus) -> None:
            shown = status_lines(status)[: max(1, console.height - 1)]
            live.update(Text("\n".join(shown), no_wrap=True, overflow="ellipsis"), refresh=True)

        _repeat(store, seconds, draw)


def _repeat(store: Path, seconds: float, draw: Callable[[StoreStatus], None]) -> None:
    """Draw until no run goes on; Ctrl-C is the usual end of watching and no error."""
    try:
        while True:
            status = _look(store)
            draw(status)
            if not status.active:
                return
            time.sleep(seconds)
    except KeyboardInterrupt:
        return
