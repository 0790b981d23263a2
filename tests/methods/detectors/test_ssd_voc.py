"""amdegroot's SSD300 for VOC: its checkpoint's names, default boxes, normalisation and way to detections."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import box_iou

from lqbench.datasets.errors import UserError
from lqbench.methods.class_names import VOC21
from lqbench.methods.detectors.base import TaskTargets
from lqbench.methods.detectors.ssd_voc import Ssd300Voc, Ssd300VocCaffe
from lqbench.methods.detectors.ssd_voc_net import ASPECT_RATIOS, SCALES, STEPS, VocSsd, VocVgg, published_names
from lqbench.methods.weights import WEIGHT_FILES

VGG = [64, 64, "M", 128, 128, "M", 256, 256, 256, "C", 512, 512, 512, "M", 512, 512, 512]
EXTRAS = [(1024, 256, 1, 1, 0), (256, 512, 3, 2, 1), (512, 128, 1, 1, 0), (128, 256, 3, 2, 1)]
EXTRAS += [(256, 128, 1, 1, 0), (128, 256, 3, 1, 0), (256, 128, 1, 1, 0), (128, 256, 3, 1, 0)]
HEADS = [(512, 4), (1024, 6), (512, 6), (256, 6), (256, 4), (256, 4)]


def vgg_layers() -> list[nn.Module]:
    layers: list[nn.Module] = []
    channels = 3
    for width in VGG:
        if isinstance(width, str):
            layers.append(nn.MaxPool2d(2, 2, ceil_mode=width == "C"))
        else:
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
    layers += [nn.MaxPool2d(3, 1, 1), nn.Conv2d(512, 1024, 3, padding=6, dilation=6), nn.ReLU()]
    return [*layers, nn.Conv2d(1024, 1024, 1), nn.ReLU()]


class Published(nn.Module):
    """The network as its repository lays it out, written down from its description to check names and order."""

    def __init__(self) -> None:
        super().__init__()
        self.vgg = nn.ModuleList(vgg_layers())
        self.L2Norm = nn.Module()
        self.L2Norm.weight = nn.Parameter(torch.linspace(10, 30, 512))
        self.extras = nn.ModuleList(nn.Conv2d(i, o, k, s, p) for i, o, k, s, p in EXTRAS)
        self.loc = nn.ModuleList(nn.Conv2d(width, boxes * 4, 3, padding=1) for width, boxes in HEADS)
        self.conf = nn.ModuleList(nn.Conv2d(width, boxes * 21, 3, padding=1) for width, boxes in HEADS)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        maps = []
        for layer in self.vgg[:23]:
            x = layer(x)
        maps.append(
            self.L2Norm.get_parameter("weight")[:, None, None] * x / (x.pow(2).sum(1, keepdim=True).sqrt() + 1e-10)
        )
        for layer in self.vgg[23:]:
            x = layer(x)
        maps.append(x)
        for number, layer in enumerate(self.extras):
            x = F.relu(layer(x))
            if number % 2:
                maps.append(x)
        joined = [
            torch.cat([h(m).permute(0, 2, 3, 1).flatten(1) for h, m in zip(heads, maps, strict=True)], dim=1)
            for heads in (self.loc, self.conf)
        ]
        return joined[0].view(len(x), -1, 4), joined[1].view(len(x), -1, 21)


@pytest.fixture(scope="module")
def published() -> Published:
    torch.manual_seed(0)
    network = Published().eval().requires_grad_(False)
    for layer in network.vgg[:10]:
        if isinstance(layer, nn.Conv2d):
            layer.weight *= 2  # untrained features would fade away over so many layers
    return network


@pytest.fixture(scope="module")
def checkpoint(published: Published, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of the old format, as these checkpoints are."""
    path = tmp_path_factory.mktemp("voc") / "ssd300_mAP_77.43_v2.pth"
    torch.save(published.state_dict(), path, _use_new_zipfile_serialization=False)
    return path


@pytest.fixture(scope="module")
def ssd(checkpoint: Path) -> Ssd300Voc:
    detector = Ssd300Voc()
    detector.load("cpu", checkpoint)
    return detector


