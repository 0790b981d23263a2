from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from lqbench.datasets.errors import UserError
from lqbench.methods.aeris.checkpoint import load_weights, save_weights
from lqbench.methods.aeris.config import model_config
from lqbench.methods.aeris.header import ARCHITECTURE, Header, check_method, read_header
from lqbench.methods.aeris.net import AerisNet
from lqbench.methods.header_values import KEY
from lqbench.methods.tensor_files import save_tensors, wanted_tensors

HEADER = Header(method="aeris", classes=("person", "car"), model=model_config("aeris", "mini"))


@pytest.fixture(scope="module")
def net() -> AerisNet:
    return AerisNet(HEADER.model, 2, seed=1).eval()


@pytest.fixture
def file(net: AerisNet, tmp_path: Path) -> Path:
    path = tmp_path / "new folder" / "aeris.safetensors"
    save_weights(net, HEADER, path)
    return path


def rewrite(path: Path, **header: object) -> None:
    values = {**HEADER.model_dump(mode="json"), **header}
    save_file(load_file(path), path, {KEY: json.dumps(values)})


def test_what_is_written_is_read(net: AerisNet, file: Path) -> None:
    read, header = load_weights(file)
    assert header == read_header(file) == HEADER
    assert not read.training and not any(value.requires_grad for value in read.parameters())
    for name, value in wanted_tensors(read).items():
        assert torch.equal(value, net.state_dict()[name])
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_the_same_weights_make_the_same_bytes(net: AerisNet, file: Path, tmp_path: Path) -> None:
    save_weights(net, HEADER, tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == file.read_bytes()


def test_half_precision_halves_the_file(net: AerisNet, file: Path, tmp_path: Path) -> None:
    half = tmp_path / "half.safetensors"
    save_weights(net, HEADER, half, half=True)
    assert half.stat().st_size < 0.55 * file.stat().st_size
    read, _ = load_weights(half)
    for name, value in wanted_tensors(read).items():
        assert value.dtype == torch.float32
        torch.testing.assert_close(value, net.state_dict()[name], atol=1e-3, rtol=1e-3)
    exact = "neck.stage1.up.bn.weight"
    assert torch.equal(read.state_dict()[exact], net.state_dict()[exact])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"architecture": "lqbench-mini-1"}, f"another family than {ARCHITECTURE}"),
        ({"method": "aeriss"}, "field 'method' is wrong: .*unknown method 'aeriss'; known are aeris,"),
        ({"classes": []}, "field 'classes' is wrong"),
        ({"model": {"neck": "stage3"}}, "field 'model.neck' is wrong"),
        ({"classes": ["a", "b", "c"]}, "2 tensors are misshapen, first 'head.heatmap.2.weight'"),
        ({"model": model_config("aeris-stage1", "mini").model_dump(mode="json")}, "tensors are missing, first"),
    ],
)
def test_a_header_that_does_not_fit_is_refused(fields: dict[str, object], message: str, file: Path) -> None:
    rewrite(file, **fields)
    with pytest.raises(UserError, match=message) as caught:
        load_weights(file)
    assert str(file) in str(caught.value) and "\n" not in str(caught.value)


def test_another_family_is_named_as_such(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"x": torch.zeros(1)}, path)
    with pytest.raises(UserError, match="another family"):
        read_header(path)


def test_a_missing_file_and_an_unconverted_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such weight file"):
        read_header(tmp_path / "none.safetensors")
    official = tmp_path / "official.pth"
    torch.save({"x": torch.zeros(1)}, official)
    with pytest.raises(UserError, match=r"must be converted first: `lqbench convert aeris official.pth"):
        read_header(official)


def test_a_damaged_file(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-4000])
    with pytest.raises(UserError, match=r"aeris\.safetensors"):
        load_weights(file)


def test_tensors_too_many_are_refused(net: AerisNet, tmp_path: Path) -> None:
    path = tmp_path / "more.safetensors"
    save_tensors({**net.state_dict(), "extra": torch.zeros(1)}, {KEY: HEADER}, path, half=False)
    with pytest.raises(UserError, match="unexpected is 'extra'"):
        load_weights(path)


def test_weights_of_another_method_are_refused() -> None:
    check_method(Path("x"), HEADER, "aeris")
    with pytest.raises(UserError, match=r"of the method 'aeris', not of 'centernet'.*run --method aeris"):
        check_method(Path("x"), HEADER, "centernet")
