"""A registry of lazily imported objects: listing names costs no import, a wrong name gets a suggestion."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterator
from typing import Generic, TypeVar

from .errors import UserError

T = TypeVar("T")


class Registry(Generic[T]):
    """Names mapped to lazy targets of the form ``package.module:attribute``.

    Attributes:
        kind: The noun used in messages, such as "method" or "dataset".
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._targets: dict[str, str] = {}
        self._objects: dict[str, T] = {}

    def register(self, name: str, target: str) -> None:
        """Add a lazy target.

        Raises:
            UserError: The name is taken by another target; both places are named.
        """
        taken = self._targets.get(name)
        if taken is not None and taken != target:
            raise UserError(
                f"{self.kind} name {name!r} is registered twice: by {taken} and by {target}; rename one of them."
            )
        self._targets[name] = target

    def names(self) -> tuple[str, ...]:
        """Return all names, in order of registration."""
        return tuple(self._targets)

    def __contains__(self, name: object) -> bool:
        return name in self._targets

    def __iter__(self) -> Iterator[str]:
        return iter(self._targets)

    def target(self, name: str) -> str:
        """Return where a name points to, without importing it.

        Raises:
            UserError: The name is unknown; close names are suggested.
        """
        if name not in self._targets:
            raise UserError(self._unknown(name))
        return self._targets[name]

    def get(self, name: str) -> T:
        """Import and return the object behind a name; each is imported once.

        Raises:
            UserError: The name is unknown, or its target has no such attribute.
        """
        target = self.target(name)
        if name not in self._objects:
            self._objects[name] = load_target(target, f"{self.kind} {name!r}")
        return self._objects[name]

    def _unknown(self, name: str) -> str:
        close = difflib.get_close_matches(name, self._targets, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(repr(c) for c in close)}?" if close else "known are " + ", ".join(self)
        return f"unknown {self.kind} {name!r}; {hint}"


def load_target(target: str, what: str) -> T:  # pyright: ignore[reportInvalidTypeVarUse]
    """Import ``package.module:attribute``.

    Raises:
        UserError: The text has no colon, or the module lacks the attribute.
    """
    module_name, colon, attribute = target.partition(":")
    if not colon:
        raise UserError(f"the target {target!r} of {what} must have the form package.module:attribute.")
    module = importlib.import_module(module_name)
    if not hasattr(module, attribute):
        raise UserError(f"the module {module_name} of {what} has no {attribute!r}; check its target {target!r}.")
    return getattr(module, attribute)
