"""Where on this machine the parts of a dataset lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .spec import DatasetSpec, PartName, Requirement


@dataclass(frozen=True, slots=True)
class Layout:
    """A data set's folder and which of its parts were found there.

    Attributes:
        base: The folder that holds the parts.
        found: Part to its path.
    """

    base: Path
    found: Mapping[PartName, Path]


def find_layout(spec: DatasetSpec, roots: Sequence[Path], split: str) -> Layout | None:
    """Find the folder with the most required parts of a data set; the first of equals.

    Each root is searched in the folders that the specification names, and itself where it has the name of one of them.

    Args:
        spec: The dataset.
        roots: Data roots.
        split: The split whose files are needed.

    Returns:
        The layout, possibly with missing parts; None if no part was found anywhere.
    """
    if spec.places:
        parts = spec.places[split]
        return Layout(Path(next(iter(parts.values()))).parent, parts)
    wanted = needed(spec, split)
    required = {requirement.part for requirement in wanted if not requirement.optional}
    best: Layout | None = None
    for base in candidate_folders(spec, roots):
        found = _found(spec, base, wanted)
        if found and (best is None or len(required & set(found)) > len(required & set(best.found))):
            best = Layout(base, found)
    return best


def needed(spec: DatasetSpec, split: str) -> list[Requirement]:
    """Return the requirements of one split, optional ones among them."""
    return [requirement for requirement in spec.requirements if requirement.split in ("", split)]


def candidate_folders(spec: DatasetSpec, roots: Sequence[Path]) -> Iterator[Path]:
    """Yield the folders in which a data set may lie, best first."""
    names = {Path(folder).name.lower() for folder in spec.folders}
    for root in roots:
        yield from (root / folder for folder in spec.folders)
        if root.name.lower() in names:
            yield root


def path_in_folder(spec: DatasetSpec, requirement: Requirement) -> str:
    """Return a requirement's path relative to the data set's folder."""
    return requirement.path.removeprefix(f"{spec.folders[0]}/")


def _found(spec: DatasetSpec, base: Path, wanted: Sequence[Requirement]) -> dict[PartName, Path]:
    found: dict[PartName, Path] = {}
    for requirement in wanted:
        names = (path_in_folder(spec, requirement), *requirement.names)
        place = next((base / name for name in names if (base / name).exists()), None)
        if place is not None:
            found[requirement.part] = place
    return found
