"""Tables of scores and the tidy table of all numbers, from records."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from lqbench.benchmark.analysis.frames import COLUMNS, results_frame
from lqbench.benchmark.analysis.tables import is_oracle, primary_metric, score_table, transfer_matrix, value_of
from lqbench.datasets.errors import UserError
from lqbench.results.atomic import encode_parquet


@pytest.fixture
def records(samples):
    """The finished cells with the dataset's default detector."""
    every = samples.sample_records()
    return [r for r in every if r.status == "done" and r.cell.detector != "retinanet"]


def test_scores_take_each_data_sets_own_metric(records):
    table = score_table(records)
    assert table.index.tolist() == ["bicubic", "hr", "lr"]
    assert table.columns.tolist() == ["coco-d", "voc-lr-x4"]
    assert table.at["hr", "coco-d"] == 0.340
    assert table.at["hr", "voc-lr-x4"] == pytest.approx(0.552 * 1.4)
    assert math.isnan(table.at["lr", "voc-lr-x4"])
    assert score_table(records, "AP").at["hr", "voc-lr-x4"] == 0.552


def test_facts_of_a_record(samples, records):
    by_name = {(r.cell.method, r.cell.dataset): r for r in records}
    assert primary_metric(by_name["hr", "voc-lr-x4"]) == "VOC07_AP50"
    assert is_oracle(by_name["hr", "coco-d"]) and not is_oracle(by_name["lr", "coco-d"])
    assert math.isnan(value_of(samples.failed("lr", "boom")))
    assert math.isnan(value_of(by_name["hr", "coco-d"], "nothing"))


def test_several_cells_of_a_method_on_a_data_set_are_refused(samples):
    both = [r for r in samples.sample_records() if r.cell.dataset == "coco-d" and r.status == "done"]
    with pytest.raises(UserError, match=r"hr has several cells on coco-d .*--detector"):
        score_table(both)


def test_different_images_are_refused(samples):
    other = samples.cell("bicubic", dataset_fingerprint="0" * 64, split="train2017")
    with pytest.raises(UserError, match="coco-d were run on different images"):
        score_table([samples.record("lr", 0.1), samples.record("bicubic", 0.2, of=other)])


def test_transfer_matrix_sorts_by_what_the_methods_were_tuned_on(records):
    matrix = transfer_matrix(records)
    assert matrix.index.tolist() == [("none", "bicubic"), ("unknown", "hr"), ("unknown", "lr")]
    assert matrix.index.names == ["tuned_on", "method"]
    assert matrix.loc[("unknown", "lr"), "coco-d"] == 0.123


def test_results_frame_is_tidy_documented_and_the_same_for_any_order(samples):
    every = samples.sample_records()
    frame = results_frame(every)
    assert list(frame.columns) == list(COLUMNS) and all(COLUMNS.values())
    expected = sum(
        len(r.metrics.values) + sum(map(len, r.metrics.per_class.values())) for r in every if r.status == "done"
    )
    assert len(frame) == expected
    assert not frame.duplicated(["cell", "metric", "class"]).any()
    pd.testing.assert_frame_equal(frame, results_frame(every[::-1]))
    assert encode_parquet(frame) == encode_parquet(results_frame(every[::-1]))
    row = frame[(frame["method"] == "bicubic") & (frame["metric"] == "PSNR_Y")].iloc[0]
    assert (row["value"], row["class"], row["detector"], row["tuned_on"]) == (24.813, "", "yolox-nano", "none")
    assert frame[frame["method"] == "hr"]["needs_clean"].all()


def test_undefined_numbers_are_missing_and_types_do_not_depend_on_the_records(samples):
    frame = results_frame([samples.record("lr", metrics=samples.coco_metrics(0.2, AP_S=None))])
    assert frame.loc[frame["metric"] == "AP_S", "value"].isna().all()
    assert frame.loc[(frame["metric"] == "AP") & (frame["class"] == "traffic light"), "value"].isna().all()
    assert frame["limit"].isna().all()
    empty = results_frame([])
    assert empty.empty
    assert {name: str(empty[name].dtype) for name in ("value", "limit", "images")} == {
        "value": "float64",
        "limit": "Int64",
        "images": "int64",
    }
