"""Reads the files of published numbers: YAML, one file a paper, one text of values a row. See docs/claims.md."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ..datasets.errors import UserError
from .ledger_table import Claim, LedgerTable, Paper

_NUMBER = re.compile(r"(?P<number>-?(?=\.?\d)\d*(?:\.(?P<decimals>\d+))?)(?P<unit>[A-Za-z%]*)")
_NOTHING = "-"
_REQUIRED = ("dataset", "protocol", "metric", "unit", "source")
_HELP = "see docs/claims.md for the fields"


class Facts(BaseModel):
    """What is said of the numbers of a table, group, row or column.

    What a column says holds over its row, that over its group, that over the table; notes are joined.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str | None = None
    protocol: str | None = None
    metric: str | None = None
    unit: str | None = None
    source: str | None = None
    approximate: bool | None = None
    note: str | None = None
    method: str | None = None
    detector: str | None = None
    settings: dict[str, str] | None = None
    track: str | None = None
    other_split: bool | None = None


class ColumnEntry(Facts):
    """A column of numbers."""

    column: str = Field(min_length=1)
    """Its name, unlike all others of the table."""
    printed: str = ""
    """What is printed over it; the name by default."""


class GroupEntry(Facts):
    """What is said of all rows of a group."""

    group: str


class RowEntry(Facts):
    """A row."""

    row: str = Field(min_length=1)
    group: str = ""
    texts: tuple[str, ...] = ()
    """One for each text column of the table."""
    values: str
    """Numbers as printed, separated by spaces, a hyphen for none; letters behind a number are its unit."""

    @field_validator("values", mode="before")
    @classmethod
    def _is_text(cls, value: Any) -> Any:
        if isinstance(value, (int, float)):
            raise ValueError("a number would lose its last zeros; write the values in quotes")
        return value


class TableEntry(Facts):
    """A table."""

    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    title: str
    text_columns: tuple[str, ...] = ()
    columns: tuple[ColumnEntry, ...] = Field(min_length=1)
    groups: tuple[GroupEntry, ...] = ()
    rows: tuple[RowEntry, ...] = Field(min_length=1)
    paired: bool = False


class PaperEntry(BaseModel):
    """A file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    citation: str
    url: str = ""
    main: bool = False
    """Whether its tables are what the suite sets out to compute anew; others are there for comparison."""
    tables: tuple[TableEntry, ...] = Field(min_length=1)


if TYPE_CHECKING:
    _SafeLoader = yaml.SafeLoader
else:  # the same, written in C, where PyYAML has it: ten times as fast
    _SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_SafeLoader):
    """Refuses a key that stands twice, the first of which YAML would drop without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Return a mapping.

        Raises:
            yaml.constructor.ConstructorError: A key stands twice in it.
        """
        seen = set()
        for key_node, _ in node.value:
            if key_node.value in seen:
                problem = f"the key {key_node.value!r} stands twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            seen.add(key_node.value)
        return super().construct_mapping(node, deep)


def read_paper(path: Path, name: str = "") -> Paper:
    """Read one file.

    Args:
        path: The file; its name without ending is the paper's key.
        name: What to call it in messages; its path by default.

    Raises:
        UserError: It cannot be read, or something in it is wrong: file, table, row, column and field are named.
    """
    where = name or str(path)
    content = _content(path, where)
    try:
        entry = PaperEntry.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        message = first["msg"].removeprefix("Value error, ")
        place = ", ".join(_places(content, first["loc"]))
        raise UserError(f"{where}, {place}: {message}; {_HELP}.") from error
    _refuse_twice((table.name for table in entry.tables), where, "table")
    tables = tuple(_table(path.stem, table, f"{where}, table {table.name}") for table in entry.tables)
    return Paper(path.stem, entry.title, entry.citation, entry.url, tables, entry.main)


def _content(path: Path, where: str) -> Mapping[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{where} cannot be read as text ({error}); repair or remove it.") from error
    try:
        content = yaml.load(text, Loader=_Loader)  # noqa: S506 - a subclass of the safe loader
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise UserError(f"{where} is no YAML ({line}{error.problem}); repair it.") from error
    except yaml.YAMLError as error:
        raise UserError(f"{where} is no YAML ({str(error).splitlines()[0]}); repair it.") from error
    if not isinstance(content, Mapping):
        raise UserError(f"{where} has no fields; it needs title, citation and tables, {_HELP}.")
    return content


def _places(content: Any, location: Iterable[int | str]) -> list[str]:
    """Turn pydantic's location into words: ("tables", 0, "rows", 2, "values") into table, row and field."""
    words: list[str] = []
    field = ""
    for step in location:
        if isinstance(step, str):
            field = step
            content = content.get(step) if isinstance(content, Mapping) else None
            continue
        content = content[step] if isinstance(content, list) and step < len(content) else None
        kind, names = field.removesuffix("s"), content if isinstance(content, Mapping) else {}
        called = names.get("name") or names.get(kind) or f"number {step + 1}"
        words.append(f"{kind} {called}")
        field = ""
    return [*words, f"field {field}"] if field else words


