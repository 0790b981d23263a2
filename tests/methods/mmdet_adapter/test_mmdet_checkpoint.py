"""Checkpoints are read without running code in them; logs are passed over, other objects refused."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from lqbench.datasets.errors import UserError
from lqbench.methods.mmdet_adapter.build import import_mmdet
from lqbench.methods.mmdet_adapter.checkpoint import read_checkpoint

WEIGHTS = {"a.weight": torch.arange(4.0), "a.num": torch.tensor(3)}


TRACE: list[str] = []


class Trap:
    """Leaves a trace if it is unpickled: through a function of its module, of the system, or a bound method."""

    def __init__(self, call: Callable[[str], object]) -> None:
        self.call = call

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return self.call, ("touch trace",)


def leave_a_trace(text: str) -> None:
    TRACE.append(text)


def saved(path: Path, **content: object) -> Path:
    torch.save({"state_dict": WEIGHTS, **content}, path)
    return path


def test_a_checkpoint_of_a_training_with_its_logs(tmp_path: Path) -> None:
    import_mmdet()
    from mmengine.logging import HistoryBuffer

    history = HistoryBuffer([1.0, 2.0], [1, 1])
    content = {
        "meta": {"dataset_meta": {"CLASSES": ("car", "person")}, "best": np.float64(0.3), "seed": 1},
        "message_hub": {"log_scalars": {"loss": history}, "runtime_info": {"array": np.arange(3)}},
        "optimizer": {"state": {0: {"momentum_buffer": torch.zeros(2)}}},
    }
    found = read_checkpoint(saved(tmp_path / "epoch_1.pth", **content))
    assert found.classes == ("car", "person")
    assert {name: tensor.tolist() for name, tensor in found.state.items()} == {"a.weight": [0, 1, 2, 3], "a.num": 3}


@pytest.mark.parametrize(
    ("meta", "classes"),
    [
        ({"dataset_meta": {"classes": ["car"]}}, ("car",)),
        ({"dataset_meta": {"classes": "car"}}, ("car",)),
        ({"CLASSES": ("car", "dog")}, ("car", "dog")),
        ({"dataset_meta": {}}, None),
        ({}, None),
        (None, None),
    ],
)
def test_class_names(tmp_path: Path, meta: object, classes: object) -> None:
    assert read_checkpoint(saved(tmp_path / "x.pth", meta=meta)).classes == classes


def test_bare_and_wrapped_state_dicts(tmp_path: Path) -> None:
    torch.save({f"module.{name}": tensor for name, tensor in WEIGHTS.items()}, tmp_path / "bare.pth")
    save_file(WEIGHTS, tmp_path / "bare.safetensors")
    for name in ("bare.pth", "bare.safetensors"):
        found = read_checkpoint(tmp_path / name)
        assert set(found.state) == set(WEIGHTS)
        assert found.classes is None


@pytest.mark.parametrize("call", [leave_a_trace, os.system, TRACE.append])
def test_objects_that_are_no_log_are_refused_and_never_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Callable[[str], object]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "trap.pth"
    torch.save({"state_dict": WEIGHTS, "meta": {"cfg": Trap(call)}}, path)
    with pytest.raises(UserError, match=r"reading it could run code.*python -c .*trap\.pth") as caught:
        read_checkpoint(path)
    assert "\n" not in str(caught.value)
    assert TRACE == []
    assert [file.name for file in tmp_path.iterdir()] == ["trap.pth"]


def test_the_advice_for_such_a_file_works(tmp_path: Path) -> None:
    path = tmp_path / "own.pth"
    meta = {"dataset_meta": {"classes": ("car",)}, "where": Path("x")}
    torch.save({"state_dict": WEIGHTS, "meta": meta}, path)
    with pytest.raises(UserError) as caught:
        read_checkpoint(path)
    program = str(caught.value).split('python -c "')[1].rstrip('"')
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
    assert read_checkpoint(tmp_path / "plain.pth").classes == ("car",)


@pytest.mark.parametrize("content", [{"state_dict": {}}, {"state_dict": {"a": 1}}, [1], {"meta": {}}])
def test_a_file_without_weights(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "x.pth")
    with pytest.raises(UserError, match="holds no weights"):
        read_checkpoint(tmp_path / "x.pth")


@pytest.mark.parametrize("name", ["x.pth", "x.safetensors"])
def test_a_damaged_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"not a checkpoint")
    with pytest.raises(UserError, match="cannot be read"):
        read_checkpoint(tmp_path / name)
