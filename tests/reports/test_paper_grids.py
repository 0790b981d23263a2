"""The papers' tables: digits as printed, each verdict by construction, no number without a reason."""

from __future__ import annotations

import math
import random
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lqbench.benchmark.analysis.cells import CellAnalysis
from lqbench.benchmark.statistics.inference import estimate
from lqbench.reports.columns import MISSING
from lqbench.reports.grid import Grid, GridRow
from lqbench.reports.paper_verdicts import PUBLISHED_WEIGHTS, TOLERANCE, Judge, Judgement, rounding
from lqbench.reports.papers import LONG_HEADINGS, paper_grids
from lqbench.results.ledger import Claim, Ledger, load_ledger
from lqbench.results.record import Record, WeightsFile

SSD = WeightsFile(name=PUBLISHED_WEIGHTS["ssd300-voc"], sha256="5" * 64)
OWN = WeightsFile(name="tdsr-x4.safetensors", sha256="7" * 64)
CLASSES = ("aeroplane", "bicycle")


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    return load_ledger()


def claim(**changes: Any) -> Claim:
    given: dict[str, Any] = {
        "paper": "p",
        "table": "t",
        "row": "LR",
        "column": "AP",
        "dataset": "VOC2007 test",
        "protocol": "",
        "metric": "VOC07_AP50",
        "value": 41.7,
        "unit": "%",
        "precision": 1,
        "source": "here",
        "method": "lr",
        "detector": "ssd300-voc",
        "track": "voc-lr-x4",
    }
    return Claim(**{**given, **changes})


@pytest.fixture
def make(samples: ModuleType):
    """Return a function that makes the record of a full cell on voc-lr-x4, with one VOC07_AP50 for all."""

    def make(method: str = "lr", ap: float = 0.417, *, detector: str = "ssd300-voc", **changes: Any) -> Record:
        files = (SSD,) if method in ("hr", "lr", "bicubic") else (SSD, OWN)
        of = {"dataset": "voc-lr-x4", "method_settings": {"detector": detector}, "weights_sha256": SSD.sha256}
        cell = samples.cell(method, **{**of, **changes.pop("cell", {})})
        metrics = samples.coco_metrics(ap, VOC07_AP50=ap, **changes.pop("values", {}))
        classes = {"VOC07_AP50": dict.fromkeys(CLASSES, ap)}
        metrics = metrics.model_copy(update={"per_class": classes})
        return samples.record(method, of=cell, metrics=metrics, **{"weights": files, "images": 4952, **changes})

    return make


def analysed(record: Record, spread: float = 0.004, names: tuple[str, ...] = ("VOC07_AP50",)) -> CellAnalysis:
    """Replicates spread evenly around each number."""
    assert record.metrics is not None
    drawn = np.linspace(-spread, spread, 1000)
    values = {name: record.metrics.values[name] or 0.0 for name in names}
    values |= {f"VOC07_AP50/{name}": record.metrics.per_class["VOC07_AP50"][name] or 0.0 for name in CLASSES}
    replicates = {name: np.concatenate([[value], value + drawn]) for name, value in values.items()}
    return CellAnalysis(replicates, None, pd.Series(dtype=float))


def judged(
    of: Claim, *records: Record, spread: float = 0.004, vouched: tuple[str, ...] = (), others: tuple[Claim, ...] = ()
) -> Judgement:
    analyses = {record.cell.key: analysed(record, spread) for record in records if record.metrics is not None}
    return Judge([of, *others], records, analyses, vouched)(of)


def printed(ledger: Ledger, paper: str, name: str, records: tuple[Record, ...] = (), **analyses: CellAnalysis) -> Grid:
    return next(grid for grid in paper_grids(ledger, paper, records, analyses) if grid.name == name)


def texts(row: GridRow) -> list[str]:
    return [cell.text for cell in row.cells]


