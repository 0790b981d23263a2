"""``lqbench results prune``: remove what a store no longer needs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ..options import store_option

FLAGS = {
    "superseded": "Finished cells with a newer one of equal settings, computed with other source, weights or data.",
    "failed": "Failed cells. Never removed unless asked for.",
    "partial": "Unfinished work of cells that are finished.",
    "claims": "Claims of launchers that are gone.",
    "temporaries": "Files that killed processes left half-written, untouched for an hour.",
    "ground-truth": "Ground truth that no cell uses.",
    "pictures": "Pictures of cells that are gone.",
    "analysis": "Analyses of cells that are gone.",
}

EXAMPLE = """\b
Example:
  lqbench results prune --superseded --pictures
  lqbench results prune --superseded --pictures --yes
"""


def _kind_options(function: Callable[..., None]) -> Callable[..., None]:
    for kind, text in reversed(FLAGS.items()):
        function = click.option(f"--{kind}", kind.replace("-", "_"), is_flag=True, help=text)(function)
    return function


@click.command(short_help="Remove what the store no longer needs.", epilog=EXAMPLE)
@store_option
@_kind_options
@click.option("--yes", is_flag=True, help="Remove it; without, it is only shown.")
def command(store: Path, yes: bool, **flags: Any) -> None:
    """Show what the store no longer needs, and remove it with --yes.

    Without a flag that names a kind: all kinds but failed cells. What a running launcher works on is left alone.
    """
    from ....datasets.errors import UserError
    from ....results.pruning import DEFAULT_KINDS, KINDS, Kind, find_waste, remove_waste
    from ....results.store import Store

    if not (store / "cells").is_dir():
        raise UserError(f"there is no store at {store}; name the folder of one with --store.")
    named: tuple[Kind, ...] = tuple(kind for kind in KINDS if flags[kind.replace("-", "_")])
    waste = find_waste(Store(store), named or DEFAULT_KINDS)
    for one in waste:
        click.echo(f"{one.kind}: {one.path.relative_to(store)} ({_bytes(one.size)}): {one.why}")
    total = sum(one.size for one in waste)
    if not waste:
        click.echo(f"nothing to remove in {store}")
    elif yes:
        click.echo(f"removed {len(waste)} files and folders, {_bytes(remove_waste(waste))}")
    else:
        click.echo(f"would remove {len(waste)} files and folders, {_bytes(total)}; add --yes to remove them")


def _bytes(size: int) -> str:
    """Return a number of bytes for people."""
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"
