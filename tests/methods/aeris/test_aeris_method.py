from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lqbench.datasets.degradations.resize import to_float
from lqbench.datasets.errors import UserError
from lqbench.datasets.types import Batch, Sample
from lqbench.methods.aeris import method as module
from lqbench.methods.aeris.checkpoint import save_weights
from lqbench.methods.aeris.config import VARIANTS, model_config
from lqbench.methods.aeris.decode import decode
from lqbench.methods.aeris.header import Header
from lqbench.methods.aeris.method import Aeris, AerisSettings, CenterMethod, CenterNet
from lqbench.methods.aeris.net import AerisNet
from lqbench.methods.catalog import ANNOUNCED_METHODS, method_registry
from lqbench.methods.contract import check_method, samples

CLASSES = ("person", "car", "dog")
FAMILY = [method_registry().get(name) for name in VARIANTS]


def lively(net: AerisNet) -> AerisNet:
    """Give a fresh network peaks of different heights and boxes of different sizes, a few without area."""
    for layer in net.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = 1.0
    net.train()(torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(1)))
    for branch, bias in ((net.head.heatmap, -1.0), (net.head.size, 2.0), (net.head.offset, 0.5)):
        generator = torch.Generator().manual_seed(2)
        for layer in (branch[0], branch[2]):
            torch.nn.init.normal_(layer.get_parameter("weight"), std=0.1, generator=generator)
        torch.nn.init.constant_(branch[2].get_parameter("bias"), bias)
    return net.eval()


def write(method: str, folder: Path, classes: tuple[str, ...] = CLASSES, rare: int | None = None) -> Path:
    """Write weights of a lively network; the class ``rare`` scores lower than all others."""
    path = folder / f"{method}-mini.safetensors"
    model = model_config(method, "mini")
    net = lively(AerisNet(model, len(classes), seed=2))
    if rare is not None:
        net.head.heatmap[2].get_parameter("bias").data[rare] = -12.0
    save_weights(net, Header(method=method, classes=classes, model=model), path)
    return path


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return write("aeris", tmp_path)


def ready(path: Path, method: type[CenterMethod] = Aeris) -> CenterMethod:
    adapter = method(AerisSettings())
    adapter.setup("cpu", path)
    return adapter


@pytest.mark.parametrize("method", FAMILY)
def test_the_five_methods_keep_the_contract(method: type[CenterMethod], tmp_path: Path) -> None:
    path = write(method.card.name, tmp_path)
    check_method(method, weights=path, classes=("car", "bicycle", "person"))


def test_all_are_in_the_catalogue_with_a_card() -> None:
    for method in FAMILY:
        name = method.card.name
        assert issubclass(method, CenterMethod) and name not in ANNOUNCED_METHODS
        assert method.card.restores == (VARIANTS[name].model.restoration is not None)
        assert (method.card.tuned_on == "none") == (not VARIANTS[name].degrade)
        assert method.trainable()
    assert [method.card.name for method in FAMILY] == list(VARIANTS)


def test_boxes_lie_where_they_were_found(weights: Path) -> None:
    adapter = ready(weights)
    sample = samples(clean=False)[1]
    (found,) = adapter.detect(Batch((sample,), CLASSES))
    left, top = 64 // 2 - 45 // 2, 64 // 2 - 61 // 2
    framed = torch.nn.functional.pad(to_float(sample.image), (left, 64 - 45 - left, top, 64 - 61 - top))
    with torch.no_grad():
        peaks = decode(adapter._ready().net(framed[None]))
    moved = peaks.xyxy - torch.tensor([left, top, left, top])
    clipped = torch.stack([moved[:, 0::2].clamp(0, 45), moved[:, 1::2].clamp(0, 61)], dim=2).flatten(1)
    inside = (clipped[:, 2:] > clipped[:, :2]).all(dim=1)
    assert inside.any() and not inside.all()
    np.testing.assert_allclose(found.xyxy, clipped[inside].numpy(), atol=1e-4)
    np.testing.assert_allclose(found.scores, peaks.scores[inside].numpy(), atol=1e-6)


