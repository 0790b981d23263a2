"""What a user must bring for a dataset, and what of it is missing on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .locate import config_file, data_roots, find_layout
from .spec import DatasetSpec, Requirement

VOC_PREFIX = "VOCdevkit/VOC2007/"
PLACEHOLDER = Path("DATA")
"""Stands for the data root in messages where none is set."""


def missing_requirements(spec: DatasetSpec, data_root: Path | None, split: str | None) -> list[str]:
    """Return one sentence for each thing that is missing: what, where to get it, where to put it.

    Args:
        spec: The dataset.
        data_root: What ``--data-root`` gave.
        split: The split; None for the default.

    Raises:
        UserError: A given data root does not exist.
    """
    if spec.reader == "scenes":
        return []
    wanted = split or spec.default_split
    roots = data_roots(data_root)
    layout = find_layout(spec.reader, roots, wanted)
    found = set(layout.found) if layout else set()
    missing = [r for r in needed(spec, wanted) if _part(r) not in found]
    sentences = [_sentence(spec, group, roots) for group in _by_source(missing)]
    if missing and not roots:
        sentences.append(
            f"No data root is set, {PLACEHOLDER} stands for it: pass --data-root PATH, set LQBENCH_DATA=PATH, or write "
            f"data_root: PATH into {config_file()}."
        )
    return sentences


def needed(spec: DatasetSpec, split: str) -> list[Requirement]:
    """Return the requirements of one split."""
    return [requirement for requirement in spec.requirements if requirement.split in ("", split)]


def download_hint(spec: DatasetSpec, split: str) -> str:
    """Return where to get a split's files, for messages about single missing files."""
    sources = dict.fromkeys(requirement.source for requirement in needed(spec, split))
    return f"unpack {' and '.join(sources)} completely" if sources else ""


def _part(requirement: Requirement) -> str:
    """Return the name by which the layout knows a requirement."""
    return requirement.path.removeprefix(VOC_PREFIX)


def _by_source(missing: Sequence[Requirement]) -> list[list[Requirement]]:
    """Group what comes out of the same archive, so that each archive is told once."""
    groups: dict[str, list[Requirement]] = {}
    for requirement in missing:
        groups.setdefault(requirement.source, []).append(requirement)
    return list(groups.values())


def _sentence(spec: DatasetSpec, group: Sequence[Requirement], roots: Sequence[Path]) -> str:
    """Say what one archive would bring."""
    what = " and ".join(requirement.path for requirement in group)
    searched = f", not found under {' or '.join(str(root) for root in roots)}" if roots else ""
    root = roots[0] if roots else PLACEHOLDER
    note = f" ({group[0].note})" if group[0].note else ""
    return (
        f"{spec.name} needs {what}{searched}: download {group[0].source}{note} and unpack it so that "
        f"{root / group[0].path} exists."
    )
