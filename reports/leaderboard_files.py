"""The files of a results repository: one a method, which depends on that method's records alone."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from ..datasets.errors import UserError
from ..results.record import Record
from .columns import family
from .rows import canonical, is_ceiling, rows_of

FOLDER = "methods"
VERSION = 1


class Entry(BaseModel):
    """A finished cell with its numbers.

    Fields are those of ``Cell`` and ``Record``; ``label`` is how a report names the row, ``metric`` the primary metric
    of the dataset's protocol, ``values`` all metrics as stored (AP in [0, 1]; None where undefined).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    label: str
    detector: str
    settings: dict[str, Any]
    precision: str
    dataset: str
    dataset_version: str
    split: str
    limit: int | None
    fingerprint: str
    images: int
    images_official: int | None
    metric: str
    values: dict[str, float | None]
    weights_sha256: str
    method_source: str
    detections_sha256: str
    scorer: str
    started: str
    lqbench_version: str
    commit: str

    @property
    def value(self) -> float | None:
        """Return the primary metric as stored; None where it is undefined."""
        return self.values.get(self.metric)


class MethodFile(BaseModel):
    """The file of one method."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = VERSION
    method: str
    title: str
    ceiling: bool
    """Whether it sees the clean image, and so does not compete."""
    card: dict[str, Any]
    cells: tuple[Entry, ...]


def method_file(records: Sequence[Record]) -> MethodFile:
    """Return what goes into a method's file.

    Args:
        records: Finished and scored cells of one method, at least one, in any order.
    """
    ordered = canonical(records)
    newest = max(ordered, key=lambda record: (record.started, record.cell.key))
    return MethodFile(
        method=newest.cell.method,
        title=str(newest.method_card.get("title") or newest.cell.method),
        ceiling=is_ceiling(newest),
        card=newest.method_card,
        cells=tuple(_entry(row.record, row.label) for row in rows_of(ordered)),
    )


def _entry(record: Record, label: str) -> Entry:
    cell, metrics = record.cell, record.metrics
    assert metrics is not None
    return Entry(
        key=cell.key,
        label=label,
        detector=cell.detector,
        settings=cell.method_settings,
        precision=cell.precision,
        dataset=cell.dataset,
        dataset_version=cell.dataset_version,
        split=cell.split,
        limit=cell.limit,
        fingerprint=cell.dataset_fingerprint,
        images=record.images,
        images_official=record.images_official,
        metric=family(str(record.dataset_facts.get("metric")))[0].key,
        values=metrics.values,
        weights_sha256=cell.weights_sha256,
        method_source=cell.method_source,
        detections_sha256=metrics.detections_sha256,
        scorer=metrics.scorer,
        started=record.started,
        lqbench_version=record.provenance.lqbench_version,
        commit=record.provenance.commit,
    )


def file_name(method: str) -> str:
    """Return the name of a method's file, the same on systems that do not tell capital letters from small ones."""
    safe = re.sub(r"[^a-z0-9._+-]+", "-", method.lower()).lstrip(".-")[:100]
    digest = hashlib.sha256(method.encode()).hexdigest()[:8]
    return f"{safe}.json" if safe == method else f"{safe}-{digest}.json"


def read_method_files(folder: Path) -> dict[str, MethodFile]:
    """Return the files of all methods by file name; none where there is no folder yet.

    Raises:
        UserError: A file is damaged, has a conflict of a merge in it, or was written by a newer lqbench.
    """
    paths = sorted((folder / FOLDER).glob("*.json")) if (folder / FOLDER).is_dir() else []
    return {path.name: _read(path) for path in paths if not path.name.startswith(".")}


def _read(path: Path) -> MethodFile:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(content, dict) and isinstance(content.get("version"), int) and content["version"] > VERSION:
            raise UserError(
                f"{path} has version {content['version']}, this lqbench knows {VERSION}: install a newer one."
            )
        return _named_alike(path, MethodFile.model_validate(content))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UserError(f"{path} is no file of a leaderboard (field {place}: {first['msg']}); {_MEND}.") from error
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}); {_MEND}.") from error


def _named_alike(path: Path, content: MethodFile) -> MethodFile:
    """Refuse a copy under another name, which would count a method twice."""
    if path.name != file_name(content.method):
        raise UserError(
            f"{path} holds the method {content.method!r}: name it {file_name(content.method)}, or delete it."
        )
    return content


_MEND = "take it from the repository's history, or delete it and write it again from the store that holds the method"


def by_method(records: Iterable[Record]) -> dict[str, list[Record]]:
    """Return the finished and scored records of each method, by name."""
    found: dict[str, list[Record]] = {}
    for record in records:
        if record.status == "done" and record.metrics is not None:
            found.setdefault(record.cell.method, []).append(record)
    return dict(sorted(found.items()))
