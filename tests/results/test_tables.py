"""Tables of detections, quality and ground truth."""

from __future__ import annotations

import numpy as np

from lqbench.datasets.types import Detections
from lqbench.results.tables import (
    BOX_COLUMNS,
    DETECTION_COLUMNS,
    IMAGE_COLUMNS,
    detections_frame,
    ground_truth_of,
    quality_frame,
)


def test_detections_are_sorted_by_image_and_keep_their_rank():
    def some(*scores):
        n = len(scores)
        return Detections(np.full((n, 4), 1.5, np.float32), np.array(scores, np.float32), np.arange(n))

    frame = detections_frame([(2, some(0.5)), (0, some(0.9, 0.25)), (1, Detections.empty())])
    assert list(frame) == list(DETECTION_COLUMNS)
    assert frame["image"].tolist() == [0, 0, 2]
    assert frame["score"].tolist() == [np.float32(0.9), 0.25, 0.5]
    assert [str(kind) for kind in frame.dtypes] == ["int32", *["float32"] * 5, "int16"]


def test_no_images_give_a_table_with_its_columns():
    assert list(detections_frame([])) == list(DETECTION_COLUMNS)
    assert list(quality_frame({})) == ["image"]


def test_quality_is_sorted_by_image():
    frame = quality_frame({3: {"PSNR_Y": 20.0}, 1: {"PSNR_Y": 30.0}})
    assert frame.to_dict("list") == {"image": [1, 3], "PSNR_Y": [30.0, 20.0]}


def test_ground_truth_lists_images_without_boxes(images):
    truth = ground_truth_of(images)
    assert list(truth.images) == list(IMAGE_COLUMNS)
    assert list(truth.boxes) == list(BOX_COLUMNS)
    assert truth.images["image_id"].tolist() == ["id-0", "id-1"]
    assert truth.boxes["image"].tolist() == [0]
    assert truth.images.loc[0, ["height", "width", "annotated_height"]].tolist() == [30, 40, 60]
