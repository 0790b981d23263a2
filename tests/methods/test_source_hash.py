"""The source hash follows what detections depend on, and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import lqbench
from lqbench.methods import source_hash
from lqbench.methods.aeris.method import Aeris
from lqbench.methods.bicubic.method import Bicubic
from lqbench.methods.catalog import MethodRegistry, load_plugin
from lqbench.methods.detectors.catalog import detector_registry
from lqbench.methods.detectors.mini import MiniDetector
from lqbench.methods.detectors.torchvision_models import Ssd300
from lqbench.methods.detectors.yolox import YoloxNano
from lqbench.methods.hr.method import HighResolution
from lqbench.methods.source_hash import _content_hash, _stamp, method_source, source_files

SHARED = {
    *("methods/base.py", "methods/boxes.py", "methods/class_names.py", "methods/detecting.py"),
    *("methods/detectors/base.py", "datasets/degradations/resize.py", "datasets/classes.py"),
}


def test_a_method_counts_with_the_shared_modules() -> None:
    files = set(source_files(Bicubic, None))
    assert files >= SHARED | {"methods/bicubic/method.py"}
    assert not any("yolox" in name or "/hr/" in name for name in files)


def test_a_detector_counts_with_the_modules_behind_it() -> None:
    yolox = set(source_files(Bicubic, YoloxNano))
    assert yolox >= {f"methods/detectors/{n}.py" for n in ("yolox", "yolox_net", "yolox_onnx", "letterbox")}
    ssd = set(source_files(Bicubic, Ssd300))
    assert {f"methods/detectors/{n}.py" for n in ("torchvision_models", "torchvision_build", "checkpoint")} <= ssd
    assert not ssd & yolox - set(source_files(Bicubic, None))


def test_bundled_weights_belong_to_the_source_of_their_detector() -> None:
    folder = Path(lqbench.__file__).parent / "methods" / "detector"
    bundled = {f"methods/detector/{file.name}" for file in folder.glob("*.safetensors")}
    assert {name for name in source_files(Bicubic, MiniDetector) if name.endswith(".safetensors")} == bundled
    assert "methods/detector/net.py" in source_files(Bicubic, MiniDetector)
    assert "methods/detector/training.py" not in source_files(Bicubic, MiniDetector)


def test_what_only_finds_or_describes_does_not_count() -> None:
    names = source_files(HighResolution, YoloxNano)
    idle = ("weights.py", "catalog.py", "card.py", "contract.py", "source_hash.py")
    assert not [name for name in names if name.startswith("methods/") and name.endswith(idle)]


def test_methods_and_detectors_differ() -> None:
    pairs = [(m, d) for m in (Bicubic, HighResolution) for d in (YoloxNano, Ssd300, None)]
    hashes = {method_source(method, detector) for method, detector in pairs}
    assert len(hashes) == len(pairs)
    assert all(len(value) == 64 for value in hashes)


def test_content_counts_and_line_endings_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    before = method_source(Bicubic, None)
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda self: read(self).replace(b"\n", b"\r\n"))
    _content_hash.cache_clear()
    assert method_source(Bicubic, None) == before
    _content_hash.cache_clear()
    monkeypatch.setattr(Path, "read_bytes", lambda self: read(self) + (b"#" if self.name == "resize.py" else b""))
    assert method_source(Bicubic, None) != before
    _content_hash.cache_clear()


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("a = 1\n")
    before = _content_hash(file, *_stamp(file))
    file.write_text("a = 12\n")
    assert _content_hash(file, *_stamp(file)) != before


def test_a_detector_can_be_named_by_its_target() -> None:
    target = detector_registry().target("yolox-nano")
    assert method_source(Bicubic, target) == method_source(Bicubic, YoloxNano)


PLUGIN = """
from lqbench.methods.bicubic.method import Bicubic
from lqbench.methods.card import MethodCard

class Mine(Bicubic):
    card = MethodCard(name="mine", title="Mine", summary="A test.", kind="external")
"""


def test_a_plug_in_counts_with_its_file_and_what_it_extends(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(PLUGIN)
    (tmp_path / "unrelated.py").write_text("x = 1\n")
    registry = MethodRegistry()
    load_plugin(tmp_path / "mine.py", registry)
    mine = registry.get("mine")
    files = set(source_files(mine, None))
    assert f"plugin/{tmp_path.name}/mine.py" in files
    assert f"plugin/{tmp_path.name}/unrelated.py" not in files
    assert "methods/bicubic/method.py" in files
    before = method_source(mine, None)
    (tmp_path / "mine.py").write_text(PLUGIN + "# changed\n")
    assert method_source(mine, None) != before


def test_a_plug_in_folder_counts_whole_wherever_it_lies(tmp_path: Path) -> None:
    first = tmp_path / "a" / "mine"
    first.mkdir(parents=True)
    (first / "method.py").write_text(PLUGIN)
    (first / "network.py").write_text("x = 1\n")
    registry = MethodRegistry()
    load_plugin(first, registry)
    mine = registry.get("mine")
    assert {"plugin/mine/method.py", "plugin/mine/network.py"} <= set(source_files(mine, None))
    other = MethodRegistry()
    shutil.copytree(first, tmp_path / "b" / "mine")
    load_plugin(tmp_path / "b" / "mine", other)
    assert method_source(other.get("mine"), None) == method_source(mine, None)


def test_module_names_resolve_relative_to_the_package() -> None:
    assert source_hash._inside("lqbench.methods.base") == "methods.base"
    assert source_hash._inside("torch") == ""
    assert source_hash._inside("lqbench_plugin_1.x") == ""


def test_what_only_trains_does_not_count() -> None:
    files = set(source_files(Aeris, None))
    assert {"methods/aeris/method.py", "methods/aeris/net.py", "methods/aeris/decode.py"} <= files
    assert not {f"methods/aeris/{name}.py" for name in ("train", "fit", "recipe", "targets", "loss")} & files
    assert not [name for name in files if name.startswith("methods/training/")]
