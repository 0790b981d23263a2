"""Values of settings: fixed, drawn from a range, or chosen from a list; and how they are written."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

RANGE = re.compile(r"\s*([^\s.].*?|\..*?)\s*\.\.\s*(.+?)\s*")


def _as_pair(value: Any) -> Any:
    """Read 3, "3" and "3..5" as well as [3, 5]."""
    if isinstance(value, str):
        ends = RANGE.fullmatch(value)
        return ends.groups() if ends else (value, value)
    return (value, value) if isinstance(value, int | float) else value


def _ordered(bounds: tuple[float, float]) -> tuple[float, float]:
    if bounds[0] > bounds[1]:
        raise ValueError(f"the range {format_value(bounds)} is upside down")
    return bounds


def _as_choices(value: Any) -> Any:
    """Read "a/b/c" as well as ["a", "b", "c"] and a single value; the order does not matter."""
    if isinstance(value, str):
        return tuple(sorted({part.strip() for part in value.split("/")}))
    return tuple(sorted(set(value))) if isinstance(value, list | tuple | set) else (value,)


Span = Annotated[tuple[float, float], BeforeValidator(_as_pair), AfterValidator(_ordered)]
"""A number, or a range from which each image draws its own."""
Choices = BeforeValidator(_as_choices)
"""Annotates a tuple from which each image draws one."""


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return " (did you mean 'x'?)" for the known word that is closest to a mistyped one; empty where none is close."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def between(bounds: tuple[float, float], uniform: float) -> float:
    """Map a number from [0, 1) into a range."""
    low, high = bounds
    return low + (high - low) * uniform


def pick(options: tuple[Any, ...], uniform: float) -> Any:
    """Choose an option by a number from [0, 1), all equally likely."""
    return options[int(uniform * len(options))]


def format_value(value: Any) -> str:
    """Write a value so that it is read back the same: 25, 2.4, 1..4, nearest/bicubic."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, tuple) and len(value) == 2 and all(isinstance(end, float) for end in value):
        low, high = (format_value(end) for end in value)
        return low if low == high else f"{low}..{high}"
    if isinstance(value, tuple):
        return "/".join(format_value(part) for part in value)
    return str(value)
