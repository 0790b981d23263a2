from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from lqbench.datasets.errors import UserError
from lqbench.methods.sr.catalog import NETWORKS, build_sr
from lqbench.methods.sr.checkpoints import describe, load_sr, recognise, save_sr

OURS = [name for name, entry in NETWORKS.items() if entry.scales and name != "classsr"]
GENERAL = {"srgan": "srresnet", "esrgan": "rrdb", "bsrgan": "rrdb", "real-esrgan": "rrdb"}
ANY_SCALE = ("vdsr", "srcnn", "fsrcnn")


def published(name: str, scale: int, options: dict[str, Any]) -> dict[str, Tensor]:
    """Return the tensors of a new network by the names of its published checkpoints."""
    state = build_sr(name, scale, options).state_dict()
    tensors = {key.removeprefix("net."): value for key, value in state.items()}
    if name.startswith("carn"):
        tensors["sub_mean.shifter.bias"] = -tensors.pop("mean").flatten()
        tensors = {re.sub(r"^upsample\.", "upsample.up.", key): value for key, value in tensors.items()}
    return tensors


@pytest.mark.parametrize("container", ["", "params", "params_ema", "state_dict"])
@pytest.mark.parametrize("name", OURS)
def test_published_files_tell_their_network_scale_and_options(
    tmp_path: Path, name: str, container: str, small_options: dict[str, Any]
) -> None:
    scale = NETWORKS[name].scales[0]
    tensors = published(name, scale, small_options[name])
    torch.save({container: tensors} if container else tensors, tmp_path / "weights.pth")
    network, header = load_sr(tmp_path / "weights.pth", scale=scale if name in ANY_SCALE else None)
    assert (header.network, header.scale) == (GENERAL.get(name, name), scale)
    assert {key: header.options[key] for key in small_options[name]} == small_options[name]
    assert not network.training
    given = {key.removeprefix("net."): value for key, value in network.state_dict().items()}
    assert all(torch.equal(given[key], value) for key, value in tensors.items() if key in given)


@pytest.mark.parametrize(("name", "scale"), [(name, scale) for name in OURS for scale in NETWORKS[name].scales])
def test_shapes_tell_every_scale(name: str, scale: int, small_options: dict[str, Any]) -> None:
    found = recognise(published(name, scale, small_options[name]))
    assert found is not None
    assert found.network == GENERAL.get(name, name)
    assert scale in found.scales
    assert len(found.scales) == (4 if name in ANY_SCALE else 1)


@pytest.mark.parametrize("name", OURS)
def test_our_files_come_back_whole(tmp_path: Path, name: str, small_options: dict[str, Any]) -> None:
    network = build_sr(name, 4, small_options[name]).eval()
    header = describe(network, name, {"iterations": 10, "loss": "mse"})
    save_sr(network, header, tmp_path / "a.safetensors")
    save_sr(network, header, tmp_path / "b.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.safetensors", "b.safetensors"]
    loaded, read = load_sr(tmp_path / "a.safetensors", name, 4)
    assert read == header
    low = torch.rand(1, 3, 5, 4)
    with torch.no_grad():
        assert torch.equal(loaded(low), network(low))
    save_sr(loaded, read, tmp_path / "c.safetensors")
    assert (tmp_path / "c.safetensors").read_bytes() == (tmp_path / "a.safetensors").read_bytes()


def test_half_precision_halves_the_file_and_hardly_changes_the_image(tmp_path: Path) -> None:
    network = build_sr("dbpn-s", 4, {"base": 8, "features": 16}).eval()
    for half in (False, True):
        save_sr(network, describe(network, "dbpn-s"), tmp_path / f"{half}.safetensors", half=half)
    sizes = [(tmp_path / f"{half}.safetensors").stat().st_size for half in (False, True)]
    assert sizes[1] < 0.6 * sizes[0]
    loaded, _ = load_sr(tmp_path / "True.safetensors")
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.float32}
    low = torch.rand(1, 3, 4, 4)
    with torch.no_grad():
        assert float((loaded(low) - network(low)).abs().max()) < 2e-3


def test_carn_files_serve_each_scale_they_have_a_part_for(tmp_path: Path, small_options: dict[str, Any]) -> None:
    options = small_options["carn-m"]
    several = published("carn-m", 2, options)
    several = {key.replace("upsample.up.", "upsample.up2."): value for key, value in several.items()}
    for scale in (3, 4):
        extra = published("carn-m", scale, options)
        several |= {key.replace(".up.", f".up{scale}."): v for key, v in extra.items() if key.startswith("upsample")}
    torch.save(several, tmp_path / "carn.pth")
    for scale in (2, 3, 4):
        network, header = load_sr(tmp_path / "carn.pth", scale=scale)
        assert (header.network, header.options["groups"]) == ("carn-m", 4)
        assert network(torch.rand(1, 3, 3, 2)).shape == (1, 3, 3 * scale, 2 * scale)
        assert torch.equal(network.state_dict()["upsample.body.0.weight"], several[f"upsample.up{scale}.body.0.weight"])
    with pytest.raises(UserError, match="can be used at x2, x3, x4 and does not say which"):
        load_sr(tmp_path / "carn.pth")
    with pytest.raises(UserError, match="weights for x2, x3, x4, not for x8"):
        load_sr(tmp_path / "carn.pth", scale=8)


