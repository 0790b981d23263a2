"""Plain text for both forms of the report: joining, naming anchors, escaping for Markdown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeGuard

from markupsafe import Markup

_MARKDOWN = re.compile(r"([\\`*\[\]|~])")


def join(*parts: object, by: str = ", ") -> str:
    """Return the non-empty parts as one text."""
    return by.join(str(part) for part in parts if part)


def slug(text: str) -> str:
    """Return text as an id that needs no escaping in HTML, CSS or a URL."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def plain(value: Any) -> str:
    """Return a JSON-able value as readable text: mappings as ``name: value`` pairs, all parted by semicolons."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {plain(each)}" for name, each in sorted(value.items()))
    if isinstance(value, (list, tuple)):
        return "; ".join(plain(each) for each in value)
    return json.dumps(value, default=str)


FILE_DIGITS = 8
"""Of a weight file's hash that a label shows."""


def settings_text(settings: Mapping[str, Any]) -> str:
    """Return settings as ``name=value`` pairs sorted by name; text without quotes, everything else as JSON.

    A weight file is told by its network and the first digits of its hash.
    """
    return ", ".join(f"{name}={_setting(settings[name])}" for name in sorted(settings))


def is_file(value: object) -> TypeGuard[Mapping[str, Any]]:
    """Tell whether a setting describes a weight file."""
    return isinstance(value, Mapping) and "sha256" in value


def _setting(value: Any) -> str:
    if is_file(value):
        return f"{value.get('network', 'file')} {value['sha256'][:FILE_DIGITS]}"
    return value if isinstance(value, str) else json.dumps(value, default=str, sort_keys=True)


def markdown(value: object) -> Markup:
    """Return text that GitHub's Markdown prints literally inside a paragraph, a heading or a table cell.

    Line breaks become spaces, since they would end a table row. Angle brackets become entities, so no HTML passes.
    """
    text = " ".join(str(value).split())
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = _MARKDOWN.sub(r"\\\1", text)
    text = re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", text)
    return Markup(text)  # noqa: S704 - escaped above


def markdown_table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1) -> Markup:
    """Return a table in GitHub's Markdown with every cell escaped; the first ``left`` columns are left-aligned."""
    rule = ["---" if position < left else "---:" for position in range(len(headings))]
    cells = [[markdown(heading) for heading in headings], rule, *([markdown(cell) for cell in row] for row in rows)]
    return Markup("\n".join(f"| {' | '.join(line)} |" for line in cells))  # noqa: S704 - cells are escaped


def code_block(text: str) -> Markup:
    """Return a Markdown code block; its fence is longer than any run of backticks in the text."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return Markup(f"{fence}text\n{text.strip()}\n{fence}")  # noqa: S704 - a code block is printed literally
