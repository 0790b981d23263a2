"""Checks that every method must pass; authors of adapters call ``check_method`` in their own tests.

from lqbench.methods.contract import check_method

def test_my_method_keeps_the_contract():
check_method(MyMethod, MyMethod.settings_type(), weights=None)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from ..datasets.classes import COCO_CLASSES
from ..datasets.degradations.resize import to_uint8
from ..datasets.types import Batch, Detections, ImageRecord, Sample
from .base import Method, MethodSettings
from .boxes import MAX_DETECTIONS

SIZES = ((64, 96), (61, 45), (96, 64), (64, 96))
"""Sizes (height, width) of the degraded test images, pixels; the last one shows nothing at all."""
FACTOR = 2
"""Clean pixels per degraded pixel."""


def check_method(
    method: type[Method],
    settings: MethodSettings | None = None,
    *,
    weights: Path | None = None,
    device: str = "cpu",
    classes: Sequence[str] = COCO_CLASSES,
    tolerance: float = 1e-3,
) -> None:
    """Run a method on small made-up images and check all that its contract promises.

    Checked are: one ``Detections`` per sample; dtypes; boxes within the image and with area; scores in [0, 1] and
    descending; labels within the classes; at most 100 detections; samples unchanged; the same result when asked again;
    the same result alone as in a batch; an image of plain black; clean images only for methods whose card asks for
    them, and no silent stand-in for them; sizes and dtype of restored images.

    Args:
        method: The adapter's class.
        settings: Its settings; None takes the defaults.
        weights: A checkpoint, as ``Method.setup`` takes it.
        device: torch device.
        classes: The dataset's classes that detections index.
        tolerance: Allowed difference of scores, and of box coordinates relative to the image's longer side, between
            an image alone and the same image in a batch.

    Raises:
        AssertionError: The contract is broken; the message says where.
    """
    adapter = method(method.settings_type() if settings is None else settings)
    batch = Batch(samples(clean=method.card.needs_clean), tuple(classes))
    try:
        adapter.setup(device, weights)
        before = _pixels(batch)
        found = adapter.detect(batch)
        check_detections(found, batch)
        assert _same_pixels(before, _pixels(batch)), "detect changed the pixels of a sample"
        _check_repeatable(found, adapter.detect(batch))
        _check_independence(adapter, found, batch, tolerance)
        _check_clean_use(adapter, batch)
        _check_restore(adapter, batch)
    finally:
        adapter.teardown()


def samples(*, clean: bool) -> tuple[Sample, ...]:
    """Return made-up samples of several sizes; blocks of colour on a gradient, and one black image.

    Args:
        clean: Whether the samples carry their clean images, ``FACTOR`` times larger.
    """
    return tuple(_sample(index, size, clean, black=index == len(SIZES) - 1) for index, size in enumerate(SIZES))


def _sample(index: int, size: tuple[int, int], clean: bool, *, black: bool) -> Sample:
    clean_size = (size[0] * FACTOR, size[1] * FACTOR)
    pixels = torch.zeros(3, *clean_size) if black else _picture(index, clean_size)
    image = F.avg_pool2d(pixels[None], FACTOR)[0]
    record = ImageRecord(
        image_id=f"contract-{index}",
        index=index,
        file=f"contract/{index}",
        annotated_size=clean_size,
        clean_size=clean_size,
        size=size,
        scale=(1 / FACTOR, 1 / FACTOR),
        seed=index,
    )
    return Sample(record, to_uint8(image), to_uint8(pixels) if clean else None)


def _picture(seed: int, size: tuple[int, int]) -> torch.Tensor:
    """Paint a few rectangles of random colour on a gradient: float (3, H, W) in [0, 1]."""
    rng = np.random.default_rng(seed)
    height, width = size
    picture = torch.linspace(0, 1, width).expand(3, height, width).clone()
    for _ in range(4):
        y, x = int(rng.integers(height * 3 // 4)), int(rng.integers(width * 3 // 4))
        colour = torch.from_numpy(rng.random((3, 1, 1), np.float32))
        picture[:, y : y + height // 4, x : x + width // 4] = colour
    return picture


def check_detections(found: Sequence[Detections], batch: Batch) -> None:
    """Check the form of a batch's detections; see ``check_method``.

    Raises:
        AssertionError: The contract is broken; the message names the image.
    """
    assert len(found) == len(batch), f"{len(found)} results for {len(batch)} samples"
    for one, sample in zip(found, batch.samples, strict=True):
        _check_one(one, sample.record, len(batch.classes))


def _check_one(found: Detections, record: ImageRecord, classes: int) -> None:
    where, (height, width) = f"image {record.image_id}", record.size
    assert found.xyxy.dtype == np.float32, f"{where}: boxes are {found.xyxy.dtype}, not float32"
    assert found.scores.dtype == np.float32, f"{where}: scores are {found.scores.dtype}, not float32"
    assert found.labels.dtype == np.int64, f"{where}: labels are {found.labels.dtype}, not int64"
    assert len(found) <= MAX_DETECTIONS, f"{where}: {len(found)} detections, more than {MAX_DETECTIONS}"
    x1, y1, x2, y2 = found.xyxy.T
    assert np.isfinite(found.xyxy).all(), f"{where}: a box is not finite"
    assert ((x1 >= 0) & (y1 >= 0) & (x2 <= width) & (y2 <= height)).all(), f"{where}: a box leaves the image"
    assert ((x2 > x1) & (y2 > y1)).all(), f"{where}: a box has no area"
    assert ((found.scores >= 0) & (found.scores <= 1)).all(), f"{where}: a score is outside [0, 1]"
    assert (np.diff(found.scores) <= 0).all(), f"{where}: scores do not descend"
    assert ((found.labels >= 0) & (found.labels < classes)).all(), f"{where}: a label is no class of the dataset"


def _check_repeatable(first: Sequence[Detections], second: Sequence[Detections]) -> None:
    for index, (a, b) in enumerate(zip(first, second, strict=True)):
        same = np.array_equal(a.xyxy, b.xyxy) and np.array_equal(a.scores, b.scores)
        assert same and np.array_equal(a.labels, b.labels), f"image {index}: a second run differs from the first"


def _check_independence(adapter: Method, found: Sequence[Detections], batch: Batch, tolerance: float) -> None:
    for together, sample in zip(found, batch.samples, strict=True):
        (alone,) = adapter.detect(Batch((sample,), batch.classes))
        message = f"image {sample.record.image_id}: its detections depend on what else is in the batch"
        assert len(alone) == len(together), message
        assert np.allclose(alone.scores, together.scores, atol=tolerance, rtol=0), message
        assert _each_has_a_partner(alone, together, tolerance * max(sample.record.size), tolerance), message


def _each_has_a_partner(a: Detections, b: Detections, pixels: float, score: float) -> bool:
    """Compare as sets: detections of nearly equal score may change places."""
    close = np.abs(a.xyxy[:, None] - b.xyxy[None]).max(axis=2, initial=0) <= pixels
    close &= np.abs(a.scores[:, None] - b.scores[None]) <= score
    close &= a.labels[:, None] == b.labels[None]
    return bool(close.any(axis=1).all() and close.any(axis=0).all())


def _check_clean_use(adapter: Method, batch: Batch) -> None:
    """An oracle must fail loudly without the clean image; everything else already ran without one."""
    if not adapter.card.needs_clean:
        return
    assert adapter.card.kind == "oracle", "a method that needs the clean image must be an oracle by its card"
    without = Batch(tuple(replace(sample, clean=None) for sample in batch.samples), batch.classes)
    try:
        adapter.detect(without)
    except ValueError:
        return
    raise AssertionError("the oracle answered without the clean image, from something else; it must raise ValueError")


def _check_restore(adapter: Method, batch: Batch) -> None:
    if not adapter.card.restores:
        return
    before = _pixels(batch)
    restored = adapter.restore(batch)
    assert len(restored) == len(batch), f"{len(restored)} restored images for {len(batch)} samples"
    for image, sample in zip(restored, batch.samples, strict=True):
        where = f"image {sample.record.image_id}"
        assert image.dtype == torch.uint8, f"{where}: restored as {image.dtype}, not uint8"
        wanted = (3, *sample.record.clean_size)
        assert tuple(image.shape) == wanted, f"{where}: restored to {tuple(image.shape)}, not {wanted}"
    assert _same_pixels(before, _pixels(batch)), "restore changed the pixels of a sample"


def _pixels(batch: Batch) -> list[torch.Tensor]:
    images = [image for sample in batch.samples for image in (sample.image, sample.clean)]
    return [image.clone() for image in images if image is not None]


def _same_pixels(a: list[torch.Tensor], b: list[torch.Tensor]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))
