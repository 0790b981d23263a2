"""Training configurations: YAML files read into pydantic models; a mistake is told in one sentence."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from ...datasets.errors import UserError
from ...datasets.registry import Registry

T = TypeVar("T", bound=BaseModel)

_INT, _FLOAT = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"


class _Loader(yaml.SafeLoader):
    """YAML with the numbers of version 1.2: 1e-4 is one, while 4:1:0 and 1_000 are not.

    PyYAML follows version 1.1, to which 4:1:0 is a number in base 60 and 1e-4 a text.
    """


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in (_INT, _FLOAT)]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_INT, re.compile(r"^[-+]?(0|[1-9][0-9]*)$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    _FLOAT,
    re.compile(r"^([-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$"),
    list("-+0123456789."),
)


def config_file(folder: Path, name: str) -> Path:
    """Return the file of a named config in a folder of ``<name>.yaml`` files, or the file that is named by its path.

    Raises:
        UserError: There is neither such a config (close names are suggested) nor such a file.
    """
    if name.endswith((".yaml", ".yml")):
        if not Path(name).is_file():
            raise UserError(f"the config file {name} does not exist; check the path.")
        return Path(name)
    names: Registry[None] = Registry("config")
    for file in sorted(folder.glob("*.yaml")):
        names.register(file.stem, str(file))
    return Path(names.target(name))


def read_config(model: type[T], file: Path, overrides: Sequence[str] = (), variants: Sequence[str] = ()) -> T:
    """Read a YAML file into a model.

    Besides the model's fields the file may hold ``variants``: fields that differ, by the name of a variant.

    Args:
        model: What the file must hold.
        file: The file.
        overrides: ``field=value`` texts; nested fields are joined by dots and values are read as YAML, as in
            ``optimiser.learning_rate=0.01``.
        variants: Whose entries of ``variants`` are put over the other fields, one after another.

    Raises:
        UserError: The file is no YAML, or a field is unknown (a close one is suggested), missing or out of range.
    """
    values = _read_yaml(file)
    named = values.pop("variants", None) or {}
    if not isinstance(named, dict):
        raise UserError(f"{file}: the field 'variants' must hold fields by the name of a variant.")
    for variant in variants:
        _merge(values, named.get(variant) or {})
    for text in overrides:
        _replace(values, text)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise UserError(_explain(error, model, file)) from error


def read_recipe(
    model: type[T],
    folder: Path,
    methods: Collection[str],
    method: str,
    name: str,
    overrides: Sequence[str],
    epochs: int | None,
) -> T:
    """Read the recipe of one of several methods that share configs.

    Args:
        model: What the file must hold.
        folder: Where named configs lie.
        methods: The methods.
        method: One of them; its entry of ``variants`` is put over the other fields.
        name: Name of a file in the folder, or the path of a YAML file.
        overrides: ``field=value`` texts, see ``read_config``.
        epochs: Replaces the recipe's ``schedule.epochs``; None keeps it.

    Raises:
        UserError: The method or config is unknown, or a field is unknown, missing or out of range.
    """
    if method not in methods:
        raise UserError(f"there is no recipe for {method!r}; there are recipes for {', '.join(methods)}.")
    replaced = [*overrides, *([] if epochs is None else [f"schedule.epochs={epochs}"])]
    return read_config(model, config_file(folder, name), replaced, variants=(method,))


def _read_yaml(file: Path) -> dict[str, Any]:
    try:
        values = yaml.load(file.read_text(encoding="utf-8"), _Loader)  # noqa: S506  a safe loader
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{file} is not a YAML file that can be read ({' '.join(str(error).split())}).") from error
    if not isinstance(values, dict):
        raise UserError(f"{file} must hold fields of the form `name: value`; see the configs of the method.")
    return values


def _merge(values: dict[str, Any], changes: Mapping[str, Any]) -> None:
    """Put nested fields over others, in place."""
    for name, change in changes.items():
        if isinstance(change, dict) and isinstance(values.get(name), dict):
            _merge(values[name], change)
        else:
            values[name] = change


def _replace(values: dict[str, Any], text: str) -> None:
    """Put one ``field=value`` into nested values, in place."""
    path, equals, value = text.partition("=")
    if not (equals and path.strip()):
        raise UserError(f"--set {text!r} is not of the form field=value, such as optimiser.learning_rate=0.01.")
    *parents, name = path.strip().split(".")
    for parent in parents:
        values = values.setdefault(parent, {})
        if not isinstance(values, dict):
            raise UserError(f"--set {text!r}: {parent!r} is a single value and has no field {name!r}.")
    try:
        values[name] = yaml.load(value, _Loader)  # noqa: S506  a safe loader
    except yaml.YAMLError as error:
        raise UserError(f"--set {text!r}: the value cannot be read as YAML; quote it.") from error


def _explain(error: ValidationError, model: type[BaseModel], file: Path) -> str:
    """Say in one sentence what is wrong with the first field that is."""
    first = error.errors(include_url=False)[0]
    path = [str(part) for part in first["loc"]]
    field = ".".join(path)
    if first["type"] == "extra_forbidden":
        known = sorted(_fields_beside(model, path))
        close = difflib.get_close_matches(path[-1], known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known here are {', '.join(known)}."
        return f"{file}: there is no field {field!r}; {hint}"
    if first["type"] == "missing":
        return f"{file}: the field {field!r} is missing; add it."
    subject = f"the field {field!r} cannot be {first['input']!r}" if path else "the fields do not fit each other"
    return f"{file}: {subject}: {first['msg'].removeprefix('Value error, ')}."


def _fields_beside(model: type[BaseModel], path: Sequence[str]) -> Iterator[str]:
    """Yield the names that may stand where the last part of a path does."""
    fields: Mapping[str, Any] = model.model_fields
    for part in path[:-1]:
        inner = fields[part].annotation if part in fields else None
        models = (one for one in (inner, *getattr(inner, "__args__", ())) if hasattr(one, "model_fields"))
        fields = getattr(next(models, None), "model_fields", {})
    yield from fields
