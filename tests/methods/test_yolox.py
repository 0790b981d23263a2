"""YOLOX-Nano in PyTorch is the network in the published ONNX file."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from lqbench.datasets.errors import UserError
from lqbench.datasets.types import Detections
from lqbench.methods.detectors.yolox import SIDE, YoloxNano
from lqbench.methods.detectors.yolox_net import YoloxNanoNet, decode, space_to_depth
from lqbench.methods.detectors.yolox_onnx import read_yolox

Predict = Callable[[NDArray[np.uint8]], Detections]


@pytest.fixture(scope="module")
def onnx_file(shared_data: Path) -> Path:
    return shared_data / "weights" / "yolox_nano.onnx"


@pytest.fixture(scope="module")
def detector(onnx_file: Path) -> YoloxNano:
    yolox = YoloxNano()
    yolox.load("cpu", onnx_file)
    return yolox


@pytest.fixture(scope="module")
def session(onnx_file: Path) -> Any:
    onnxruntime = pytest.importorskip("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(onnx_file), options, providers=["CPUExecutionProvider"])


def test_raw_output_equals_onnxruntimes(detector: YoloxNano, session: Any) -> None:
    for seed in range(2):
        pixels = np.random.default_rng(seed).random((1, 3, SIDE, SIDE), np.float32) * 255
        (expected,) = session.run(None, {"images": pixels})
        with torch.no_grad():
            given = detector.network(torch.from_numpy(pixels)).numpy()
        assert given.shape == expected.shape == (1, 3549, 85)
        np.testing.assert_allclose(given, expected, atol=1e-4, rtol=0)


def test_scores_have_a_finite_gradient_at_the_input(detector: YoloxNano) -> None:
    pixels = torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0)) * 255
    pixels.requires_grad_(True)
    boxes, scores = decode(detector.network(pixels), (SIDE, SIDE))
    (scores.max() + boxes.mean()).backward()
    assert pixels.grad is not None
    assert torch.isfinite(pixels.grad).all()
    assert pixels.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in detector.network.parameters())


def test_any_size_in_multiples_of_32_runs() -> None:
    net = YoloxNanoNet(3).eval()
    with torch.no_grad():
        raw = net(torch.zeros(2, 3, 64, 96))
    assert raw.shape == (2, 8 * 12 + 4 * 6 + 2 * 3, 8)
    assert raw[..., 4:].min() >= 0
    assert raw[..., 4:].max() <= 1


def test_space_to_depth_goes_down_the_columns_of_each_block() -> None:
    image = torch.arange(4.0).reshape(1, 1, 2, 2)
    assert space_to_depth(image).flatten().tolist() == [0, 2, 1, 3]


def test_decoding_places_cells_on_their_grid() -> None:
    raw = torch.zeros(1, 16 + 4 + 1, 6)
    raw[..., 4:] = 0.5
    boxes, scores = decode(raw, (32, 32))
    assert boxes[0, 0].tolist() == [-4, -4, 4, 4]
    assert boxes[0, 5].tolist() == [4, 4, 12, 12]
    assert boxes[0, 17].tolist() == [8, -8, 24, 8]
    assert boxes[0, 20].tolist() == [-16, -16, 16, 16]
    assert scores.unique().tolist() == [0.25]


def test_a_photograph_is_understood(detector: YoloxNano, shared_data: Path) -> None:
    first = next(iter(_photographs(shared_data)))
    found = _ours(detector)(first[1])
    height, width = first[1].shape[:2]
    assert len(found) > 0
    assert (found.xyxy >= 0).all()
    assert (found.xyxy <= [width, height, width, height]).all()
    assert (np.diff(found.scores) <= 0).all()


def test_a_small_image_without_enlarging_is_another_question(detector: YoloxNano, shared_data: Path) -> None:
    pixels = next(iter(_photographs(shared_data)))[1][::4, ::4].copy()
    image = _tensor(pixels)
    (enlarged,), (padded,) = detector.predict([image]), detector.predict([image], enlarge=False)
    bounds = [pixels.shape[1], pixels.shape[0]] * 2
    assert (enlarged.xyxy <= bounds).all()
    assert (padded.xyxy <= bounds).all()
    assert len(enlarged) != len(padded) or not np.array_equal(enlarged.scores, padded.scores)


@pytest.mark.slow
def test_average_precision_on_photographs_equals_onnxruntimes(
    detector: YoloxNano, session: Any, shared_data: Path
) -> None:
    ours = _average_precision(_ours(detector), shared_data)
    reference = _average_precision(_onnxruntime(session), shared_data)
    assert ours == pytest.approx(reference, abs=0.005)
    assert ours == pytest.approx(0.340, abs=0.005)


class TestForeignFiles:
    def test_a_pytorch_checkpoint(self, tmp_path: Path) -> None:
        path = tmp_path / "ssd.pth"
        torch.save({"weight": torch.zeros(3)}, path)
        with pytest.raises(UserError, match=r"ssd\.pth cannot be read as an ONNX file"):
            YoloxNano().load("cpu", path)

    def test_a_truncated_file(self, onnx_file: Path, tmp_path: Path) -> None:
        path = tmp_path / "short.onnx"
        path.write_bytes(onnx_file.read_bytes()[:1_000_000])
        with pytest.raises(UserError, match=r"short\.onnx"):
            YoloxNano().load("cpu", path)

    def test_an_empty_file(self, tmp_path: Path) -> None:
        path = tmp_path / "empty.onnx"
        path.touch()
        with pytest.raises(UserError, match=r"empty\.onnx .*0 convolutions, yolox-nano has 113"):
            YoloxNano().load("cpu", path)

    def test_another_network(self, onnx_file: Path, tmp_path: Path) -> None:
        model = onnx.load(str(onnx_file))
        for tensor in model.graph.initializer:
            if list(tensor.dims) == [16, 12, 3, 3]:
                wide = np.zeros((32, 12, 3, 3), np.float32)
                tensor.CopyFrom(onnx.numpy_helper.from_array(wide, tensor.name))
        path = tmp_path / "tiny.onnx"
        onnx.save(model, str(path))
        with pytest.raises(UserError, match=r"another network than yolox-nano: .*\(32, 12, 3, 3\).*\(16, 12, 3, 3\)"):
            YoloxNano().load("cpu", path)

    def test_an_unknown_class_count(self, onnx_file: Path, tmp_path: Path) -> None:
        model = onnx.load(str(onnx_file))
        for tensor in model.graph.initializer:
            if ".cls_preds." in tensor.name:
                values = onnx.numpy_helper.to_array(tensor)[:7]
                tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
        path = tmp_path / "seven.onnx"
        onnx.save(model, str(path))
        assert read_yolox(path)[1] == 7
        with pytest.raises(UserError, match=r"seven\.onnx has 7 classes; known class lists have 80 or 20"):
            YoloxNano().load("cpu", path)

    def test_no_file_says_what_to_download(self) -> None:
        with pytest.raises(UserError, match=r"download https://github\.com/Megvii-BaseDetection/YOLOX/\S+ and put"):
            YoloxNano().load("cpu", None)


def _tensor(pixels: NDArray[np.uint8]) -> torch.Tensor:
    return torch.from_numpy(pixels).permute(2, 0, 1) / 255


def _ours(detector: YoloxNano) -> Predict:
    return lambda pixels: detector.predict([_tensor(pixels)])[0]


def _onnxruntime(session: Any) -> Predict:
    """Predict as YOLOX's ONNX demonstration does: OpenCV resizing in 8 bits, one ratio for both axes."""
    import cv2
    from torchvision.ops import batched_nms

    from lqbench.methods.boxes import finish

    def predict(pixels: NDArray[np.uint8]) -> Detections:
        height, width = pixels.shape[:2]
        ratio = min(SIDE / height, SIDE / width)
        resized = cv2.resize(pixels, (int(width * ratio), int(height * ratio)), interpolation=cv2.INTER_LINEAR)
        square = np.full((SIDE, SIDE, 3), 114, np.uint8)
        square[: resized.shape[0], : resized.shape[1]] = resized[..., ::-1]
        (raw,) = session.run(None, {"images": square.transpose(2, 0, 1)[None].astype(np.float32)})
        boxes, scores = decode(torch.from_numpy(raw), (SIDE, SIDE))
        cells, labels = (scores[0] > 0.01).nonzero(as_tuple=True)
        best = scores[0][cells, labels]
        kept = batched_nms(boxes[0][cells], best, labels, 0.65)[:100]
        xyxy = boxes[0][cells][kept].numpy() / ratio
        return finish(xyxy, best[kept].numpy(), labels[kept].numpy(), (height, width))

    return predict


def _photographs(shared_data: Path) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    root = shared_data / "coco128"
    annotations = json.loads((root / "annotations" / "instances_val2017.json").read_text())
    for image in annotations["images"]:
        with Image.open(root / "val2017" / image["file_name"]) as opened:
            yield image["id"], np.array(opened.convert("RGB"))


def _average_precision(predict: Predict, shared_data: Path) -> float:
    from faster_coco_eval import COCO, COCOeval_faster

    with redirect_stdout(io.StringIO()):
        truth = COCO(str(shared_data / "coco128" / "annotations" / "instances_val2017.json"))
        ids = sorted(truth.cats)
        rows = [
            {"image_id": image_id, "category_id": ids[label], "bbox": [x1, y1, x2 - x1, y2 - y1], "score": score}
            for image_id, pixels in _photographs(shared_data)
            for found in [predict(pixels)]
            for (x1, y1, x2, y2), score, label in zip(
                found.xyxy.tolist(), found.scores.tolist(), found.labels.tolist(), strict=True
            )
        ]
        evaluation = COCOeval_faster(truth, truth.loadRes(rows), "bbox")
        evaluation.run()
    return float(evaluation.stats[0])
