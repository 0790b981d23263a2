"""``lqbench list``: what there is by name, and what of it is ready on this machine. Imports no torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ...datasets.errors import UserError
from .options import data_root_option, load_plugins, plugin_option

if TYPE_CHECKING:
    from ..inventory import Entry

KINDS = ("methods", "datasets", "detectors", "suites", "claims")


@click.command()
@click.argument("kind", type=click.Choice(KINDS))
@data_root_option
@plugin_option
@click.option("--paper", metavar="NAME", help="With claims: print the tables of this paper, such as tdsr.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def command(kind: str, data_root: Path | None, plugins: tuple[Path, ...], paper: str | None, as_json: bool) -> None:
    """List methods, datasets, detectors, suites, or claims: the numbers that papers print."""
    if kind == "claims":
        from .list_claims import print_claims

        print_claims(paper, as_json)
    elif paper is not None:
        raise UserError(f"--paper is for `lqbench list claims`; leave it out to list {kind}.")
    else:
        load_plugins(plugins)
        _list_entries(kind, data_root, as_json)


def _list_entries(kind: str, data_root: Path | None, as_json: bool) -> None:
    from .. import inventory

    if kind == "methods":
        entries = inventory.methods()
    elif kind == "datasets":
        entries = inventory.datasets(data_root)
    elif kind == "suites":
        entries = inventory.suites()
    else:
        entries = inventory.detectors(data_root)
    if as_json:
        click.echo(json.dumps([asdict(entry) for entry in entries], indent=2, ensure_ascii=False))
    else:
        _print_table(kind, entries)


def _print_table(kind: str, entries: Sequence[Entry]) -> None:
    """Print the columns that any entry fills, then how to get what is missing."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from .console import table_console

    titles = {"name": kind.removesuffix("s"), "title": "what it is", "detector": "default detector"}
    titles |= {"brings": "you bring", "state": "state"}
    shown = [field for field in titles if any(getattr(entry, field) for entry in entries)]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for field in shown:
        table.add_column(titles[field], no_wrap=field in ("name", "state"))
    for entry in entries:
        table.add_row(*(Text(getattr(entry, field)) for field in shown))
    table_console().print(table)
    if any(entry.state == "missing" for entry in entries):
        click.echo("`lqbench doctor` says where to get what is missing and where to put it.")
