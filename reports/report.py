"""What a report says, computed once and lazily; the templates only lay it out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..results.pictures import StoredPicture
from ..results.record import Record
from ..results.timing import TimingRecord
from .cards import CardView, card_views
from .columns import Column
from .gallery import CellGallery, galleries
from .gallery_data import GalleryTrack
from .gallery_page import TrackGallery, track_galleries
from .grid import Grid
from .overview import overview_grids
from .parts import PaperTables, figures, matrix_tables, paper_tables
from .precision import HEADINGS as PRECISION_HEADINGS
from .precision import PrecisionEffect, precision_effects
from .provenance import CellSource, Environment, cell_sources
from .rows import canonical
from .sections import DatasetSection, sections_of
from .summary import Headline, headlines
from .tables import NO_DETECTOR, Table, comparison_tables
from .timing import COLUMNS as TIMING_COLUMNS
from .timing import TimingTable, timing_tables

if TYPE_CHECKING:
    from ..benchmark.analysis.cells import CellAnalysis
    from ..results.ledger import Ledger
    from ..results.runs import SkippedCell
    from .figures import FigureFile

READING = (
    "Every number was computed from stored detections. The rows of one table saw the same images, byte for byte; rows "
    "of different tables did not, so numbers compare only within a table or within one column of the summary.",
    "A ceiling row detects in the clean image, which no method for degraded images may see. It bounds what "
    "restoration can win and does not compete.",
    "A dash means that there is no number: not run, failed, or undefined because the images hold no such object. A "
    "missing number is never counted as zero.",
    "An image set marked as a subset is smaller than the published split; its numbers do not compare with "
    "published ones.",
    "A number in bold is better than every other of its column by more than chance; nothing else is tested for "
    "significance here, and on few images small differences mean nothing.",
    "In the gallery a detection counts as found if it covers a true box of its class with IoU of at least 0.5, best "
    "score first; that is for looking only, and no number comes from it.",
)
"""The paragraphs of the section on reading."""


class Report:
    """Everything that the templates print.

    Args:
        records: Records in any order; the report does not depend on it.
        pictures: Stored pictures by the cell's key; those of other cells are not shown.
        timings: Timings of the same methods, in any order.
        ledger: Published numbers; without it no table of a paper is shown.
        analyses: Replicates and more by the cell's key; without them nothing is tested and no figure is drawn.
        gallery: Pictures and boxes of images, by image set; methods that are not among the records are not shown.
        vouched: sha256 of weights that are known to be a paper's own, see ``papers.paper_grids``.
        skipped: What runs left out, with the reasons.
        draws: Whether there are figures, which take some seconds.
    """

    title = "Object detection on degraded images"
    reading = READING
    precision_headings = PRECISION_HEADINGS
    timing_columns = TIMING_COLUMNS
    no_detector = NO_DETECTOR

    def __init__(
        self,
        records: Sequence[Record],
        pictures: Mapping[str, Sequence[StoredPicture]] | None = None,
        timings: Sequence[TimingRecord] = (),
        ledger: Ledger | None = None,
        analyses: Mapping[str, CellAnalysis] | None = None,
        gallery: Sequence[GalleryTrack] = (),
        vouched: Collection[str] = (),
        skipped: Sequence[SkippedCell] = (),
        draws: bool = False,
    ) -> None:
        self.records = canonical(records)
        self._pictures = pictures or {}
        self._timings = timings
        self._ledger = ledger
        self._analyses = analyses or {}
        self._gallery = gallery
        self._vouched = vouched
        self._skipped = skipped
        self._draws = draws

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
    def overview(self) -> list[Grid]:
        """Return what was run and on what, and what has no number."""
        return overview_grids(self.sections, self.sources, self._skipped)

    @cached_property
    def matrices(self) -> list[Grid]:
        """Return the primary metric of all methods on all image sets, one table a detector."""
        return matrix_tables(self.records, self._analyses)

    @cached_property
    def papers(self) -> list[PaperTables]:
        """Return the papers' tables with what was measured beside them."""
        return paper_tables(self._ledger, self.records, self._analyses, self._vouched)

    @cached_property
    def figures(self) -> list[FigureFile]:
        """Return the figures; none where they are not wanted."""
        return figures(self.records, self._analyses, self._timings) if self._draws else []

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
        """Return the pictures of cells that the gallery of images does not show."""
        return galleries(self.sources, self._pictures, self._in_gallery)

    @cached_property
    def track_galleries(self) -> list[TrackGallery]:
        """Return the images of each image set with what every method made of them."""
        return track_galleries(self._gallery, self.sources)

    @property
    def _in_gallery(self) -> set[Path]:
        """Return the files of the masks that the gallery of images shows."""
        shown = [gallery.track.images for gallery in self.track_galleries]
        return {view.crux.path for images in shown for image in images for view in image.views if view.crux}

    @property
    def method_by_key(self) -> dict[str, str]:
        """Return the names of the methods by the keys of the cells, whose provenance is all on the page."""
        return {source.row.key: source.row.record.cell.method for source in self.sources}

    @property
    def choices(self) -> list[tuple[str, str, list[str]]]:
        """Return what the page can be narrowed to: (attribute, label, values)."""
        cells = [record.cell for record in self.records]
        return [
            ("method", "Method", sorted({cell.method for cell in cells})),
            ("dataset", "Image set", list(dict.fromkeys(section.name for section in self.sections))),
            ("detector", "Detector", sorted({table.key.detector_name for table in self.tables})),
        ]

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
