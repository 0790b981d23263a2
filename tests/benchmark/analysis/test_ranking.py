"""Mean ranks, Friedman's test and Nemenyi's critical difference."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from lqbench.benchmark.analysis.ranking import critical_difference, rank_methods
from lqbench.datasets.errors import UserError


def scores_of(rows: dict[str, list[float]]) -> pd.DataFrame:
    return pd.DataFrame.from_dict(
        rows, orient="index", columns=[f"d{i}" for i in range(len(next(iter(rows.values()))))]
    )


def test_critical_difference_of_two_is_the_normal_quantile_and_of_four_that_of_simulated_ranges():
    assert critical_difference(2, 10) == pytest.approx(stats.norm.ppf(0.975) * math.sqrt(6 / 60), rel=1e-4)
    drawn = np.random.default_rng(0).normal(size=(200_000, 4))
    for alpha in (0.05, 0.10):
        q = np.quantile(np.ptp(drawn, axis=1), 1 - alpha) / math.sqrt(2)
        assert critical_difference(4, 14, alpha) == pytest.approx(q * math.sqrt(20 / 84), rel=0.01)


def test_equals_the_figures_that_r_prints():
    # Ranks and R's output as printed in a question on Cross Validated, "Statistical Test Evaluation" (March 2018):
    # Friedman's chi-squared = 11.733, p = 0.1635; Iman and Davenport's correction 2.75, p = 0.08697.
    ranks = [[1, 8, 6, 4, 7, 2, 5, 3, 9], [1, 6, 3, 9, 7, 2, 8, 4, 5]]
    table = pd.DataFrame(-np.array(ranks, float).T, index=[f"Clf{i}" for i in range(1, 10)], columns=["d0", "d1"])
    ranking = rank_methods(table)
    assert (ranking.chi2, ranking.p_chi2) == (pytest.approx(11.733, abs=5e-4), pytest.approx(0.1635, abs=5e-5))
    assert (ranking.f, ranking.p_f) == (pytest.approx(2.75), pytest.approx(0.08697, abs=5e-6))


def test_ranks_order_and_ties():
    ranking = rank_methods(scores_of({"b": [0.3, 0.3], "a": [0.3, 0.2], "c": [0.1, 0.1]}))
    assert ranking.table["method"].tolist() == ["b", "a", "c"]
    assert ranking.table["rank"].tolist() == [1.25, 1.75, 3.0]
    assert ranking.table["value"].tolist() == pytest.approx([0.3, 0.25, 0.1])


def test_perfect_agreement_is_significant_and_separates_the_ends():
    ranking = rank_methods(scores_of({name: [value] * 12 for name, value in (("a", 0.3), ("b", 0.2), ("c", 0.1))}))
    assert ranking.chi2 == pytest.approx(24.0)  # N (k - 1)
    assert ranking.f == math.inf and ranking.p_f == 0.0
    assert ranking.p_chi2 is not None and ranking.p_chi2 < 1e-4
    assert ranking.critical_difference == pytest.approx(2.3437 * math.sqrt(12 / 72), abs=1e-3)
    assert ranking.groups == ()
    close = rank_methods(scores_of({name: [value] * 3 for name, value in (("a", 0.3), ("b", 0.2), ("c", 0.1))}))
    assert close.groups == (("a", "b"), ("b", "c"))


def test_methods_that_tie_everywhere_have_no_test():
    ranking = rank_methods(scores_of({name: [0.2, 0.2, 0.2] for name in "abc"}))
    assert (ranking.chi2, ranking.p_f) == (None, None)
    assert ranking.groups == (("a", "b", "c"),)


def test_unequal_coverage_is_refused_and_names_the_missing_cells():
    holes = scores_of({"a": [0.3, np.nan], "b": [0.2, 0.1], "c": [np.nan, 0.1]})
    with pytest.raises(UserError, match="a on d1, c on d0"):
        rank_methods(holes)


def test_one_method_or_no_data_set_is_refused():
    for table in (scores_of({"a": [0.3, 0.1]}), pd.DataFrame(index=["a", "b"])):
        with pytest.raises(UserError, match="at least two methods"):
            rank_methods(table)


def test_few_data_sets_are_noted_and_two_methods_not_tested():
    ranking = rank_methods(scores_of({"a": [0.3], "b": [0.2]}))
    assert ranking.critical_difference is None and ranking.chi2 is None
    assert any("Two methods" in note for note in ranking.notes)
    assert any("One dataset" in note for note in ranking.notes)
    few = rank_methods(scores_of({"a": [0.3, 0.2], "b": [0.2, 0.1], "c": [0.1, 0.3]}))
    assert len(few.notes) == 1 and "rough below 11 datasets" in few.notes[0]
    large = rank_methods(pd.DataFrame(np.random.default_rng(0).random((6, 11)), index=list("abcdef")))
    assert large.notes == ()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), methods=st.integers(3, 6), datasets=st.integers(2, 8))
def test_order_of_rows_and_columns_and_monotone_changes_do_not_matter(seed, methods, datasets):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 5, (methods, datasets)) / 5
    table = pd.DataFrame(values, index=[f"m{i}" for i in range(methods)], columns=[f"d{i}" for i in range(datasets)])
    expected = rank_methods(table)
    mean_rank = expected.table["rank"].mean()
    assert mean_rank == pytest.approx((methods + 1) / 2)
    shuffled = table.sample(frac=1, random_state=seed).sample(frac=1, axis=1, random_state=seed)
    other = rank_methods(np.exp(shuffled * 3))
    assert other.table[["method", "rank"]].equals(expected.table[["method", "rank"]])
    assert (other.chi2, other.groups) == (pytest.approx(expected.chi2), expected.groups)
