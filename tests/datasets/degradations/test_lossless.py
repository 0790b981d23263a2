"""Stored images hold exactly the pixels that were given."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from lqbench.datasets.degradations.lossless import encode_png


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 1), (40, 61)])
def test_pixels_survive(shape: tuple[int, int]):
    image = np.random.default_rng(0).integers(0, 256, (3, *shape), dtype=np.uint8)
    with Image.open(io.BytesIO(encode_png(image))) as read:
        assert read.format == "PNG"
        np.testing.assert_array_equal(np.asarray(read).transpose(2, 0, 1), image)


def test_smooth_images_become_smaller():
    ramp = np.broadcast_to(np.arange(256, dtype=np.uint8), (3, 128, 256))
    assert len(encode_png(np.ascontiguousarray(ramp))) < ramp.size / 4
