"""Order statistics of latencies, against binomial probabilities and by hand."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from lqbench.benchmark.timing.statistics import latency, median_interval, nearest_rank, split_figures
from lqbench.results.timing import LATENCY_COLUMNS

MS = 1_000_000


def frame(*rows):
    return pd.DataFrame(list(rows), columns=list(LATENCY_COLUMNS))


@pytest.mark.parametrize(("count", "rank"), [(6, 1), (8, 1), (9, 2), (12, 3), (20, 6), (32, 10), (100, 40)])
def test_the_interval_has_the_tabled_ranks(count, rank):
    # Table of David and Nagaraja's intervals for the median at 95 %, such as in Conover: Practical Nonparametric
    # Statistics; both ends are counted from 1.
    low, high, _ = median_interval(list(range(1, count + 1)))
    assert (low, high) == (rank, count + 1 - rank)


@given(st.integers(6, 300))
def test_the_coverage_is_exact_and_no_narrower_interval_would_do(count):
    low, high, coverage = median_interval(list(range(1, count + 1)))
    assert low is not None
    assert high is not None
    assert coverage is not None
    assert coverage == pytest.approx(1 - 2 * binom.cdf(low - 1, count, 0.5), abs=1e-12)
    assert coverage >= 0.95
    assert 1 - 2 * binom.cdf(low, count, 0.5) < 0.95 or low + 1 > high - 1


@pytest.mark.parametrize("count", range(6))
def test_too_few_values_have_no_interval(count):
    assert median_interval(list(range(count))) == (None, None, None)


def test_repeated_passes_do_not_narrow_the_interval():
    once, thrice = list(range(20)), sorted(list(range(20)) * 3)
    assert median_interval(thrice, repeat=3) == median_interval(once)


@pytest.mark.parametrize(("count", "rank"), [(1, 1), (10, 10), (20, 19), (32, 31), (100, 95)])
def test_nearest_rank_takes_a_measured_value(count, rank):
    assert nearest_rank(list(range(1, count + 1)), 0.95) == rank


def test_figures_of_known_latencies():
    times = [5, 1, 4, 2, 3, 100, 7, 6, 9, 8]
    rows = [("detect", 0, index, 2, time * MS) for index, time in enumerate(times)]
    figures = latency(frame(*rows, ("split", 0, 0, 2, 999 * MS)), images_per_call=2)
    assert figures.calls == 10
    assert figures.median_ms == pytest.approx(5.5)
    assert (figures.low_ms, figures.high_ms) == pytest.approx((2, 9))
    assert figures.coverage == pytest.approx(1 - 2 * 11 / 1024)
    assert figures.p95_ms == pytest.approx(100)
    assert figures.mean_ms == pytest.approx(14.5)
    assert figures.min_ms == pytest.approx(1)
    assert figures.images_per_s == pytest.approx(20 / 0.145)


def test_the_parts_of_a_call_are_summed_before_their_median_is_taken():
    rows = []
    for batch, (view, predict) in enumerate([(1, 10), (2, 20), (3, 60)]):
        rows += [("restore", 0, batch, 2, view * MS)] * 2
        rows += [("predict", 0, batch, 2, predict * MS), ("split", 0, batch, 2, (2 * view + predict + 3) * MS)]
    split = split_figures(frame(*rows))
    assert split is not None
    assert split.restoring == "inside"
    assert split.restore_ms == pytest.approx(4)
    assert split.predict_ms == pytest.approx(20)
    assert split.restore_share == pytest.approx(12 / 111)


def test_restoring_on_its_own_has_no_share():
    split = split_figures(frame(("detect", 0, 0, 1, MS), ("restore", 0, 0, 1, 4 * MS)))
    assert split is not None
    assert (split.restoring, split.restore_share, split.predict_ms) == ("apart", None, None)
    assert split.restore_ms == pytest.approx(4)


def test_nothing_restored_gives_no_split():
    assert split_figures(frame(("detect", 0, 0, 1, MS))) is None
