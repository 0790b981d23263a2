"""Which cells are asked for: names with wildcards on the command line, and suites written down in YAML files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ..datasets.catalog import ANNOUNCED_DATASETS, dataset_registry, dataset_spec
from ..datasets.errors import UserError
from ..datasets.names import FORMATS, parse_name
from ..methods.catalog import ANNOUNCED_METHODS, method_registry
from ..methods.detectors.catalog import detector_registry
from ..results.cell import Precision
from .request import Request

WILDCARDS = "*?["


class Selection(BaseModel):
    """Methods that all run on some datasets; one entry of a suite."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: tuple[str, ...] = Field(min_length=1)
    """Names of methods; ``*`` and ``?`` stand for any."""
    dataset: tuple[str, ...] = Field(min_length=1)
    """Names of datasets; ``*`` and ``?`` stand for any."""
    detector: tuple[str, ...] = ()
    """Detectors behind the methods; those of the datasets by default."""
    split: str | None = None
    """Split of the datasets; their own default where none is named."""
    limit: int | None = Field(default=None, ge=1)
    """Number of images; all by default."""
    degrade: str = ""
    """A further degradation on top of the datasets' own."""
    precision: Precision | None = None
    """In which numbers the methods compute; float32 by default."""
    weights: Path | None = None
    """Checkpoint of the detector, or of a method that brings its own model; what ``--weights`` names by default."""
    config: str | None = None
    """What describes a detector of mmdet, as ``--config``."""

    @field_validator("method", "dataset", "detector", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value


class Suite(BaseModel):
    """Cells that belong together, such as those of a table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    """What the suite shows, one line."""
    source: str = ""
    """The paper whose table it is."""
    select: tuple[Selection, ...] = Field(min_length=1)


def load_suite(name: str) -> Suite:
    """Read a suite: a YAML file, or the name of one that comes with the project.

    Raises:
        UserError: There is none of this name, or the file is wrong; the field is named.
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise UserError(f"--suite {name}: there is no such file; suites that come along are {_known()}.")
        return _parsed(_text(path), str(path))
    if name not in suite_names():
        raise UserError(f"--suite {name}: there is no such suite; known are {_known()}, or give a YAML file.")
    return _parsed(_folder().joinpath(f"{name}.yaml").read_text(encoding="utf-8"), f"suite {name}")


def suite_names() -> list[str]:
    """Return the names of the suites that come with the project."""
    return sorted(entry.name.removesuffix(".yaml") for entry in _folder().iterdir() if entry.name.endswith(".yaml"))


def expand(names: Sequence[str], known: Iterable[str], kind: str) -> tuple[str, ...]:
    """Replace names with wildcards by all known names that fit; others stay, each once.

    Args:
        names: Names as given.
        known: All that there are.
        kind: What they are names of, for messages.

    Raises:
        UserError: Nothing fits a name with a wildcard.
    """
    known = list(known)
    found: dict[str, None] = {}
    for name in names:
        fitting = [one for one in known if fnmatchcase(one, name)] if is_pattern(name) else [name]
        if not fitting:
            raise UserError(f"no {kind} fits {name!r}; there are {', '.join(known)}.")
        found |= dict.fromkeys(fitting)
    return tuple(found)


def is_pattern(name: str) -> bool:
    """Tell whether a name has wildcards; paths of one's own data are taken as they stand."""
    return ":" not in name and any(sign in name for sign in WILDCARDS)


def expanded(request: Request) -> Request:
    """Return a request whose names have no wildcards left.

    Raises:
        UserError: Nothing fits one of them.
    """
    return replace(
        request,
        methods=expand(request.methods, method_registry(), "method"),
        datasets=expand(request.datasets, dataset_registry(), "dataset"),
    )


def requests_of(suite: Suite, base: Request) -> list[Request]:
    """Return what a suite asks for.

    Args:
        suite: The suite.
        base: What the command line gives: it holds where an entry says nothing itself. A limit holds for all entries,
            so that a suite can be tried on a few images.

    Raises:
        UserError: Nothing fits a name with wildcards.
    """
    return [expanded(_request(one, base)) for one in suite.select]


def _request(one: Selection, base: Request) -> Request:
    return replace(
        base,
        methods=one.method,
        datasets=one.dataset,
        detectors=one.detector or base.detectors,
        split=one.split or base.split,
        limit=one.limit if base.limit is None else base.limit,
        degrade=one.degrade or base.degrade,
        precision=one.precision or base.precision,
        weights=one.weights or base.weights,
        config=one.config or base.config,
    )


def _parsed(text: str, where: str) -> Suite:
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UserError(f"{where} is no YAML ({str(error).splitlines()[0]}); repair it.") from error
    if not isinstance(content, Mapping):
        raise UserError(f"{where} has no fields; a suite has a title and a list named select.")
    try:
        suite = Suite.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UserError(f"{where}, field {place}: {first['msg']}; see docs/running.md for the fields.") from error
    _check_names(suite, where)
    return suite


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--suite {path} cannot be read as text ({error}); give a YAML file.") from error


def _check_names(suite: Suite, where: str) -> None:
    """Refuse names that nothing has, telling where they stand; what is only missing here blocks its cells later."""
    for number, one in enumerate(suite.select):
        for field, check in (("method", _check_methods), ("dataset", _check_datasets), ("detector", _check_detectors)):
            try:
                check(getattr(one, field))
            except UserError as error:
                raise UserError(f"{where}, field select.{number}.{field}: {error}") from error


def _check_methods(names: Sequence[str]) -> None:
    for name in expand(names, method_registry(), "method"):
        if name not in ANNOUNCED_METHODS:
            method_registry().target(name)


def _check_datasets(names: Sequence[str]) -> None:
    for name in expand(names, dataset_registry(), "dataset"):
        if parse_name(name).name not in (*FORMATS, *ANNOUNCED_DATASETS):
            dataset_spec(name)


def _check_detectors(names: Sequence[str]) -> None:
    for name in names:
        detector_registry().target(name)


def _folder() -> Any:
    return files(__name__.rpartition(".")[0]).joinpath("suites")


def _known() -> str:
    return ", ".join(suite_names())
