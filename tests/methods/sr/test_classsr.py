"""ClassSR: routing, overlaps, the mix in training, checkpoints and losses."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lqbench.methods.sr.catalog import build_sr
from lqbench.methods.sr.checkpoints import describe, load_sr, save_sr
from lqbench.methods.sr.classsr_losses import WEIGHTS, Classified, average_loss, class_loss, classsr_losses
from lqbench.methods.sr.networks.classsr import ClassSr


def small(scale: int = 4, **options: object) -> ClassSr:
    """Return a narrow network whose class module tells patches of ``blotches`` apart, in evaluation mode."""
    torch.manual_seed(0)
    network = ClassSr(scale, **{"widths": [2, 3, 4], **options})  # pyright: ignore[reportArgumentType]
    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d):
            layer.reset_parameters()
    with torch.no_grad():
        scores = network.classifier(blotches(32, 32, seed=1, images=16))
        network.classifier.lastOut.bias -= scores.mean(dim=0)
    return network.eval()


def blotches(height: int, width: int, seed: int = 0, images: int = 1) -> Tensor:
    """Return images of which each part has colours of its own, so that its patches fall into several classes."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand((images, 3, -(-height // 12), -(-width // 12)), generator=generator)
    return F.interpolate(coarse, scale_factor=12.0)[..., :height, :width] ** 2


def published(network: ClassSr, image: Tensor) -> tuple[Tensor, set[int]]:
    """Follow the released code: patch by patch, sums halved in overlaps; also return the classes that were used."""
    scale, side, step = network.scale, network.patch, network.step
    height, width = image.shape[-2:]
    total = torch.zeros((3, scale * height, scale * width))
    rows, columns = range(0, height - side + 1, step), range(0, width - side + 1, step)
    used = set()
    for y, x in itertools.product(rows, columns):
        patch = image[None, :, y : y + side, x : x + side]
        best = int(network.classifier(patch).argmax())
        used.add(best)
        place = (slice(scale * y, scale * (y + side)), slice(scale * x, scale * (x + side)))
        total[(slice(None), *place)] += network.branches[best](patch)[0]
    for y in rows[1:]:
        total[:, scale * y : scale * (y + side - step)] /= 2
    for x in columns[1:]:
        total[:, :, scale * x : scale * (x + side - step)] /= 2
    return total, used


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
@pytest.mark.parametrize("size", [(1, 1), (3, 7), (31, 40), (32, 32), (33, 61)])
def test_any_size_is_enlarged_in_both_modes(scale: int, size: tuple[int, int]) -> None:
    network, low = small(scale), blotches(*size)
    expected = (1, 3, scale * size[0], scale * size[1])
    with torch.no_grad():
        assert network(low).shape == expected
        assert network.train()(low).shape == expected