@pytest.mark.parametrize("paper", ["tdsr", "aeris", "lcp"])
def test_every_number_is_printed_as_in_the_ledger(ledger, paper):
    grids = {grid.name: grid for grid in paper_grids(ledger, paper, [], {})}
    for table in ledger.tables(paper):
        words = 1 if table.paired else 1 + len(table.text_columns)
        grid = grids[f"{paper}-{table.name}"]
        assert [heading.text for heading in grid.headings[words:]] == list(table.headings)
        if not table.paired:
            assert [(row.group, row.cells[0].text) for row in grid.rows] == list(table.rows)
            for row, (group, name) in zip(grid.rows, table.rows, strict=True):
                found = [table.claim(group, name, column) for column in table.columns]
                assert texts(row)[words:] == [one.text if one else MISSING for one in found]
        long = grids[f"{paper}-{table.name}-verdicts"]
        assert [row.cells[3].text for row in long.rows] == [one.text for one in table.claims]


def test_known_rows_read_as_in_the_papers(ledger):
    first = printed(ledger, "tdsr", "tdsr-table-1")
    bicubic = next(row for row in first.rows if row.group == "8x" and row.cells[0].text == "Bicubic")
    assert " ".join(texts(bicubic)) == (
        "Bicubic - 21.85 11.2 13.6 9.80 10.9 1.71 9.09 12.3 18.9 22.7 9.09 7.41 9.91 18.8 10.8 16.9 16.1 2.42 9.09 "
        "5.67 2.60 16.1"
    )
    second = printed(ledger, "tdsr", "tdsr-table-2")
    assert " ".join(texts(second.rows[0])) == (
        "AP@[IoU = 0.50 : 0.95 area= all] 24.2 (8.2:1.9) (8.1:2.0) (1.2:0.1) (0.6:0.1) (13.7:4.4) (14.1:4.8) (16.7:9.8)"
    )
    assert len(second.rows) == 6
    large = printed(ledger, "classsr", "classsr-large-images")
    assert "1.15G" in texts(large.rows[2])
    assert "468M" in texts(large.rows[0])


def test_without_cells_each_number_says_why_it_was_not_measured(ledger):
    for grid in paper_grids(ledger, "lcp", [], {}):
        if not grid.name.endswith("-verdicts"):
            continue
        for row in grid.rows:
            assert row.kind == "published"
            assert texts(row)[4:7] == [MISSING] * 3
            assert row.cells[7].text.startswith("not measured: ")
            assert all(math.isnan(cell.value) and cell.note for cell in row.cells[4:7])
    fog = printed(ledger, "lcp", "lcp-figure-1b-verdicts")
    assert fog.rows[0].cells[7].text == "not measured: the suite has no such method"
    assert fog.rows[2].cells[7].text == "not measured: no cell of lcp on foggy-cityscapes-lcp"


@pytest.mark.parametrize(
    ("ap", "spread", "verdict"),
    [
        (0.417, 0.004, "reproduced"),
        (0.420, 0.004, "reproduced"),
        (0.417, 0.020, "within noise"),
        (0.425, 0.009, "within noise"),
        (0.425, 0.004, "differs"),
        (0.350, 0.020, "differs"),
    ],
)
def test_verdicts_on_numbers_measured_alike(make, ap, spread, verdict):
    result = judged(claim(), make(ap=ap), spread=spread)
    assert (result.verdict, result.reason, result.text) == (verdict, "", verdict)


def test_the_interval_is_the_bootstraps_widened_by_the_rounding(make):
    record = make(ap=0.42)
    result = judged(claim(), record)
    own = estimate(analysed(record).replicates["VOC07_AP50"])
    assert own.low is not None and own.high is not None
    expected = [42.0 - 41.7, 100 * own.low - 41.7 - 0.05, 100 * own.high - 41.7 + 0.05]
    ends = result.difference
    assert [ends.value, ends.low, ends.high] == pytest.approx(expected, abs=1e-12)


def test_rounding_is_half_a_unit_of_the_last_digit_or_the_reading_of_a_figure():
    assert rounding(claim()) == pytest.approx(0.05)
    assert rounding(claim(precision=2)) == pytest.approx(0.005)
    assert rounding(claim(approximate=True)) == pytest.approx(0.2)


