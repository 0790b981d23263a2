"""Where each number comes from: the cells behind the rows and the environments that they ran in."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from ..results.record import Provenance, RestorationCost
from .columns import FLOPS
from .rows import Row
from .sections import DatasetSection
from .text import join, plain, settings_text

_DIRTY = {True: "with uncommitted changes", False: "clean working tree", None: ""}

_PHASES = ("setup", "load", "restore", "detect", "quality", "score")


@dataclass(frozen=True)
class Environment:
    """Software and machine that one or more cells ran with.

    Attributes:
        number: Its number in the report, from 1.
        provenance: What its cells share; their commands differ.
    """

    number: int
    provenance: Provenance

    @property
    def anchor(self) -> str:
        """Return its id on the page."""
        return f"environment-{self.number}"

    @property
    def fact_rows(self) -> list[tuple[str, str]]:
        """Return what is printed, as (term, text) pairs; what is not known is left out."""
        given = self.provenance
        pairs = [
            ("lqbench", given.lqbench_version),
            ("Commit", join(given.commit, _DIRTY[given.dirty])),
            ("Machine", given.host),
            ("Device", given.device),
            ("CPU", given.cpu),
            ("Platform", given.platform),
            ("Python", given.python),
            ("Packages", ", ".join(f"{name} {version}" for name, version in sorted(given.packages.items()))),
        ]
        return [(term, text) for term, text in pairs if text]


@dataclass(frozen=True)
class CellSource:
    """Where one row's numbers come from."""

    row: Row
    section: DatasetSection
    environment: Environment

    @property
    def fact_rows(self) -> list[tuple[str, str]]:
        """Return what is printed, as (term, text) pairs; the environment and the command stand apart."""
        record = self.row.record
        seconds = ", ".join(
            f"{phase} {record.seconds[phase]:.1f} s" for phase in sorted(record.seconds, key=_phase_order)
        )
        pairs = [
            ("Protocol", plain(self.section.facts.get("protocol"))),
            ("Settings", settings_text(record.cell.method_settings)),
            ("Started", record.started),
            ("Wall time", f"{seconds} on {record.provenance.device} (not a benchmark of speed)" if seconds else ""),
            ("Restoring an image", _cost_text(record.cost)),
            ("Scored by", record.metrics.scorer if record.metrics else ""),
            ("Detections sha256", record.metrics.detections_sha256 if record.metrics else ""),
            ("Weights sha256", record.cell.weights_sha256),
            ("Method source sha256", record.cell.method_source),
            ("Dataset fingerprint", record.cell.dataset_fingerprint),
        ]
        return [(term, text) for term, text in pairs if text]

    @property
    def command(self) -> str:
        """Return the command line that computed the cell, quoted for a shell; empty if unknown."""
        return shlex.join(self.row.record.provenance.command)


def _cost_text(cost: RestorationCost | None) -> str:
    """Return what restoring took; empty where it is not known."""
    if cost is None:
        return ""
    mean, largest = FLOPS.text_with_unit(cost.flops_mean), FLOPS.text_with_unit(float(cost.flops_max))
    return f"{mean}FLOPs on average, {largest}FLOPs at most, with {cost.parameters:,} parameters"


def _phase_order(phase: str) -> tuple[int, str]:
    return (_PHASES.index(phase) if phase in _PHASES else len(_PHASES), phase)


def cell_sources(sections: Sequence[DatasetSection]) -> list[CellSource]:
    """Return the source of every row, in the order in which the rows are shown, with environments numbered."""
    environments: dict[str, Environment] = {}
    sources = []
    for section in sections:
        for row in (row for table in section.tables for row in table.rows):
            shared = row.record.provenance.model_copy(update={"command": ()})
            environment = environments.setdefault(shared.model_dump_json(), Environment(len(environments) + 1, shared))
            sources.append(CellSource(row, section, environment))
    return sources
