"""The report's sections: one per image set, with its tables, its chart and the facts of its protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

from .chart import Chart, bar_chart
from .cost_chart import CostChart, cost_chart
from .rows import HASH_DIGITS
from .tables import Table
from .text import join, plain, settings_text, slug

_AREA_FRAMES = {"degraded": "the degraded image", "annotated": "the image as annotated"}


@dataclass(frozen=True, eq=False)
class DatasetSection:
    """All tables of one image set.

    Attributes:
        tables: One per detector; never empty.
    """

    tables: tuple[Table, ...]

    @property
    def anchor(self) -> str:
        """Return the section's id on the page."""
        key = self.tables[0].key
        return "data-" + slug(f"{key.dataset}-{key.version}-{key.split}-{key.limit}-{key.fingerprint[:12]}")

    def table_anchor(self, table: Table) -> str:
        """Return the id of one of the section's tables on the page."""
        return f"{self.anchor}-{slug(table.key.detector_name)}"

    @property
    def name(self) -> str:
        """Return dataset and split, as they are called on the command line."""
        return f"{self.tables[0].key.dataset} {self.tables[0].key.split}"

    @property
    def subset(self) -> str:
        """Return ``subset: 128 of 5,000 images`` where a run saw part of a split; empty where it saw all of it."""
        official = self.facts.get("images_official")
        if official is not None and self.images < official:
            return f"subset: {self.images} of {official} images"
        return f"subset: {self.images} images" if self.facts.get("subset") else ""

    @property
    def images(self) -> int:
        """Return the number of images evaluated; 0 where no cell is finished."""
        return max(row.record.images for table in self.tables for row in table.rows)

    @property
    def title(self) -> str:
        """Return the dataset's title, or its name."""
        return str(self.facts.get("title") or self.name)

    @property
    def facts(self) -> Mapping[str, Any]:
        """Return the facts of the dataset as run."""
        return self.tables[0].facts

    @property
    def fact_rows(self) -> list[tuple[str, str]]:
        """Return what stands beneath the tables, as (term, text) pairs; what is not known is left out."""
        key, facts = self.tables[0].key, self.facts
        frame = _AREA_FRAMES.get(str(facts.get("area_frame")), "")
        pairs = [
            ("Protocol", plain(facts.get("protocol"))),
            ("Degradation", join(plain(facts.get("degradation")), settings_text(facts.get("settings") or {}), by="; ")),
            ("Object sizes", f"measured in pixels of {frame}" if frame else ""),
            ("Images", join(f"{self.images:,}", self.subset, "" if key.limit < 0 else f"limit {key.limit:,}", by="; ")),
            ("Version", key.version),
            ("Content hash", key.fingerprint),
            ("Objects", _objects(facts)),
            ("Sources", plain(facts.get("sources"))),
            ("Licence", plain(facts.get("licence"))),
            ("Notes", plain(facts.get("notes"))),
        ]
        return [(term, text) for term, text in pairs if text]

    @cached_property
    def chart(self) -> Chart:
        """Return the bar chart of the primary metric over all rows."""
        return bar_chart(self.tables)

    @cached_property
    def cost_chart(self) -> CostChart | None:
        """Return the primary metric against the cost of restoring; None where fewer than two rows have both."""
        return cost_chart(self.tables)


def _objects(facts: Mapping[str, Any]) -> str:
    return f"{facts['boxes']:,} boxes; {facts['classes']} class names" if {"boxes", "classes"} <= set(facts) else ""


def sections_of(tables: Sequence[Table]) -> list[DatasetSection]:
    """Return one section per image set, from tables ordered as ``comparison_tables`` gives them."""
    return [DatasetSection(tuple(group)) for _, group in groupby(tables, key=lambda table: table.key.identity)]


def told_apart(sections: Sequence[DatasetSection], names: Sequence[str]) -> list[str]:
    """Return names of image sets with what tells apart those that share one: limit, then version, then content."""
    found = list(names)
    for fact in (_limit, _version, _content):
        several = {name for name in found if found.count(name) > 1}
        found = [
            join(name, fact(section)) if name in several else name
            for section, name in zip(sections, found, strict=True)
        ]
    return found


def _limit(section: DatasetSection) -> str:
    limit = section.tables[0].key.limit
    return "all images" if limit < 0 else f"limit {limit}"


def _version(section: DatasetSection) -> str:
    return f"version {section.tables[0].key.version}"


def _content(section: DatasetSection) -> str:
    return f"content {section.tables[0].key.fingerprint[:HASH_DIGITS]}"
