"""``lqbench report --compare``: two stores side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ...datasets.errors import UserError

if TYPE_CHECKING:
    from ...results.record import Record


def print_comparison(stores: tuple[Path, Path], methods: tuple[str, ...], datasets: tuple[str, ...], form: str) -> None:
    """Print the cells of two stores that can be compared, then those of one alone.

    Raises:
        UserError: One of them is no store, both are the same, or neither has a selected cell.
    """
    from ...reports.store_comparison import StoreSide, store_grids
    from ...reports.store_pairs import pair_stores
    from .report_input import analyse_cells
    from .report_output import echo_grids

    if stores[0].resolve() == stores[1].resolve():
        raise UserError(f"--compare: {stores[0]} and {stores[1]} are the same store; name two.")
    a, b = (_records(store, methods, datasets) for store in stores)
    if not a and not b:
        raise UserError("--compare: neither store has a cell that --method and --dataset select.")
    both = pair_stores(a, b).both
    sides = [
        StoreSide(str(store), records, analyse_cells(store, [pair[side] for pair in both]))
        for side, (store, records) in enumerate(zip(stores, (a, b), strict=True))
    ]
    echo_grids(store_grids(*sides), form)


def _records(store: Path, methods: tuple[str, ...], datasets: tuple[str, ...]) -> list[Record]:
    """Return the selected records of a store, of which there may be none."""
    from ...results.store import Store

    return [
        record
        for record in Store(store).records()
        if (not methods or record.cell.method in methods) and (not datasets or record.cell.dataset in datasets)
    ]
