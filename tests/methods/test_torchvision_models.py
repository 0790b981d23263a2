"""torchvision's detectors load local checkpoints, never enlarge when told not to, and report boxes in their place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchvision.ops.misc import FrozenBatchNorm2d

from lqbench.datasets.errors import UserError
from lqbench.methods.class_names import COCO91, VOC21
from lqbench.methods.detectors import torchvision_models
from lqbench.methods.detectors.torchvision_build import (
    ARCHITECTURES,
    Architecture,
    build_fasterrcnn,
    build_ssd,
    set_eps,
)
from lqbench.methods.detectors.torchvision_models import FasterRcnn, Fcos, RetinaNetDetector, Ssd300, pad_to_centre
from lqbench.methods.weights import WEIGHT_FILES

RESNETS = (FasterRcnn, Fcos, RetinaNetDetector)


class SpyNet(nn.Module):
    """Stands in for a torchvision network: keeps what it was shown, answers with fixed boxes."""

    def __init__(self, boxes: list[list[float]]) -> None:
        super().__init__()
        self.boxes = torch.tensor(boxes)
        self.seen: list[Tensor] = []
        self.transform = nn.Module()

    def forward(self, images: list[Tensor]) -> list[dict[str, Tensor]]:
        self.seen += images
        count = len(self.boxes)
        return [{"boxes": self.boxes, "scores": torch.full((count,), 0.5), "labels": torch.ones(count).long()}]


def spied(kind: type[torchvision_models.TorchvisionDetector], boxes: list[list[float]]) -> tuple[Ssd300, SpyNet]:
    detector, spy = kind(), SpyNet(boxes)
    detector.network = spy  # pyright: ignore[reportAttributeAccessIssue]
    detector._device = torch.device("cpu")
    return detector, spy  # pyright: ignore[reportReturnType]


@pytest.fixture(scope="module")
def ssd_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("ssd") / "ssd_voc.pth"
    torch.save({"model": build_ssd(len(VOC21)).state_dict()}, path)
    return path


@pytest.fixture(scope="module")
def ssd(ssd_file: Path) -> Ssd300:
    detector = Ssd300()
    detector.load("cpu", ssd_file)
    return detector


class TestSsdPadding:
    def test_a_small_image_sits_in_the_centre_of_black(self) -> None:
        padded, offset = pad_to_centre(torch.ones(3, 75, 75), 300)
        assert padded.shape == (3, 300, 300)
        assert offset == (112, 112)
        assert (padded[:, 112:187, 112:187] == 1).all()
        assert padded.sum() == 3 * 75 * 75

    def test_axes_are_padded_each_for_itself(self) -> None:
        padded, offset = pad_to_centre(torch.ones(3, 400, 100), 300)
        assert padded.shape == (3, 400, 300)
        assert offset == (100, 0)

    def test_boxes_are_shifted_back_and_those_beside_the_image_dropped(self) -> None:
        detector, spy = spied(
            Ssd300, [[112, 112, 187, 187], [122, 132, 152, 142], [0, 0, 100, 100], [100, 100, 120, 122]]
        )
        (found,) = detector.predict([torch.ones(3, 75, 75)], enlarge=False)
        assert spy.seen[0].shape == (3, 300, 300)
        assert found.xyxy.tolist() == [[0, 0, 75, 75], [10, 20, 40, 30], [0, 0, 8, 10]]

    def test_with_enlarging_the_image_is_handed_on_as_it_is(self) -> None:
        detector, spy = spied(Ssd300, [[1, 2, 3, 4]])
        (found,) = detector.predict([torch.ones(3, 75, 75)])
        assert spy.seen[0].shape == (3, 75, 75)
        assert found.xyxy.tolist() == [[1, 2, 3, 4]]


@pytest.mark.parametrize(
    ("shape", "enlarge", "expected"),
    [
        ((38, 50), False, (38, 50)),
        ((600, 700), False, (600, 700)),
        ((900, 1000), False, (800, 888)),
        ((100, 2000), False, (66, 1333)),
        ((38, 50), True, (800, 1052)),
    ],
)
def test_resnets_resize_to_800_but_never_up_unless_allowed(
    shape: tuple[int, int], enlarge: bool, expected: tuple[int, int]
) -> None:
    from torchvision.models.detection.transform import GeneralizedRCNNTransform

    detector, spy = spied(Fcos, [[0, 0, 1, 1]])
    spy.transform = GeneralizedRCNNTransform(800, 1333, [0.0] * 3, [1.0] * 3).eval()
    detector.predict([torch.zeros(3, *shape)], enlarge=enlarge)
    images, _ = spy.transform([torch.zeros(3, *shape)])
    assert images.image_sizes == [expected]


def test_the_setting_of_one_image_does_not_reach_the_next() -> None:
    detector, spy = spied(Fcos, [[0, 0, 1, 1]])
    detector.predict([torch.zeros(3, 38, 50)], enlarge=False)
    detector.predict([torch.zeros(3, 38, 50)])
    assert spy.transform.min_size == (800,)


def test_ssd_loads_a_voc_checkpoint_and_detects(ssd: Ssd300) -> None:
    assert ssd.class_names == VOC21
    image = torch.rand(3, 75, 60, generator=torch.Generator().manual_seed(0))
    before = image.clone()
    for enlarge in (True, False):
        (found,) = ssd.predict([image], enlarge=enlarge)
        assert len(found) > 0
        assert (found.xyxy <= [60, 75, 60, 75]).all()
        assert (found.xyxy >= 0).all()
        assert found.labels.min() >= 1
        assert found.labels.max() <= 20
    assert torch.equal(image, before)


def test_ssd_gives_the_same_result_for_an_image_alone_and_in_company(ssd: Ssd300) -> None:
    a, b = torch.rand(2, 3, 300, 300, generator=torch.Generator().manual_seed(0)).unbind()
    together, alone = ssd.predict([a, b])[1], ssd.predict([b])[0]
    np.testing.assert_array_equal(together.xyxy, alone.xyxy)


def test_fasterrcnn_loads_trainable_and_frozen_normalisation_alike(tmp_path: Path) -> None:
    from torchvision.models.detection import fasterrcnn_resnet50_fpn

    torch.manual_seed(0)
    model = fasterrcnn_resnet50_fpn(weights=None, weights_backbone=None, num_classes=21).eval()
    state = model.state_dict()
    assert any(name.endswith("num_batches_tracked") for name in state)
    path = tmp_path / "frcnn.pth"
    torch.save(state, path)
    detector = FasterRcnn()
    detector.load("cpu", path)
    image = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(1))
    detector.network.transform.min_size = (64,)  # pyright: ignore
    with torch.no_grad():
        expected = model.backbone(image[None])
        given = detector.network.backbone(image[None])
    for level in expected:
        torch.testing.assert_close(given[level], expected[level], rtol=1e-4, atol=1e-4)
    assert isinstance(detector.predict([image], enlarge=False)[0].xyxy, np.ndarray)


class TinyNet(nn.Module):
    """As little as a checkpoint with a head and a frozen normalisation needs."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.norm = FrozenBatchNorm2d(2)
        self.head = nn.Linear(1, classes)