def _table(paper: str, entry: TableEntry, where: str) -> LedgerTable:
    _check_names(entry, where)
    groups = {group.group: group for group in entry.groups}
    claims: list[Claim] = []
    for row in entry.rows:
        at = f"{where}, row {_row_name(row)}"
        values = row.values.split()
        _check_width(entry, row, len(values), at)
        levels = [level for level in (entry, groups.get(row.group), row) if level is not None]
        for column, value in zip(entry.columns, values, strict=True):
            if value != _NOTHING:
                name = column.column
                place = {"paper": paper, "table": entry.name, "group": row.group, "row": row.row, "column": name}
                claims.append(_claim(place, value, [*levels, column], f"{at}, column {name}"))
    return LedgerTable(
        paper,
        entry.name,
        entry.title,
        columns=tuple(column.column for column in entry.columns),
        headings=tuple(column.printed or column.column for column in entry.columns),
        rows=tuple((row.group, row.row) for row in entry.rows),
        claims=tuple(claims),
        text_columns=entry.text_columns,
        texts=tuple(row.texts for row in entry.rows),
        paired=entry.paired,
        notes=_notes(entry),
    )


def _notes(entry: TableEntry) -> tuple[tuple[str, str], ...]:
    about = [("", entry.note), *((group.group, group.note) for group in entry.groups)]
    about += [(_row_name(row), row.note) for row in entry.rows]
    about += [(column.column, column.note) for column in entry.columns]
    return tuple((name, note) for name, note in about if note)


def _check_names(entry: TableEntry, where: str) -> None:
    """Refuse names that stand twice, and groups that are described but empty, or named but not described."""
    _refuse_twice((column.column for column in entry.columns), where, "column")
    _refuse_twice((group.group for group in entry.groups), where, "group")
    _refuse_twice(map(_row_name, entry.rows), where, "row")
    described = {group.group for group in entry.groups}
    used = {row.group for row in entry.rows}
    if described - used:
        raise UserError(f"{where}, group {min(described - used)}: no row stands under it; remove it.")
    if described and used - described - {""}:
        wrong = min(used - described - {""})
        raise UserError(f"{where}, group {wrong}: rows stand under it, but groups does not list it; add it there.")


def _row_name(row: RowEntry) -> str:
    return " ".join(filter(None, (row.group, row.row)))


def _check_width(entry: TableEntry, row: RowEntry, values: int, where: str) -> None:
    if values != len(entry.columns):
        raise UserError(
            f"{where}, field values: {values} values for {len(entry.columns)} columns; write {_NOTHING} where nothing "
            "is printed."
        )
    if len(row.texts) != len(entry.text_columns):
        raise UserError(
            f"{where}, field texts: {len(row.texts)} texts for {len(entry.text_columns)} text columns; give as many."
        )


def _refuse_twice(names: Iterable[str], where: str, kind: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise UserError(f"{where}, {kind} {name}: stands there twice; remove one, or give it another name.")
        seen.add(name)


def _claim(place: dict[str, str], value: str, levels: list[Facts], where: str) -> Claim:
    found = _NUMBER.fullmatch(value)
    if found is None:
        raise UserError(f"{where}, field values: {value!r} is no number; write it as printed, or {_NOTHING} for none.")
    facts = _merged(levels)
    if found["unit"]:
        facts["unit"] = found["unit"]
    missing = [name for name in _REQUIRED if facts.get(name) is None]
    if missing:
        raise UserError(f"{where}, field {missing[0]}: missing; give it for the table, group, row or column.")
    return Claim(**place, **facts, value=float(found["number"]), precision=len(found["decimals"] or ""))


def _merged(levels: list[Facts]) -> dict[str, Any]:
    """Join what table, group, row and column say, the last word being the column's; notes follow each other."""
    merged: dict[str, Any] = {}
    for level in levels:
        stated = {name: getattr(level, name) for name in Facts.model_fields}
        merged |= {name: value for name, value in stated.items() if value is not None}
    merged["note"] = " ".join(level.note for level in levels if level.note)
    merged["settings"] = tuple(sorted(merged.get("settings", {}).items()))
    return merged
