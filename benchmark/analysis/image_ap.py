"""Average precision of single images."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...results.tables import GroundTruth
from ..metrics.matching import CocoMatches, coco_matches
from .average_precision import grouped_ap, ranking_order, ranks_in_order

_ALL_SIZES = 0


def image_ap(gt: GroundTruth, detections: pd.DataFrame) -> pd.Series:
    """Return COCO's AP of each image alone: what COCO's metric would give if that image were the whole dataset.

    That is the mean over the IoU thresholds 0.50 to 0.95, and over the classes with objects in the image, of the
    101-point interpolated AP (Lin et al., "Microsoft COCO", ECCV 2014). Detections of classes without objects in the
    image do not enter, as in COCO's metric. It is a coarse figure (an image with one object of each class has few
    possible values), and its mean over images is not the dataset's AP.

    Args:
        gt: Images and boxes. Crowd regions are no objects; VOC's difficult objects are.
        detections: Columns image, x1, y1, x2, y2, score, label; degraded-image pixels.

    Returns:
        float64 in [0, 1] named ``ap``, index ``image``: the images with objects, ascending. Images without are not in.
    """
    return image_ap_of_matches(gt, coco_matches(gt, detections))


def image_ap_of_matches(gt: GroundTruth, matches: CocoMatches) -> pd.Series:
    """Return ``image_ap`` of detections that were matched before, sizes measured in degraded pixels."""
    classes = len(gt.classes)
    objects = gt.boxes.loc[~gt.boxes["crowd"].to_numpy(bool)]
    keys = objects["image"].to_numpy(np.int64) * classes + objects["label"].to_numpy(np.int64)
    groups, sizes = np.unique(keys, return_counts=True)
    own = matches.image * classes + matches.label
    asked = np.isin(own, groups)
    group, score = np.searchsorted(groups, own[asked]), matches.score[asked]
    order, total = ranking_order(group, score), np.zeros(len(groups))
    outcomes = (matches.true_positive[_ALL_SIZES][:, asked], matches.ignored[_ALL_SIZES][:, asked])
    for true, ignored in zip(*outcomes, strict=True):
        rank = ranks_in_order(group, order, ~ignored)
        total += grouped_ap(group[true], rank[true], sizes)
    images, owner = np.unique(groups // classes, return_inverse=True)
    means = np.bincount(owner, weights=total / len(outcomes[0])) / np.bincount(owner)
    return pd.Series(means, index=pd.Index(images, name="image"), name="ap")
