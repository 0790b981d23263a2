"""Checks of what a method returns, before it is stored: a malformed output fails the cell instead of its numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..datasets.types import Batch, Detections, ImageRecord

TOLERANCE = 0.01
"""Pixels by which rounding may push a box over the image's border."""

FLOATS = (np.float32, np.float64)
"""Types of boxes and scores; a network that computes in half precision must widen what it returns, since the rounding
of a box in a half-precision number reaches a pixel and more in large images."""


class MalformedOutputError(Exception):
    """A method broke its contract; the text names the method, the image and what is wrong."""


def check_output(method: str, batch: Batch, output: object) -> list[Detections]:
    """Return a batch's detections if they keep the contract of ``Method.detect``.

    Raises:
        MalformedOutputError: The number of results differs from that of the images; boxes or scores have another
            type; a value is not finite; a score lies outside [0, 1] or they do not descend; a label is no class; a box
            is turned around or leaves its image.
    """
    found = _sequence(method, batch, output, "detect", Detections)
    for sample, detections in zip(batch.samples, found, strict=True):
        complaint = _complaint(detections, sample.record, len(batch.classes))
        if complaint:
            raise MalformedOutputError(f"{method}.detect, image {sample.record.image_id}: {complaint}")
    return found


def check_restored(method: str, batch: Batch, output: object) -> list[NDArray[np.uint8]]:
    """Return a batch's restored images as uint8 (H, W, 3) arrays if they keep the contract of ``Method.restore``.

    Raises:
        MalformedOutputError: The number of images differs, or one is not uint8 in the clean image's shape.
    """
    import torch

    images = _sequence(method, batch, output, "restore", torch.Tensor)
    for sample, image in zip(batch.samples, images, strict=True):
        expected = (3, *sample.record.clean_size)
        if image.dtype != torch.uint8 or tuple(image.shape) != expected:
            raise MalformedOutputError(
                f"{method}.restore, image {sample.record.image_id}: expected uint8 {expected}, "
                f"got {str(image.dtype).removeprefix('torch.')} {tuple(image.shape)}"
            )
    return [image.cpu().permute(1, 2, 0).numpy() for image in images]


def _sequence(method: str, batch: Batch, output: object, call: str, kind: type) -> list:
    """Return the output as a list with one item of the right kind per image."""
    if not isinstance(output, (list, tuple)):
        raise MalformedOutputError(f"{method}.{call} returned {type(output).__name__}, not a list")
    if len(output) != len(batch):
        names = ", ".join(sample.record.image_id for sample in batch.samples)
        raise MalformedOutputError(f"{method}.{call} returned {len(output)} results for {len(batch)} images: {names}")
    for sample, item in zip(batch.samples, output, strict=True):
        if not isinstance(item, kind):
            raise MalformedOutputError(
                f"{method}.{call} returned a {type(item).__name__} where {kind.__name__} belongs, "
                f"image {sample.record.image_id}"
            )
    return list(output)


def _complaint(detections: Detections, record: ImageRecord, classes: int) -> str:
    """Return what is wrong with one image's detections, or ""."""
    xyxy, scores, labels = detections.xyxy, detections.scores, detections.labels
    wrong_type = _type_complaint(detections)
    if wrong_type:
        return wrong_type
    if not np.isfinite(xyxy).all():
        return f"box {_first(~np.isfinite(xyxy).all(axis=1))} is not finite"
    if not ((scores >= 0) & (scores <= 1)).all():
        return f"score {_first(~((scores >= 0) & (scores <= 1)))} is not in [0, 1]"
    if (np.diff(scores) > 0).any():
        return "the scores do not descend"
    if ((labels < 0) | (labels >= classes)).any():
        first = _first((labels < 0) | (labels >= classes))
        return f"label {labels[first]} of box {first} is none of the {classes} classes"
    return _box_complaint(xyxy, record.size)


def _type_complaint(detections: Detections) -> str:
    """Return which of one image's arrays has a wrong type, or ""."""
    for name, values in (("boxes", detections.xyxy), ("scores", detections.scores)):
        if values.dtype not in FLOATS:
            return f"the {name} are {values.dtype}, not float32"
    kind = detections.labels.dtype
    return "" if np.issubdtype(kind, np.integer) else f"the labels are {kind}, not integers"


def _box_complaint(xyxy: NDArray[np.float32], size: tuple[int, int]) -> str:
    """Return what is wrong with finite boxes in an image of (height, width), or ""."""
    height, width = size
    turned = (xyxy[:, 2:] < xyxy[:, :2]).any(axis=1)
    if turned.any():
        return f"box {_first(turned)} has x2 < x1 or y2 < y1: {xyxy[_first(turned)].tolist()}"
    limit = np.array([width, height, width, height]) + TOLERANCE
    outside = ((xyxy < -TOLERANCE) | (xyxy > limit)).any(axis=1)
    if outside.any():
        first = _first(outside)
        return f"box {first} leaves the {width} x {height} image, clip it: {xyxy[first].tolist()}"
    return ""


def _first(flags: ArrayLike) -> int:
    return int(np.flatnonzero(flags)[0])
