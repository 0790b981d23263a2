"""The mini detector is trained through with its own loss, and stays as it is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from lqbench.datasets.errors import UserError
from lqbench.datasets.types import Detections
from lqbench.methods.detector.loss import detector_loss
from lqbench.methods.detector.net import normalise
from lqbench.methods.detector.targets import Targets, encode
from lqbench.methods.detectors.base import Detector, TaskTargets
from lqbench.methods.detectors.mini import MiniDetector

BOXES = torch.tensor([[10.0, 6, 50, 44], [30, 20, 90, 60], [3, 3, 60, 3.5]])
LABELS = torch.tensor([0, 6, 5])


@pytest.fixture(scope="module")
def mini() -> MiniDetector:
    detector = MiniDetector()
    detector.load("cpu", None)
    return detector


def pictures(count: int, height: int = 64, width: int = 96) -> Tensor:
    coarse = torch.rand(count, 3, 6, 8, generator=torch.Generator().manual_seed(1))
    return torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")


def total(losses: dict[str, Tensor]) -> Tensor:
    return torch.stack(list(losses.values())).sum()


def test_the_loss_is_that_of_its_training(mini: MiniDetector) -> None:
    images = pictures(2)
    targets = [TaskTargets(BOXES, LABELS), TaskTargets(BOXES[1:2], LABELS[1:2])]
    given = mini.task_loss(images, targets)
    classes = len(mini.class_names)
    drawn = [encode(boxes, labels, torch.zeros(0, 4), classes, (64, 96)) for boxes, labels in
             ((BOXES[:2], LABELS[:2]), (BOXES[1:2], LABELS[1:2]))]  # fmt: skip
    batch = Targets(*(torch.stack(maps) for maps in zip(*drawn, strict=True)))
    wanted = detector_loss(mini.trainable_module()(normalise(images)), batch)
    torch.testing.assert_close(total(given), wanted)


def test_any_size_and_images_without_boxes_work(mini: MiniDetector) -> None:
    images = pictures(2, 50, 70).requires_grad_()
    nothing = TaskTargets(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64))
    total(mini.task_loss(images, [nothing, TaskTargets(BOXES[:1], LABELS[:1])])).backward()
    assert images.grad is not None
    assert images.grad.isfinite().all()
    assert all(gradient.any() for gradient in images.grad)


def test_unlabelled_classes_get_no_gradient(mini: MiniDetector) -> None:
    from lqbench.methods.detectors.tasks.mini_loss import mini_loss

    known = torch.zeros(len(mini.class_names), dtype=torch.bool)
    known[[0, 5]] = True
    images = pictures(1)
    prediction = mini.trainable_module()(normalise(images))
    prediction = type(prediction)(prediction.heat.requires_grad_(), prediction.boxes)
    total(mini_loss(prediction, [TaskTargets(BOXES[:1], LABELS[:1], known)], (64, 96))).backward()
    gradient = prediction.heat.grad
    assert gradient is not None
    assert not gradient[0, ~known].any()
    assert all(gradient[0, known].flatten(1).any(dim=1))


def test_it_stays_as_it_is(mini: MiniDetector) -> None:
    images = pictures(1, 64, 64)
    before = {name: value.clone() for name, value in mini.trainable_module().state_dict().items()}
    (found,) = mini.predict(list(images))
    front = torch.nn.Conv2d(3, 3, 1)
    optimiser = torch.optim.Adam(front.parameters())
    total(mini.task_loss(front(images), [TaskTargets(BOXES[:1], LABELS[:1])])).backward()
    optimiser.step()
    assert front.weight.grad is not None
    assert front.weight.grad.any()
    assert all(p.grad is None and not p.requires_grad for p in mini.trainable_module().parameters())
    assert all(torch.equal(value, before[name]) for name, value in mini.trainable_module().state_dict().items())
    (again,) = mini.predict(list(images))
    assert np.array_equal(found.xyxy, again.xyxy)
    assert np.array_equal(found.scores, again.scores)


def test_features_are_the_pyramids_map(mini: MiniDetector) -> None:
    images = pictures(2, 50, 70).requires_grad_()
    (pyramid,) = mini.features(images)
    assert pyramid.shape == (2, 48, 16, 24)
    pyramid.sum().backward()
    assert images.grad is not None
    assert images.grad.any()


class Opaque(Detector):
    """A detector that only detects."""

    name = "opaque"
    class_names = ("car",)

    def load(self, device: str, weights: object) -> None: ...

    def predict(self, images: object, *, enlarge: bool = True) -> list[Detections]:
        return []


def test_a_detector_that_only_detects_says_so() -> None:
    opaque = Opaque()
    assert not opaque.differentiable()
    assert MiniDetector.differentiable()
    for call in (
        lambda: opaque.task_loss(pictures(1), []),
        lambda: opaque.features(pictures(1)),
        opaque.trainable_module,
    ):
        with pytest.raises(UserError, match="the detector 'opaque' cannot be trained through"):
            call()


def test_every_detector_of_the_catalogue_can_be_trained_through() -> None:
    from lqbench.methods.detectors.catalog import detector_registry

    registry = detector_registry()
    assert {"ssd300-voc", "ssd300-voc-caffe"} <= set(registry)
    assert all(registry.get(name).differentiable() for name in registry)


@pytest.mark.parametrize("name", ["mini", "yolox-nano", "ssd300_vgg16", "fcos", "ssd300-voc"])
def test_a_loss_does_not_count_among_what_detections_depend_on(name: str) -> None:
    from lqbench.methods.bicubic.method import Bicubic
    from lqbench.methods.detectors.catalog import detector_registry
    from lqbench.methods.source_hash import source_files

    files = source_files(Bicubic, detector_registry().get(name))
    assert "methods/detectors/base.py" in files
    assert not [file for file in files if "/tasks/" in file]
