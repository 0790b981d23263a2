"""``lqbench list claims``: the numbers that papers print, in the papers' own tables. Imports no torch."""

from __future__ import annotations

import json
from collections import Counter

import click
from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from ...results.ledger import Claim, Ledger, LedgerTable, load_ledger
from .console import table_console

_WIDEST = 1000
"""Columns of text that no table comes near, to ask how many one needs."""


def print_claims(paper: str | None, as_json: bool) -> None:
    """Print the tables there are, or those of one paper with their numbers; as JSON always numbers.

    Args:
        paper: Key of the paper; None for all.
        as_json: Print a list of numbers with all that is known of each.

    Raises:
        UserError: There is no such paper.
    """
    ledger = load_ledger()
    if as_json:
        chosen = ledger.claims if paper is None else (one for table in ledger.tables(paper) for one in table.claims)
        click.echo(json.dumps([claim.model_dump(mode="json") for claim in chosen], indent=2, ensure_ascii=False))
    elif paper is None:
        _print_wide(_overview(ledger))
        click.echo("`lqbench list claims --paper NAME` prints the tables of one.")
    else:
        source = ledger.paper(paper)
        click.echo(f"{source.citation}\n{source.url}".rstrip())
        for table in source.tables:
            click.echo(f"\n{table.name}: {table.title}")
            _print_wide(_numbers(table))
            _print_facts(table)


def _overview(ledger: Ledger) -> Table:
    table = _empty("paper", "table", "what it shows", "numbers")
    for paper in ledger.papers:
        for one in paper.tables:
            table.add_row(*map(Text, (paper.key, one.name, f"{paper.title}: {one.title}", str(len(one.claims)))))
    return table


def _numbers(table: LedgerTable) -> Table:
    """Return a table in its own shape; groups that share a cell in print share it here."""
    grouped = any(table.groups) and not table.paired
    units = {column: {one.unit for one in table.claims if one.column == column} for column in table.columns}
    usual = _usual_unit(table)
    shown = _empty(*(["group"] if grouped else []), "row", *table.text_columns)
    for column, heading in zip(table.columns, table.headings, strict=True):
        stated = len(units[column]) == 1 and units[column] - {"", usual}
        shown.add_column(Text(f"{heading} ({min(stated)})" if stated else heading), no_wrap=True, justify="right")
    for (group, row), texts in _printed_rows(table):
        cells = [_cell(table, group, row, column, bare=len(units[column]) == 1) for column in table.columns]
        shown.add_row(*map(Text, (*([group] if grouped else []), row, *texts, *cells)))
    return shown


def _usual_unit(table: LedgerTable) -> str:
    """Return the unit of more than half of the numbers, which is said once; empty if there is none."""
    unit, count = Counter(claim.unit for claim in table.claims).most_common(1)[0]
    return unit if 2 * count > len(table.claims) else ""


def _printed_rows(table: LedgerTable) -> list[tuple[tuple[str, str], tuple[str, ...]]]:
    """Return (group, row) and words of each printed row."""
    rows = list(zip(table.rows, table.texts, strict=True))
    return list({row[1]: (row, texts) for row, texts in reversed(rows)}.values())[::-1] if table.paired else rows


def _cell(table: LedgerTable, group: str, row: str, column: str, bare: bool) -> str:
    """Return what stands in a cell; ``bare`` leaves out units, which stand elsewhere."""
    groups = table.groups if table.paired else (group,)
    found = [claim for one in groups if (claim := table.claim(one, row, column))]
    texts = [_text(claim, bare) for claim in found]
    return f"({':'.join(texts)})" if len(texts) > 1 else "".join(texts) or "-"


def _text(claim: Claim, bare: bool) -> str:
    return ("~" if claim.approximate else "") + claim.text + ("" if bare else claim.unit)


def _print_facts(table: LedgerTable) -> None:
    """Say where the numbers are from and how they were measured."""
    if _usual_unit(table):
        click.echo(f"  unit: {_usual_unit(table)} where none is stated")
    for name in ("source", "dataset", "protocol"):
        for value in dict.fromkeys(getattr(claim, name) for claim in table.claims):
            if value:
                click.echo(f"  {name}: {value}")
    for about, note in table.notes:
        click.echo(f"  note: {about}: {note}" if about else f"  note: {note}")
    if any(claim.other_split for claim in table.claims):
        click.echo(
            "  Of another split or protocol than the dataset of the suite: never compared with measured numbers."
        )


def _empty(*headings: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        table.add_column(Text(heading), no_wrap=True)
    return table


def _print_wide(table: Table) -> None:
    """Print a table in as many columns as it needs: a number cut off would be another number."""
    width = Measurement.get(Console(width=_WIDEST), Console(width=_WIDEST).options, table).maximum
    Console(width=max(width, table_console().width)).print(table)
