"""Text from records, made fit to stand in a figure: one line, of letters that every format can hold, not too long."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection

LONGEST = 30
"""Letters of a label that fit beside a figure of one column."""
LONGEST_IN_WORDS = 80
"""Letters of a name in a caption."""
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"


def shortened(text: object, longest: int = LONGEST) -> str:
    """Return text as one line of printable letters, its middle replaced by an ellipsis where it is too long.

    The end is kept as well as the beginning, because it is often what tells names apart ("-x4" and "-x8"). Control
    letters, such as those that XML cannot hold or that turn the writing direction round, become spaces.
    """
    printable = "".join(" " if unicodedata.category(letter).startswith("C") else letter for letter in str(text))
    line = " ".join(printable.split())
    if len(line) <= longest:
        return line
    kept = longest - 1
    tail = kept // 3
    return line[: kept - tail].rstrip() + ELLIPSIS + line[len(line) - tail :].lstrip()


def in_words(text: object) -> str:
    """Return a name as it stands in a title, a caption or an alternative text."""
    return shortened(text, LONGEST_IN_WORDS)


def listed(names: Collection[str], most: int = 6) -> str:
    """Return names as part of a sentence, the last of many only counted."""
    shown = [in_words(name) for name in list(names)[:most]]
    if len(names) > most:
        return f"{', '.join(shown)} and {len(names) - most} more"
    return " and ".join(part for part in (", ".join(shown[:-1]), *shown[-1:]) if part)


def distinct(texts: Collection[str], longest: int = LONGEST) -> list[str]:
    """Return texts shortened, those that would read the same then numbered."""
    short = [shortened(text, longest) for text in texts]
    seen: dict[str, int] = {}
    result = []
    for text in short:
        seen[text] = seen.get(text, 0) + 1
        result.append(text if seen[text] == 1 else f"{shortened(text, longest - 4)} ({seen[text]})")
    return result
