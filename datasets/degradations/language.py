"""The mini language of degradations: ``blur(iso, var=2.4)|down(4)|noise(25)``.

    text     = step ("|" step)*
    step     = name [ "(" argument ("," argument)* ")" ]
    argument = value | field "=" value
    value    = number | word | number ".." number | value "/" value ...

A range ``a..b`` is drawn anew for each image, and so is one of ``a/b/c``. Steps are those of ``steps.STEPS``; every
degradation of the registry that takes the image as it is can be a step as well, with its settings as arguments.
"""

from __future__ import annotations

import difflib
import json
import re
from typing import TYPE_CHECKING, Any, NoReturn

from pydantic import ValidationError

from ..errors import UserError
from .steps import step_registry
from .steps.base import Step
from .values import RANGE, format_value

if TYPE_CHECKING:
    from .base import Degradation

STEP = re.compile(r"\s*([A-Za-z][\w-]*)\s*(?:\((.*)\))?\s*", re.DOTALL)
NOT_STEPS = frozenset({"none", "pipeline", "voc-lr"})
"""Degradations that are no steps: they do nothing, are chains themselves, or change the clean image as well."""


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
        registry = step_registry()
        if name in registry:
            return self._own_step(registry.get(name), inside)
        if name in step_names():
            return self._recipe_step(name, inside)
        close = difflib.get_close_matches(name, step_names(), n=1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        self._fail(f"there is no step {name!r}{hint}; known steps are {', '.join(step_names())}")

    def _own_step(self, step_type: type[Step], inside: str | None) -> Step:
        arguments = self._arguments(step_type.name, inside, step_type.positional)
        known = tuple(step_type.model_fields)
        for field in arguments:
            if field not in known:
                self._fail(f"{step_type.name} has no argument {field!r}; it has {', '.join(known)}")
        try:
            return step_type.model_validate(arguments)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            subject = f"argument {first['loc'][0]!r} of {step_type.name}" if first["loc"] else step_type.name
            if first["type"] == "missing":
                self._fail(f"{subject} is missing")
            self._fail(f"{subject} cannot be used: {first['msg'].removeprefix('Value error, ')}")

    def _recipe_step(self, name: str, inside: str | None) -> Step:
        from . import degradation
        from .steps.recipe import RecipeStep

        given = {field: _plain(value) for field, value in self._arguments(name, inside, ()).items()}
        try:
            settings = degradation(name, given).settings.model_dump(mode="json")
        except UserError as error:
            self._fail(str(error).rstrip("."))
        return RecipeStep(recipe=name, settings=settings)

    def _arguments(self, name: str, inside: str | None, positional: tuple[str, ...]) -> dict[str, str]:
        """Split the text between the parentheses into fields and values."""
        arguments: dict[str, str] = {}
        unnamed = 0
        for part in _split(inside or ""):
            field, equals, value = (piece.strip() for piece in part.partition("="))
            if not equals:
                if unnamed >= len(positional):
                    self._fail(f"{name} cannot take {part.strip()!r} without the argument's name")
                field, value = positional[unnamed], field
                unnamed += 1
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


def _plain(text: str) -> Any:
    """Read a setting of a degradation: a number, a truth value, a list in JSON, a range, or a word."""
    if text in ("yes", "no"):
        return text == "yes"
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        pass
    ends = RANGE.fullmatch(text)
    return [_plain(end) for end in ends.groups()] if ends else text


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