def test_rounding_alone_does_not_make_a_difference(make):
    assert judged(claim(value=41.7), make(ap=0.41745), spread=1e-6).verdict == "reproduced"
    assert judged(claim(value=41.7), make(ap=0.41755), spread=1e-6).verdict == "differs"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"images": 128}, "subset of 128 of 4952 images"),
        ({"detector": "yolox-nano"}, "detector yolox-nano, the paper's is ssd300-voc"),
        ({"cell": {"split": "trainval"}}, "split trainval, the paper's is test"),
        ({"cell": {"precision": "bfloat16"}}, "computed in bfloat16"),
        (
            {"weights": (OWN,), "cell": {"weights_sha256": OWN.sha256}},
            "weights tdsr-x4.safetensors 77777777 are not known",
        ),
        ({"weights": ()}, "weights 55555555 are not known to be the paper's"),
    ],
)
def test_what_was_measured_otherwise_is_shown_and_said(make, changes, reason):
    result = judged(claim(), make(**changes))
    assert result.verdict == "protocol differs"
    assert reason in result.reason
    assert result.measured == pytest.approx(41.7)
    assert result.difference.value == pytest.approx(0.0, abs=1e-9)


def test_weights_trained_elsewhere_count_if_vouched_for(make):
    of, record = claim(method="tdsr", row="TDSR"), make("tdsr")
    assert judged(of, record).reason == "weights tdsr-x4.safetensors 77777777 are not known to be the paper's"
    assert judged(of, record, vouched=(OWN.sha256,)).verdict == "reproduced"
    nameless = make("tdsr", weights=(), cell={"weights_sha256": ""})
    assert judged(of, nameless).reason == "the cell names no weights, so they are not known to be the paper's"


def test_a_number_of_another_split_is_shown_but_not_compared(make):
    result = judged(claim(other_split=True, dataset="a half of VOC"), make())
    assert result.text == "protocol differs: the number is of a half of VOC, measured otherwise than voc-lr-x4"
    assert result.measured == pytest.approx(41.7)
    assert result.difference.value is None


def test_a_failed_cell_gives_its_reason(make):
    broken = make(status="failed", error="Traceback\n  ...\nRuntimeError: out of memory\n").model_copy(
        update={"metrics": None}
    )
    assert judged(claim(), broken).text == "not measured: lr on voc-lr-x4 failed: RuntimeError: out of memory"
    assert judged(claim(), broken, make(cell={"dataset_version": "2"})).verdict == "reproduced"


def test_a_metric_of_unknown_convention_is_shown_but_not_compared(make):
    of = claim(metric="PSNR_unknown", unit="dB", precision=2, value=25.3, method="bicubic")
    result = judged(of, make("bicubic", values={"PSNR_Y": 26.104}))
    assert result.text == "not measured: metric convention unknown, the suite's is PSNR_Y"
    assert result.measured == pytest.approx(26.104)
    assert result.difference.value is None


def test_undefined_absent_and_unanalysed_numbers_are_no_zeros(make):
    undefined = judged(claim(metric="AP_L"), make(values={"AP_L": None}))
    assert undefined.text == "not measured: AP_L is undefined on these images"
    assert undefined.measured is None
    speed = judged(claim(metric="FPS", unit="1/s"), make())
    assert speed.text == "not measured: a cell holds no FPS"
    assert Judge([claim()], [make()], {})(claim()).verdict == "not measured"


def test_scenes_never_stand_for_a_papers_data(make):
    scenes = make(cell={"dataset": "scenes-lr-x4"})
    assert judged(claim(), scenes).text == "not measured: no cell of lr on voc-lr-x4"


def test_the_newest_whole_cell_that_fits_stands_for_a_claim(make):
    old, new = make(ap=0.3, started="2025-01-01"), make(ap=0.4, started="2026-01-01", cell={"dataset_version": "2"})
    subset = make(ap=0.5, started="2026-02-01", images=10, cell={"limit": 10})
    other = make(ap=0.6, started="2026-03-01", detector="yolox-nano")
    for order in ([old, new, subset, other], [other, subset, new, old]):
        assert judged(claim(), *order).record == new
        assert judged(claim(), *(one for one in order if one is not new)).record == old
    assert judged(claim(), subset, other).record == subset