def authors_edsr(tensors: dict[str, Tensor], blocks: int) -> dict[str, Tensor]:
    rules = (
        (r"^body\.(\d+)\.conv1\.", r"body.\1.body.0."),
        (r"^body\.(\d+)\.conv2\.", r"body.\1.body.2."),
        (r"^body\.(\d+)\.residual_group\.(\d+)\.rcab\.3\.attention\.1", r"body.\1.body.\2.body.3.conv_du.0"),
        (r"^body\.(\d+)\.residual_group\.(\d+)\.rcab\.3\.attention\.3", r"body.\1.body.\2.body.3.conv_du.2"),
        (r"^body\.(\d+)\.residual_group\.(\d+)\.rcab\.", r"body.\1.body.\2.body."),
        (r"^body\.(\d+)\.conv\.", r"body.\1.body.2."),
        (r"^conv_after_body\.", f"body.{blocks}."),
        (r"^conv_first\.", "head.0."),
        (r"^upsample\.", "tail.0."),
        (r"^conv_last\.", "tail.1."),
    )
    return {**renamed(tensors, rules), "sub_mean.weight": torch.eye(3), "add_mean.bias": torch.zeros(3)}


def early_esrgan(tensors: dict[str, Tensor], blocks: int) -> dict[str, Tensor]:
    rules = (
        (r"^body\.(\d+)\.rdb(\d)\.conv(\d)\.", r"model.1.sub.\1.RDB\2.conv\3.0."),
        (r"^conv_body\.", f"model.1.sub.{blocks}."),
        (r"^conv_first\.", "model.0."),
        (r"^conv_up1\.", "model.3."),
        (r"^conv_up2\.", "model.6."),
        (r"^conv_hr\.", "model.8."),
        (r"^conv_last\.", "model.10."),
    )
    return renamed(tensors, rules)


def bsrgan(tensors: dict[str, Tensor], blocks: int) -> dict[str, Tensor]:
    del blocks
    rules = (
        (r"^body\.(\d+)\.rdb(\d)\.", r"RRDB_trunk.\1.RDB\2."),
        (r"^conv_body\.", "trunk_conv."),
        (r"^conv_up(\d)\.", r"upconv\1."),
        (r"^conv_hr\.", "HRconv."),
    )
    return renamed(tensors, rules)


def early_srgan(tensors: dict[str, Tensor], blocks: int) -> dict[str, Tensor]:
    del blocks
    return renamed(tensors, ((r"^conv(\d)\.", r"conv_block\1."),))


def renamed(tensors: dict[str, Tensor], rules: tuple[tuple[str, str], ...]) -> dict[str, Tensor]:
    result = {}
    for name, value in tensors.items():
        new = next((re.sub(pattern, to, name) for pattern, to in rules if re.match(pattern, name)), name)
        result[new] = value
    assert len(result) == len(tensors)
    return result


@pytest.mark.parametrize(
    ("name", "naming"),
    [
        ("edsr", authors_edsr),
        ("rcan", authors_edsr),
        ("esrgan", early_esrgan),
        ("bsrgan", bsrgan),
        ("srgan", early_srgan),
    ],
)
def test_other_published_names_load_too(tmp_path: Path, name: str, naming: Any, small_options: dict[str, Any]) -> None:
    tensors = published(name, 4, small_options[name])
    torch.save(naming(tensors, 2), tmp_path / "weights.pth")
    network, header = load_sr(tmp_path / "weights.pth", name)
    assert (header.network, header.scale) == (name, 4)
    given = {key.removeprefix("net."): value for key, value in network.state_dict().items()}
    assert all(torch.equal(given[key], value) for key, value in tensors.items())


def test_a_large_edsr_has_its_residual_factor() -> None:
    with torch.device("meta"):
        found = recognise(published("edsr", 2, {"features": 256, "blocks": 1}))
    assert found is not None
    assert found.options["residual"] == 0.1


