"""The table of a leaderboard for a README: text alone, between two marks; the rest of the file is the owner's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .columns import MISSING, Column, family
from .rows import HASH_DIGITS
from .text import join, markdown

BEGIN, END = "<!-- lqbench leaderboard: begin -->", "<!-- lqbench leaderboard: end -->"
EXPLANATION = (
    "`#1/3` is the rank by the number among the methods that compete on the same images behind the same detector; "
    "neighbours may differ by chance alone. Ceilings see the clean image and do not compete. Nothing is averaged over "
    "tracks."
)
HEAD = "# Results"


def with_table(text: str, board: Mapping[str, Any]) -> str:
    """Return the text of a README with the table in it: in place of an older one, or at the end.

    Args:
        text: The README; empty where there is none.
        board: As ``leaderboard`` returns it.
    """
    block = f"{BEGIN}\n{table(board)}\n{END}"
    first, last = text.find(BEGIN), text.rfind(END)
    if first >= 0 and last > first:
        return text[:first] + block + text[last + len(END) :]
    return join(text.rstrip("\n") or HEAD, block, by="\n\n") + "\n"


def table(board: Mapping[str, Any]) -> str:
    """Return the table in Markdown: a row for each method, a column for each track, rank and number in each cell."""
    tracks = board["tracks"]
    labels = sorted(
        {(not entry["ceiling"], entry["label"], entry["title"]) for track in tracks for entry in track["entries"]}
    )
    heading = ["method", *(_title(track) for track in tracks)]
    rule = ["---", *("---" for _ in tracks)]
    rows = [
        [f"{markdown(label)} <br> {markdown(title)}", *(_badge(track, label) for track in tracks)]
        for _, label, title in labels
    ]
    lines = [f"| {' | '.join(cells)} |" for cells in (heading, rule, *rows)]
    return "\n".join([*lines, "", EXPLANATION])


def _title(track: Mapping[str, Any]) -> str:
    """Return a track's heading: image set, detector, metric, images, content."""
    limit = "" if track["limit"] is None else f"first {track['limit']}"
    name = join(track["dataset"], track["split"], limit, by=" ")
    parts = (name, track["detector"], _column(track).heading, f"{track['images']:,} images")
    return f"{' <br> '.join(str(markdown(part)) for part in parts if part)} <br> `{track['fingerprint'][:HASH_DIGITS]}`"


def _badge(track: Mapping[str, Any], label: str) -> str:
    """Return rank and number of a row on a track; a dash where there is none."""
    found = [entry for entry in track["entries"] if entry["label"] == label]
    of = sum(entry["rank"] is not None for entry in track["entries"])
    return " <br> ".join(_text(entry, of, _column(track)) for entry in found) or MISSING


def _text(entry: Mapping[str, Any], of: int, column: Column) -> str:
    if entry["value"] is None:
        return "undefined"
    mark = "ceiling" if entry["ceiling"] else f"#{entry['rank']}/{of}"
    return f"`{mark}` {column.text(entry['value'])}"


def _column(track: Mapping[str, Any]) -> Column:
    """Return how the metric of a track is printed."""
    known = {column.key: column for metric in ("coco", "voc07") for column in family(metric)}
    name = str(track["metric"])
    return known.get(name, Column(name, name, name, unit="", factor=1.0, decimals=4))