def test_settings_choose_among_cells_of_one_method(make):
    plain = claim(method="aeris", detector="", track="coco-d", dataset="COCO-d", metric="AP", row="Res18")
    swin = plain.model_copy(update={"row": "Swin", "settings": (("backbone", "swin_t"),)})
    of = {"dataset": "coco-d", "split": "val2017"}
    small = make("aeris", ap=0.2, started="2025-01-01", cell=of)
    large = make("aeris", ap=0.3, started="2026-01-01", cell={**of, "method_settings": {"backbone": "swin_t"}})
    assert judged(plain, small, large, others=(swin,)).record == small
    assert judged(swin, small, large, others=(plain,)).record == large
    assert judged(plain, large, others=(swin,)).text == "not measured: no cell of aeris on coco-d"
    assert "backbone default, the paper's is swin_t" in judged(swin, small, others=(plain,)).reason


def test_the_long_form_and_the_measured_table_hold_the_numbers(ledger, make):
    record = make(ap=0.42)
    analyses = {record.cell.key: analysed(record)}
    grids = {grid.name: grid for grid in paper_grids(ledger, "tdsr", [record], analyses)}
    long = grids["tdsr-table-1-verdicts"]
    assert long.headings == LONG_HEADINGS
    row = next(row for row in long.rows if row.group == "4x" and texts(row)[:2] == ["LR", "AP"])
    assert texts(row)[2:] == ["VOC07_AP50 (%)", "41.7", "42.0", "+0.3 [-0.1, +0.7]", "4952", "reproduced"]
    assert row.cells[4].key == record.cell.key
    assert row.kind == ""
    aero = next(row for row in long.rows if row.group == "4x" and texts(row)[:2] == ["LR", "aero"])
    assert aero.cells[7].text == "differs"
    table = grids["tdsr-table-1-measured"]
    lr = next(row for row in table.rows if row.group == "4x" and row.cells[0].text == "LR")
    assert texts(lr)[2:5] == [MISSING, "41.7 | 42.0", "48.9 | 42.0"]
    assert texts(lr)[5:7] == ["46.8 | 42.0", f"33.5 | {MISSING}"]
    assert lr.cells[3].value == pytest.approx(42.0)
    assert lr.cells[3].note.startswith("reproduced.")


def test_both_motorbike_and_bicycle_can_be_told_apart(ledger):
    long = printed(ledger, "tdsr", "tdsr-table-1-verdicts")
    assert [texts(row)[1] for row in long.rows if row.cells[0].text == "HR"].count("motorbike") == 1


def test_a_ceiling_and_a_subset_are_marked(ledger, make):
    record = make("hr", ap=0.75, images=128)
    row = next(row for row in printed(ledger, "tdsr", "tdsr-table-1-verdicts", (record,)).rows if row.kind == "ceiling")
    assert texts(row)[6] == "128 of 4952"
    assert "subset of 128 of 4952 images" in texts(row)[7]


def test_the_order_of_records_does_not_matter(ledger, make):
    records = [make("hr", ap=0.7), make(), make("bicubic"), make("tdsr"), make(cell={"dataset_version": "2"})]
    analyses = {record.cell.key: analysed(record) for record in records}
    expected = repr(paper_grids(ledger, "tdsr", records, analyses))
    random.Random(0).shuffle(records)
    assert repr(paper_grids(ledger, "tdsr", records, analyses)) == expected


def test_every_paper_of_the_ledger_has_its_grids(ledger):
    for paper in ledger.papers:
        grids = paper_grids(ledger, paper.key, [], {})
        assert len(grids) == 3 * len(paper.tables)
        assert len({grid.name for grid in grids}) == len(grids)


def test_tolerances_are_stated_beneath_the_table(ledger):
    notes = " ".join(printed(ledger, "tdsr", "tdsr-table-1-verdicts").notes)
    assert f"within ±{TOLERANCE['%']:g} % points" in notes
    assert f"±{TOLERANCE['dB']:g} dB" in notes
