"""The comparison tables on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from ..results.record import Record
from .columns import Column
from .sections import DatasetSection, sections_of
from .tables import Table, comparison_tables


def print_table(records: Sequence[Record], console: Console) -> None:
    """Print one table per image set and detector, with failed cells and notes beneath.

    Args:
        records: Records in any order; nothing is printed for none.
        console: Where to print; its width decides whether columns are folded.
    """
    for section in sections_of(comparison_tables(records)):
        for table in section.tables:
            console.print(rich_table(section, table))
            for line in _footnotes(table):
                console.print(Text(line))


def rich_table(section: DatasetSection, table: Table) -> RichTable:
    """Return a comparison table as rich prints it. Names go in as ``Text``, so that no markup in them is obeyed."""
    subset = f" ({section.subset})" if section.subset else ""
    heading = f"{section.name}{subset}, detector: {table.key.detector_name}"
    result = RichTable(title=Text(heading), box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    result.add_column("method", overflow="fold")
    columns = _narrow(table)
    for column in columns:
        unit = f"\n[{column.unit}]" if column.unit else ""
        result.add_column(Text(column.label + unit), justify="right", no_wrap=True)
    for row in table.rows:
        style = "red" if row.failed else "dim" if row.is_ceiling else ""
        texts = (row.marked_label, *(table.text(row, column) for column in columns))
        result.add_row(*map(Text, texts), style=style)
    return result


def _narrow(table: Table) -> list[Column]:
    """Return the columns for a terminal's width: image quality in RGB is left to the page where luma's is there."""
    hidden = {column.key.replace("_Y", "_RGB") for column in table.columns if "_Y" in column.key}
    return [column for column in table.columns if column.key not in hidden]


def _footnotes(table: Table) -> list[str]:
    failures = [f"{row.label} failed: {row.failure}" for row in table.rows if row.failed]
    return [*failures, *table.notes]
