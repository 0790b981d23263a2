"""Interpolated AP from the ranks of true positives, against the definition written out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lqbench.benchmark.analysis.average_precision import COCO_POINTS, grouped_ap, place_in_group, ranks_in_group


def by_definition(true: np.ndarray, objects: int) -> float:
    """Mean over the recall points of the best precision at or beyond each."""
    hits = np.cumsum(true)
    recall, precision = hits / objects, hits / np.arange(1, len(true) + 1)
    return float(np.mean([precision[recall >= point].max(initial=0.0) for point in COCO_POINTS]))


@settings(max_examples=100, deadline=None)
@given(
    lists=st.lists(st.lists(st.booleans(), min_size=1, max_size=30), min_size=1, max_size=5), spare=st.integers(0, 9)
)
def test_equals_the_definition_for_many_lists_at_once(lists, spare):
    arrays = [np.array(item) for item in lists]
    objects = np.array([item.sum() + spare for item in arrays])
    group = np.repeat(np.arange(len(arrays)), [item.sum() for item in arrays])
    rank = np.concatenate([np.flatnonzero(item) + 1 for item in arrays])
    shuffled = np.random.default_rng(0).permutation(len(rank))
    found = grouped_ap(group[shuffled], rank[shuffled], objects)
    expected = [by_definition(item, n) if n else np.nan for item, n in zip(arrays, objects, strict=True)]
    assert found == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_groups_without_objects_are_undefined_and_without_detections_zero():
    none = np.zeros(0, np.int64)
    assert grouped_ap(none, none, np.array([0, 3])) == pytest.approx([np.nan, 0.0], nan_ok=True)


def test_ranks_follow_the_score_within_a_group_and_skip_what_is_not_kept():
    group, score = np.array([1, 0, 1, 1, 0]), np.array([0.2, 0.5, 0.9, 0.2, 0.6])
    assert ranks_in_group(group, score, np.ones(5, bool)).tolist() == [2, 2, 1, 3, 1]
    assert ranks_in_group(group, score, np.array([1, 1, 0, 1, 1], bool)).tolist() == [1, 2, 0, 2, 1]


def test_places_restart_with_each_group():
    assert place_in_group(np.array([0, 0, 4, 7, 7, 7])).tolist() == [0, 1, 0, 0, 1, 2]
    assert place_in_group(np.zeros(0, np.int64)).tolist() == []
