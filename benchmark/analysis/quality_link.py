"""Does restoration quality predict detection? The change of PSNR and SSIM against the change of AP.

The question of Dai et al., "Is Image Super-Resolution Helpful for Other Vision Tasks?", WACV 2016, who compared PSNR,
SSIM, IFC and NQM of super-resolved images with their usefulness for five vision tasks. Here a method is compared with a
reference that restores too (such as bicubic enlargement), on the same images with the same detector, so that what makes
an image hard in itself drops out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from ...datasets.errors import UserError
from ...results.tables import GroundTruth
from ..metrics.quality import PSNR_CAP
from .image_ap import image_ap

CHANGE = "d_"
"""Prefix of columns that hold method minus reference."""
AP_CHANGE = f"{CHANGE}ap"
FEWEST = 3
"""Units below which a correlation is left undefined."""
VALUES_AT_ONCE = 4_000_000


@dataclass(frozen=True, slots=True)
class RestoredCell:
    """What is needed of one cell: detections, and quality per image (column image, then one column per metric)."""

    detections: pd.DataFrame
    quality: pd.DataFrame


def image_changes(gt: GroundTruth, method: RestoredCell, reference: RestoredCell) -> pd.DataFrame:
    """Return, for each image with objects, how its AP and its quality change from the reference to the method.

    The AP of an image is that of ``image_ap.image_ap``: COCO's AP (IoU 0.50 to 0.95) of that image alone, the mean
    over the classes with objects in it. Images without objects have none and are left out. PSNR enters with at most
    100 dB, so that an image restored perfectly does not make the change infinite.

    Returns:
        One row per image, ascending: ``image``, ``image_id``, ``file``, ``ap_reference``, ``ap_method``, ``d_ap``, then
        ``d_<metric>`` for each quality metric that both cells have.

    Raises:
        UserError: The two cells share no quality metric, or an image lacks its quality.
    """
    names = [name for name in method.quality.columns if name != "image" and name in reference.quality.columns]
    if not names:
        raise UserError("the two cells share no measure of image quality: compare with a method that restores too.")
    aps = {"ap_reference": image_ap(gt, reference.detections), "ap_method": image_ap(gt, method.detections)}
    frame = pd.DataFrame(aps)
    frame[AP_CHANGE] = frame["ap_method"] - frame["ap_reference"]
    change = _capped(method.quality, names) - _capped(reference.quality, names)
    frame = frame.join(change.add_prefix(CHANGE))
    if frame.isna().to_numpy().any():
        lacking = frame.index[frame.isna().any(axis=1)][0]
        raise UserError(f"image {lacking} has no stored quality: compute both cells again with `lqbench run --always`.")
    images = gt.images.set_index("index")[["image_id", "file"]]
    return images.join(frame, how="inner").sort_index().rename_axis("image").reset_index()


def correlations(changes: pd.DataFrame, *, replicates: int = 1000, level: float = 0.95, seed: int = 0) -> pd.DataFrame:
    """Return how each change of quality goes with the change of AP.

    Pearson's r and Spearman's rho (Spearman 1904: Pearson's r of the ranks, ties at their mean rank), with percentile
    bootstrap intervals (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13) over the rows,
    which are images or cells. Replicates in which a column is constant have no correlation and are left out; with
    fewer than half of them left there is no interval.

    Args:
        changes: Column ``d_ap`` and any ``d_<metric>``, one row per image or cell.
        replicates: Bootstrap replicates.
        level: Coverage of the intervals.
        seed: Decides the replicates, the same ones for every metric.

    Returns:
        One row per metric and kind: ``metric``, ``kind`` ("pearson" or "spearman"), ``value``, ``low``, ``high``,
        ``units`` (rows used). NaN where undefined: fewer than three rows, or a column without any variation.
    """
    names = [str(name) for name in changes.columns if str(name).startswith(CHANGE) and name != AP_CHANGE]
    ap = changes[AP_CHANGE].to_numpy(np.float64)
    rows = []
    for name in names:
        quality = changes[name].to_numpy(np.float64)
        samples = _replicates(quality, ap, replicates, seed)
        for kind, values in (("pearson", samples[:, 0]), ("spearman", samples[:, 1])):
            low, high = _interval(values[1:], level)
            facts = {"metric": name.removeprefix(CHANGE), "kind": kind, "value": values[0], "low": low, "high": high}
            rows.append({**facts, "units": len(ap)})
    return pd.DataFrame(rows, columns=["metric", "kind", "value", "low", "high", "units"])


def hurt_images(changes: pd.DataFrame) -> pd.DataFrame:
    """Return the images whose AP the method lowers, the worst first; columns as ``image_changes``."""
    hurt = changes.loc[changes[AP_CHANGE] < 0]
    return hurt.sort_values(by=[AP_CHANGE, "image"], kind="stable").reset_index(drop=True)


def _capped(quality: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Return the metrics by image, PSNR at most 100 dB."""
    table = quality.set_index("image")[names].astype(np.float64)
    psnr = [name for name in names if name.startswith("PSNR")]
    table[psnr] = table[psnr].clip(upper=PSNR_CAP)
    return table


def _replicates(x: NDArray[np.float64], y: NDArray[np.float64], count: int, seed: int) -> NDArray[np.float64]:
    """Return (1 + count, 2) Pearson and Spearman: of the rows as they are, then of each bootstrap replicate."""
    if len(x) < FEWEST:
        return np.full((1 + count, 2), np.nan)
    return np.concatenate([_both(x[rows], y[rows]) for rows in _draws(len(x), count, seed)])


def _draws(units: int, count: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Yield row numbers (replicates, units): the rows as they are first, then drawn with replacement, in blocks."""
    yield np.arange(units)[np.newaxis]
    rng = np.random.default_rng(seed)
    at_once = max(VALUES_AT_ONCE // units, 1)
    for start in range(0, count, at_once):
        yield rng.integers(units, size=(min(at_once, count - start), units))


def _both(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (B, 2) Pearson and Spearman of the rows of (B, N)."""
    return np.column_stack([_pearson(x, y), _pearson(rankdata(x, axis=1), rankdata(y, axis=1))])


def _pearson(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (B,) correlations of the rows of (B, N); NaN where a row is constant."""
    constant = (np.ptp(x, axis=1) == 0) | (np.ptp(y, axis=1) == 0)
    dx, dy = x - x.mean(axis=1, keepdims=True), y - y.mean(axis=1, keepdims=True)
    norm = np.sqrt((dx * dx).sum(axis=1) * (dy * dy).sum(axis=1))
    r = np.divide((dx * dy).sum(axis=1), norm, out=np.full(len(x), np.nan), where=~constant & (norm > 0))
    return np.clip(r, -1.0, 1.0)


def _interval(values: NDArray[np.float64], level: float) -> tuple[float, float]:
    """Return the percentile interval of the defined values; NaN if fewer than half are defined."""
    defined = values[~np.isnan(values)]
    if len(defined) == 0 or 2 * len(defined) < len(values):
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
