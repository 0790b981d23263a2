"""What a user must bring for a dataset, and what of it is missing on this machine."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

from .layout import candidate_folders, find_layout, needed
from .locate import config_file, data_roots
from .spec import DatasetSpec, Requirement

PLACEHOLDER = Path("DATA")
"""Stands for the data root in messages where none is set."""

_ARCHIVE = re.compile(r"[\w.-]+\.(?:zip|tar\.gz|tgz|tar|7z|rar)\b")
_UNFINISHED = (".part", ".partial", ".crdownload", ".download", ".aria2", ".tmp")
"""What browsers and download tools append to a file that is still on its way."""


def missing_requirements(spec: DatasetSpec, data_root: Path | None, split: str | None) -> list[str]:
    """Return one sentence for each thing that is missing: what, where to get it, where to put it.

    An archive that was downloaded but not unpacked, or not downloaded to its end, is told as such.

    Args:
        spec: The dataset.
        data_root: What ``--data-root`` gave.
        split: The split; None for the default.

    Raises:
        UserError: A given data root does not exist.
    """
    if spec.embedded or spec.places:
        return []
    wanted = split or spec.default_split
    roots = data_roots(data_root)
    layout = find_layout(spec, roots, wanted)
    found = set(layout.found) if layout else set()
    missing = [r for r in needed(spec, wanted) if r.part not in found and not r.optional]
    sentences = [_sentence(spec, group, roots) for group in _by_source(missing)]
    if missing and not roots:
        sentences.append(
            f"No data root is set, {PLACEHOLDER} stands for it: pass --data-root PATH, set LQBENCH_DATA=PATH, or write "
            f"data_root: PATH into {config_file()}."
        )
    return sentences


def download_hint(spec: DatasetSpec, split: str) -> str:
    """Return where to get a split's files, for messages about single missing files."""
    sources = dict.fromkeys(requirement.source for requirement in needed(spec, split) if not requirement.optional)
    return f"unpack {' and '.join(sources)} completely" if sources else ""


def _by_source(missing: Sequence[Requirement]) -> list[list[Requirement]]:
    """Group what comes out of the same archive, so that each archive is told once."""
    groups: dict[str, list[Requirement]] = {}
    for requirement in missing:
        groups.setdefault(requirement.source, []).append(requirement)
    return list(groups.values())


def _sentence(spec: DatasetSpec, group: Sequence[Requirement], roots: Sequence[Path]) -> str:
    """Say what one archive would bring, and what is there of it already."""
    what = " and ".join(requirement.path for requirement in group)
    searched = f", not found under {' or '.join(str(root) for root in roots)}" if roots else ""
    root = roots[0] if roots else PLACEHOLDER
    note = f" ({group[0].note})" if group[0].note else ""
    goal = f"unpack it so that {root / group[0].path} exists"
    archive = _archive_at_hand(spec, group[0], roots)
    if archive is None:
        return f"{spec.name} needs {what}{searched}: download {group[0].source}{note} and {goal}."
    if _is_whole(archive):
        return f"{spec.name} needs {what}{searched}: {archive} is there but not unpacked; {goal}."
    return (
        f"{spec.name} needs {what}{searched}: {archive} is only part of a download; fetch {group[0].source}{note} anew "
        f"and {goal}."
    )


def _archive_at_hand(spec: DatasetSpec, requirement: Requirement, roots: Sequence[Path]) -> Path | None:
    """Return a downloaded archive, whole or not, that lies in a data root or in a folder of the data set."""
    names = _ARCHIVE.findall(f"{requirement.source} {requirement.note}")
    folders = [*roots, *candidate_folders(spec, roots)]
    candidates = [folder / f"{name}{end}" for end in ("", *_UNFINISHED) for folder in folders for name in names]
    return next((path for path in candidates if path.is_file()), None)


def _is_whole(archive: Path) -> bool:
    """Tell whether a file can be a whole archive; a zip file's directory stands at its end."""
    if archive.suffix in _UNFINISHED:
        return False
    return archive.suffix != ".zip" or zipfile.is_zipfile(archive)