@torch.no_grad()
def test_patches_go_one_way_each_and_overlaps_are_averaged_as_published() -> None:
    network, image = small(), blotches(60, 88)[0]
    expected, used = published(network, image)
    assert len(used) >= 2
    torch.testing.assert_close(network(image[None])[0], expected, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_what_is_left_behind_the_last_whole_patch_is_covered_by_one_flush_with_the_border() -> None:
    network = small(patch=8, step=6)
    image = blotches(8, 19, seed=2)
    middle, last = network(image[..., 6:14]), network(image[..., 11:])
    restored = network(image)
    torch.testing.assert_close(restored[..., -20:], last[..., -20:], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(restored[..., 48:52], (middle[..., 24:28] + last[..., 4:8]) / 2, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_an_image_does_not_depend_on_its_batch() -> None:
    network, images = small(), blotches(50, 70, images=3)
    together = network(images)
    for index in range(3):
        assert torch.equal(together[index], network(images[index : index + 1])[0])
    assert torch.equal(together, network(images))


def test_training_mixes_all_branches_by_their_probabilities() -> None:
    network, image = small().train(), blotches(20, 24)
    output = network.classified(image)
    probabilities = network.classifier(image).softmax(dim=1)[0]
    mixed = sum(p * branch(image) for p, branch in zip(probabilities, network.branches, strict=True))
    torch.testing.assert_close(output.images, mixed)
    torch.testing.assert_close(network(image), output.images)
    assert output.probabilities.shape == (1, 3)
    assert network.classified(blotches(40, 32, images=2)).probabilities.shape == (4, 3)


def test_gradients_reach_class_module_branches_and_image_in_training() -> None:
    network, image = small().train(), blotches(20, 24).requires_grad_()
    losses = classsr_losses(network.classified(image), torch.zeros(1, 3, 80, 96))
    torch.stack([*losses.values()]).sum().backward()
    assert image.grad is not None and image.grad.abs().sum() > 0
    assert all(parameter.grad is not None for parameter in network.parameters())
    weight = network.classifier.CondNet[0].get_parameter("weight")
    assert weight.grad is not None and weight.grad.abs().sum() > 0


def test_gradients_reach_the_image_and_the_chosen_branch_alone_in_evaluation() -> None:
    network, image = small(), blotches(20, 24).requires_grad_()
    chosen = int(network.classifier(image).argmax())
    network(image).sum().backward()
    assert image.grad is not None and image.grad.abs().sum() > 0
    touched = [any(p.grad is not None for p in branch.parameters()) for branch in network.branches]
    assert touched == [index == chosen for index in range(3)]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"branch": "vdsr"}, "branch must be one of fsrcnn"),
        ({"widths": [8, 16]}, "three ascending"),
        ({"widths": [16, 8, 24]}, "three ascending"),
        ({"widths": [0, 8, 24]}, "three ascending"),
        ({"patch": 16, "step": 17}, "pixels between patches are lost"),
        ({"step": 0}, "step must lie between 1 and patch"),
    ],
)
def test_options_that_make_no_network_are_refused(options: dict[str, object], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        ClassSr(4, **options)  # pyright: ignore[reportArgumentType]


def test_a_released_state_is_recognised_by_its_names_and_shapes() -> None:
    state = ClassSr(4).state_dict()
    assert state["classifier.CondNet.0.weight"].shape == (128, 3, 4, 4)
    assert state["net3.tail_conv.weight"].shape == (56, 3, 9, 9)
    found = ClassSr.recognise(state)
    assert found is not None
    assert (found.network, found.scales) == ("classsr", (4,))
    assert found.options == {"branch": "fsrcnn", "widths": [16, 36, 56]}
    ClassSr(4).load_state_dict(ClassSr.adapt(state, 4))
    assert ClassSr.recognise({name: value for name, value in state.items() if "classifier" not in name}) is None
    assert ClassSr.recognise({name: value for name, value in state.items() if "net2" not in name}) is None


@pytest.mark.parametrize("branch", ["fsrcnn", "msrresnet"])
def test_released_checkpoints_load(tmp_path: Path, branch: str) -> None:
    network = ClassSr(4, branch=branch, widths=[4, 5, 6]).eval()
    later = {"net.": "", ".body.": ".recon_trunk.", "conv_hr": "HRconv"}
    tensors = {}
    for name, value in network.state_dict().items():
        for new, old in later.items() if branch == "msrresnet" else ():
            name = name.replace(new, old)  # noqa: PLW2901
        tensors[f"module.{name}"] = value
    torch.save(tensors, tmp_path / "released.pth")
    loaded, header = load_sr(tmp_path / "released.pth")
    assert (header.network, header.scale) == ("classsr", 4)
    assert header.options == {"branch": branch, "widths": [4, 5, 6]}
    with torch.no_grad():
        assert torch.equal(loaded(blotches(40, 40)), network(blotches(40, 40)))


def test_our_files_keep_every_option(tmp_path: Path) -> None:
    network = build_sr("classsr", 3, {"widths": [2, 4, 6], "patch": 16, "step": 12}).eval()
    save_sr(network, describe(network, "classsr"), tmp_path / "small.safetensors")
    loaded, header = load_sr(tmp_path / "small.safetensors", "classsr", 3)
    assert header.options == {"branch": "fsrcnn", "widths": [2, 4, 6], "patch": 16, "step": 12}
    with torch.no_grad():
        assert torch.equal(loaded(blotches(20, 30)), network(blotches(20, 30)))


def test_class_loss_is_the_published_sum_over_pairs() -> None:
    rows = torch.rand(7, 3).softmax(dim=1)
    expected = sum(2 - (abs(a - b) + abs(a - c) + abs(b - c)) for a, b, c in rows.tolist()) / 7
    assert float(class_loss(rows)) == pytest.approx(expected, abs=1e-6)
    assert float(class_loss(torch.eye(3))) == 0.0
    assert float(class_loss(torch.full((4, 3), 1 / 3))) == pytest.approx(2.0)


def test_average_loss_is_zero_only_where_classes_are_used_equally() -> None:
    assert float(average_loss(torch.eye(3).repeat(2, 1))) == 0.0
    # All six patches in one class: (4 + 2 + 2) / (4 * 2).
    assert float(average_loss(torch.eye(3)[[0] * 6])) == pytest.approx(1.0)


def test_losses_are_weighted_as_published() -> None:
    output = Classified(torch.full((1, 3, 2, 2), 0.25), torch.full((5, 3), 1 / 3))
    losses = classsr_losses(output, torch.zeros(1, 3, 2, 2))
    assert {name: float(loss) for name, loss in losses.items()} == pytest.approx(
        {"l1": 250.0, "class": 1.0, "average": 0.0}, abs=1e-5
    )
    assert dict(WEIGHTS) == {"l1": 1000.0, "class": 0.5, "average": 3.0}


def test_the_class_module_learns_which_branch_serves_a_patch() -> None:
    """Branches that paint red, green and blue alone: trained shortly, it gives each patch the branch of its colour."""
    network, colours = ClassSr(2, widths=[1, 1, 1]).train(), torch.eye(3)
    for colour, branch in zip(colours, network.branches, strict=True):
        for parameter in branch.parameters():
            torch.nn.init.zeros_(parameter).requires_grad_(False)
        branch.get_parameter("tail_conv.bias").copy_(colour)
    torch.manual_seed(0)
    low = (colours.repeat(4, 1)[:, :, None, None] + 0.05 * torch.randn(12, 3, 4, 4)).clamp(0, 1)
    high = colours.repeat(4, 1)[:, :, None, None].expand(12, 3, 8, 8)
    optimizer = torch.optim.Adam(network.classifier.parameters(), lr=2e-3)
    for _ in range(40):
        optimizer.zero_grad()
        torch.stack([*classsr_losses(network.classified(low), high).values()]).sum().backward()
        optimizer.step()
    with torch.no_grad():
        torch.testing.assert_close(network.eval()(low), high)