@pytest.fixture(scope="module")
def picture() -> Tensor:
    coarse = torch.rand(1, 3, 9, 9, generator=torch.Generator().manual_seed(2))
    return F.interpolate(coarse, (300, 300), mode="bicubic").clamp(0, 1)


def outputs(network: VocSsd, images: Tensor) -> tuple[Tensor, Tensor]:
    prepared, _ = network.transform(list(images))
    found = network.get_submodule("head")(list(network.backbone(prepared.tensors).values()))
    return found["bbox_regression"], found["cls_logits"]


def test_the_names_are_the_published_ones(ssd: Ssd300Voc, published: Published) -> None:
    names = published_names()
    assert sorted(names) == sorted(published.state_dict())
    assert sorted(names.values()) == sorted(ssd.network.state_dict())
    assert sum(p.numel() for p in published.parameters()) == 26_285_486


def test_the_outputs_are_those_of_the_published_network(ssd: Ssd300Voc, published: Published, picture: Tensor) -> None:
    mean = torch.tensor([123.0, 117, 104])[:, None, None]
    with torch.no_grad():
        wanted = published(picture * 255 - mean)
        given = outputs(ssd.network, picture)  # pyright: ignore[reportArgumentType]
    for ours, theirs in zip(given, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4 * float(theirs.std()))


def test_the_converted_kind_takes_blue_first(published: Published, checkpoint: Path, picture: Tensor) -> None:
    detector = Ssd300VocCaffe()
    detector.load("cpu", checkpoint)
    mean = torch.tensor([104.0, 117, 123])[:, None, None]
    with torch.no_grad():
        wanted = published(picture.flip(1) * 255 - mean)
        given = outputs(detector.network, picture)  # pyright: ignore[reportArgumentType]
    for ours, theirs in zip(given, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4 * float(theirs.std()))


def test_the_default_boxes_are_the_official_8732(ssd: Ssd300Voc, shared_golden: Path) -> None:
    wanted = torch.from_numpy(np.load(shared_golden / "ssd300_priors.npz")["voc"])
    given = default_boxes(ssd.network.anchor_generator)
    assert given.shape == (8732, 4)
    centre, size = (given[:, :2] + given[:, 2:]) / 600, (given[:, 2:] - given[:, :2]) / 300
    torch.testing.assert_close(torch.cat([centre, size], 1), wanted, rtol=0, atol=1e-6)
    assert float(wanted.max()) == 1


def test_torchvisions_clipping_would_move_114_of_them(ssd: Ssd300Voc) -> None:
    torchvisions = DefaultBoxGenerator([list(r) for r in ASPECT_RATIOS], scales=list(SCALES), steps=list(STEPS))
    moved = (default_boxes(torchvisions) - default_boxes(ssd.network.anchor_generator)).abs().amax(dim=1) > 1e-3
    assert int(moved.sum()) == 114


def default_boxes(generator: Any) -> Tensor:
    maps = [torch.zeros(1, 1, side, side) for side in (38, 19, 10, 5, 3, 1)]
    return generator(ImageList(torch.zeros(1, 3, 300, 300), [(300, 300)]), maps)[0]


def test_the_epsilon_keeps_empty_features_finite() -> None:
    vgg = nn.Module()
    vgg.features, vgg.extra = nn.Identity(), nn.ModuleList()
    vgg.scale_weight = nn.Parameter(torch.full((512,), 20.0))
    x = torch.zeros(1, 512, 2, 2)
    x[0, 0, 0, 0], x[0, 0, 1, 1] = 1e-10, 5.0
    x.requires_grad_()
    out = VocVgg(vgg)(x)["0"]
    assert out[0, 0].flatten().tolist() == pytest.approx([10, 0, 0, 20])
    out.sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_detections_are_selected_class_by_class(ssd: Ssd300Voc) -> None:
    network = ssd.network
    assert isinstance(network, VocSsd)
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(1, 8732, 21, generator=generator)
    codes = torch.randn(1, 8732, 4, generator=generator) * 0.3
    anchors = default_boxes(network.anchor_generator)
    (found,) = network.postprocess_detections({"bbox_regression": codes, "cls_logits": logits}, [anchors], [(300, 300)])
    decoded = network.box_coder.decode_single(codes[0], anchors)
    scores = logits[0].softmax(dim=1)
    for label in (1, 20):
        wanted = official_selection(decoded, scores[:, label])
        given = torch.cat([found["boxes"], found["scores"][:, None]], dim=1)[found["labels"] == label]
        torch.testing.assert_close(given, wanted)
    assert 0 not in found["labels"].tolist()
    assert len(found["labels"]) > 200


