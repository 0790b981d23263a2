"""Which two stored cells a comparison is about: both computed on the very same images."""

from __future__ import annotations

from collections.abc import Sequence

from ...datasets.errors import UserError
from ...results.record import Record


def pair_of_cells(
    records: Sequence[Record], first: str, second: str, dataset: str, *, detector: str = "", split: str = ""
) -> tuple[Record, Record]:
    """Return the finished cells of two methods whose dataset fingerprints are equal.

    Args:
        records: All records of a store.
        first: Name of a method, or the key of a cell.
        second: As ``first``.
        dataset: Name of the dataset.
        detector: Only cells with this detector; empty for any.
        split: Only cells on this split; empty for any.

    Raises:
        UserError: One of the two has no such cell; they have none on the same images; or several pairs are left, also
            after pairs with different detectors were put aside. The text lists what there is to choose from.
    """
    known = _on_dataset(records, dataset)
    filtered = [r for r in known if detector in ("", r.cell.detector) and split in ("", r.cell.split)]
    firsts, seconds = (_named(filtered, name, known, dataset) for name in (first, second))
    pairs = [(a, b) for a in firsts for b in seconds if a.cell.dataset_fingerprint == b.cell.dataset_fingerprint]
    if not pairs:
        raise UserError(
            f"{first} and {second} have no cells on the same images of {dataset} (the dataset fingerprints differ: "
            f"{_fingerprints(firsts)} and {_fingerprints(seconds)}); run both with the same --split and --limit."
        )
    chosen = [(a, b) for a, b in pairs if a.cell.detector == b.cell.detector] or pairs
    if len(chosen) > 1:
        cells = {record.cell.key: record for pair in chosen for record in pair}
        raise UserError(
            f"{first} and {second} can be compared in {len(chosen)} ways on {dataset}; choose with --detector or "
            "--split, or give the key of a cell in place of a method's name:\n" + "\n".join(map(_line, cells.values()))
        )
    return chosen[0]


def _on_dataset(records: Sequence[Record], dataset: str) -> list[Record]:
    done = [record for record in records if record.status == "done"]
    chosen = [record for record in done if record.cell.dataset == dataset]
    if not chosen:
        names = ", ".join(sorted({record.cell.dataset for record in done})) or "no finished cell at all"
        raise UserError(f"the store has no finished cell on the dataset {dataset!r}; it has {names}.")
    return chosen


def _named(filtered: list[Record], name: str, known: list[Record], dataset: str) -> list[Record]:
    found = [record for record in filtered if name in (record.cell.method, record.cell.key)]
    if not found:
        raise UserError(
            f"the store has no such finished cell of {name!r} on {dataset}; it has:\n" + "\n".join(map(_line, known))
        )
    return found


def _line(record: Record) -> str:
    """Return one line that tells a cell from its neighbours, its key first."""
    cell = record.cell
    detector = f"detector {cell.detector}, " if cell.detector else ""
    return f"  {cell.key}  {cell.method}, {detector}split {cell.split}, {record.images} images, of {record.started}"


def _fingerprints(records: list[Record]) -> str:
    return ", ".join(sorted({record.cell.dataset_fingerprint[:12] for record in records}))
