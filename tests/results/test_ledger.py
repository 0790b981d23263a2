"""The bundled ledger is whole: sums, means, sources, names of the suite."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from lqbench.datasets.catalog import dataset_spec
from lqbench.datasets.classes import VOC_CLASSES
from lqbench.datasets.errors import UserError
from lqbench.methods.catalog import method_registry
from lqbench.methods.detectors.catalog import detector_registry
from lqbench.results.cell import Cell
from lqbench.results.ledger import Claim, Ledger, LedgerTable, load_ledger

ROOT = Path(__file__).resolve().parents[2]
METRICS = {
    *("AP", "AP50", "AP75", "AP_S", "AP_M", "AP_L", "AP_gain", "VOC07_AP50", "P", "mPC", "rPC"),
    *("PSNR_unknown", "PSNR_Y", "SSIM_Y", "PSNR_RGB_crop4", "FPS", "FLOPs", "FLOPs_share", "parameters"),
    *(f"VOC07_AP50/{name}" for name in VOC_CLASSES),
}
UNITS = {"%", "dB", "1/s", "G", "M", ""}


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    return load_ledger()


@pytest.fixture(scope="module")
def sums(load_script):
    return load_script("results/ledger_samples.py")


def table(ledger: Ledger, paper: str, name: str) -> LedgerTable:
    return next(one for one in ledger.tables(paper) if one.name == name)


def column(one: LedgerTable, name: str, group: str | None = None) -> list[float]:
    return [claim.value for claim in one.claims if claim.column == name and group in (None, claim.group)]


def number(ledger: Ledger, paper: str, name: str, *place: str) -> Claim:
    claim = table(ledger, paper, name).claim(*place)
    assert claim is not None, place
    return claim


def test_the_mean_of_20_classes_is_the_printed_map(ledger):
    one = table(ledger, "tdsr", "table-1")
    assert len(one.rows) == 15
    for group, row in one.rows:
        classes = [c.value for c in one.claims if (c.group, c.row) == (group, row) and "/" in c.metric]
        assert len(classes) == 20
        printed = one.claim(group, row, "AP")
        assert printed is not None
        assert sum(classes) / 20 == pytest.approx(printed.value, abs=0.05), (group, row)


def test_each_class_of_voc_has_one_column(ledger):
    one = table(ledger, "tdsr", "table-1")
    metrics = {claim.column: claim.metric for claim in one.claims if "/" in claim.metric}
    assert [metric.partition("/")[2] for metric in metrics.values()] == list(VOC_CLASSES)
    assert one.headings.count("bike") == 2


def test_columns_of_table_1_add_up(ledger, sums):
    one = table(ledger, "tdsr", "table-1")
    assert list(one.headings) == sums.TABLE_1_COLUMNS
    assert [sum(column(one, name)) for name in one.columns] == pytest.approx(sums.TABLE_1_SUMS)


def test_columns_of_table_2_add_up(ledger, sums):
    one = table(ledger, "tdsr", "table-2")
    found = {name: {group: sum(column(one, name, group)) for group in sums.TABLE_2_SUMS[name]} for name in one.columns}
    assert len(one.claims) == 6 + 7 * 6 * 2
    assert {key: pytest.approx(values) for key, values in sums.TABLE_2_SUMS.items()} == found


def test_columns_of_aeris_and_lcp_add_up(ledger, sums):
    for paper, name, expected in (("aeris", "coco-d", sums.AERIS_SUMS), ("lcp", "readme", sums.LCP_SUMS)):
        one = table(ledger, paper, name)
        assert {key: sum(column(one, key)) for key in one.columns} == pytest.approx(expected)


def test_points_of_the_figure_add_up_and_are_approximate(ledger, sums):
    one = table(ledger, "lcp", "figure-1b")
    assert len(one.rows) == 25
    for scene, expected in sums.FIGURE_SUMS.items():
        assert (sum(column(one, "AP", scene)), sum(column(one, "FPS", scene))) == pytest.approx(expected)
    assert all(claim.approximate for claim in one.claims)
    assert not number(ledger, "lcp", "readme", "Foggy-Cityscapes", "LCP-50", "AP").approximate


def test_digits_are_kept_as_printed(ledger):
    one = table(ledger, "tdsr", "table-1")
    cells = [("4x", "Bicubic", "PSNR"), ("8x", "DBPN", "bottle"), ("8x", "LR", "bottle"), ("", "HR", "AP")]
    assert [number(ledger, "tdsr", "table-1", *cell).text for cell in cells] == ["25.30", "0.80", "9.09", "75.8"]
    assert one.claim("", "HR", "PSNR") is None
    assert number(ledger, "aeris", "table-3d", "", "AERIS", "AP").text == "13.0"
    assert number(ledger, "dbpn", "benchmarks", "", "2x", "Set5 SSIM").text == "0.960"


def test_units_follow_the_number_where_a_column_has_several(ledger):
    flops = [number(ledger, "classsr", "large-images", "", row, "Test2K FLOPs") for row in ("FSRCNN-O", "CARN-O")]
    assert [(one.text, one.unit, one.metric) for one in flops] == [("468", "M", "FLOPs"), ("1.15", "G", "FLOPs")]


def test_every_number_says_where_it_is_from_and_is_there_once(ledger):
    claims = list(ledger.claims)
    assert len(claims) == 765
    empty = [c for c in claims if not (c.source and c.protocol and c.metric and c.row and c.column)]
    assert empty == []
    places = Counter((c.paper, c.table, c.group, c.row, c.column) for c in claims)
    assert [place for place, count in places.items() if count > 1] == []
    assert {c.metric for c in claims} - METRICS == set()
    assert {c.unit for c in claims} - UNITS == set()


def test_no_number_from_memory_or_unknown_is_in(ledger):
    one = table(ledger, "dbpn", "benchmarks")
    assert [name for name in one.columns if one.claim("", "8x", name) is None] == [
        *("Urban100 PSNR", "Urban100 SSIM", "Manga109 PSNR", "Manga109 SSIM")
    ]
    assert [claim for claim in ledger.claims if re.search(r"\[mem\]|from memory", claim.note + claim.source)] == []


def test_methods_tracks_and_detectors_are_those_of_the_suite(ledger):
    claims = list(ledger.claims)
    assert {c.method for c in claims if c.method} - set(method_registry()) == set()
    assert {c.detector for c in claims if c.detector} - set(detector_registry()) == set()
    for track in {c.track for c in claims if c.track}:
        assert dataset_spec(track).name == track


def test_a_settings_name_is_one_that_the_method_has(ledger):
    wanted = {(c.method, key) for c in ledger.claims for key, _ in c.settings}
    assert wanted == {("aeris", "backbone"), ("centernet", "backbone")}
    for method, key in wanted:
        assert key in method_registry().get(method).settings_type.model_fields


@pytest.mark.parametrize(
    ("paper", "name", "group", "row", "method", "track"),
    [
        ("tdsr", "table-1", "8x", "SR-FT+", "sr-ft-plus", "voc-lr-x8"),
        ("tdsr", "table-1", "", "HR", "hr", "voc-lr-x4"),
        ("aeris", "coco-d", "", "CenterNet-Res18-AERIS (Stage 1)", "aeris-stage1", "coco-d"),
        ("lcp", "readme", "URPC2020", "LCP-50", "lcp", "urpc2020"),
        ("lcp", "figure-1b", "fog", "Cascade RCNN-50", "cascade-rcnn", "foggy-cityscapes-lcp"),
    ],
)
def test_rows_stand_for_methods_of_the_suite(ledger, paper, name, group, row, method, track):
    claim = number(ledger, paper, name, group, row, "AP")
    assert (claim.method, claim.track, claim.other_split) == (method, track, False)


def test_rows_of_other_splits_say_so(ledger):
    for paper in ("lhdp", "endiff", "lqit", "srod"):
        marked = {claim.other_split for claim in ledger.paper(paper).tables[0].claims}
        assert marked == {True}, paper
    assert not any(claim.other_split for claim in table(ledger, "tdsr", "table-1").claims)


def cell(method: str, dataset: str, **settings: object) -> Cell:
    return Cell(
        method=method,
        method_settings=settings,
        method_source="a" * 64,
        dataset=dataset,
        dataset_version="1",
        split="test",
        dataset_fingerprint="f" * 64,
    )


def test_a_number_fits_the_cell_of_its_method_track_detector_and_settings(ledger):
    tdsr = number(ledger, "tdsr", "table-1", "4x", "TDSR", "AP")
    assert tdsr.fits(cell("tdsr", "voc-lr-x4", detector="ssd300-voc"))
    assert not tdsr.fits(cell("tdsr", "voc-lr-x4", detector="mini"))
    assert not tdsr.fits(cell("tdsr", "voc-lr-x8", detector="ssd300-voc"))
    swin = number(ledger, "aeris", "coco-d", "", "CenterNet-SwinTiny", "AP")
    assert swin.fits(cell("centernet", "coco-d", backbone="swin_t"))
    assert not swin.fits(cell("centernet", "coco-d", backbone=None))


def test_the_papers_that_the_suite_is_about_come_first(ledger):
    assert [paper.key for paper in ledger.papers if paper.main] == ["aeris", "lcp", "tdsr"]
    assert [paper.key for paper in ledger.papers][:4] == ["aeris", "lcp", "tdsr", "basicsr"]


def test_an_unknown_paper_is_a_mistake(ledger):
    with pytest.raises(UserError, match=r"no paper 'tdrs'.*did you mean 'tdsr'"):
        ledger.tables("tdrs")


def test_loading_needs_no_torch():
    program = (
        "import sys\nfrom lqbench.results.ledger import load_ledger\nload_ledger()\n"
        "assert not {'torch', 'numba', 'pandas'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_files_are_package_data():
    assert '"lqbench.results" = ["claims/*.yaml"]' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
