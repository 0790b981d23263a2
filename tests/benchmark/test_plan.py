"""The plan: keys depend on content alone, methods are grouped, everything missing is told at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lqbench.benchmark.missing import embedded_command
from lqbench.benchmark.plan import make_plan
from lqbench.benchmark.request import Request
from lqbench.datasets.catalog import ANNOUNCED_DATASETS
from lqbench.datasets.errors import UserError
from lqbench.methods.catalog import ANNOUNCED_METHODS, load_plugin, method_registry

pytestmark = pytest.mark.usefixtures("no_user_setup")

PLUGIN = """
from lqbench.datasets.types import Detections
from lqbench.methods.base import Method
from lqbench.methods.card import MethodCard


class Nothing(Method):
    card = MethodCard(name="{name}", title="Nothing", summary="Finds nothing.", kind="detector")

    def setup(self, device, weights):
        pass

    def detect(self, batch):
        return [Detections.empty() for _ in batch.samples]
"""


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "yolox_nano.onnx"
    path.write_bytes(b"first")
    return path


@pytest.fixture
def request_(coco_root, weights):
    return Request(("hr", "lr"), ("coco-d",), weights=weights, data_root=coco_root, limit=3)


def cells(request):
    return [job.cell for group in make_plan(request) for job in group.jobs]


def keys(request):
    return {cell.key for cell in cells(request)}


def complaints(request):
    with pytest.raises(UserError) as caught:
        make_plan(request)
    return str(caught.value).splitlines()


def test_every_method_meets_every_dataset(request_):
    found = cells(replace(request_, datasets=("coco-d", "scenes-clean"), detectors=("yolox-nano",)))
    pairs = [(cell.method, cell.dataset, cell.detector) for cell in found]
    assert pairs == [(m, d, "yolox-nano") for m in ("hr", "lr") for d in ("coco-d", "scenes-clean")]


def test_datasets_with_other_default_detectors_make_other_groups(coco_root, weights, monkeypatch):
    monkeypatch.setenv("LQBENCH_WEIGHTS", str(weights.parent))
    request = Request(("hr",), ("coco-d", "scenes-clean", "scenes-d"), data_root=coco_root, limit=2)
    groups = make_plan(request)
    assert [group.settings.detector for group in groups] == ["yolox-nano", "mini"]
    assert [len(group.jobs) for group in groups] == [1, 2]
    assert [group.weights for group in groups] == [weights, None]


def test_the_order_of_names_does_not_change_keys(request_):
    assert keys(request_) == keys(replace(request_, methods=("lr", "hr")))


def test_equal_requests_have_equal_keys(request_):
    assert keys(request_) == keys(replace(request_))


def test_changed_weights_change_the_keys(request_, weights):
    before = keys(request_)
    weights.write_bytes(b"second")
    assert not before & keys(request_)


def test_another_limit_or_detector_changes_the_keys(request_):
    assert not keys(request_) & keys(replace(request_, limit=2))
    assert not keys(request_) & keys(replace(request_, detectors=("fcos",)))


def test_a_changed_adapter_changes_its_key_and_no_other(request_, tmp_path, monkeypatch):
    file = tmp_path / "nothing.py"
    file.write_text(PLUGIN.format(name="nothing-a"))
    try:
        load_plugin(file)
        request = replace(request_, methods=("nothing-a", "hr"))
        before = cells(request)
        file.write_text(PLUGIN.format(name="nothing-a") + "\n# changed\n")
        after = cells(request)
    finally:
        method_registry.cache_clear()
    assert before[0].detector == ""
    assert before[0].key != after[0].key
    assert before[1].key == after[1].key


def test_a_wrong_name_gets_a_suggestion_and_no_further_hint(request_):
    wrong = replace(request_, methods=("bicubc",), datasets=("scenes-dd",), detectors=("yolox",))
    lines = complaints(wrong)
    assert lines[0] == "unknown method 'bicubc'; did you mean 'bicubic'?"
    assert lines[1].startswith("unknown dataset 'scenes-dd'; did you mean 'scenes-d'")
    assert lines[2].startswith("unknown detector 'yolox'; did you mean 'yolox-nano'")
    assert len(lines) == 3


@pytest.fixture
def announced(monkeypatch):
    """A method and a dataset of the future."""
    monkeypatch.setitem(ANNOUNCED_METHODS, "future-net", "Future: detects what will be there")
    monkeypatch.setitem(ANNOUNCED_DATASETS, "future-set", "Future: images not yet taken")


def test_everything_missing_is_told_at_once_with_a_command_that_runs(announced):
    lines = complaints(Request(("future-net", "hr"), ("future-set", "coco-d")))
    assert "'future-net' (Future: detects what will be there)" in lines[0]
    assert "not there yet" in lines[0]
    assert "'future-set'" in lines[1]
    assert "not there yet" in lines[1]
    assert "annotations/instances_val2017.json" in lines[2]
    assert "val2017.zip" in lines[3]
    assert "--data-root" in lines[4]
    assert "yolox_nano.onnx" in lines[5]
    assert lines[6].endswith("lqbench run --method hr,lr,bicubic --dataset scenes-d")
    assert len(lines) == 7


@pytest.mark.parametrize(
    ("dataset", "twin"), [("coco-d", "scenes-d"), ("voc-lr-x8", "scenes-lr-x8"), ("future-set", "scenes-d")]
)
def test_the_embedded_command_shows_the_same_degradation(announced, dataset, twin):
    assert embedded_command(Request(("hr",), (dataset,))).endswith(f"--dataset {twin}")


def test_the_embedded_command_has_nothing_missing():
    groups = make_plan(Request(("hr", "lr", "bicubic"), ("scenes-d",), limit=1))
    assert [group.settings.detector for group in groups] == ["mini"] * 3


def test_one_checkpoint_cannot_serve_two_detectors(request_):
    (line, _) = complaints(replace(request_, detectors=("fcos", "yolox-nano")))
    assert "--weights names one checkpoint" in line


def test_missing_weights_are_told(request_, tmp_path):
    (line, _) = complaints(replace(request_, weights=tmp_path / "none.pth"))
    assert "none.pth" in line


def test_a_data_root_that_is_not_there_is_told_once(request_, tmp_path):
    missing = replace(request_, data_root=tmp_path / "none", datasets=("coco-d", "voc-lr-x4"), detectors=("mini",))
    lines = complaints(replace(missing, weights=None))
    assert sum("is not a folder" in line for line in lines) == 1
