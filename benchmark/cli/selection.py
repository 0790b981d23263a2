"""Which stored cells a command works on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...results.record import Record


def selected(
    records: Sequence[Record], methods: tuple[str, ...], datasets: tuple[str, ...], store: Path
) -> list[Record]:
    """Return the records of the named methods and datasets; an empty tuple of names stands for all.

    Raises:
        UserError: A name has no cell in the store, or no cell has both a named method and a named dataset.
    """
    from ...datasets.errors import UserError

    _check_names("--method", methods, {record.cell.method for record in records}, store)
    _check_names("--dataset", datasets, {record.cell.dataset for record in records}, store)
    chosen = [
        record
        for record in records
        if (not methods or record.cell.method in methods) and (not datasets or record.cell.dataset in datasets)
    ]
    if not chosen:
        raise UserError(
            f"No cell in {store} has a method of --method {','.join(methods)} on a dataset of --dataset "
            f"{','.join(datasets)}: compute one with `lqbench run` and the same options."
        )
    return chosen


def _check_names(option: str, names: tuple[str, ...], stored: set[str], store: Path) -> None:
    from ...datasets.errors import UserError

    unknown = [name for name in names if name not in stored]
    if unknown:
        raise UserError(
            f"{option} {','.join(unknown)}: there is no such cell in {store}, which has {', '.join(sorted(stored))}."
        )
