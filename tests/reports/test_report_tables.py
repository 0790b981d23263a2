"""Comparison tables: what shares a table, in which order, and what is printed where there is no number."""

from __future__ import annotations

import math
import random
from types import ModuleType
from typing import Any

import pytest

from lqbench.reports.columns import CEILING_SHARE, FLOPS, MISSING, Column, quality_columns
from lqbench.reports.rows import rows_of
from lqbench.reports.sections import sections_of
from lqbench.reports.summary import finding
from lqbench.reports.tables import Table, comparison_tables

AP_KEY = "AP"


def only(tables: list[Table]) -> Table:
    assert len(tables) == 1
    return tables[0]


def column(table: Table, key: str) -> Column:
    return next(column for column in table.columns if column.key == key)


def printed(table: Table, label: str, key: str) -> str:
    row = next(row for row in table.rows if row.label == label)
    return table.text(row, column(table, key))


def test_the_ceiling_stands_first_then_best_first_then_failures(samples: ModuleType) -> None:
    records = [
        samples.failed("broken", "ValueError: no"),
        samples.record("lr", 0.1),
        samples.record("bicubic", 0.5),
        samples.record("hr", 0.4),
    ]
    table = only(comparison_tables(records))
    assert [row.label for row in table.rows] == ["hr", "bicubic", "lr", "broken"]
    assert [row.is_ceiling for row in table.rows] == [True, False, False, False]


@pytest.mark.parametrize(
    "change",
    [
        {"dataset_fingerprint": "f" * 64},
        {"limit": 20},
        {"split": "train2017"},
        {"dataset_version": "2"},
        {"method_settings": {"detector": "fcos"}},
    ],
)
def test_cells_on_other_images_or_behind_another_detector_get_their_own_table(
    samples: ModuleType, change: dict[str, object]
) -> None:
    other = samples.cell("bicubic", **change)
    tables = comparison_tables([samples.record("hr", 0.4), samples.record("bicubic", 0.2, of=other)])
    assert sorted(len(table.rows) for table in tables) == [1, 1]
    without_ceiling = next(table for table in tables if table.rows[0].label == "bicubic")
    assert CEILING_SHARE not in without_ceiling.columns
    assert any("ceiling" in note for note in without_ceiling.notes)


def test_the_order_of_the_records_does_not_matter(samples: ModuleType) -> None:
    records = samples.sample_records()
    expected = [(table.key, table.text_rows) for table in comparison_tables(records)]
    random.Random(3).shuffle(records)
    assert [(table.key, table.text_rows) for table in comparison_tables(records)] == expected


def test_percent_with_one_decimal_and_share_of_the_ceiling(samples: ModuleType) -> None:
    table = only(comparison_tables([samples.record("hr", 0.34), samples.record("bicubic", 0.2012)]))
    assert printed(table, "bicubic", AP_KEY) == "20.1"
    assert printed(table, "bicubic", CEILING_SHARE.key) == "59.2"
    assert printed(table, "hr", CEILING_SHARE.key) == "100.0"
    assert column(table, AP_KEY).heading == "AP (%)"


@pytest.mark.parametrize("value", [None, math.nan])
def test_an_undefined_metric_is_a_dash_and_zero_stays_zero(samples: ModuleType, value: float | None) -> None:
    metrics = samples.coco_metrics(0.3, AP_S=value, AP_M=0.0)
    table = only(comparison_tables([samples.record("lr", metrics=metrics)]))
    assert printed(table, "lr", "AP_S") == MISSING
    assert printed(table, "lr", "AP_M") == "0.0"
    assert math.isnan(table.value(table.rows[0], column(table, "AP_S")))


def test_a_finished_cell_without_metrics_has_counts_but_no_metrics(samples: ModuleType) -> None:
    table = only(comparison_tables([samples.record("lr", None)]))
    assert printed(table, "lr", AP_KEY) == MISSING
    assert printed(table, "lr", "images") == "128"
    assert table.per_class == ()


def test_a_failed_cell_shows_the_last_line_of_its_error_and_no_numbers(samples: ModuleType) -> None:
    error = "Traceback (most recent call last):\n  File x\nRuntimeError: out of memory\n\n"
    table = only(comparison_tables([samples.failed("lr", error)]))
    assert table.rows[0].failure == "RuntimeError: out of memory"
    assert table.text_rows == [["lr (failed)", *[MISSING] * len(table.columns)]]


def test_voc_tables_have_the_columns_of_the_voc_protocol(samples: ModuleType) -> None:
    table = only(comparison_tables([samples.record("hr", 0.5, of=samples.cell("hr", "voc-lr-x4"))]))
    assert [column.key for column in table.columns[:3]] == ["VOC07_AP50", "VOC_area_AP50", "AP"]
    assert [classes.column.key for classes in table.per_class] == ["VOC07_AP50", "VOC_area_AP50"]


def test_image_quality_columns_appear_only_where_something_was_restored(samples: ModuleType) -> None:
    plain = only(comparison_tables([samples.record("lr", 0.1)]))
    assert not {"PSNR_Y", "SSIM_Y"} & set(plain.frame)
    restored = samples.record("bicubic", metrics=samples.coco_metrics(0.2, PSNR_Y=24.813, SSIM_Y=0.71342))
    table = only(comparison_tables([samples.record("lr", 0.1), restored]))
    assert (printed(table, "bicubic", "PSNR_Y"), printed(table, "bicubic", "SSIM_Y")) == ("24.81", "0.7134")
    assert printed(table, "lr", "PSNR_Y") == MISSING


