"""What a store says of itself: its format's version, its id, and who made it."""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass
from pathlib import Path

from .. import __version__
from ..datasets import atomic as plain
from ..datasets.atomic import temporary_sibling
from ..datasets.errors import UserError
from .failures import told_if_unwritable
from .store_files import read_json

FILE = "store.json"
STORE_VERSION = 1
"""Raised when an earlier lqbench would misread or spoil what a later one writes."""


@dataclass(frozen=True, slots=True)
class StoreIdentity:
    """The content of a store's ``store.json``.

    Attributes:
        version: Version of the store's format.
        id: Random, 32 hex digits; copies of a store share it.
        created_by: Version of lqbench that made the file.
    """

    version: int
    id: str
    created_by: str


def read_identity(store: Path) -> StoreIdentity | None:
    """Return what a store says of itself; None for a folder that is no store, or a store of before there was an id.

    Raises:
        UserError: The store was made by a newer lqbench, or its file is damaged.
    """
    path = store / FILE
    try:
        if not path.exists():
            return None
    except OSError as error:
        raise UserError(
            f"the store {store} cannot be read ({error.strerror or error}); ask for permission, or name another store "
            "with --store."
        ) from error
    mend = "delete the file, it is made again by the next `lqbench run`"
    content = read_json(path, mend)
    version = content.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise UserError(f"{path} is damaged (field version: {version!r} is no version); {mend}.")
    found = StoreIdentity(version, str(content.get("id", "")), str(content.get("created_by", "an unknown version")))
    if version > STORE_VERSION:
        raise UserError(
            f"the store {store} has format {version} (made by lqbench {found.created_by}), and this lqbench "
            f"{__version__} knows formats up to {STORE_VERSION}: install a newer lqbench, or name another store with "
            "--store."
        )
    return found


def ensure_identity(store: Path) -> StoreIdentity:
    """Return what a store says of itself; one that says nothing yet is given an id, the same for all who ask at once.

    Raises:
        UserError: As ``read_identity``.
        WriteError: The store cannot be written.
    """
    found = read_identity(store)
    if found is None:
        with told_if_unwritable(store / FILE):
            _create(store / FILE)
        found = read_identity(store)
    assert found is not None
    return found


def _create(path: Path) -> None:
    """Make the file with its content at once, unless another process was faster."""
    temporary = temporary_sibling(path)
    try:
        plain.write_json(temporary, {"version": STORE_VERSION, "id": uuid.uuid4().hex, "created_by": __version__})
        try:
            os.link(temporary, path)
        except FileExistsError:
            return
        except OSError:
            # A file system without hard links: of two who get here at once, the later one's id stays.
            if not path.exists():
                temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
