"""P, mPC and rPC, severity curves and the recovered share."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lqbench.benchmark.analysis.robustness import MEAN, class_means, recovered_share, robustness, severity_curves


def sweep_of(values: dict[str, list[float]]) -> pd.DataFrame:
    """Corruption to values at severities 1, 2, ..."""
    rows = [(name, severity, value) for name, given in values.items() for severity, value in enumerate(given, 1)]
    return pd.DataFrame(rows, columns=["corruption", "severity", "value"])


FULL = sweep_of({"fog": [0.4, 0.35, 0.3, 0.25, 0.2], "noise": [0.3, 0.2, 0.2, 0.1, 0.2]})


def test_published_figures_of_the_definition():
    # Michaelis et al. 2019, Faster R-CNN on COCO: P 36.3 and mPC 18.2 give rPC 50.2 (printed from unrounded numbers).
    result = robustness(36.3, sweep_of({name: [18.2] * 5 for name in ("fog", "snow")}))
    assert result.mpc == pytest.approx(18.2)
    assert 100 * result.rpc == pytest.approx(50.2, abs=0.1)


def test_full_sweep():
    result = robustness(0.5, FULL)
    assert (result.mpc, result.rpc) == (pytest.approx(0.25), pytest.approx(0.5))
    assert result.coverage == "10/10"
    assert result.per_corruption["corruption"].tolist() == ["fog", "noise"]
    assert result.per_corruption["mean"].tolist() == pytest.approx([0.3, 0.2])


def test_anchors_1_a_missing_severity_makes_mpc_nan_and_shows_in_the_coverage():
    one = FULL.loc[(FULL["corruption"] == "fog") & (FULL["severity"] != 3)]
    result = robustness(0.5, one)
    assert math.isnan(result.mpc) and math.isnan(result.rpc)
    assert result.coverage == "4/5"
    both = robustness(0.5, FULL.loc[(FULL["corruption"] != "fog") | (FULL["severity"] != 3)])
    assert math.isnan(both.mpc) and both.coverage == "9/10"
    assert both.per_corruption["mean"].isna().tolist() == [True, False]
    assert both.per_corruption["done"].tolist() == [4, 5]


def test_a_value_that_is_nan_is_missing_as_well():
    holes = FULL.assign(value=FULL["value"].where(FULL["severity"] != 5))
    assert robustness(0.5, holes).coverage == "8/10"


def test_a_corruption_without_any_cell_is_missing_too():
    result = robustness(0.5, FULL, corruptions=["noise", "fog", "blur"])
    assert math.isnan(result.mpc) and result.coverage == "10/15"


def test_a_sweep_over_three_severities_is_averaged_over_three():
    # The tool of the benchmark's authors averages over five whatever was run: 40 % of the true mPC.
    constant = sweep_of({"fog": [20.0] * 5})
    assert robustness(40.0, constant.loc[constant["severity"].isin([2, 4])], severities=(2, 4)).mpc == 20.0


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(len(FULL))))
def test_anchors_2_the_order_of_corruptions_does_not_matter(order):
    shuffled = robustness(0.5, FULL.iloc[order], corruptions=["noise", "fog"])
    straight = robustness(0.5, FULL)
    assert (shuffled.mpc, shuffled.rpc, shuffled.coverage) == (straight.mpc, straight.rpc, straight.coverage)


def test_anchors_3_rpc_is_a_ratio_of_means_which_a_class_with_zero_clean_ap_does_not_poison():
    clean = {"person": 60.0, "boat": 20.0}
    rows = [("fog", s, name, value) for s in (1, 2) for name, value in (("person", 50.0), ("boat", 5.0))]
    per_class = pd.DataFrame(rows, columns=["corruption", "severity", "class", "value"])
    result = robustness(sum(clean.values()) / 2, class_means(per_class), severities=(1, 2))
    assert result.rpc == pytest.approx(55 / 80)  # a mean of ratios would be 0.54
    zero = pd.concat([per_class, per_class[per_class["class"] == "boat"].assign(**{"class": "bus", "value": 0.0})])
    poisoned = robustness(sum(clean.values()) / 3, class_means(zero), severities=(1, 2))
    assert poisoned.rpc == pytest.approx(55 / 80)


def test_clean_accuracy_is_required_and_zero_gives_no_ratio():
    for missing in (None, float("nan")):
        with pytest.raises(ValueError, match="clean"):
            robustness(missing, FULL)
    assert math.isnan(robustness(0.0, FULL).rpc)


def test_cells_twice_or_outside_the_sweep_are_refused():
    with pytest.raises(ValueError, match="two values for fog at severity 1"):
        robustness(0.5, pd.concat([FULL, FULL.head(1)]))
    with pytest.raises(ValueError, match="fog at severity 4 is no cell"):
        robustness(0.5, FULL, severities=(1, 2, 3))
    with pytest.raises(ValueError, match="noise at severity 1"):
        robustness(0.5, FULL, corruptions=["fog"])


def test_curves_start_clean_and_carry_their_bands():
    banded = FULL.assign(low=FULL["value"] - 0.01, high=FULL["value"] + 0.01)
    curves = severity_curves(0.5, banded.iloc[::-1])
    assert curves["corruption"].tolist() == ["fog"] * 6 + ["noise"] * 6 + [MEAN] * 6
    assert curves["severity"].tolist() == list(range(6)) * 3
    fog = curves[curves["corruption"] == "fog"]
    assert fog["value"].tolist() == [0.5, 0.4, 0.35, 0.3, 0.25, 0.2]
    assert fog["low"].tolist()[1:] == pytest.approx([0.39, 0.34, 0.29, 0.24, 0.19])
    assert curves[curves["corruption"] == MEAN]["value"].tolist() == pytest.approx([0.5, 0.35, 0.275, 0.25, 0.175, 0.2])


def test_curves_have_gaps_where_cells_are_missing():
    rows = severity_curves(0.5, FULL.drop(index=2)).to_dict("records")
    assert [(row["corruption"], row["severity"]) for row in rows if math.isnan(row["value"])] == [("fog", 3), (MEAN, 3)]


def test_recovered_share():
    assert recovered_share(0.3, 0.2, 0.4) == pytest.approx(0.5)
    assert recovered_share(0.1, 0.2, 0.4) == pytest.approx(-0.5)
    for floor, ceiling in ((0.4, 0.4), (0.5, 0.4)):
        assert recovered_share(0.3, floor, ceiling) is None
    for missing in ((None, 0.2, 0.4), (0.3, None, 0.4), (0.3, 0.2, float("nan"))):
        assert recovered_share(*missing) is None
