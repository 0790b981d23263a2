"""Configs are found by path or name, read with clear complaints, and hashed by content."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lqbench.datasets.errors import UserError
from lqbench.methods.mmdet_adapter.config import describe, evaluated_dataset, read_config
from lqbench.methods.mmdet_adapter.files import find_config, published_weights, shipped_configs

Write = Callable[..., Path]
NAME = "retinanet/retinanet_r18_fpn_1x_coco"


@pytest.mark.parametrize("given", [NAME, f"{NAME}.py", "retinanet_r18_fpn_1x_coco", "retinanet_r18_fpn_1x_coco.py"])
def test_a_shipped_config_is_found_by_name(given: str) -> None:
    assert find_config(given) == shipped_configs() / f"{NAME}.py"


def test_a_file_comes_before_a_name(config_file: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = config_file(name="retinanet_r18_fpn_1x_coco.py")
    monkeypatch.chdir(path.parent)
    assert find_config(path.name) == path.resolve()


def test_a_config_that_is_nowhere(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"did you mean retinanet/retinanet_r18_fpn_1x_coco\.py"):
        find_config("retinanet/retinanet_r18_fpn_1x_cocoo.py")
    with pytest.raises(UserError, match="neither a file nor the name"):
        find_config("../../../../../nothing-like-it")
    with pytest.raises(UserError, match="is a folder"):
        find_config(str(tmp_path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model = dict(", "cannot be read .*Syntax"),
        ("model = dict(type=undefined_name)", "cannot be read .*undefined_name"),
        ("_base_ = 'nowhere.py'", "cannot be read .*nowhere"),
        ("x = 1", "describes no model"),
        ("model = 'RetinaNet'", "describes no model"),
    ],
)
def test_a_broken_config_is_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "broken.py"
    path.write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        describe(str(path))
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_config_in_another_format_than_code(tmp_path: Path) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text("model: {type: RetinaNet}\n")
    assert read_config(path).model.type == "RetinaNet"
    (tmp_path / "tiny.txt").write_text("x")
    with pytest.raises(UserError, match="cannot be read"):
        describe(str(tmp_path / "tiny.txt"))


def test_the_hash_follows_values_not_text(config_file: Write, tmp_path: Path) -> None:
    first = describe(str(config_file()))
    commented = config_file(name="again.py")
    commented.write_text("# a comment\n" + commented.read_text())
    assert describe(str(commented)).sha256 == first.sha256
    assert describe(str(config_file(("iou_threshold=0.5", "iou_threshold=0.6")))).sha256 != first.sha256
    inherited = tmp_path / "child.py"
    inherited.write_text("_base_ = 'again.py'\nmodel = dict(test_cfg=dict(score_thr=0.0))\n")
    assert describe(str(inherited)).sha256 == first.sha256
    inherited.write_text("_base_ = 'again.py'\nmodel = dict(test_cfg=dict(score_thr=0.5))\n")
    assert describe(str(inherited)).sha256 != first.sha256


def test_the_key_holds_all_but_the_place(config_file: Write) -> None:
    found = describe(str(config_file()))
    assert set(found.model_dump()) == {"name", "sha256", "packages", "ops"}
    assert set(found.packages) == {"mmdet", "mmcv", "mmengine"}
    assert found.name == "tiny"
    assert found.ops in ("compiled", "stand-in")


def test_the_innermost_data_set_is_found(tmp_path: Path) -> None:
    path = tmp_path / "wrapped.py"
    inner = "dict(type='CocoDataset', pipeline=[1])"
    path.write_text(
        "model = dict(type='RetinaNet')\n"
        f"test_dataloader = dict(dataset=dict(type='ConcatDataset', datasets=[dict(dataset={inner})]))\n"
    )
    assert evaluated_dataset(read_config(path))["pipeline"] == [1]
    path.write_text("model = dict(type='RetinaNet')\n")
    assert evaluated_dataset(read_config(path)) == {}


def test_published_checkpoints_are_known_for_shipped_configs(config_file: Write) -> None:
    entry = published_weights(find_config(NAME))
    assert entry is not None
    assert entry.source.startswith("https://download.openmmlab.com/")
    assert entry.source.endswith(entry.file_names[0])
    assert entry.hash_prefix == "614fd399"
    assert published_weights(config_file()) is None
    assert published_weights(find_config("retinanet/retinanet_tta")) is None


def test_finding_configs_costs_no_torch() -> None:
    program = (
        "import sys\n"
        "from lqbench.methods.mmdet_adapter.files import find_config, published_weights\n"
        "from lqbench.methods.mmdet_adapter.method import Mmdet\n"
        f"assert published_weights(find_config({NAME!r}))\n"
        "assert not {'torch', 'mmengine', 'mmcv', 'mmdet'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
