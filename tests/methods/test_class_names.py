"""Class names meet across data sets by name, not by index."""

from __future__ import annotations

import pytest

from lqbench.datasets.errors import UserError
from lqbench.methods.class_names import COCO80, COCO91, VOC20, VOC21, label_map

PAIRS = [
    ("aeroplane", "airplane"),
    ("motorbike", "motorcycle"),
    ("tvmonitor", "tv"),
    ("sofa", "couch"),
    ("pottedplant", "potted plant"),
    ("diningtable", "dining table"),
    ("car", "car"),
    ("person", "person"),
    ("Traffic_Light", "traffic light"),
]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_synonyms_meet_in_both_directions(one: str, other: str) -> None:
    assert label_map([other], ["something else", one]).tolist() == [1]
    assert label_map([one], [other]).tolist() == [0]


def test_every_voc_class_has_one_coco_class() -> None:
    mapped = label_map(COCO80, VOC20)
    assert sorted(label for label in mapped.tolist() if label >= 0) == list(range(20))
    assert VOC20[mapped[COCO80.index("potted plant")]] == "pottedplant"


def test_coco_keeps_its_order_with_and_without_holes() -> None:
    assert label_map(COCO80, COCO80).tolist() == list(range(80))
    by_id = label_map(COCO91, COCO80)
    assert len(COCO91) == 91
    assert (COCO91[1], COCO91[13], COCO91[90]) == ("person", "stop sign", "toothbrush")
    assert [number for number, label in enumerate(by_id) if label < 0] == [0, 12, 26, 29, 30, 45, 66, 68, 69, 71, 83]
    assert [label for label in by_id.tolist() if label >= 0] == list(range(80))


def test_background_is_never_mapped() -> None:
    assert label_map(VOC21, VOC20).tolist() == [-1, *range(20)]
    assert label_map(VOC21, ["", *VOC20])[0] == -1


def test_classes_that_the_dataset_lacks_are_dropped() -> None:
    assert label_map(["dog", "zebra", "cat"], ["cat", "dog"]).tolist() == [1, -1, 0]


def test_nothing_in_common_is_the_users_mistake() -> None:
    with pytest.raises(UserError, match=r"trained on dog, cat, .* asks for holothurian, echinus"):
        label_map(["dog", "cat"], ["holothurian", "echinus"])
