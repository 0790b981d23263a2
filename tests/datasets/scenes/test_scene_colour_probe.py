"""Colour must not give the class away."""

from __future__ import annotations

import numpy as np
import pytest

from lqbench.datasets.scenes import SCENE_CLASSES
from lqbench.datasets.scenes.probe import histogram, logistic, nearest, probe


def test_histogram_counts_the_pixels_of_the_box_only():
    image = np.zeros((8, 8, 3), np.uint8)
    image[2:4, 2:6] = (255, 0, 0)
    inside = histogram(image, (2, 2, 6, 4))
    assert inside[7 * 64] == 1.0 and inside.sum() == pytest.approx(1.0)
    assert histogram(image, (0, 0, 8, 8))[0] == pytest.approx(56 / 64)


def test_both_classifiers_learn_classes_that_differ_in_colour():
    """The probe has teeth: where colour does tell the class, it finds out."""
    rng = np.random.default_rng(0)
    labels = np.arange(200) % len(SCENE_CLASSES)
    rows = rng.random((200, 512)) * 0.2
    rows[np.arange(200), labels * 40] += 5.0
    rows /= rows.sum(1, keepdims=True)
    assert (nearest(rows[:100], labels[:100], rows[100:]) == labels[100:]).mean() > 0.95
    assert (logistic(rows[:100], labels[:100], rows[100:]) == labels[100:]).mean() > 0.95


@pytest.mark.slow
def test_colour_histograms_name_fewer_than_half_of_the_boxes():
    result = probe(train=32, val=12, size=256)
    assert result.boxes > 80
    assert max(result.neighbours, result.logistic, result.majority) < 0.5, result
