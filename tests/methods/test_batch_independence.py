"""Acceptance item 12 of the suite: a batch of one and a batch of eight give the same detections."""

from __future__ import annotations

import numpy as np
import pytest

from lqbench.datasets.dataset import open_dataset
from lqbench.datasets.types import Batch
from lqbench.methods.base import Method, MethodSettings
from lqbench.methods.bicubic.method import Bicubic
from lqbench.methods.lr.method import LowResolution


@pytest.mark.parametrize("method_type", [Bicubic, LowResolution])
def test_item_12_a_batch_of_one_and_a_batch_of_eight_agree(method_type: type[Method]) -> None:
    dataset = open_dataset("scenes-d", limit=8)
    samples = [dataset.sample(index) for index in range(8)]
    method = method_type(method_type.settings_type.model_validate(MethodSettings(detector="mini").model_dump()))
    method.setup("cpu", None)
    together = method.detect(Batch(samples, dataset.classes))
    alone = [method.detect(Batch([sample], dataset.classes))[0] for sample in samples]
    assert sum(len(found) for found in together) > 100
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(one.xyxy, other.xyxy, atol=1e-3)
        np.testing.assert_allclose(one.scores, other.scores, atol=1e-5)
        np.testing.assert_array_equal(one.labels, other.labels)
