"""Several data sets in one ``--dataset``."""

from __future__ import annotations

from ...datasets.catalog import dataset_registry
from ..training.opening import ALIASES

_OWN = ("coco:", "voc:")
"""Prefixes of one's own data, whose paths may hold commas."""


def dataset_names(text: str) -> list[str]:
    """Part a list of data sets at its commas; a comma inside ``coco:ANNOTATIONS,FOLDER`` belongs to that name."""
    names: list[str] = []
    for part in text.split(","):
        if names and names[-1].startswith(_OWN) and not _is_name(part):
            names[-1] += f",{part}"
        else:
            names.append(part.strip())
    return names


def _is_name(part: str) -> bool:
    name = part.strip()
    return name.startswith(_OWN) or name in ALIASES or name.partition(":")[0] in dataset_registry()
