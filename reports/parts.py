"""Parts of the report that are computed elsewhere, each imported when it is asked for: they are slow to import."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .grid import Grid

if TYPE_CHECKING:
    from ..benchmark.analysis.cells import CellAnalysis
    from ..results.ledger import Ledger
    from ..results.record import Record
    from ..results.timing import TimingRecord
    from .figures import FigureFile


BESIDE, VERDICTS = "-measured", "-verdicts"
"""Endings of the names of the forms that ``papers.paper_grids`` gives."""


@dataclass(frozen=True, slots=True)
class PaperTables:
    """What a paper printed, beside what was measured.

    Attributes:
        key: The paper's short name, such as "tdsr".
        title: The paper.
        main: Whether the suite sets out to compute its tables anew.
        grids: Its tables: each as printed, with measured numbers beside, and number by number with verdicts.
    """

    key: str
    title: str
    main: bool
    grids: tuple[Grid, ...]

    @property
    def beside(self) -> list[Grid]:
        """Return the tables in the paper's shape with measured numbers beside the printed ones."""
        return [grid for grid in self.grids if grid.name.endswith(BESIDE)]

    def others(self, grid: Grid) -> list[Grid]:
        """Return the other forms of one of ``beside``: as printed, and number by number with verdicts."""
        stem = grid.name.removesuffix(BESIDE)
        return [one for one in self.grids if one.name in (stem, f"{stem}{VERDICTS}")]


def paper_tables(
    ledger: Ledger | None,
    records: Sequence[Record],
    analyses: Mapping[str, CellAnalysis],
    vouched: Collection[str] = (),
) -> list[PaperTables]:
    """Return the tables of every paper of the ledger, in its order; none without a ledger."""
    if ledger is None:
        return []
    from .papers import paper_grids

    return [
        PaperTables(
            paper.key,
            paper.title,
            paper.main,
            tuple(paper_grids(ledger, paper.key, records, analyses, vouched=vouched)),
        )
        for paper in ledger.papers
    ]


def matrix_tables(records: Sequence[Record], analyses: Mapping[str, CellAnalysis]) -> list[Grid]:
    """Return the matrices of methods and image sets; nothing is tested in them without analyses."""
    from .matrix import matrix_grids

    return matrix_grids(records, analyses)


def figures(
    records: Sequence[Record], analyses: Mapping[str, CellAnalysis], timings: Sequence[TimingRecord]
) -> list[FigureFile]:
    """Return the figures, not drawn yet; without analyses they have no intervals."""
    from .figures import all_figures

    return all_figures(records, analyses, timings)
