"""Plans of several requests: each cell once, work that they share done once, what is missing blocks its own cells."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lqbench.benchmark import once as once_module
from lqbench.benchmark.once import Once
from lqbench.benchmark.plan import make_plan
from lqbench.benchmark.planning import plan_all
from lqbench.benchmark.request import Request
from lqbench.datasets import dataset as dataset_module
from lqbench.datasets.errors import UserError
from lqbench.methods.catalog import ANNOUNCED_METHODS, load_plugin, method_registry

PLUGIN = """
from lqbench.datasets.types import Detections
from lqbench.methods.base import Method
from lqbench.methods.card import MethodCard


class Nothing(Method):
    card = MethodCard(name="nothing", title="Nothing", summary="Finds nothing.", kind="detector")

    def setup(self, device, weights):
        pass

    def detect(self, batch):
        return [Detections.empty() for _ in batch.samples]
"""


@pytest.fixture(autouse=True)
def plugin(no_user_setup, tmp_path):
    path = tmp_path / "plugin.py"
    path.write_text(PLUGIN)
    load_plugin(path)


@pytest.fixture
def request_(coco_root) -> Request:
    return Request(("nothing",), ("coco-d",), data_root=coco_root, limit=3)


def planned(*requests: Request, lenient: bool = True):
    return plan_all(requests, lenient=lenient)


def titles(plan):
    return [job.title for group in plan.groups for job in group.jobs]


def blocked(plan):
    return {(one.method, one.dataset): one.reasons for one in plan.blocked}


def test_a_cell_that_two_requests_ask_for_is_planned_once(request_):
    noisy = replace(request_, degrade="noise(3)")
    found = planned(request_, noisy, request_)
    assert titles(found) == ["nothing on coco-d", "nothing on coco-d+noise(3)"]


def test_cells_of_equal_names_get_labels_that_tell_them_apart(request_):
    found = titles(planned(request_, replace(request_, limit=2), replace(request_, degrade="noise(3)")))
    assert found[2] == "nothing on coco-d+noise(3)"
    assert found[0].startswith("nothing on coco-d (val2017, 3 images, float32, ")
    assert found[1].startswith("nothing on coco-d (val2017, 2 images, float32, ")
    assert len(set(found)) == 3


def test_precision_makes_a_cell_of_its_own(request_):
    plan = planned(request_, replace(request_, precision="bfloat16"))
    cells = [job.cell for group in plan.groups for job in group.jobs]
    assert [cell.precision for cell in cells] == ["float32", "bfloat16"]
    assert len({cell.key for cell in cells}) == 2
    assert "bfloat16" in titles(plan)[1]


def test_a_strict_plan_tells_everything_that_is_missing(request_):
    with pytest.raises(UserError, match="yolox_nano"):
        planned(request_, replace(request_, methods=("lr", "nothing")), lenient=False)


def test_what_is_missing_blocks_its_own_cells_alone(request_):
    found = planned(replace(request_, methods=("nothing", "lr"), datasets=("coco-d", "voc-lr-x4", "scenes-clean")))
    assert titles(found) == ["nothing on coco-d", "nothing on scenes-clean", "lr/mini on scenes-clean"]
    reasons = blocked(found)
    assert set(reasons) == {("lr", "coco-d"), ("nothing", "voc-lr-x4"), ("lr", "voc-lr-x4")}
    assert "yolox_nano.onnx" in reasons["lr", "coco-d"][0]
    assert len(reasons["lr", "voc-lr-x4"]) > len(reasons["nothing", "voc-lr-x4"]) > 0


@pytest.mark.parametrize("dataset", ["scenes-d", "scenes-clean"])
def test_a_network_without_weights_for_a_scale_that_only_the_images_tell_is_blocked(dataset):
    found = planned(Request(("carn", "nothing"), (dataset,), limit=1))
    assert titles(found) == [f"nothing on {dataset}"]
    assert "--sr-weights carn=FILE" in blocked(found)["carn", dataset][0]


def test_wrong_annotations_block_their_dataset(request_, coco_root, tmp_path):
    (tmp_path / "annotations").mkdir()
    (tmp_path / "val2017").symlink_to(coco_root / "val2017")
    (tmp_path / "annotations" / "instances_val2017.json").write_text('{"shapes": []}')
    found = planned(replace(request_, data_root=tmp_path, datasets=("coco-d", "scenes-clean")))
    assert titles(found) == ["nothing on scenes-clean"]
    assert "not COCO" in blocked(found)["nothing", "coco-d"][0]


def test_an_announced_method_is_blocked_and_a_mistyped_one_a_mistake(request_, monkeypatch):
    monkeypatch.setitem(ANNOUNCED_METHODS, "future-net", "Future: detects what will be there")
    found = planned(replace(request_, methods=("future-net", "nothing")))
    assert titles(found) == ["nothing on coco-d"]
    assert "not there yet" in blocked(found)["future-net", "coco-d"][0]
    with pytest.raises(UserError, match="unknown method 'nothin'"):
        planned(replace(request_, methods=("nothin",)))


def test_a_plug_in_that_cannot_be_imported_is_blocked(request_):
    method_registry().register_plugin("crumbled", "no.such.module:Method")
    found = planned(replace(request_, methods=("crumbled", "nothing")))
    assert titles(found) == ["nothing on coco-d"]
    assert "cannot be imported" in blocked(found)["crumbled", "coco-d"][0]


def test_the_same_pair_can_lack_different_things_in_different_entries(request_):
    found = planned(
        replace(request_, methods=("lr",), detectors=("yolox-nano",)),
        replace(request_, methods=("lr",), detectors=("fcos",)),
    )
    assert [one.title for one in found.blocked] == ["lr on coco-d"] * 2
    assert len({one.reasons for one in found.blocked}) == 2


def test_what_requests_share_is_opened_read_and_hashed_once(request_, tmp_path, monkeypatch):
    weights = tmp_path / "yolox_nano.onnx"
    weights.write_bytes(b"weights")
    counts: dict[str, int] = {}

    def counted(module, name):
        original = getattr(module, name)

        def call(*arguments, **options):
            counts[name] = counts.get(name, 0) + 1
            return original(*arguments, **options)

        monkeypatch.setattr(module, name, call)

    counted(dataset_module, "open_dataset")
    counted(dataset_module, "open_files")
    counted(once_module, "sha256_of")
    counted(once_module, "method_source")
    full = replace(request_, methods=("nothing", "lr", "bicubic"), weights=None)
    monkeypatch.setenv("LQBENCH_WEIGHTS", str(tmp_path))
    planned(full, replace(full, precision="bfloat16"), replace(full, degrade="noise(3)"))
    # Two datasets of the same images; one detector behind two methods; three methods with a source each.
    assert counts == {"open_dataset": 2, "open_files": 1, "sha256_of": 1, "method_source": 3}


def test_shared_images_give_the_cells_of_requests_alone(request_):
    fog = Request(("nothing",), ("scenes-fog",), limit=2)
    requests = [request_, replace(request_, degrade="noise(3)"), fog, replace(fog, degrade="blur(iso,var=2)|down(2)")]
    together = [job.cell.key for group in planned(*requests).groups for job in group.jobs]
    alone = [job.cell.key for request in requests for group in make_plan(request) for job in group.jobs]
    assert together == alone


def test_files_that_change_between_two_plans_are_read_again(request_, tmp_path):
    before = planned(request_)
    (tmp_path / "plugin.py").write_text(PLUGIN + "\n# changed\n")
    assert titles(planned(request_)) == titles(before)
    (first,), (second,) = (group.groups[0].jobs for group in (before, planned(request_)))
    assert first.cell.method_source != second.cell.method_source


def test_rendering_is_told_with_the_datasets_name(monkeypatch, tmp_path):
    monkeypatch.setenv("LQBENCH_CACHE", str(tmp_path / "cache"))
    told: list[tuple[str, int, int]] = []
    request = Request(("nothing",), ("scenes-clean",), limit=1)
    make_plan(request, once=Once(on_render=lambda *facts: told.append(facts)))
    assert told == [("scenes-clean", 1, 1)]
