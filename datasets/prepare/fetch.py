"""Fetching the archives of data sets whose sites hand them out to anyone: COCO 2017 and PASCAL VOC 2007.

Only the command ``lqbench data fetch`` comes here; nothing is fetched at import, in a run, or by any other command.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from ..atomic import TEMPORARY, temporary_sibling
from ..errors import UserError
from ..locate import data_roots
from ..requirements import missing_requirements
from ..spec import DatasetSpec
from .archives import archive_name, archive_problem, published_md5, unpack
from .download import download

OPEN_HOSTS = ("images.cocodataset.org", "host.robots.ox.ac.uk")
"""Sites that ask for no registration and have the archives at the addresses of the specifications."""
UNPACKING = ".unpacking"
"""Marks an archive whose files are being moved to their place, so that a killed fetch is finished by the next one."""


@dataclass(frozen=True)
class Package:
    """An archive to fetch.

    Attributes:
        name: Its file name.
        url: Where it is.
        md5: Its published checksum; empty where there is none.
    """

    name: str
    url: str
    md5: str


class Told(Protocol):
    """Where a fetch reports what it does."""

    def start(self, title: str) -> None:
        """Begin a download."""
        ...

    def progress(self, done: int, total: int) -> None:
        """Tell the bytes that are done, and all; 0 where the server does not tell."""
        ...

    def line(self, text: str) -> None:
        """Tell what else happens."""
        ...


def packages(spec: DatasetSpec, split: str, mirror: str = "") -> list[Package]:
    """Return the archives that a split comes in.

    Args:
        spec: The dataset.
        split: The split.
        mirror: Address of a folder that has the archives under their own names; empty for the data sets' own sites.

    Raises:
        UserError: The data set cannot be fetched without registration, or needs nothing.
    """
    if spec.embedded or spec.places:
        raise UserError(f"{spec.name} needs nothing to be fetched.")
    found: dict[str, Package] = {}
    for part in spec.requirements:
        if part.split not in ("", split) or part.optional:
            continue
        name = archive_name(part)
        if urlsplit(part.source).hostname not in OPEN_HOSTS or not part.source.endswith(name):
            raise UserError(
                f"{spec.name} is not fetched for you: its site asks for registration, or has no lasting address; get "
                f"{part.source} yourself and unpack it so that {part.path} lies in the data root."
            )
        url = f"{mirror.rstrip('/')}/{name}" if mirror else part.source
        found[name] = Package(name, url, published_md5(part))
    return list(found.values())


def fetch(
    spec: DatasetSpec, split: str, data_root: Path | None, told: Told, *, mirror: str = "", keep: bool = False
) -> Path:
    """Fetch and unpack what a split still needs, and return the data root.

    A stopped fetch goes on where it was. An archive that lies in the data root already is used. Archives are removed
    after they are unpacked, unless they are to be kept.

    Raises:
        UserError: There is no data root, the data set cannot be fetched, the network fails, an archive is broken or
            differs from its published checksum, or it does not bring what it should.
    """
    wanted = packages(spec, split, mirror)
    roots = data_roots(data_root)
    if not roots:
        raise UserError("no data root is set: say with --data-root PATH where the data set is to lie.")
    root = roots[0]
    try:
        for package in _needed(spec, split, wanted, roots):
            _bring(package, root, told, keep)
    except OSError as error:
        raise UserError(f"{root} cannot be written ({error.strerror or error}); name another --data-root.") from error
    missing = missing_requirements(spec, root, split)
    if missing:
        raise UserError("\n".join(missing))
    return root


def _needed(spec: DatasetSpec, split: str, wanted: Sequence[Package], roots: Sequence[Path]) -> list[Package]:
    """Return the packages of which something is missing, or that a killed fetch left half moved."""
    if not missing_requirements(spec, roots[0], split):
        return [package for package in wanted if (roots[0] / f"{package.name}{UNPACKING}").exists()]
    here = {part.path for part in spec.requirements if (roots[0] / part.path).exists()}
    lacking = {archive_name(part) for part in spec.requirements if part.split in ("", split) and part.path not in here}
    return [p for p in wanted if p.name in lacking or (roots[0] / f"{p.name}{UNPACKING}").exists()]


def _bring(package: Package, root: Path, told: Told, keep: bool) -> None:
    """Fetch one archive, check it and put its files into their place."""
    archive = root / package.name
    if not archive.is_file():
        told.start(f"fetching {package.url}")
        download(package.url, archive, told.progress)
    problem = archive_problem(archive, package.md5)
    if problem:
        raise UserError(f"{problem.replace('; fetch it anew', '')}; remove it and run the same command again.")
    checked = "its md5 is as published" if package.md5 else "no checksum of it is published"
    told.line(f"unpacking {archive} ({checked})")
    with _unpacked(archive) as folder:
        marker = root / f"{package.name}{UNPACKING}"
        marker.touch()
        _merge(folder, root)
        marker.unlink()
    if not keep:
        archive.unlink()


@contextmanager
def _unpacked(archive: Path) -> Iterator[Path]:
    """Unpack into a temporary folder beside the archive, which is removed at the end in any case."""
    for left in archive.parent.glob(f"{TEMPORARY}{archive.name}-*"):
        shutil.rmtree(left, ignore_errors=True)
    folder = temporary_sibling(archive)
    folder.mkdir()
    try:
        unpack(archive, folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _merge(source: Path, target: Path) -> None:
    """Move files into a folder that may hold others; a whole folder at once where the target has none of its name."""
    for entry in sorted(source.iterdir()):
        place = target / entry.name
        if entry.is_dir() and place.is_dir():
            _merge(entry, place)
        elif place.is_dir():
            raise UserError(f"{place} is a folder, but the archive has a file of that name; move the folder away.")
        else:
            entry.replace(place)
