"""The stand-in takes its place only where mmcv has no compiled operators, and names what it lacks."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

from lqbench.methods.mmcv_ops.install import EXTENSION, install, ops_in_charge
from lqbench.methods.mmcv_ops.stand_in import StandIn

REPORT = (
    "import sys\n"
    "from lqbench.datasets.errors import UserError\n"
    "from lqbench.methods.mmcv_ops.install import install, ops_in_charge\n"
    "print(ops_in_charge(), 'torch' in sys.modules)\n"
    "try:\n    install()\nexcept UserError as error:\n    print(error)\n"
    "else:\n    import mmcv._ext\n    print(mmcv._ext.__file__)\n"
)


def run_beside(folder: Path, extension: str) -> str:
    """Run the report with an mmcv in front of the installed one, whose extension has the given source."""
    (folder / "mmcv").mkdir()
    (folder / "mmcv" / "__init__.py").write_text("")
    (folder / "mmcv" / "_ext.py").write_text(extension)
    done = subprocess.run(
        [sys.executable, "-c", REPORT],
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_a_compiled_extension_stays_in_charge(tmp_path: Path) -> None:
    lines = run_beside(tmp_path, "").splitlines()
    assert lines == ["compiled False", str(tmp_path / "mmcv" / "_ext.py")]


def test_an_extension_built_for_another_torch_is_told_as_such(tmp_path: Path) -> None:
    output = run_beside(tmp_path, "raise ImportError('undefined symbol: _ZN5torch')")
    assert "mmcv's compiled operators do not load (undefined symbol: _ZN5torch)" in output
    assert "pip install" in output


def test_installing_twice_keeps_the_module(ops: ModuleType) -> None:
    before = sys.modules[EXTENSION]
    assert install() == ops_in_charge()
    assert sys.modules[EXTENSION] is before
    assert importlib.util.find_spec(EXTENSION) is not None


@pytest.fixture
def stand_in(ops: ModuleType) -> StandIn:
    module = sys.modules[EXTENSION]
    if not isinstance(module, StandIn):
        pytest.skip("mmcv has its own compiled operators here")
    return module


def test_what_is_lacking_fails_when_called_and_says_how_to_get_it(ops: ModuleType, stand_in: StandIn) -> None:
    boxes = torch.rand(3, 5)
    with pytest.raises(NotImplementedError, match=r"'nms_rotated' .*MMCV_WITH_OPS=1 pip install"):
        ops.nms_rotated(boxes, torch.rand(3), 0.5)
    assert stand_in.any_other_name.__name__ == "any_other_name"


def test_the_stand_in_has_no_special_attributes_but_a_modules(stand_in: StandIn) -> None:
    assert not hasattr(stand_in, "__path__")
    assert stand_in.get_compiling_cuda_version() == "not available"
