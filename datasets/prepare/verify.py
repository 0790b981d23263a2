"""Verification of a dataset as it lies on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ..box_check import LIST
from ..catalog import dataset_spec
from ..errors import UserError
from ..locate import data_roots
from ..readers import open_files
from ..requirements import missing_requirements
from ..source import Source
from ..spec import DatasetSpec
from .archives import archives_at_hand
from .built import FACTS
from .check_annotations import check_annotations
from .check_built import check_built
from .check_files import check_archives, check_images, check_leakage, nested
from .finding import Finding
from .journal import JOURNAL

Progress = Callable[[int, int], None]


def verify(
    name: str,
    *,
    data_root: Path | None = None,
    split: str | None = None,
    subset: bool = False,
    workers: int = 1,
    on_progress: Progress = lambda done, total: None,
) -> Iterator[Finding]:
    """Yield all findings on a dataset, one's own data or the folder of a built set.

    Args:
        name: A name that ``catalog.dataset_spec`` knows, or the path of a folder that ``lqbench data build`` wrote.
        data_root: What ``--data-root`` gave.
        split: The split; None for the default.
        subset: Whether fewer images than published are fine.
        workers: Processes that decode images.
        on_progress: Told (done, total) while images are decoded.

    Raises:
        UserError: The name or split is unknown, or there is nothing to verify: files are missing as a whole.
    """
    folder = Path(name)
    if any((folder / file).is_file() for file in (FACTS, JOURNAL)):
        return check_built(folder, workers, on_progress)
    if folder.is_dir() and ("/" in name or "\\" in name):
        raise UserError(
            f"{name} was not written by `lqbench data build`; write coco:{name} or voc:{name} for own data."
        )
    spec = dataset_spec(name)
    wanted = chosen_split(spec, split)
    missing = missing_requirements(spec, data_root, wanted)
    if missing:
        raise UserError("\n".join(missing))
    return _verify_track(spec, data_root, wanted, subset, workers, on_progress)


def chosen_split(spec: DatasetSpec, split: str | None) -> str:
    """Return the split, or the default where none is given.

    Raises:
        UserError: The dataset has no such split.
    """
    wanted = split or spec.default_split
    if wanted not in spec.splits:
        raise UserError(f"{spec.name} has no split {wanted!r}; its splits are {', '.join(spec.splits)}.")
    return wanted


def _verify_track(
    spec: DatasetSpec, data_root: Path | None, split: str, subset: bool, workers: int, on_progress: Progress
) -> Iterator[Finding]:
    roots: Sequence[Path] = () if spec.embedded or spec.places else data_roots(data_root)
    yield from check_archives(archives_at_hand(spec, roots))
    try:
        source = _open(spec, data_root, split, workers, on_progress)
    except UserError as error:
        yield from (Finding("annotations", "problem", line) for line in str(error).splitlines())
        return
    yield from check_annotations(spec, split, source, subset=subset)
    yield from check_images(source, workers, on_progress)
    if spec.embedded:
        yield Finding("leakage", "ok", "scenes of different splits are drawn from different seeds")
    else:
        yield from _leakage(spec, data_root, split, source)


def _open(spec: DatasetSpec, data_root: Path | None, split: str, workers: int, on_progress: Progress) -> Source:
    """Open annotated images, invalid boxes listed in the notes."""
    if spec.reader != "scenes":
        return open_files(spec, data_root, split, None, LIST)
    from ..scene_tracks import SCENE_SIZE
    from ..scenes.source import ScenesSource

    source = ScenesSource(split, spec.official_images[split], SCENE_SIZE)
    source.ensure(workers, on_progress)
    return source


def _leakage(spec: DatasetSpec, data_root: Path | None, split: str, source: Source) -> Iterator[Finding]:
    """Compare with the other splits that are here."""
    others: dict[str, Sequence[str]] = {}
    for other in spec.splits:
        if nested(split, other) or missing_requirements(spec, data_root, other):
            continue
        try:
            others[other] = [image.file for image in open_files(spec, data_root, other, None, LIST).images]
        except UserError as error:
            yield Finding("leakage", "note", f"not compared with {other}: {str(error).splitlines()[0]}")
    if not others:
        yield Finding("leakage", "note", "there is no other split here to compare with")
    yield from check_leakage(split, [image.file for image in source.images], others)
