"""Downloaded archives: which ones a dataset comes in, whether they are whole, and how they are unpacked."""

from __future__ import annotations

import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ..atomic import hash_of_file
from ..errors import UserError
from ..layout import candidate_folders
from ..safe_paths import safe_name
from ..spec import DatasetSpec, Requirement

_NAME = re.compile(r"[\w.-]+\.(?:zip|tar\.gz|tgz|tar)\b")
_MD5 = re.compile(r"\bmd5 ([0-9a-f]{32})\b")
_SIDE_MD5 = re.compile(r"\A\s*([0-9a-fA-F]{32})\b")
BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError)
"""What reading an incomplete archive raises."""


@dataclass(frozen=True)
class Archive:
    """An archive on this machine.

    Attributes:
        path: The file.
        md5: Its published checksum, hex; empty where there is none.
    """

    path: Path
    md5: str


def archive_name(requirement: Requirement) -> str:
    """Return the file name of the archive that a requirement comes in; empty where none is named."""
    found = _NAME.findall(f"{requirement.source} {requirement.note}")
    return found[0] if found else ""


def published_md5(requirement: Requirement) -> str:
    """Return the archive's checksum that the specification cites; empty where there is none."""
    match = _MD5.search(requirement.note)
    return match[1] if match else ""


def archives_at_hand(spec: DatasetSpec, roots: Sequence[Path]) -> list[Archive]:
    """Return the dataset's archives that lie in a data root or in a folder of the data set.

    Where the specification cites no checksum, a file of the archive's name with ``.md5`` behind it is asked, which the
    sites of some data sets hand out.
    """
    folders = dict.fromkeys([*roots, *candidate_folders(spec, roots)])
    sums = {archive_name(part): published_md5(part) for part in spec.requirements}
    paths = {(folder / name).resolve(): md5 for name, md5 in sums.items() if name for folder in folders}
    return [Archive(path, md5 or _side_md5(path)) for path, md5 in paths.items() if path.is_file()]


def archive_problem(path: Path, md5: str) -> str:
    """Say what is wrong with an archive: an md5 that differs, else an end that is missing; "" if nothing is."""
    if md5:
        found = hash_of_file(path, "md5")
        return "" if found == md5 else f"{path} has md5 {found}, but {md5} is published; fetch it anew"
    try:
        _read_directory(path)
    except (*BROKEN, OSError) as error:
        return f"{path} is only part of an archive, or none ({error}); fetch it anew"
    return ""


def unpack(path: Path, folder: Path) -> None:
    """Unpack a zip or tar archive into a folder.

    Only plain files and folders are written, only inside of the folder, and what is read is checked against the zip
    file's checksums.

    Raises:
        UserError: The archive is incomplete or broken, or holds a link, a device or a path that leads out of the
            folder; or there is too little room on the disk.
    """
    try:
        opened = _zip_members(path) if zipfile.is_zipfile(path) else _tar_members(path)
        for name, content in opened:
            target = folder / safe_name(f"{path}: a file name in the archive", name)
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as stream:
                shutil.copyfileobj(content, stream, 1 << 20)
    except BROKEN as error:
        raise UserError(f"{path} is only part of an archive, or none ({error}); remove it and fetch it anew.") from None


def _zip_members(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(path) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        _check_room(path, sum(member.file_size for member in members))
        for member in members:
            mode = member.external_attr >> 16
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                raise UserError(f"{path} holds {member.filename!r}, which is no plain file; do not use this archive.")
            with archive.open(member) as content:
                yield member.filename, content


def _tar_members(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with tarfile.open(path) as archive:
        members = [member for member in archive.getmembers() if not member.isdir()]
        _check_room(path, sum(member.size for member in members))
        for member in members:
            content = archive.extractfile(member) if member.isreg() else None
            if content is None:
                raise UserError(f"{path} holds {member.name!r}, which is no plain file; do not use this archive.")
            yield member.name, content


def _check_room(path: Path, needed: int) -> None:
    free = shutil.disk_usage(path.parent).free
    if needed > free:
        raise UserError(
            f"{path} unpacks to {needed / 1e9:.1f} GB, but {path.parent} has only {free / 1e9:.1f} GB left; make room."
        )


def _read_directory(path: Path) -> None:
    """Read an archive's list of files, which fails where the archive ends early."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            archive.infolist()
        return
    with tarfile.open(path) as archive:
        end = max((member.offset_data + member.size for member in archive.getmembers()), default=0)
    if path.suffix == ".tar" and path.stat().st_size < end:
        raise EOFError("its last file is cut off")


def _side_md5(path: Path) -> str:
    beside = path.with_name(f"{path.name}.md5")
    try:
        match = _SIDE_MD5.match(beside.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return ""
    return match[1].lower() if match else ""
