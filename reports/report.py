"""What a report says, computed once and lazily; the templates only lay it out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from ..results.pictures import StoredPicture
from ..results.record import Record
from ..results.timing import TimingRecord
from .cards import CardView, card_views
from .columns import Column
from .gallery import CellGallery, galleries
from .precision import HEADINGS as PRECISION_HEADINGS
from .precision import PrecisionEffect, precision_effects
from .provenance import CellSource, Environment, cell_sources
from .rows import canonical
from .sections import DatasetSection, sections_of
from .summary import Headline, MatrixRow, headlines, matrix
from .tables import Table, comparison_tables
from .timing import COLUMNS as TIMING_COLUMNS
from .timing import TimingTable, timing_tables

READING = (
    "Every number was computed from stored detections. The rows of one table saw the same images, byte for byte; rows "
    "of different tables did not, so numbers compare only within a table or within one column of the summary.",
    "A ceiling row detects in the clean image, which no method for degraded images may see. It bounds what "
    "restoration can win and does not compete.",
    "A dash means that there is no number: not run, failed, or undefined because the images hold no such object. A "
    "missing number is never counted as zero.",
    "An image set marked as a subset is smaller than the published split; its numbers do not compare with "
    "published ones.",
    "Differences between rows are not tested for significance here; on few images, small ones mean nothing.",
)
"""The paragraphs of the section on reading."""


class Report:
    """Everything that the templates print.

    Args:
        records: Records in any order; the report does not depend on it.
        pictures: Stored pictures by the cell's key; those of other cells are not shown.
        timings: Timings of the same methods, in any order.
    """

    title = "Object detection on degraded images"
    reading = READING
    precision_headings = PRECISION_HEADINGS
    timing_columns = TIMING_COLUMNS

    def __init__(
        self,
        records: Sequence[Record],
        pictures: Mapping[str, Sequence[StoredPicture]] | None = None,
        timings: Sequence[TimingRecord] = (),
    ) -> None:
        self.records = canonical(records)
        self._pictures = pictures or {}
        self._timings = timings

    @cached_property
    def tables(self) -> list[Table]:
        """Return the comparison tables."""
        return comparison_tables(self.records)

    @cached_property
    def sections(self) -> list[DatasetSection]:
        """Return one section per image set."""
        return sections_of(self.tables)

    @cached_property
    def headlines(self) -> list[Headline]:
        """Return one finding per table."""
        return headlines(self.sections)

    @cached_property
    def matrix(self) -> list[MatrixRow]:
        """Return the primary metric of all methods on all image sets."""
        return matrix(self.sections)

    @property
    def matrix_headings(self) -> list[str]:
        """Return the headings of the matrix as plain text."""
        sets = [f"{section.name}: {section.tables[0].primary.label}" for section in self.sections]
        return ["method", "detector", *sets]

    @cached_property
    def sources(self) -> list[CellSource]:
        """Return where the numbers of each row come from."""
        return cell_sources(self.sections)

    @cached_property
    def environments(self) -> list[Environment]:
        """Return the environments that the cells ran in, by number."""
        found = {source.environment.number: source.environment for source in self.sources}
        return [found[number] for number in sorted(found)]

    @cached_property
    def galleries(self) -> list[CellGallery]:
        """Return the pictures of the cells that have some."""
        return galleries(self.sources, self._pictures)

    @cached_property
    def precision_effects(self) -> list[PrecisionEffect]:
        """Return what lower precision did to the primary metric."""
        return precision_effects(self.tables)

    @cached_property
    def timing_tables(self) -> list[TimingTable]:
        """Return how fast methods are, in tables of what may be compared."""
        return timing_tables(self._timings)

    @cached_property
    def pictured(self) -> dict[str, str]:
        """Return the ids on the page of the galleries, by the cell's key."""
        return {gallery.source.row.key: gallery.anchor for gallery in self.galleries}

    @cached_property
    def method_cards(self) -> list[CardView]:
        """Return the distinct method cards, by method name."""
        return card_views(self.records)

    @cached_property
    def legend(self) -> list[Column]:
        """Return the columns that occur in any table, each once."""
        return list(dict.fromkeys(column for table in self.tables for column in table.columns))

    @property
    def failed(self) -> list[CellSource]:
        """Return the failed cells."""
        return [source for source in self.sources if source.row.failed]

    @property
    def counts(self) -> list[tuple[str, int]]:
        """Return the figures at the head of the page, as (name, number) pairs; each cell counts once."""
        return [
            ("cells finished", len(self.records) - len(self.failed)),
            ("cells failed", len(self.failed)),
            ("methods", len({record.cell.method for record in self.records})),
            ("image sets", len(self.sections)),
        ]

    @property
    def period(self) -> str:
        """Return when the first and the last cell started, as recorded; no clock is read."""
        days = sorted({record.started[:10] for record in self.records})
        return days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"

    @property
    def versions(self) -> list[str]:
        """Return the versions of lqbench that computed the cells."""
        return sorted({record.provenance.lqbench_version for record in self.records})
