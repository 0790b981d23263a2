"""hr, lr and bicubic show the detector the right image and bring its boxes to the right place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from lqbench.datasets.errors import UserError
from lqbench.datasets.registry import Registry
from lqbench.datasets.types import Batch, Detections, ImageRecord, Sample
from lqbench.methods import detecting
from lqbench.methods.base import MethodSettings
from lqbench.methods.bicubic.method import Bicubic, BicubicSettings, fit
from lqbench.methods.contract import check_method
from lqbench.methods.detecting import DetectingMethod
from lqbench.methods.detectors.base import Detector
from lqbench.methods.hr.method import HighResolution
from lqbench.methods.lr.method import LowResolution

CLASSES = ("background thing", "dog", "aeroplane")
METHODS: list[tuple[type[DetectingMethod], type[MethodSettings]]] = [
    (HighResolution, MethodSettings),
    (LowResolution, MethodSettings),
    (Bicubic, BicubicSettings),
]


class BrightDetector(Detector):
    """Finds the bounding box of all pixels brighter than a half, and remembers how it was asked."""

    name = "bright"
    asked: list[tuple[tuple[int, ...], bool]]

    def load(self, device: str, weights: Path | None) -> None:
        self.class_names = ("airplane", "zebra")
        self.asked = []

    def predict(self, images: Sequence[Tensor], *, enlarge: bool = True) -> list[Detections]:
        self.asked += [(tuple(image.shape), enlarge) for image in images]
        return [self._one(image) for image in images]

    def _one(self, image: Tensor) -> Detections:
        assert image.dtype == torch.float32
        rows, columns = (image.mean(dim=0) > 0.5).nonzero(as_tuple=True)
        if not len(rows):
            return Detections.empty()
        box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        boxes = np.array([box, box], np.float32)
        return Detections(boxes, np.array([0.9, 0.8], np.float32), np.array([1, 0]))


@pytest.fixture(autouse=True)
def bright_detector(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    registry: Registry[type[Detector]] = Registry("detector")
    registry.register("bright", f"{__name__}:BrightDetector")
    registry.register("yolox-nano", "lqbench.methods.detectors.yolox:YoloxNano")
    monkeypatch.setattr(detecting, "detector_registry", lambda: registry)


def sample(size: tuple[int, int], clean_size: tuple[int, int], scale: float, box: tuple[int, int, int, int]) -> Sample:
    """A white box on black, given in degraded pixels; the clean image shows it 1 / scale larger."""
    record = ImageRecord("a", 0, "a.png", clean_size, clean_size, size, (scale, scale), 0)
    return Sample(record, white_box(size, box, 1), white_box(clean_size, box, 1 / scale))


def white_box(size: tuple[int, int], box: tuple[int, int, int, int], factor: float) -> Tensor:
    image = torch.zeros(3, *size, dtype=torch.uint8)
    x1, y1, x2, y2 = (round(c * factor) for c in box)
    image[:, y1:y2, x1:x2] = 255
    return image


def ready(method: type[DetectingMethod], **settings: object) -> DetectingMethod:
    adapter = method(method.settings_type.model_validate({"detector": "bright", **settings}))
    adapter.setup("cpu", None)
    return adapter


@pytest.mark.parametrize(("method", "_"), METHODS)
@pytest.mark.parametrize(
    ("size", "clean_size", "scale"),
    [
        ((75, 75), (300, 300), 1 / 4),
        ((38, 38), (300, 300), 1 / 8),
        ((40, 60), (80, 120), 1 / 2),
        ((30, 30), (30, 30), 1),
    ],
)
def test_boxes_come_back_in_degraded_pixels(
    method: type[DetectingMethod], _: object, size: tuple[int, int], clean_size: tuple[int, int], scale: float
) -> None:
    box = (8, 4, 20, 16)
    (found,) = ready(method).detect(Batch((sample(size, clean_size, scale, box),), CLASSES))
    np.testing.assert_allclose(found.xyxy, [box], atol=0.5 if method is Bicubic else 0)
    assert found.labels.tolist() == [2], "airplane is the dataset's aeroplane; zebra is not in the dataset"
    assert found.scores.tolist() == [pytest.approx(0.8)]


@pytest.mark.parametrize(
    ("method", "shape", "enlarge"),
    [(HighResolution, (3, 300, 300), True), (LowResolution, (3, 38, 38), False), (Bicubic, (3, 300, 300), True)],
)
def test_each_method_shows_its_own_image(method: type[DetectingMethod], shape: tuple[int, ...], enlarge: bool) -> None:
    adapter = ready(method)
    adapter.detect(Batch((sample((38, 38), (300, 300), 1 / 8, (4, 4, 9, 9)),), CLASSES))
    assert isinstance(adapter.detector, BrightDetector)
    assert adapter.detector.asked == [(shape, enlarge)]


class TestBicubic:
    def test_restored_images_have_the_clean_size_and_are_what_is_detected(self) -> None:
        adapter, one = ready(Bicubic), sample((38, 38), (300, 300), 1 / 8, (4, 4, 9, 9))
        (restored,) = adapter.restore(Batch((one,), CLASSES))
        assert restored.shape == (3, 300, 300)
        assert restored.dtype == torch.uint8
        assert torch.equal(adapter.view(one).image, restored / 255)

    def test_upsampling_is_exactly_the_factor_then_cropped(self) -> None:
        ramp = torch.arange(38, dtype=torch.uint8).mul(6).expand(3, 38, 38).contiguous()
        one = replace(sample((38, 38), (300, 300), 1 / 8, (4, 4, 9, 9)), image=ramp)
        (restored,) = ready(Bicubic).restore(Batch((one,), CLASSES))
        # Centre of degraded pixel k lies at 8k + 4, between the clean pixels 8k + 3 and 8k + 4.
        row = restored[0, 0].float()
        between = (row[3::8][:37] + row[4::8][:37]) / 2
        torch.testing.assert_close(between[1:], ramp[0, 0, 1:37].float(), atol=0.5, rtol=0)

    def test_a_fixed_factor_is_used_for_all(self) -> None:
        adapter, one = ready(Bicubic, factor=2), sample((40, 60), (160, 240), 1 / 4, (10, 10, 30, 30))
        (found,) = adapter.detect(Batch((one,), CLASSES))
        assert isinstance(adapter.detector, BrightDetector)
        assert adapter.detector.asked[0][0] == (3, 80, 120)
        np.testing.assert_allclose(found.xyxy, [[10, 10, 30, 30]], atol=0.5)
        assert adapter.restore(Batch((one,), CLASSES))[0].shape == (3, 160, 240)

    def test_a_size_rounded_down_is_extended_to_the_clean_size(self) -> None:
        one = sample((10, 10), (41, 43), 1 / 4, (2, 2, 5, 5))
        assert ready(Bicubic).restore(Batch((one,), CLASSES))[0].shape == (3, 41, 43)

    def test_fit_crops_and_repeats_the_border(self) -> None:
        image = torch.arange(4).reshape(1, 2, 2).expand(3, 2, 2)
        assert fit(image, (1, 3))[0].tolist() == [[0, 1, 1]]

    def test_a_factor_must_be_positive(self) -> None:
        with pytest.raises(ValueError, match="greater than 0"):
            BicubicSettings(detector="bright", factor=0)


def test_hr_refuses_to_guess_without_the_clean_image() -> None:
    blind = replace(sample((10, 10), (20, 20), 1 / 2, (1, 1, 5, 5)), clean=None)
    with pytest.raises(ValueError, match=r"needs the clean image of a\.png"):
        ready(HighResolution).detect(Batch((blind,), CLASSES))


def test_a_method_without_detector_is_the_users_mistake() -> None:
    with pytest.raises(UserError, match="method 'lr' needs a detector; give one with --detector, known are bright"):
        LowResolution(MethodSettings()).setup("cpu", None)
    with pytest.raises(UserError, match="unknown detector 'brigt'; did you mean 'bright'"):
        LowResolution(MethodSettings(detector="brigt")).setup("cpu", None)


def test_a_detector_of_other_classes_is_the_users_mistake() -> None:
    with pytest.raises(UserError, match="trained on airplane, zebra, the dataset asks for holothurian"):
        ready(LowResolution).detect(Batch((sample((9, 9), (9, 9), 1, (1, 1, 5, 5)),), ("holothurian",)))


def test_required_weights_follow_the_detector() -> None:
    (entry,) = LowResolution.weight_requirements(MethodSettings(detector="yolox-nano"))
    assert entry.file_names == ("yolox_nano.onnx",)
    assert LowResolution.weight_requirements(MethodSettings(detector="mini")) == ()


def test_detecting_before_setup_or_after_teardown_is_an_error() -> None:
    adapter, batch = ready(LowResolution), Batch((sample((9, 9), (9, 9), 1, (1, 1, 5, 5)),), CLASSES)
    adapter.teardown()
    with pytest.raises(RuntimeError, match="call setup"):
        adapter.detect(batch)


@pytest.mark.parametrize(("method", "settings"), METHODS)
def test_contract_with_a_simple_detector(method: type[DetectingMethod], settings: type[MethodSettings]) -> None:
    check_method(method, settings(detector="bright"), classes=CLASSES)


@pytest.mark.parametrize(("method", "settings"), METHODS)
def test_contract_with_yolox(method: type[DetectingMethod], settings: type[MethodSettings], shared_data: Path) -> None:
    check_method(method, settings(detector="yolox-nano"), weights=shared_data / "weights" / "yolox_nano.onnx")
