"""The letterbox keeps aspect ratio, colours and gradients."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lqbench.methods.detectors.letterbox import letterbox


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 200), st.integers(1, 200), st.booleans())
def test_image_fills_the_corner_and_grey_the_rest(height: int, width: int, enlarge: bool) -> None:
    square, (sx, sy) = letterbox(torch.zeros(3, height, width), 64, enlarge=enlarge)
    rows, columns = round(height * sy), round(width * sx)
    assert square.shape == (3, 64, 64)
    assert not square[:, :rows, :columns].any()
    assert (square[:, rows:] == 114).all()
    assert (square[:, :, columns:] == 114).all()
    if enlarge:
        assert max(rows, columns) in (63, 64)
    else:
        assert sx <= 1
        assert sy <= 1


def test_a_small_image_is_padded_not_enlarged() -> None:
    image = torch.rand(3, 20, 30, generator=torch.Generator().manual_seed(0))
    square, scale = letterbox(image, 64, enlarge=False)
    assert scale == (1.0, 1.0)
    torch.testing.assert_close(square[:, :20, :30], image.flip(0) * 255)


def test_a_large_image_shrinks_whether_or_not_enlarging_is_allowed() -> None:
    image = torch.rand(3, 100, 200, generator=torch.Generator().manual_seed(0))
    free, scale = letterbox(image, 64)
    bound, _ = letterbox(image, 64, enlarge=False)
    assert scale == (64 / 200, 32 / 100)
    assert torch.equal(free, bound)


def test_colours_become_bgr_in_eight_bit_range() -> None:
    image = torch.tensor([1.0, 0.5, 0.0]).reshape(3, 1, 1).expand(3, 8, 8)
    square, _ = letterbox(image, 8)
    assert square[:, 0, 0].tolist() == [0.0, 127.5, 255.0]


def test_resizing_is_opencvs_bilinear() -> None:
    import cv2

    pixels = np.random.default_rng(0).integers(0, 256, (50, 90, 3), np.uint8)
    expected = cv2.resize(pixels[..., ::-1], (64, 35), interpolation=cv2.INTER_LINEAR)
    square, _ = letterbox(torch.from_numpy(pixels).permute(2, 0, 1) / 255, 64)
    difference = square[:, :35].permute(1, 2, 0).numpy() - expected.astype(np.float32)
    assert np.abs(difference).max() <= 1  # OpenCV rounds its weights and its result


def test_gradients_pass() -> None:
    image = torch.rand(3, 40, 30, requires_grad=True)
    letterbox(image, 64)[0].sum().backward()
    assert image.grad is not None
    assert image.grad.abs().min() > 0
