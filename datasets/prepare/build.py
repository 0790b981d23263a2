"""A degraded dataset written once: images, a COCO file, a manifest and what the set is.

Layout: ``images/<name>.png``, ``annotations/instances_<split>.json``, ``manifest.parquet``, ``dataset.json``. The last
one is written last, so its presence means that the set is whole. The folder opens as ``coco:FOLDER``.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..atomic import TEMPORARY, sha256_of_file, write_bytes, write_json
from ..dataset import Dataset
from ..errors import UserError
from ..types import ImageRecord
from .built import FACTS, IMAGES, MANIFEST, annotation_file, read_facts
from .encode import ImageFormat
from .journal import JOURNAL, Journal, Written, open_journal, read_journal, remove_journal
from .pool import work
from .tables import read_manifest, write_annotations, write_manifest

Progress = Callable[[int, int], None]
"""Told (done, total): once at the start with what was done before, then after each image."""


@dataclass(frozen=True)
class BuildReport:
    """What a build did.

    Attributes:
        folder: The built set.
        images: Number of its images.
        before: How many of them were there already.
        bytes: Length of all image files.
    """

    folder: Path
    images: int
    before: int
    bytes: int


def build_set(
    dataset: Dataset,
    folder: Path,
    image_format: ImageFormat,
    *,
    workers: int = 1,
    on_progress: Progress = lambda done, total: None,
) -> BuildReport:
    """Write a degraded dataset into a folder, going on where an earlier build of the same set stopped.

    The bytes depend on the dataset and the format alone: not on the number of workers, the order in which images are
    done, or how often the build was stopped. Finished images are checked by hash before they count as done.

    Raises:
        UserError: The folder holds something else or cannot be written, or an image cannot be read.
    """
    files = file_names(dataset.records, image_format)
    identity = _identity(dataset, image_format)
    try:
        known = _known(folder, identity, files)
        (folder / IMAGES).mkdir(parents=True, exist_ok=True)
        done = {row.index: row for row in known if row.is_at(folder / IMAGES / files[row.index])}
        before = len(done)
        on_progress(before, len(files))
        with open_journal(folder, identity, done.values()) as journal:
            _remove_unfinished(folder)
            _write_images(dataset, folder, files, image_format, done, journal, workers, on_progress)
            _finish(dataset, folder, files, image_format, [done[index] for index in range(len(files))], identity)
            remove_journal(folder)
    except OSError as error:
        raise UserError(
            f"the set cannot be written to {folder} ({error.strerror or error}); what is done stays there, so make "
            "room or allow writing and run the same command again, or name another folder with --out."
        ) from error
    return BuildReport(folder, len(files), before, sum(row.bytes for row in done.values()))


def file_names(records: Sequence[ImageRecord], image_format: ImageFormat) -> list[str]:
    """Return a file name for each image: the stem of its source's name, or its position where stems repeat."""
    stems = [Path(record.file).stem for record in records]
    most = max(Counter(stem.casefold() for stem in stems).values(), default=0)
    names = stems if most <= 1 else [f"{record.index:06d}" for record in records]
    return [f"{name}.{image_format.name}" for name in names]


