from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lqbench.benchmark.statistics.inference import (
    Estimate,
    centred,
    estimate,
    holm,
    p_value,
    smallest_p,
    verdict,
)
from lqbench.benchmark.statistics.replicates import coco_replicates, quality_replicates
from lqbench.benchmark.statistics.resampling import bootstrap_weights


def test_interval_by_hand() -> None:
    replicates = np.concatenate([[10.0], np.arange(8.0, 13.0)])  # mean 10: nothing to move
    assert estimate(replicates, level=0.5) == Estimate(10.0, 9.0, 11.0)
    assert estimate(replicates + np.array([0.5, *[0.0] * 5]), level=0.5) == Estimate(10.5, 9.5, 11.5)
    assert estimate(replicates, level=0.5, bounds=(9.5, 10.5)) == Estimate(10.0, 9.5, 10.5)


def test_undefined_replicates_are_left_out() -> None:
    assert estimate(np.array([1.0, np.nan, 1.0, np.nan])) == Estimate(1.0, 1.0, 1.0)
    undefined = (np.array([np.nan, 1.0, 2.0]), np.array([1.0, np.nan]))
    for replicates in undefined:
        assert estimate(replicates) == Estimate(None, None, None)
        assert p_value(replicates) is None
        assert len(centred(replicates)) == 0


def test_p_value_by_hand() -> None:
    assert p_value(np.array([2.0, *[1.0] * 50, *[3.0] * 49, 2.0])) == pytest.approx(2 / 101)
    # Four of 99 lie on the other side.
    differences = np.array([1.0, *[-1.0] * 4, *[103 / 95] * 95])
    assert centred(differences).mean() == pytest.approx(1.0)
    assert p_value(differences) == pytest.approx(2 * 5 / 100)
    assert p_value(-differences) == p_value(differences)
    assert p_value(np.zeros(100)) == 1.0


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, None, 0.5]) == [1.0, None, 1.0]
    assert holm([0.02]) == [0.02]
    assert holm([]) == []


def test_verdicts() -> None:
    assert verdict(0.1, 0.05) == "better"
    assert verdict(-0.1, 0.01) == "worse"
    assert verdict(0.1, 0.0501) == "not told apart"
    assert verdict(0.0, 1.0) == "not told apart"
    assert verdict(None, None) is None


def test_the_least_p_is_that_of_a_difference_in_every_replicate() -> None:
    p = p_value(np.ones(1001))
    assert p == smallest_p(1000, 1) == pytest.approx(2 / 1001)
    assert max(q for q in holm([p] * 8) if q is not None) == smallest_p(1000, 8)


def test_the_interval_of_a_mean_is_that_of_theory(truth_of) -> None:
    values = np.random.default_rng(0).normal(30, 4, 400)
    quality = pd.DataFrame({"image": np.arange(400), "PSNR_Y": values})
    replicates = quality_replicates(truth_of([], images=400), quality, bootstrap_weights(400, 2000, 0))["PSNR_Y"]
    interval = estimate(replicates)
    half = 1.96 * values.std() / np.sqrt(400)
    assert interval.value == pytest.approx(values.mean())
    assert (interval.low, interval.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.05)


def test_the_interval_of_ap_holds_the_mean_over_other_draws_of_images(random_tables) -> None:
    """About 95 of 100 intervals should. Replicates must be moved for that: by themselves they lie too high."""
    weights = bootstrap_weights(41, 100, 0)
    tables = [random_tables(seed, images=41, classes=6, objects=120, clutter=300) for seed in range(40)]
    draws = np.array([coco_replicates(gt, detections, weights)["AP"] for gt, detections in tables])
    mean = draws[:, 0].mean()
    intervals = [(found.low, found.high) for found in map(estimate, draws)]
    held = [low is not None and high is not None and low <= mean <= high for low, high in intervals]
    assert np.mean(held) >= 0.9
    assert np.mean(draws[:, 1:].mean(axis=1) > draws[:, 0]) >= 0.95
