"""Checkpoints are read without running code, and what does not fit is named."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from lqbench.datasets.errors import UserError
from lqbench.methods.detectors.checkpoint import load_strictly, read_state_dict


class Payload:
    """Any class that is not a tensor: unpickling it would run foreign code."""


@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: {"model": s, "epoch": 3}, lambda s: {"state_dict": s}])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_plain_and_wrapped_state_dicts_are_read(tmp_path: Path, wrap, prefix: str) -> None:
    path = tmp_path / "w.pth"
    torch.save(wrap({f"{prefix}a.weight": torch.ones(2), f"{prefix}b": torch.zeros(1)}), path)
    state = read_state_dict(path, "fcos")
    assert sorted(state) == ["a.weight", "b"]
    assert state["a.weight"].tolist() == [1, 1]


def test_safetensors_are_read(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_file({"a": torch.ones(2)}, path)
    assert read_state_dict(path, "fcos")["a"].tolist() == [1, 1]


def test_a_prefix_of_some_names_only_stays(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save({"module.a": torch.ones(1), "b": torch.ones(1)}, path)
    assert sorted(read_state_dict(path, "fcos")) == ["b", "module.a"]


def test_a_truncated_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save({"a": torch.ones(10_000)}, path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(UserError, match=r"w\.pth cannot be read as a PyTorch checkpoint of fcos"):
        read_state_dict(path, "fcos")


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"PK\x03\x04"])
def test_what_is_no_checkpoint_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "w.pth"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"w\.pth cannot be read as a PyTorch checkpoint of fcos"):
        read_state_dict(path, "fcos")


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save({"model": Payload()}, path)
    with pytest.raises(UserError, match="holds more than tensors"):
        read_state_dict(path, "fcos")


def test_an_onnx_file_is_told_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "yolox_nano.onnx"
    path.write_bytes(b"anything")
    with pytest.raises(UserError, match=r"yolox_nano\.onnx is an ONNX file; ssd300_vgg16 takes a PyTorch checkpoint"):
        read_state_dict(path, "ssd300_vgg16")


@pytest.mark.parametrize("content", [{}, {"epoch": 3}, [1, 2], torch.ones(2)])
def test_a_file_without_state_dict_is_named(tmp_path: Path, content: object) -> None:
    path = tmp_path / "w.pth"
    torch.save(content, path)
    with pytest.raises(UserError, match=r"w\.pth holds no state dict: fcos takes"):
        read_state_dict(path, "fcos")


def test_shapes_names_and_one_example_each(tmp_path: Path) -> None:
    path, model = tmp_path / "w.pth", nn.Linear(3, 2)
    with pytest.raises(UserError, match=r"shape mismatch of 'weight', \[2, 4\] in the file, \[2, 3\] needed"):
        load_strictly(model, {"weight": torch.ones(2, 4), "bias": torch.ones(2)}, path, "fcos")
    with pytest.raises(
        UserError, match=r"1 missing tensors such as 'bias' and 2 unexpected tensors such as 'x'"
    ) as caught:
        load_strictly(model, {"weight": torch.ones(2, 3), "x": torch.ones(2), "y": torch.ones(2)}, path, "fcos")
    assert "\n" not in str(caught.value)
    load_strictly(model, {"weight": torch.ones(2, 3), "bias": torch.zeros(2)}, path, "fcos")
    assert model.weight.detach().tolist() == [[1, 1, 1], [1, 1, 1]]