@lru_cache(maxsize=1)
def code_hash() -> str:
    """Return the sha256 of the source files that pixels depend on, so that no set mixes two versions of them."""
    home = Path(__file__).parents[1]
    single = [home / name for name in ("stacked.py", "seeds.py", "images.py", "prepare/encode.py")]
    digest = hashlib.sha256()
    for path in sorted([*single, *(home / "degradations").rglob("*.py")]):
        digest.update(path.relative_to(home).as_posix().encode())
        digest.update(path.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()


def _identity(dataset: Dataset, image_format: ImageFormat) -> dict[str, Any]:
    """Return what must be the same for a build to go on."""
    return {
        "dataset": dataset.spec.name,
        "split": dataset.split,
        "limit": dataset.limit,
        "fingerprint": dataset.fingerprint,
        "format": image_format.name,
        "quality": image_format.quality,
        "code_sha256": code_hash(),
    }


def _known(folder: Path, identity: dict[str, Any], files: Sequence[str]) -> list[Written]:
    """Return the images that a folder says are done.

    Raises:
        UserError: The folder holds another set, or files that no build made.
    """
    journal = read_journal(folder)
    if journal is not None:
        _check_same(folder, journal[0], identity)
        return journal[1]
    if (folder / FACTS).is_file():
        _check_same(folder, read_facts(folder)["identity"], identity)
        try:
            rows = read_manifest(folder / MANIFEST)
        except (OSError, ValueError):
            return []
        places = {file: index for index, file in enumerate(files)}
        return [Written(places[row["file"]], row["bytes"], row["sha256"]) for row in rows if row["file"] in places]
    if folder.is_dir() and any(not entry.name.startswith((TEMPORARY, JOURNAL)) for entry in folder.iterdir()):
        raise UserError(f"{folder} holds files that no build made; name a new or empty folder with --out.")
    return []


def _check_same(folder: Path, found: dict[str, Any], identity: dict[str, Any]) -> None:
    """Refuse to go on with another set.

    Raises:
        UserError: The first difference is named.
    """
    words = {
        "dataset": "the dataset",
        "split": "the split",
        "limit": "the limit",
        "fingerprint": "the dataset's content (fingerprint)",
        "format": "the image format",
        "quality": "the JPEG quality",
        "code_sha256": "the code of the degradations",
    }
    for key, word in words.items():
        if found.get(key) != identity[key]:
            raise UserError(
                f"{folder} holds another set: {word} is {found.get(key)} there and {identity[key]} now; name another "
                "folder with --out."
            )


def _remove_unfinished(folder: Path) -> None:
    """Remove what a killed build was writing."""
    for place in (folder, folder / IMAGES, folder / "annotations"):
        for path in place.glob(f"{TEMPORARY}*"):
            path.unlink(missing_ok=True)


@dataclass(frozen=True)
class _ImageWriter:
    """Writes one image; sent to worker processes."""

    dataset: Dataset
    folder: Path
    files: Sequence[str]
    image_format: ImageFormat

    def __call__(self, index: int) -> Written:
        encoded = self.image_format.encode(self.dataset.sample(index).image)
        write_bytes(self.folder / IMAGES / self.files[index], encoded)
        return Written(index, len(encoded), hashlib.sha256(encoded).hexdigest())


def _write_images(
    dataset: Dataset,
    folder: Path,
    files: Sequence[str],
    image_format: ImageFormat,
    done: dict[int, Written],
    journal: Journal,
    workers: int,
    on_progress: Progress,
) -> None:
    """Write the images that are not done, noting each in the journal and in ``done``."""
    left = [index for index in range(len(files)) if index not in done]
    for index, written in work(_ImageWriter(dataset, folder, files, image_format), left, workers):
        done[index] = written
        journal.add(written)
        on_progress(len(done), len(files))


def _finish(
    dataset: Dataset,
    folder: Path,
    files: Sequence[str],
    image_format: ImageFormat,
    written: Sequence[Written],
    identity: dict[str, Any],
) -> None:
    """Write what lies beside the images; the facts come last."""
    annotations = annotation_file(folder, dataset.split)
    annotations.parent.mkdir(exist_ok=True)
    write_annotations(annotations, dataset, files)
    write_manifest(folder / MANIFEST, dataset, files, written)
    write_json(
        folder / FACTS,
        {
            "identity": identity,
            "fingerprint": dataset.fingerprint,
            "lossless": image_format.lossless,
            "spec": dataset.spec.model_dump(mode="json", exclude={"places"}),
            "facts": dataset.facts(),
            "sha256": {
                annotations.relative_to(folder).as_posix(): sha256_of_file(annotations),
                MANIFEST: sha256_of_file(folder / MANIFEST),
            },
        },
    )
