"""The layout of a built set and the file that says what it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import UserError

FACTS = "dataset.json"
MANIFEST = "manifest.parquet"
IMAGES = "images"
KEYS = ("identity", "fingerprint", "lossless", "spec", "facts", "sha256")


def annotation_file(folder: Path, split: str) -> Path:
    """Return where the COCO file of a built set lies."""
    return folder / "annotations" / f"instances_{split}.json"


def read_facts(folder: Path) -> dict[str, Any]:
    """Return what a built set says of itself.

    Raises:
        UserError: The file is absent, broken or no such file.
    """
    path = folder / FACTS
    try:
        facts = json.loads(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); build the set with `lqbench data build`.") from None
    except ValueError as error:
        raise UserError(f"{path} is not JSON ({error}); build the set anew into another folder.") from None
    if not isinstance(facts, dict) or any(key not in facts for key in KEYS):
        raise UserError(f"{path} was not written by `lqbench data build`; name the folder of a built set.")
    return facts
