"""Checks that read files: every image decodes, no file is in two splits, archives have their published checksum."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..atomic import sha256_of_file
from ..errors import UserError
from ..source import Source
from .archives import Archive, archive_problem
from .finding import Finding, problems_or
from .pool import work

Progress = Callable[[int, int], None]


def check_images(source: Source, workers: int, on_progress: Progress) -> Iterator[Finding]:
    """Yield the images that do not decode, or are not of the annotated size, in order."""
    total = len(source.images)
    found: dict[int, str] = {}
    for done, (index, problem) in enumerate(work(_Decode(source), range(total), workers), start=1):
        on_progress(done, total)
        if problem:
            found[index] = problem
    told = [found[index] for index in sorted(found)]
    pairs = ", with their clear partners" if source.has_pairs else ""
    yield from problems_or("images", told, f"{total} images decode and have the annotated size{pairs}")


@dataclass(frozen=True)
class _Decode:
    """Decodes one image; sent to worker processes."""

    source: Source

    def __call__(self, index: int) -> str:
        try:
            self.source.load(index)
            if self.source.has_pairs:
                self.source.load_clean(index)
        except UserError as error:
            return str(error)
        return ""


def check_leakage(split: str, files: Sequence[str], others: dict[str, Sequence[str]]) -> Iterator[Finding]:
    """Yield image files of a split that another split holds too, byte for byte.

    Only files whose length occurs in both splits are read, so that a large training set costs little. The same picture
    saved anew is not found.

    Args:
        split: The split that is verified.
        files: Its image files.
        others: Split to its image files.
    """
    lengths = _by_length(files)
    hashes: dict[str, str] = {}
    for other, theirs in others.items():
        problems = _shared(split, lengths, other, theirs, hashes)
        ok = f"no image file of {split} is in {other} too ({len(files)} and {len(theirs)} files)"
        yield from problems_or("leakage", problems, ok)


def nested(split: str, other: str) -> bool:
    """Whether one split contains the other by its name: "all" any other, "trainval" the splits "train" and "val"."""
    return "all" in (split, other) or split in other or other in split


def check_archives(archives: Sequence[Archive]) -> Iterator[Finding]:
    """Yield what is wrong with downloaded archives that lie beside the data."""
    for archive in archives:
        problem = archive_problem(archive.path, archive.md5)
        against = "has its published md5" if archive.md5 else "is whole (no checksum is published)"
        yield from problems_or("archives", [problem] if problem else [], f"{archive.path.name} {against}")


def _shared(
    split: str, lengths: dict[int, list[str]], other: str, theirs: Sequence[str], hashes: dict[str, str]
) -> Iterator[str]:
    for length, candidates in _by_length(theirs).items():
        same_length = lengths.get(length)
        if same_length is None:
            continue
        known = {_hash(file, hashes): file for file in same_length}
        for candidate in candidates:
            twin = known.get(_hash(candidate, hashes))
            if twin is not None:
                yield f"{twin} of {split} is in {other} too, as {candidate}; take it out of one of them"


def _by_length(files: Sequence[str]) -> dict[int, list[str]]:
    groups: dict[int, list[str]] = defaultdict(list)
    for file in files:
        groups[Path(file).stat().st_size].append(file)
    return groups


def _hash(file: str, known: dict[str, str]) -> str:
    if file not in known:
        known[file] = sha256_of_file(Path(file))
    return known[file]
