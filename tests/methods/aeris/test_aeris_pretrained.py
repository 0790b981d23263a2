from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
import torchvision
from torch.nn import functional as F

from lqbench.datasets.errors import UserError
from lqbench.methods.aeris.mini_encoder import MiniEncoder
from lqbench.methods.aeris.pretrained import load_encoder, our_names
from lqbench.methods.aeris.resnet import ResNet
from lqbench.methods.aeris.swin import SwinTransformer
from lqbench.methods.detector.weights import BUNDLED, load_weights


@pytest.fixture(scope="module")
def resnet_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "resnet18.pth"
    torch.save(torchvision.models.resnet18().state_dict(), path)
    return path


def original_names(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Rename torchvision's Swin-T tensors to those of the original repository, written out once more for the test."""
    renamed = {}
    for name, value in tensors.items():
        parts = name.split(".")
        if parts[0] != "features":
            renamed[name] = value
        elif parts[1] == "0":
            renamed[f"patch_embed.{ {'0': 'proj', '2': 'norm'}[parts[2]] }.{parts[3]}"] = value
        elif int(parts[1]) % 2:
            rest = ".".join(parts[2:]).replace("mlp.0", "mlp.fc1").replace("mlp.3", "mlp.fc2")
            renamed[f"layers.{int(parts[1]) // 2}.blocks.{rest}"] = value
        else:
            renamed[f"layers.{int(parts[1]) // 2 - 1}.downsample.{'.'.join(parts[2:])}"] = value
    return renamed


def test_resnet_computes_what_torchvisions_does(resnet_file: Path) -> None:
    theirs, ours = torchvision.models.resnet18().eval(), ResNet.resnet18().eval()
    theirs.load_state_dict(torch.load(resnet_file, weights_only=True))
    assert load_encoder(ours, "resnet18", str(resnet_file)) == resnet_file
    x = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        found = ours(x)
        y = theirs.maxpool(theirs.relu(theirs.bn1(theirs.conv1(x))))
        for layer, one in zip((theirs.layer1, theirs.layer2, theirs.layer3, theirs.layer4), found, strict=True):
            y = layer(y)
            assert torch.allclose(one, y, atol=1e-5)


def test_swin_computes_what_torchvisions_does() -> None:
    """Sizes are such that no map fits into one window, where the two differ by intention."""
    theirs, ours = torchvision.models.swin_t().eval(), SwinTransformer().eval()
    missing, unexpected = ours.load_state_dict(our_names(theirs.state_dict(), "swin_t"), strict=False)
    assert unexpected == []
    assert {name.split(".")[0] for name in missing} <= {"norms"}
    x = torch.rand(1, 3, 256, 288, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        y, found = x, ours(x)
        for index, layer in enumerate(theirs.features):
            y = layer(y)
            if index % 2:
                wanted = F.layer_norm(y, y.shape[-1:]).permute(0, 3, 1, 2)
                assert torch.allclose(found[index // 2], wanted, atol=1e-4)


def test_swins_original_names_give_the_same_tensors() -> None:
    theirs = torchvision.models.swin_t().state_dict()
    first, second = our_names(theirs, "swin_t"), our_names(original_names(theirs), "swin_t")
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_other_files_are_refused(tmp_path: Path, resnet_file: Path) -> None:
    with pytest.raises(UserError, match=r"does not hold the weights of swin_t: tensor"):
        load_encoder(SwinTransformer(), "swin_t", str(resnet_file))
    broken = tmp_path / "broken.pth"
    broken.write_bytes(b"PK nothing")
    with pytest.raises(UserError, match="cannot be read as a checkpoint"):
        load_encoder(ResNet.resnet18(), "resnet18", str(broken))
    numbers = tmp_path / "numbers.pth"
    torch.save([1, 2], numbers)
    with pytest.raises(UserError, match="holds no state dict"):
        load_encoder(ResNet.resnet18(), "resnet18", str(numbers))


def test_a_damaged_download_is_told(tmp_path: Path, resnet_file: Path) -> None:
    content = resnet_file.read_bytes()
    good = hashlib.sha256(content).hexdigest()[:8]
    damaged, whole = tmp_path / "resnet18-f37072fd.pth", tmp_path / f"resnet18-{good}.pth"
    damaged.write_bytes(content)
    whole.write_bytes(content)
    assert load_encoder(ResNet.resnet18(), "resnet18", str(whole)) == whole
    with pytest.raises(UserError, match="is damaged"):
        load_encoder(ResNet.resnet18(), "resnet18", str(damaged))


def test_published_weights_are_looked_for(tmp_path: Path, resnet_file: Path) -> None:
    with pytest.raises(UserError, match=r"swin_tiny_patch4_window7_224\.pth \(114 MB.* or give --set init=PATH"):
        load_encoder(SwinTransformer(), "swin_t", "imagenet", tmp_path)
    folder = tmp_path / "weights"
    folder.mkdir()
    name = folder / "resnet18-f37072fd.pth"
    name.write_bytes(resnet_file.read_bytes())
    # Found, and then checked against the digits in its name.
    with pytest.raises(UserError, match="is damaged"):
        load_encoder(ResNet.resnet18(), "resnet18", "imagenet", tmp_path)


def test_the_mini_encoder_begins_with_the_detectors_backbone() -> None:
    encoder = MiniEncoder()
    assert load_encoder(encoder, "mini", "scenes") == BUNDLED
    detector, _ = load_weights(BUNDLED)
    image = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    for own, its in zip(encoder.eval()(image), detector.backbone(image), strict=True):
        torch.testing.assert_close(own, its)


def test_weights_of_the_scenes_fit_the_mini_encoder_alone() -> None:
    with pytest.raises(UserError, match="fits the encoder 'mini', not 'resnet18'"):
        load_encoder(ResNet.resnet18(), "resnet18", "scenes")
