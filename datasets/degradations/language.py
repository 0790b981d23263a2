"""The mini language of degradations: ``blur(iso, var=2.4)|down(4)|noise(25)``.

    text     = step ("|" step)*
    step     = name [ "(" argument ("," argument)* ")" ]
    argument = value | field "=" value
    value    = number | word | number ".." number | value "/" value ... | list in JSON

A range ``a..b`` is drawn anew for each image, and so is one of ``a/b/c``. Steps are those of ``steps.STEPS``; every
degradation of the registry that takes the image as it is can be a step as well, with its settings as arguments:
``fog(beta=0.02)``, ``rain(heavy)``, ``underwater(type=3/5)``, ``corrupt(frost, 3)``. Which settings may be given
without their name or by a short one stands in ``DegradationSettings.positional`` and ``short_names``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from ..errors import UserError
from .steps import step_registry
from .steps.base import Step
from .values import RANGE, format_value, suggestion

if TYPE_CHECKING:
    from .base import Degradation, DegradationSettings

STEP = re.compile(r"\s*([A-Za-z][\w-]*)\s*(?:\((.*)\))?\s*", re.DOTALL)
NOT_STEPS = frozenset({"none", "pipeline", "voc-lr"})
"""Degradations that are no steps: they do nothing, are chains themselves, or change the clean image as well."""
SHORT_STEPS = {"corrupt": "corruption"}
"""Further names of steps."""

Model = TypeVar("Model", bound=BaseModel)


def parse_degradation(text: str) -> Degradation[Any]:
    """Read a chain of steps.

    Returns:
        The degradation "pipeline"; its settings hold the canonical text, so that texts which mean the same give equal
        settings and thereby equal fingerprints.

    Raises:
        UserError: The text is not of this form, a step or an argument is unknown, or a value is out of its range.
    """
    from . import degradation

    return degradation("pipeline", {"steps": text})


def parse_steps(text: str) -> tuple[Step, ...]:
    """Read the steps of a chain; see ``parse_degradation``."""
    return tuple(_Reader(text, place, part).step() for place, part in enumerate(text.split("|"), 1))


class _Reader:
    """Reads one step and knows where it stands, for messages."""

    def __init__(self, text: str, place: int, part: str) -> None:
        self._text, self._place, self._part = text, place, part

    def step(self) -> Step:
        """Return the step."""
        parts = STEP.fullmatch(self._part)
        if parts is None:
            self._fail(f"{self._part.strip()!r} has not the form name(argument, ...)")
        name, inside = parts.group(1).lower(), parts.group(2)
        name = SHORT_STEPS.get(name, name)
        registry = step_registry()
        if name in registry:
            return self._own_step(registry.get(name), inside)
        if name in step_names():
            return self._recipe_step(name, inside)
        hint = suggestion(name, step_names())
        self._fail(f"there is no step {name!r}{hint}; known steps are {', '.join(step_names())}")

    def _own_step(self, step_type: type[Step], inside: str | None) -> Step:
        arguments = self._arguments(step_type.name, inside, step_type)
        return self._model(step_type, step_type.name, arguments)

    def _recipe_step(self, name: str, inside: str | None) -> Step:
        from . import degradation_registry
        from .steps.recipe import RecipeStep

        kind = degradation_registry().get(name).settings_type
        arguments = self._arguments(name, inside, kind)
        given = {field: self._value(name, field, text, kind) for field, text in arguments.items()}
        settings = self._model(kind, name, given)
        return RecipeStep(recipe=name, settings=settings.model_dump(mode="json"))

    def _model(self, kind: type[Model], name: str, given: Mapping[str, Any]) -> Model:
        """Check arguments against the model that has them as its fields."""
        try:
            return kind.model_validate(given)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
        subject = f"argument {first['loc'][0]!r} of {name}" if first["loc"] else name
        if first["type"] == "missing":
            self._fail(f"{subject} is missing")
        hint = ""
        if first["type"] == "literal_error":
            hint = suggestion(str(first["input"]), re.findall(r"'([^']*)'", first.get("ctx", {})["expected"]))
        self._fail(f"{subject} cannot be used: {first['msg'].removeprefix('Value error, ')}{hint}")

    def _value(self, name: str, field: str, text: str, kind: type[BaseModel]) -> Any:
        """Read a setting of a degradation: a list in JSON, a range, words between slashes, or a single value."""
        if text.startswith("["):
            try:
                return json.loads(text)
            except json.JSONDecodeError as error:
                self._fail(f"argument {field!r} of {name} is no list in JSON ({error})")
        ends = RANGE.fullmatch(text)
        if ends:
            return list(ends.groups())
        annotation = kind.model_fields[field].annotation
        if get_origin(annotation) is Literal:
            return next((option for option in get_args(annotation) if str(option) == text), text)
        several = get_origin(annotation) is tuple and Ellipsis in get_args(annotation)
        return [part.strip() for part in text.split("/")] if several or "/" in text else text

    def _arguments(self, name: str, inside: str | None, kind: type[Step] | type[DegradationSettings]) -> dict[str, str]:
        """Split the text between the parentheses into fields and values."""
        arguments: dict[str, str] = {}
        unnamed = 0
        for part in _split(inside or ""):
            field, equals, value = (piece.strip() for piece in part.partition("="))
            if not equals:
                if unnamed >= len(kind.positional):
                    self._fail(f"{name} cannot take {part.strip()!r} without the argument's name")
                field, value = kind.positional[unnamed], field
                unnamed += 1
            field = kind.short_names.get(field, field)
            if field not in kind.model_fields:
                known = ", ".join(kind.model_fields) or "none"
                hint = suggestion(field, [*kind.model_fields, *kind.short_names])
                self._fail(f"{name} has no argument {field!r}{hint}; it has {known}")
            if field in arguments:
                self._fail(f"argument {field!r} of {name} is given twice")
            arguments[field] = value
        return arguments

    def _fail(self, reason: str) -> NoReturn:
        raise UserError(f"the degradation {self._text!r} cannot be read at step {self._place}: {reason}.")


def step_names() -> tuple[str, ...]:
    """Return the names of all steps."""
    from . import degradation_registry

    own = step_registry().names()
    return (*own, *(name for name in degradation_registry().names() if name not in NOT_STEPS and name not in own))


def write_value(value: Any) -> str:
    """Write a degradation's setting so that it is read back the same."""
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, separators=(",", ":"))
    return format_value(value)


def _split(inside: str) -> list[str]:
    """Split at commas outside of brackets; blank text has no parts."""
    parts, depth = [""], 0
    for character in inside:
        depth += (character in "[{") - (character in "]}")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [] if parts == [""] or not inside.strip() else parts
