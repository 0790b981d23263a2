"""Changes of quality against changes of AP."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lqbench.benchmark.analysis.quality_link import RestoredCell, correlations, hurt_images, image_changes
from lqbench.datasets.errors import UserError

OBJECT = (0, 0, 100, 100)


def quality_of(psnr, ssim=None):
    ssim = [0.5] * len(psnr) if ssim is None else ssim
    return pd.DataFrame({"image": np.arange(len(psnr)), "PSNR_Y": psnr, "SSIM_Y": ssim})


@pytest.fixture
def gt(truth_of):
    """Four images, the third without an object."""
    return truth_of([{"xyxy": OBJECT, "image": image} for image in (0, 1, 3)], images=4)


@pytest.fixture
def cells(detections_of):
    """The method finds image 0 better, image 1 worse; image 3 is equal."""
    method = detections_of([(0, OBJECT, 0.9, 0), (1, (0, 0, 100, 62), 0.9, 0), (3, OBJECT, 0.9, 0)])
    reference = detections_of([(0, (0, 0, 100, 62), 0.9, 0), (1, OBJECT, 0.9, 0), (3, OBJECT, 0.9, 0)])
    better, worse = [25.0, 24.0, 30.0, math.inf], [20.0, 23.0, 30.0, 90.0]
    return RestoredCell(method, quality_of(better)), RestoredCell(reference, quality_of(worse))


def test_changes_per_image(gt, cells):
    changes = image_changes(gt, *cells)
    names = ["image", "image_id", "file", "ap_reference", "ap_method", "d_ap", "d_PSNR_Y", "d_SSIM_Y"]
    assert list(changes.columns) == names
    assert changes["image"].tolist() == [0, 1, 3]
    assert changes["d_ap"].tolist() == pytest.approx([0.7, -0.7, 0.0])
    # A perfect image counts 100 dB.
    assert changes["d_PSNR_Y"].tolist() == pytest.approx([5.0, 1.0, 10.0])


def test_a_cell_against_itself_changes_nothing(gt, cells):
    changes = image_changes(gt, cells[0], cells[0])
    assert (changes[["d_ap", "d_PSNR_Y", "d_SSIM_Y"]] == 0).all(axis=None)
    assert correlations(changes)["value"].isna().all()


def test_images_that_restoration_hurts_come_worst_first(gt, cells):
    hurt = hurt_images(image_changes(gt, *cells))
    assert hurt["image_id"].tolist() == ["1"]
    frame = pd.DataFrame({"image": [4, 1, 2, 3], "d_ap": [-0.1, 0.2, -0.5, -0.1]})
    assert hurt_images(frame)["image"].tolist() == [2, 3, 4]


def test_missing_quality_is_a_users_mistake(gt, cells):
    method, reference = cells
    other = RestoredCell(reference.detections, reference.quality.rename(columns={"PSNR_Y": "X", "SSIM_Y": "Y"}))
    with pytest.raises(UserError, match="share no measure"):
        image_changes(gt, method, other)
    with pytest.raises(UserError, match="image 3 has no stored quality"):
        image_changes(gt, method, RestoredCell(reference.detections, reference.quality.head(3)))


@pytest.fixture
def changes():
    rng = np.random.default_rng(3)
    ap = rng.integers(-3, 4, 80) / 10  # with ties
    return pd.DataFrame({"d_ap": ap, "d_PSNR_Y": ap * 3 + rng.normal(size=80), "d_SSIM_Y": rng.normal(size=80)})


def test_correlations_equal_scipys(changes):
    found = correlations(changes, replicates=50).set_index(["metric", "kind"])
    for name in ("PSNR_Y", "SSIM_Y"):
        column = changes[f"d_{name}"]
        assert found.loc[(name, "pearson"), "value"] == pytest.approx(stats.pearsonr(column, changes["d_ap"])[0])
        assert found.loc[(name, "spearman"), "value"] == pytest.approx(stats.spearmanr(column, changes["d_ap"])[0])
    assert (found["units"] == 80).all()


def test_intervals_hold_the_value_and_depend_on_the_seed_only(changes):
    found = correlations(changes, replicates=400, seed=5)
    assert ((found["low"] < found["value"]) & (found["value"] < found["high"])).all()
    pd.testing.assert_frame_equal(found, correlations(changes, replicates=400, seed=5))
    assert not found["low"].equals(correlations(changes, replicates=400, seed=6)["low"])
    unrelated = found[found["metric"] == "SSIM_Y"]
    assert ((unrelated["low"] < 0) & (unrelated["high"] > 0)).all()
    # Fisher's z gives about the same interval for Pearson's r.
    r = found["value"].iloc[0]
    assert found["low"].iloc[0] == pytest.approx(np.tanh(np.arctanh(r) - 1.96 / math.sqrt(77)), abs=0.06)


def test_one_row_replicates_or_many_at_once_are_the_same(changes, monkeypatch):
    from lqbench.benchmark.analysis import quality_link

    whole = correlations(changes, replicates=30)
    monkeypatch.setattr(quality_link, "VALUES_AT_ONCE", 200)
    pd.testing.assert_frame_equal(whole, correlations(changes, replicates=30))


def test_too_few_or_constant_rows_have_no_correlation(changes):
    assert correlations(changes.head(2))[["value", "low", "high"]].isna().to_numpy().all()
    constant = correlations(changes.assign(d_PSNR_Y=1.0)).set_index("metric")
    assert constant.loc["PSNR_Y", "value"].isna().all()
    assert constant.loc["SSIM_Y", "value"].notna().all()