def test_the_cost_of_restoring_is_shown_with_three_digits_where_known(samples: ModuleType) -> None:
    records = [samples.record("lr", 0.1), *(samples.costly(f"m{g}", 0.2, g) for g in (133.123, 0.031249, 5712.0, 0.0))]
    table = only(comparison_tables(records))
    assert FLOPS.heading == "FLOPs/image (G)"
    shown = {row.label: table.text(row, FLOPS) for row in table.rows}
    assert shown == {"lr": MISSING, "m133.123": "133", "m0.031249": "0.0312", "m5712.0": "5,712", "m0.0": "0"}
    assert FLOPS not in only(comparison_tables([samples.record("lr", 0.1)])).columns


def test_a_border_crop_is_named_in_the_heading() -> None:
    columns = quality_columns(["AP", "SSIM_RGB", "PSNR_Y_crop4", "PSNR_Z"])
    assert [column.heading for column in columns] == ["PSNR-Y crop 4 (dB)", "SSIM-RGB"]
    assert "4 pixels of border" in columns[0].meaning


def test_per_class_tables_follow_the_rows_and_leave_undefined_classes_out_of_the_count(samples: ModuleType) -> None:
    table = only(comparison_tables([samples.record("lr", 0.1), samples.record("hr", 0.4), samples.failed("x", "E")]))
    classes = table.per_class[0]
    assert classes.headings == ("hr", "lr")
    assert classes.text_rows[0] == ["bicycle", "36.0", "9.0"]
    assert len(classes.text_rows) == 3 and len(classes.frame) == 4
    assert classes.absent == ["traffic light"]
    assert classes.count_text == "4 classes, 3 with objects"


def test_runs_that_differ_in_a_setting_are_told_apart_by_it(samples: ModuleType) -> None:
    cells = [samples.cell("sr", method_settings={"detector": "fcos", "scale": scale, "tile": 8}) for scale in (2, 4)]
    rows = rows_of([samples.record("sr", 0.1, of=cell) for cell in cells])
    assert [row.label for row in rows] == ["sr (scale=2)", "sr (scale=4)"]


@pytest.mark.parametrize(("field", "word"), [("weights_sha256", "weights"), ("method_source", "source")])
def test_runs_that_differ_only_in_content_are_told_apart_by_a_hash(samples: ModuleType, field: str, word: str) -> None:
    cells = [samples.cell("lr", **{field: digest}) for digest in ("a" * 64, "b" * 64)]
    table = only(comparison_tables([samples.record("lr", 0.1, of=cell) for cell in cells]))
    assert [row.label for row in table.rows] == [f"lr ({word} aaaaaaaa)", f"lr ({word} bbbbbbbb)"]


def test_different_weights_in_one_table_are_noted(samples: ModuleType) -> None:
    records = [samples.record("hr", 0.4), samples.record("lr", 0.1, of=samples.cell("lr", weights_sha256="c" * 64))]
    assert any("2 different weight files" in note for note in only(comparison_tables(records)).notes)
    assert only(comparison_tables([samples.record("hr", 0.4), samples.record("lr", 0.1)])).notes == ()


def test_subsets_are_marked_and_full_sets_are_not(samples: ModuleType) -> None:
    sections = sections_of(comparison_tables(samples.sample_records()))
    assert [section.subset for section in sections] == ["subset: 128 of 5000 images", ""]


def test_the_finding_names_the_best_method_on_degraded_images_and_never_the_ceiling(samples: ModuleType) -> None:
    records = [samples.record("hr", 0.4), samples.record("bicubic", 0.2), samples.record("lr", 0.1)]
    text = finding(only(comparison_tables(records))).replace("\N{NO-BREAK SPACE}", " ")
    assert "bicubic, 20.0 %" in text and "50.0 % of the ceiling" in text and "40.0 %" in text
    assert "no method for degraded images" in finding(only(comparison_tables([samples.record("hr", 0.4)])))
    tied = finding(only(comparison_tables([samples.record("lr", 0.2), samples.record("bicubic", 0.2)])))
    assert "bicubic and lr, 20.0\N{NO-BREAK SPACE}%" in tied and "ceiling" not in tied


def test_weight_files_tell_runs_apart_on_one_dataset_alone(samples: ModuleType) -> None:
    def record(dataset: str, digit: str) -> Any:
        one = samples.record("aod", 0.4)
        settings = {**one.cell.method_settings, "restorer": {"network": "aod", "sha256": digit * 64}}
        fields = {"dataset": dataset, "dataset_fingerprint": dataset, "method_settings": settings}
        cell = one.cell.model_copy(update=fields)
        return one.model_copy(update={"cell": cell})

    assert [row.label for row in rows_of([record("fog", "a"), record("rain", "b")])] == ["aod", "aod"]
    labels = [row.label for row in rows_of([record("fog", "a"), record("fog", "b"), record("rain", "b")])]
    assert labels == ["aod (restorer=aod aaaaaaaa)", "aod (restorer=aod bbbbbbbb)", "aod (restorer=aod bbbbbbbb)"]
