"""Tables and JSON on standard output."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import pandas as pd

MISSING = "\N{EN DASH}"
"""Printed where there is no number. A missing number is never printed as zero."""

Format = Callable[[Any], str]

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")


def percent(value: float | None) -> str:
    """Return a fraction in percent with one decimal."""
    return MISSING if value is None or math.isnan(value) else f"{100 * value:.1f}"


def decimals(digits: int) -> Format:
    """Return a format with that many decimals."""

    def shown(value: float | None) -> str:
        return MISSING if value is None or math.isnan(value) else f"{value:.{digits}f}"

    return shown


def print_frame(title: str, frame: pd.DataFrame, columns: Mapping[str, tuple[str, Format]]) -> None:
    """Print columns of a table under a title.

    Args:
        title: Heading.
        frame: The table.
        columns: Column name to its heading and how its values are printed; text columns are aligned left.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from ..console import table_console

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading, form in columns.values():
        table.add_column(Text(heading), justify="left" if form is str else "right", overflow="fold")
    for row in frame.to_dict("records"):
        table.add_row(*(Text(form(row[name])) for name, (_, form) in columns.items()))
    console = table_console()
    console.print(Text(title))
    console.print(table)


def print_json(content: Any) -> None:
    """Print JSON; tables become lists of objects, NaN and infinity become null."""
    click.echo(json.dumps(_plain(content), indent=2, ensure_ascii=False, allow_nan=False))


def _plain(content: Any) -> Any:
    """Return content as JSON's own types."""
    if hasattr(content, "to_dict"):
        return [_plain(row) for row in content.to_dict("records")]
    if isinstance(content, Mapping):
        return {str(name): _plain(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [_plain(value) for value in content]
    if hasattr(content, "item"):  # a NumPy scalar
        content = content.item()
    return None if isinstance(content, float) and not math.isfinite(content) else content
