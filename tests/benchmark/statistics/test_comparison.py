from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lqbench.benchmark.metrics.coco import coco_metrics
from lqbench.benchmark.metrics.voc import voc_metrics
from lqbench.benchmark.statistics import comparison
from lqbench.benchmark.statistics.comparison import ComparisonRow, Outputs, available_metrics, compare
from lqbench.benchmark.statistics.inference import Estimate
from lqbench.results.tables import GroundTruth

EIGHT = ("AP", "AP50", "AP75", "AP_S", "AP_M", "AP_L", "VOC07_AP50", "VOC_area_AP50")


@pytest.fixture(scope="module")
def tables(random_tables) -> tuple[GroundTruth, pd.DataFrame]:
    return random_tables(5, images=60, objects=240, clutter=200)


def worse_of(detections: pd.DataFrame) -> pd.DataFrame:
    """Every third box shifted by a quarter of its width."""
    shift = (detections["x2"] - detections["x1"]) * 0.25 * (np.arange(len(detections)) % 3 == 0)
    return detections.assign(x1=detections["x1"] + shift, x2=detections["x2"] + shift)


def by_metric(rows: list[ComparisonRow]) -> dict[str, ComparisonRow]:
    return {row.metric: row for row in rows}


def test_a_method_against_itself_differs_by_exactly_0(tables) -> None:
    gt, detections = tables
    quality = pd.DataFrame({"image": np.arange(60), "PSNR_Y": np.linspace(20, 40, 60)})
    same = Outputs(detections, quality)
    for row in compare(gt, same, Outputs(detections.copy(), quality.copy()), replicates=100):
        assert row.difference == Estimate(0.0, 0.0, 0.0)
        assert (row.p, row.p_holm, row.verdict) == (1.0, 1.0, "not told apart")
        assert row.a == row.b


def test_values_are_those_of_the_scorers(tables) -> None:
    gt, detections = tables
    expected = coco_metrics(gt, detections).values | voc_metrics(gt, detections).values
    rows = compare(gt, Outputs(detections), Outputs(worse_of(detections)), replicates=100)
    assert [row.metric for row in rows] == list(EIGHT)
    for row in rows:
        assert row.a.value == pytest.approx(expected[row.metric], abs=1e-12)
        assert row.a.low is not None and row.a.value is not None and row.a.high is not None
        assert row.a.low <= row.a.value <= row.a.high


def test_shifted_boxes_are_told_apart_and_the_other_way_round_says_the_opposite(tables) -> None:
    gt, detections = tables
    good, bad = Outputs(detections), Outputs(worse_of(detections))
    there, back = by_metric(compare(gt, good, bad)), by_metric(compare(gt, bad, good))
    assert there["AP"].verdict == "better"
    assert back["AP"].verdict == "worse"
    for name in EIGHT:
        forth, other = there[name], back[name]
        assert (forth.p, forth.p_holm) == (other.p, other.p_holm)
        assert forth.difference.value is not None and forth.difference.low is not None
        assert other.difference.value == -forth.difference.value
        assert other.difference.high == pytest.approx(-forth.difference.low, abs=1e-12)


def test_the_paired_interval_is_narrower_than_the_unpaired_one(tables) -> None:
    gt, detections = tables
    row = compare(gt, Outputs(detections), Outputs(worse_of(detections)), metrics=["AP50"])[0]

    def width(interval: Estimate) -> float:
        assert interval.low is not None and interval.high is not None
        return interval.high - interval.low

    assert width(row.difference) < 0.7 * np.hypot(width(row.a), width(row.b))


def test_noise_is_not_told_apart(tables) -> None:
    gt, detections = tables
    jitter = np.random.default_rng(0).permutation(len(detections)) * 1e-9
    rows = compare(gt, Outputs(detections), Outputs(detections.assign(score=detections["score"] + jitter)))
    assert {row.verdict for row in rows} == {"not told apart"}


def test_the_correction_is_over_the_metrics_asked_for(tables) -> None:
    gt, detections = tables
    pair = (Outputs(detections), Outputs(worse_of(detections)))
    one, all_eight = compare(gt, *pair, metrics=["AP"]), compare(gt, *pair)
    assert [row.metric for row in one] == ["AP"]
    assert one[0].p_holm == one[0].p == all_eight[0].p
    assert all_eight[0].p_holm == 8 * (one[0].p or 0.0)
    assert one[0].difference == all_eight[0].difference


def test_families_that_are_not_asked_for_are_not_computed(tables, monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError

    gt, detections = tables
    monkeypatch.setattr(comparison, "voc_replicates", refuse)
    assert len(compare(gt, Outputs(detections), Outputs(detections), replicates=100, metrics=["AP75"])) == 1


def test_image_quality_is_compared_where_both_restore(tables) -> None:
    gt, detections = tables
    values = np.random.default_rng(1).normal(28, 2, 60)
    quality = pd.DataFrame({"image": np.arange(60), "PSNR_Y": values, "SSIM_Y": values / 40})
    first, second = Outputs(detections, quality.assign(PSNR_Y=values + 0.3)), Outputs(detections, quality)
    assert available_metrics(first, second) == (*EIGHT, "PSNR_Y", "SSIM_Y")
    assert available_metrics(first, Outputs(detections)) == EIGHT
    rows = by_metric(compare(gt, first, second))
    assert rows["PSNR_Y"].difference.value == pytest.approx(0.3)
    assert rows["PSNR_Y"].verdict == "better"
    assert rows["SSIM_Y"].verdict == "not told apart"


def test_a_metric_without_objects_of_its_kind_has_no_verdict_and_no_part_in_the_correction(
    truth_of, detections_of
) -> None:
    box = (0, 0, 50, 50)
    gt = truth_of([{"xyxy": box, "image": i} for i in range(30)], images=30)
    found = Outputs(detections_of([(i, box, 0.9, 0) for i in range(30)]))
    none = Outputs(detections_of([(i, (300, 300, 350, 350), 0.9, 0) for i in range(30)]))
    rows = by_metric(compare(gt, found, none, replicates=100))
    undefined = Estimate(None, None, None)
    assert rows["AP_L"] == ComparisonRow("AP_L", undefined, undefined, undefined, None, None, None)
    assert rows["AP_M"].p_holm == pytest.approx(6 * 2 / 101)


def test_the_same_seed_gives_the_same_rows(tables) -> None:
    gt, detections = tables
    pair = (Outputs(detections), Outputs(worse_of(detections)))
    assert compare(gt, *pair, replicates=100) == compare(gt, *pair, replicates=100)
    assert compare(gt, *pair, replicates=100) != compare(gt, *pair, replicates=100, seed=1)
