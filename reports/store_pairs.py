"""Which cells of two stores are about the same thing: method, settings and the very same images."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ..results.record import Record


@dataclass(frozen=True, eq=False)
class StorePairs:
    """The cells of two stores, A and B.

    Attributes:
        both: Pairs of finished cells with the same method, settings, precision, image set and content.
        only_a: Cells of A without such a partner, each with the reason.
        only_b: Cells of B without such a partner.
    """

    both: tuple[tuple[Record, Record], ...]
    only_a: tuple[tuple[Record, str], ...]
    only_b: tuple[tuple[Record, str], ...]


def pair_stores(a: Sequence[Record], b: Sequence[Record]) -> StorePairs:
    """Pair the cells of two stores.

    Where a store holds several cells of one method, settings and image set, such as of an older version of the
    method, those with equal keys are paired first, then those with equal weights, then the newest of each. Cells on
    other contents of a dataset are other images, and never paired.
    """
    groups: dict[str, tuple[list[Record], list[Record]]] = defaultdict(lambda: ([], []))
    for side, records in enumerate((a, b)):
        for record in records:
            groups[_identity(record)][side].append(record)
    both = [pair for name in sorted(groups) for pair in _pairs(*groups[name])]
    paired = [{record.cell.key for record in side} for side in zip(*both, strict=True)] if both else [set(), set()]
    return StorePairs(
        tuple(both),
        tuple((record, _reason(record, b, "B")) for record in _left(a, paired[0])),
        tuple((record, _reason(record, a, "A")) for record in _left(b, paired[1])),
    )


def _identity(record: Record) -> str:
    """Return what the two cells of a pair have in common, as text."""
    return record.cell.model_copy(update={"method_source": "", "weights_sha256": ""}).model_dump_json()


def _track(record: Record) -> str:
    """Return what is the same for cells that differ in the content of their images alone."""
    changes = {"method_source": "", "weights_sha256": "", "dataset_fingerprint": "", "dataset_version": ""}
    return record.cell.model_copy(update=changes).model_dump_json()


def _pairs(a: Sequence[Record], b: Sequence[Record]) -> list[tuple[Record, Record]]:
    """Return pairs of finished cells of one identity, each cell in one of them at most."""
    left_a, left_b = _newest_first(a), _newest_first(b)
    found = []
    agreements: tuple[Callable[[Record], str], ...] = (
        lambda record: record.cell.key,
        lambda record: record.cell.weights_sha256,
        lambda record: "",
    )
    for what in agreements:
        for first in tuple(left_a):
            second = next((record for record in left_b if what(record) == what(first)), None)
            if second is not None:
                found.append((first, second))
                left_a.remove(first)
                left_b.remove(second)
    return found


def _newest_first(records: Iterable[Record]) -> list[Record]:
    done = [record for record in records if record.status == "done"]
    return sorted(done, key=lambda record: (record.started, record.cell.key), reverse=True)


def _left(records: Sequence[Record], paired: set[str]) -> list[Record]:
    left = [record for record in records if record.cell.key not in paired]
    return sorted(left, key=lambda record: (record.cell.directory, record.started))


def _reason(record: Record, others: Sequence[Record], name: str) -> str:
    """Return why a cell has no partner in the other store."""
    if record.status == "failed":
        return "failed here"
    same = [other for other in others if _identity(other) == _identity(record)]
    if any(other.status == "done" for other in same):
        return f"another cell of it was paired with {name}'s"
    if same:
        return f"failed in {name}"
    if any(_track(other) == _track(record) for other in others):
        return f"other images in {name}: the content of the dataset differs"
    return f"not in {name}"