def test_classes_are_mapped_by_name(weights: Path) -> None:
    adapter = ready(weights)
    (sample, *_) = samples(clean=False)
    (every,) = adapter.detect(Batch((sample,), CLASSES))
    (swapped,) = adapter.detect(Batch((sample,), ("dog", "Pedestrian", "automobile", "car")))
    names = ("dog", "person", "", "car")
    assert {names[label] for label in swapped.labels} == {CLASSES[label] for label in every.labels}
    assert np.array_equal(swapped.scores, every.scores)


def test_classes_that_the_dataset_lacks_take_no_places(tmp_path: Path) -> None:
    """The best 100 are counted among the dataset's classes: here "person" has none among the best of all three."""
    adapter = ready(write("aeris", tmp_path, rare=0))
    (sample, *_) = samples(clean=False)
    (every,) = adapter.detect(Batch((sample,), CLASSES))
    assert 0 not in every.labels
    (person,) = adapter.detect(Batch((sample,), ("person",)))
    assert set(person.labels.tolist()) == {0}


def test_a_dataset_without_any_of_the_classes_is_refused(weights: Path) -> None:
    with pytest.raises(UserError, match="knows none of the dataset's classes"):
        ready(weights).detect(Batch(samples(clean=False)[:1], ("zebra",)))


@pytest.mark.parametrize("size", [(1, 1), (3, 31), (200, 7)])
def test_images_smaller_than_the_stride_are_padded(size: tuple[int, int], weights: Path) -> None:
    (first, *_) = samples(clean=False)
    record = replace(first.record, size=size, clean_size=(2 * size[0], 2 * size[1]))
    small = Sample(record, first.image[:, :1, :1].expand(3, *size).contiguous())
    adapter = ready(weights)
    (found,) = adapter.detect(Batch((small,), CLASSES))
    assert (found.xyxy[:, 2:] <= np.array([size[1], size[0]])).all()
    (image,) = adapter.restore(Batch((small,), CLASSES))
    assert image.shape == (3, 2 * size[0], 2 * size[1])


def test_restored_by_the_scale_of_the_record(weights: Path) -> None:
    """A padded side must not stretch the image: what is restored depends on the scale, not on the ratio of sizes."""
    (first, *_) = samples(clean=False)
    taller = replace(first, record=replace(first.record, clean_size=(first.record.clean_size[0] - 5, 192)))
    adapter = ready(weights)
    whole, cropped = adapter.restore(Batch((first, taller), CLASSES))
    assert torch.equal(cropped, whole[:, :-5])


def test_restored_pixels_are_those_of_the_network(weights: Path) -> None:
    adapter = ready(weights)
    (first, *_) = samples(clean=False)
    (image,) = adapter.restore(Batch((first,), CLASSES))
    net = adapter._ready().net
    with torch.no_grad():
        expected = net.restore(to_float(first.image)[None], first.record.clean_size)[0]
    assert (image.float() - 255 * expected.clamp(0, 1)).abs().max() <= 0.501


def test_bundled_weights_are_taken_where_there_are_any(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUNDLE", tmp_path)
    complaint = CenterNet.weight_complaint(AerisSettings(), None)
    assert "not bundled" in complaint and "lqbench train --method centernet" in complaint
    with pytest.raises(UserError, match="not bundled"):
        CenterNet(AerisSettings()).setup("cpu", None)
    write("centernet", tmp_path)
    assert CenterNet.weight_complaint(AerisSettings(), None) == ""
    adapter = CenterNet(AerisSettings())
    adapter.setup("cpu", None)
    assert adapter._ready().header.method == "centernet"


def test_large_backbones_must_be_brought(weights: Path) -> None:
    for backbone in ("resnet18", "swin_t"):
        complaint = Aeris.weight_complaint(AerisSettings(backbone=backbone), None)
        assert "download" in complaint and "lqbench convert aeris" in complaint and "--weights" in complaint
    complaint = Aeris.weight_complaint(AerisSettings(backbone="resnet18"), weights)
    assert "has the backbone 'mini', the settings of 'aeris' ask for 'resnet18'" in complaint
    assert Aeris.weight_complaint(AerisSettings(backbone="mini"), weights) == ""


def test_weights_of_another_method_are_refused(weights: Path) -> None:
    assert "holds weights of the method 'aeris', not of 'centernet'" in CenterNet.weight_complaint(
        AerisSettings(), weights
    )


def test_detect_before_setup_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(RuntimeError, match="call setup"):
        Aeris(AerisSettings()).detect(Batch((), CLASSES))