def official_selection(boxes: Tensor, scores: Tensor) -> Tensor:
    """Return boxes and scores that are left of one class: above 0.01, the 200 best, greedily up to an IoU of 0.45."""
    above = (scores > 0.01).nonzero()[:, 0]
    order = above[scores[above].argsort(descending=True)][:200].tolist()
    kept: list[int] = []
    while order:
        kept.append(order.pop(0))
        if order:
            overlap = box_iou(boxes[kept[-1:]], boxes[order])[0]
            order = [cell for cell, iou in zip(order, overlap.tolist(), strict=True) if iou <= 0.45]
    return torch.cat([boxes[kept], scores[kept, None]], dim=1)


def test_it_detects_and_is_trained_through_like_the_others(ssd: Ssd300Voc) -> None:
    assert ssd.class_names == VOC21
    images = torch.rand(2, 3, 60, 90, generator=torch.Generator().manual_seed(0)).requires_grad_()
    with torch.no_grad():
        before = ssd.predict(list(images))
    targets = [
        TaskTargets(torch.tensor([[10.0, 10, 60, 50], [20, 20, 20.5, 40]]), torch.tensor([7, 3])),
        TaskTargets(torch.tensor([[0.0, 0, 90, 60]]), torch.tensor([20])),
    ]
    losses = ssd.task_loss(images, targets)
    assert sorted(losses) == ["bbox_regression", "classification"]
    sum(losses.values(), torch.zeros(())).backward()
    assert images.grad is not None
    assert all(gradient.any() for gradient in images.grad)
    assert [tuple(m.shape[1:]) for m in ssd.features(images)] == [
        (512, 38, 38), (1024, 19, 19), (512, 10, 10), (256, 5, 5), (256, 3, 3), (256, 1, 1),
    ]  # fmt: skip
    with torch.no_grad():
        after = ssd.predict(list(images))
    for one, other in zip(before, after, strict=True):
        assert np.array_equal(one.xyxy, other.xyxy)
        assert (one.xyxy <= [90, 60, 90, 60]).all()


class TestForeignFiles:
    def test_a_missing_tensor_is_named(self, published: Published, tmp_path: Path) -> None:
        state = published.state_dict()
        del state["extras.3.bias"]
        path = tmp_path / "part.pth"
        torch.save(state, path)
        with pytest.raises(UserError, match=r"part\.pth holds .* than ssd300-voc: tensor 'extras\.3\.bias' is missing"):
            Ssd300Voc().load("cpu", path)

    def test_a_tensor_too_many_is_named(self, published: Published, tmp_path: Path) -> None:
        path = tmp_path / "more.pth"
        torch.save({**published.state_dict(), "extras.8.weight": torch.zeros(1)}, path)
        with pytest.raises(UserError, match=r"1 unexpected tensors such as 'extras\.8\.weight'"):
            Ssd300Voc().load("cpu", path)

    def test_another_number_of_classes(self, published: Published, tmp_path: Path) -> None:
        path = tmp_path / "coco.pth"
        torch.save({**published.state_dict(), "conf.0.weight": torch.zeros(4 * 201, 512, 3, 3)}, path)
        with pytest.raises(UserError, match=r"shape mismatch of \S+module_list\.0\.weight', \[804, 512, 3, 3\]"):
            Ssd300VocCaffe().load("cpu", path)

    @pytest.mark.parametrize("kind", [Ssd300Voc, Ssd300VocCaffe])
    def test_no_file_says_what_to_download(self, kind: Callable[[], Ssd300Voc]) -> None:
        with pytest.raises(UserError, match=r"download https://s3\.amazonaws\.com/amdegroot-models/ssd_?300_\S+\.pth"):
            kind().load("cpu", None)

    def test_the_kinds_have_files_of_their_own(self) -> None:
        first, second = (WEIGHT_FILES[kind.name].file_names for kind in (Ssd300Voc, Ssd300VocCaffe))
        assert not set(first) & set(second)
