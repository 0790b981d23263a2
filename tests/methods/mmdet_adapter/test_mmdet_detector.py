"""The detector ``mmdet`` sees what mmdet itself would see and finds what mmdet itself finds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from lqbench.datasets.classes import COCO_CLASSES
from lqbench.datasets.errors import UserError
from lqbench.datasets.types import Batch
from lqbench.methods.base import MethodSettings
from lqbench.methods.bicubic.method import Bicubic, BicubicSettings
from lqbench.methods.boxes import finish
from lqbench.methods.contract import check_method, samples
from lqbench.methods.mmdet_adapter.config import describe
from lqbench.methods.mmdet_adapter.detector import MmdetDetector
from lqbench.methods.mmdet_adapter.files import find_config
from lqbench.methods.mmdet_adapter.method import Mmdet

Write = Callable[..., Path]
CLASSES = ("car", "person", "motorbike")


@pytest.fixture
def picture() -> torch.Tensor:
    """A picture of 96 x 120 pixels, RGB in [0, 1]."""
    generator = torch.Generator().manual_seed(3)
    coarse = torch.rand(1, 3, 8, 10, generator=generator)
    return torch.nn.functional.interpolate(coarse, (96, 120), mode="bilinear")[0]


def loaded(config: Path, weights: Path) -> MmdetDetector:
    detector = MmdetDetector(describe(str(config)))
    detector.load("cpu", weights)
    return detector


SHIPPED = ("centernet_r18-dcnv2_8xb16-crop512-140e_coco", "yolox_tiny_8xb8-300e_coco", "rtmdet_tiny_8xb32-300e_coco")
"""Configs whose pipelines pad before they resize, to a square, or not to scale."""


@pytest.mark.parametrize("name", ["tiny", *SHIPPED])
def test_the_detections_are_those_of_mmdets_own_inference(
    config_file: Write, checkpoint_file: Write, picture: torch.Tensor, tmp_path: Path, name: str
) -> None:
    config = config_file() if name == "tiny" else find_config(name)
    weights = checkpoint_file(config, dataset_meta={"classes": CLASSES if name == "tiny" else COCO_CLASSES})
    (found,) = loaded(config, weights).predict([picture])

    from mmdet.apis import inference_detector, init_detector

    # mmdet's own way: the image from a file, the model by its own function.
    bgr = (picture * 255).round().to(torch.uint8).flip(0).permute(1, 2, 0).numpy()
    cv2.imwrite(str(tmp_path / "picture.png"), np.ascontiguousarray(bgr))
    model = init_detector(str(config), device="cpu")
    model.load_state_dict(torch.load(weights, weights_only=True)["state_dict"])
    sample: Any = inference_detector(model, str(tmp_path / "picture.png"))
    xyxy, scores = (sample.pred_instances[field].numpy() for field in ("bboxes", "scores"))
    wanted = finish(xyxy, scores, sample.pred_instances.labels.numpy(), (96, 120))
    assert len(found) == len(wanted)
    assert np.array_equal(found.scores, wanted.scores)
    assert np.array_equal(found.labels, wanted.labels)
    assert np.allclose(found.xyxy, wanted.xyxy, atol=1e-4)
    if name == "tiny":
        assert len(found) == 50
        assert len(set(found.labels.tolist())) > 1
        assert found.scores[0] - found.scores[-1] > 0.01
        assert np.array_equal(xyxy, np.clip(xyxy, 0, [120, 96, 120, 96]))


def test_the_contract_is_kept(config_file: Write, checkpoint_file: Write) -> None:
    config = config_file()
    settings = {"detector": "mmdet", "detector_config": describe(str(config))}
    weights = checkpoint_file(config)
    check_method(Mmdet, MethodSettings.model_validate(settings), weights=weights, classes=["person", "motorcycle"])
    check_method(Bicubic, BicubicSettings.model_validate(settings), weights=weights, classes=["person"])


def test_small_images_are_not_enlarged_where_the_method_says_so(
    config_file: Write, checkpoint_file: Write, picture: torch.Tensor
) -> None:
    config = config_file()
    detector = loaded(config, checkpoint_file(config))
    seen: list[tuple[int, ...]] = []
    preprocessor = detector._model.data_preprocessor
    preprocessor.register_forward_pre_hook(lambda _, given: seen.append(tuple(given[0]["inputs"][0].shape)))  # pyright: ignore
    for enlarge in (True, False):
        detector.predict([picture], enlarge=enlarge)
    detector.predict([torch.rand(3, 256, 320)], enlarge=False)
    assert seen == [(3, 128, 160), (3, 96, 120), (3, 128, 160)]


def test_a_network_of_one_size_gets_small_images_on_black(
    config_file: Write, checkpoint_file: Write, picture: torch.Tensor
) -> None:
    config = config_file(("keep_ratio=True", "keep_ratio=False"))
    detector = loaded(config, checkpoint_file(config))
    batch = detector._pipeline(np.full((96, 200, 3), 255, np.uint8), enlarge=False)
    (shown,), (sample,) = batch["inputs"], batch["data_samples"]
    assert tuple(shown.shape) == (3, 128, 160)
    assert shown[:, :96].float().mean() == 255
    assert not shown[:, 97:].any()
    assert sample.scale_factor == (0.8, 1.0)
    (found,) = detector.predict([picture], enlarge=False)
    assert found.xyxy[:, 2].max() <= 120
    assert found.xyxy[:, 3].max() <= 96


def test_pixels_are_rounded_as_in_a_file(config_file: Write, checkpoint_file: Write, picture: torch.Tensor) -> None:
    config = config_file()
    detector = loaded(config, checkpoint_file(config))
    rounded = (picture * 255).round() / 255
    (a,), (b,) = detector.predict([picture]), detector.predict([rounded])
    assert np.array_equal(a.xyxy, b.xyxy)


def test_classes_are_mapped_by_name(config_file: Write, checkpoint_file: Write) -> None:
    config = config_file()
    settings = MethodSettings.model_validate({"detector": "mmdet", "detector_config": describe(str(config))})
    method = Mmdet(settings)
    method.setup("cpu", checkpoint_file(config))
    given = samples(clean=False)[:1]
    (all_three,) = method.detect(Batch(given, ("motorcycle", "car", "person")))
    (only_persons,) = method.detect(Batch(given, ("person",)))
    persons = all_three.labels == 2
    assert 0 < persons.sum() < len(persons)
    assert np.array_equal(only_persons.scores, all_three.scores[persons])
    with pytest.raises(UserError, match="knows none of the dataset's classes: it was trained on car, person"):
        method.detect(Batch(given, ("zebra",)))


def test_the_config_names_the_classes_where_the_checkpoint_does_not(config_file: Write, checkpoint_file: Write) -> None:
    config = config_file()
    assert loaded(config, checkpoint_file(config, seed=1, time="today")).class_names == ("car", "person", "motorbike")
    upper = checkpoint_file(config, CLASSES=["a", "b", "c"])  # as mmdet 2.x wrote them
    assert loaded(config, upper).class_names == ("a", "b", "c")


def test_nobody_names_the_classes(config_file: Write, checkpoint_file: Write) -> None:
    config = config_file(
        ('classes = ("car", "person", "motorbike")', ""), ('type="CocoDataset", metainfo=dict(classes=classes), ', "")
    )
    with pytest.raises(UserError, match=r"neither the checkpoint .* nor the config .* names the classes"):
        loaded(config, checkpoint_file(config, time="today"))


def test_a_data_sets_type_names_its_classes(config_file: Write, checkpoint_file: Write) -> None:
    config = config_file(
        ('classes = ("car", "person", "motorbike")', ""),
        ("metainfo=dict(classes=classes), ", ""),
        ("num_classes=3", "num_classes=80"),
    )
    assert loaded(config, checkpoint_file(config, time="today")).class_names[:2] == ("person", "bicycle")


@pytest.mark.parametrize(
    ("replacement", "message"),
    [
        (("num_classes=3", "num_classes=7"), r"names 3 classes \(car, person, motorbike\), but .* a head for 7"),
        (
            ("stacked_convs=1", "stacked_convs=2"),
            "another architecture than the config other: 4 missing tensors such as",
        ),
        (("out_channels=16", "out_channels=24"), "cannot be built|shape mismatch"),
        (("feat_channels=16", "feat_channels=8"), "shape mismatch of 'bbox_head.*24, 16, 3, 3|shape mismatch of"),
        (('type="ResNet"', 'type="NoSuchNet"'), "names the module 'NoSuchNet', which is not in mmdet's registry"),
        (('type="L1Loss"', 'type="L1Loss", no_such=1'), "cannot be built .*no_such"),
        (('type="Resize"', 'type="NoResize"'), "test pipeline of the config .*cannot be built .*NoResize"),
        (('type="LoadImageFromFile"', 'type="LoadProposals"'), "begins with LoadProposals"),
        (('dict(type="LoadAnnotations", with_bbox=True)', 'dict(type="LoadProposals")'), "does not lead from an image"),
    ],
)
def test_a_config_and_a_checkpoint_that_do_not_belong_together(
    config_file: Write, checkpoint_file: Write, replacement: tuple[str, str], message: str
) -> None:
    weights = checkpoint_file(config_file())
    other = config_file(replacement, name="other.py")
    with pytest.raises(UserError, match=message) as caught:
        loaded(other, weights)
    assert "\n" not in str(caught.value)
    assert "other" in str(caught.value)


def test_a_config_is_needed() -> None:
    with pytest.raises(UserError, match="needs a config"):
        MmdetDetector.create(None)