def test_only_published_weights_get_the_epsilon_they_were_trained_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = Architecture(TinyNet, "head.weight", published_eps=0.0)  # pyright: ignore[reportArgumentType]
    monkeypatch.setitem(ARCHITECTURES, "fcos", tiny)
    path = tmp_path / "w.pth"
    torch.save(TinyNet(21).state_dict(), path)
    own, published = Fcos(), Fcos()
    own.load("cpu", path)
    digest = WEIGHT_FILES["fcos"].hash_prefix + "0" * 56
    monkeypatch.setattr(torchvision_models, "check_published_hash", lambda _: digest)
    published.load("cpu", path)
    assert (own.network.norm.eps, published.network.norm.eps) == (1e-5, 0.0)  # pyright: ignore


def test_early_published_weights_were_trained_without_epsilon() -> None:
    assert [ARCHITECTURES[n].published_eps for n in ("fasterrcnn", "retinanet", "fcos")] == [0.0, 0.0, 1e-5]


def test_epsilon_reaches_every_frozen_normalisation() -> None:
    model = build_fasterrcnn(21)
    set_eps(model, 0.0)
    assert {m.eps for m in model.modules() if isinstance(m, FrozenBatchNorm2d)} == {0.0}


@pytest.mark.parametrize("kind", [Ssd300, *RESNETS])
@pytest.mark.parametrize(("classes", "names"), [(91, COCO91), (21, VOC21)])
def test_class_count_is_read_off_the_head(kind: type[Ssd300], classes: int, names: tuple[str, ...]) -> None:
    architecture = ARCHITECTURES[kind.name]
    state = {architecture.class_key: torch.zeros(classes * architecture.rows_per_class, 1)}
    assert torchvision_models._class_count(state, Path("w.pth"), kind.name) == classes == len(names)


@pytest.mark.parametrize("name", ["fcos", "retinanet"])
def test_class_keys_exist_with_the_promised_rows(name: str) -> None:
    architecture = ARCHITECTURES[name]
    with torch.device("meta"):
        state = architecture.build(21).state_dict()
    assert state[architecture.class_key].shape[0] == 21 * architecture.rows_per_class


class TestForeignWeights:
    def test_unknown_class_count(self, tmp_path: Path) -> None:
        path = tmp_path / "five.pth"
        torch.save({ARCHITECTURES["fasterrcnn"].class_key: torch.zeros(5, 1024)}, path)
        with pytest.raises(UserError, match=r"five\.pth has 5 rows .* known are 91 \(COCO\) and 21 \(PASCAL VOC\)"):
            FasterRcnn().load("cpu", path)

    def test_ssd_weights_given_to_faster_rcnn(self, ssd_file: Path) -> None:
        with pytest.raises(UserError, match=r"another architecture than fasterrcnn: tensor .*cls_score.weight' is mis"):
            FasterRcnn().load("cpu", ssd_file)

    def test_another_ssd(self, ssd_file: Path, tmp_path: Path) -> None:
        state = torch.load(ssd_file, weights_only=True)["model"]
        state["backbone.features.0.weight"] = torch.zeros(32, 3, 3, 3)
        path = tmp_path / "thin.pth"
        torch.save(state, path)
        with pytest.raises(UserError, match=r"shape mismatch of 'backbone\.features\.0\.weight', \[32, 3, 3, 3\]"):
            Ssd300().load("cpu", path)

    def test_onnx_given_to_ssd(self, tmp_path: Path) -> None:
        path = tmp_path / "yolox_nano.onnx"
        path.write_bytes(b"\x08\x06")
        with pytest.raises(UserError, match="is an ONNX file"):
            Ssd300().load("cpu", path)

    def test_a_broken_download_under_the_published_name(self, ssd_file: Path, tmp_path: Path) -> None:
        path = tmp_path / "ssd300_vgg16_coco-b556d3b4.pth"
        path.symlink_to(ssd_file)
        with pytest.raises(UserError, match=r"is damaged: its name promises a sha256 starting with b556d3b4"):
            Ssd300().load("cpu", path)

    @pytest.mark.parametrize("kind", [Ssd300, *RESNETS])
    def test_no_file_says_what_to_download(self, kind: Callable[[], Ssd300]) -> None:
        with pytest.raises(UserError, match=r"download https://download\.pytorch\.org/models/\S+ \(sha256 starts with"):
            kind().load("cpu", None)
