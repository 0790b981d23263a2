"""What a verification finds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "note", "problem"]


@dataclass(frozen=True)
class Finding:
    """One line of a verification.

    Attributes:
        check: What was looked at, in a word.
        state: "ok"; "note" for what is worth knowing; "problem" for what is wrong.
        text: What was found.
    """

    check: str
    state: State
    text: str


def problems_or(check: str, problems: Iterable[str], ok: str) -> Iterator[Finding]:
    """Yield a finding for each problem, or that all is well where there is none."""
    found = False
    for text in problems:
        found = True
        yield Finding(check, "problem", text)
    if not found:
        yield Finding(check, "ok", ok)