def test_wrong_files_are_told_in_a_sentence(tmp_path: Path, small_options: dict[str, Any]) -> None:
    tensors = published("dbpn", 4, small_options["dbpn"])
    files: dict[str, Any] = {
        "more": {**tensors, "extra.weight": torch.zeros(1)},
        "less": {key: value for key, value in tensors.items() if key != "up2.up_conv1.act.weight"},
        "shape": {**tensors, "feat1.conv.bias": torch.zeros(9)},
        "detector": {"backbone.conv.weight": torch.zeros(8, 3, 3, 3)},
        "list": [1, 2],
        "dbpn": tensors,
        "vdsr": published("vdsr", 4, small_options["vdsr"]),
    }
    for name, content in files.items():
        torch.save(content, tmp_path / f"{name}.pth")
    (tmp_path / "text.pth").write_text("no checkpoint", encoding="utf-8")
    cases: list[tuple[str, str, int | None, str]] = [
        ("absent", "", None, "there is no such checkpoint"),
        ("text", "", None, "cannot be read as a PyTorch checkpoint"),
        ("list", "", None, "holds no state dict"),
        ("more", "", None, "unexpected tensors such as 'extra.weight'"),
        ("less", "", None, "missing tensors such as 'up2.up_conv1.act.weight'"),
        ("shape", "", None, "shape mismatch of 'feat1.conv.bias'"),
        ("detector", "dbpn", None, "one of its 1 tensors is 'backbone.conv.weight'"),
        ("dbpn", "carn", None, "holds weights of 'dbpn', not of 'carn'"),
        ("dbpn", "dbpnll", None, "(stages = 3), not of 'dbpnll'"),
        ("dbpn", "", 2, "weights for x4, not for x2"),
        ("dbpn", "dbpm", None, "did you mean 'dbpn'"),
        ("vdsr", "", None, "can be used at x2, x3, x4, x8 and does not say which"),
        ("vdsr", "", 5, "not for x5"),
    ]
    for file, network, scale, sentence in cases:
        with pytest.raises(UserError, match=re.escape(sentence)) as caught:
            load_sr(tmp_path / f"{file}.pth", network, scale)
        assert "\n" not in str(caught.value)


def test_our_files_are_held_to_their_header(tmp_path: Path) -> None:
    network = build_sr("dbpn-s", 4, {"base": 4, "features": 8})
    header = describe(network, "dbpn-s")
    wrong = {
        "scale": (header.model_copy(update={"scale": 3}), "does not come in x3"),
        "options": (header.model_copy(update={"options": {"base": 5, "features": 8}}), "shape mismatch of"),
        "network": (header.model_copy(update={"network": "nonsense"}), "unknown SR network 'nonsense'"),
        "family": (header.model_copy(update={"architecture": "lqbench-aeris-1"}), "another family"),
    }
    for name, (bad, sentence) in wrong.items():
        path = tmp_path / f"{name}.safetensors"
        save_sr(network, bad, path)
        with pytest.raises(UserError, match=sentence):
            load_sr(path)
    save_sr(network, header, tmp_path / "good.safetensors")
    with pytest.raises(UserError, match="weights for x4, not for x2"):
        load_sr(tmp_path / "good.safetensors", scale=2)
    with pytest.raises(UserError, match="not of 'dbpnll'"):
        load_sr(tmp_path / "good.safetensors", "dbpnll")
    assert load_sr(tmp_path / "good.safetensors", "dbpn")[1].network == "dbpn"


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = build_sr("fsrcnn", 2, {"features": 4, "shrunk": 2, "mapping": 1})
    path = tmp_path / "weights.safetensors"
    save_sr(network, describe(network, "fsrcnn"), path)
    before = path.read_bytes()

    def fail(*_: object, **__: object) -> bytes:
        raise OSError("disk full")

    monkeypatch.setattr("safetensors.torch.save", fail)
    with pytest.raises(OSError, match="disk full"):
        save_sr(network, describe(network, "fsrcnn"), path)
    assert path.read_bytes() == before


def test_without_spandrel_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save({"some.community.weight": torch.zeros(2, 2)}, tmp_path / "weights.pth")
    monkeypatch.setitem(sys.modules, "spandrel", None)
    with pytest.raises(UserError, match=r'some\.community\.weight.*pip install "lqbench\[sr\]"'):
        load_sr(tmp_path / "weights.pth")


@pytest.mark.skipif(importlib.util.find_spec("spandrel") is None, reason="spandrel is not installed (extra sr)")
def test_spandrel_takes_what_ours_cannot_hold(tmp_path: Path, small_options: dict[str, Any]) -> None:
    tensors = published("real-esrgan-compact", 2, small_options["real-esrgan-compact"])
    torch.save(tensors, tmp_path / "weights.pth")
    ours, _ = load_sr(tmp_path / "weights.pth")
    theirs, header = load_sr(tmp_path / "weights.pth", "spandrel")
    assert (header.network, header.scale) == ("spandrel", 2)
    low = torch.rand(1, 3, 5, 3, requires_grad=True)
    high = theirs(low)
    assert torch.allclose(high, ours(low), atol=1e-6)
    high.mean().backward()
    assert low.grad is not None
    save_sr(theirs, header, tmp_path / "ours.safetensors")
    again, read = load_sr(tmp_path / "ours.safetensors")
    assert read == header
    assert torch.equal(again(low), theirs(low))
    torch.save({"nothing.known": torch.zeros(2, 2)}, tmp_path / "unknown.pth")
    with pytest.raises(UserError, match=r"nothing\.known.*give a checkpoint of a super-resolution network"):
        load_sr(tmp_path / "unknown.pth")
