"""The training losses of mmdet's models, differentiable with respect to the images.

A config's test pipeline works on arrays of 8 bits. What it does to an image is found out once for each size, by sending
coordinates through it, and done again with differentiable operations.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _NormBase

from ....datasets.errors import UserError
from ..base import TaskTargets
from .task_inputs import same_random_numbers

_TOP = 255.0
_WRONG_ANNOTATIONS = (AttributeError, KeyError, TypeError, NotImplementedError)
"""What mmdet raises where a loss needs more than boxes, masks for example, or a ``train_cfg`` that is not there."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """What a test pipeline does to images of one size.

    Attributes:
        grid: float (1, h, w, 2), where each pixel of the result is taken from, as ``grid_sample`` with aligned corners
            counts.
        gain: float (3, h, w), by which the taken pixel is multiplied: 1, and 0 in padding.
        constant: float (3, h, w), what is added: the value of the padding.
        scale: Pixels of the result per pixel of the image, along x and y.
        offset: Where the image's left and top edge lie in the result, pixels.
        sample: The pipeline's ``DetDataSample`` without boxes.
    """

    grid: Tensor
    gain: Tensor
    constant: Tensor
    scale: tuple[float, float]
    offset: tuple[float, float]
    sample: Any

    def image(self, bgr: Tensor) -> Tensor:
        """Bring an image (3, H, W) into the form of the network's input, (3, h, w)."""
        taken = F.grid_sample(bgr[None], self.grid.to(bgr.device), align_corners=True, padding_mode="border")[0]
        return taken * self.gain.to(bgr.device) + self.constant.to(bgr.device)

    def boxes(self, boxes: Tensor) -> Tensor:
        """Bring boxes (N, 4) of the image into the frame of the network's input."""
        return boxes * boxes.new_tensor(self.scale * 2) + boxes.new_tensor(self.offset * 2)


def geometry(pipeline: Callable[..., dict[str, Any]], size: tuple[int, int]) -> Geometry:
    """Find out what a pipeline does to images of a size, exact where it resizes bilinearly, pads, crops or flips.

    Args:
        pipeline: A config's ``Pipeline``.
        size: (H, W) of the images, pixels.
    """
    black, sample = _through(pipeline, np.zeros((*size, 3), np.float32))
    white, _ = _through(pipeline, np.full((*size, 3), _TOP, np.float32))
    ramp, _ = _through(pipeline, _coordinates(size))
    gain = (white - black) / _TOP
    x, y = ((ramp[axis] - black[axis]) / gain[axis].clamp(min=1e-6) for axis in (0, 1))
    grid = torch.stack([x, y], dim=-1)[None] / _TOP * 2 - 1
    inside = gain.amin(dim=0) > 0.5
    sides = (_axis(x, inside, size[1], 1), _axis(y, inside, size[0], 0))
    scale, offset = zip(*sides, strict=True)
    return Geometry(grid.clamp(-1, 1), gain, black, scale, offset, sample)


def _through(pipeline: Callable[..., dict[str, Any]], image: NDArray[np.float32]) -> tuple[Tensor, Any]:
    batch = pipeline(image, enlarge=True)
    return batch["inputs"][0].float(), batch["data_samples"][0]


def _coordinates(size: tuple[int, int]) -> NDArray[np.float32]:
    """Return an image (H, W, 3) that holds each pixel's x and y, from 0 to ``_TOP`` over the image."""
    y, x = (np.linspace(0, _TOP, side, dtype=np.float32) for side in size)
    return np.stack([*np.meshgrid(x, y), np.zeros(size, np.float32)], axis=-1)


def _axis(taken: Tensor, inside: Tensor, side: int, axis: int) -> tuple[float, float]:
    """Return scale and offset along one axis, a line through the coordinates that are not held at the border.

    Args:
        taken: float (h, w), coordinate that each pixel is taken from, 0 to ``_TOP``.
        inside: bool (h, w), False in padding.
        side: Pixels of the image along the axis.
        axis: 1 for x, 0 for y.
    """
    line = (taken * inside).sum(dim=1 - axis) / inside.sum(dim=1 - axis).clamp(min=1)
    free = inside.any(dim=1 - axis) & (line > 1e-3) & (line < _TOP - 1e-3)
    positions = free.nonzero()[:, 0].double().numpy() + 0.5
    sources = line[free].double().numpy() / _TOP * (side - 1) + 0.5
    if len(positions) < 2:
        raise ValueError(f"an image of {side} pixels along an axis is too small for a training loss")
    scale, offset = np.polyfit(sources, positions, 1)
    return float(scale), float(offset)


def network_input(model: nn.Module, form: Geometry, images: Tensor, targets: Sequence[TaskTargets]) -> dict[str, Any]:
    """Return what a model takes: normalised inputs and data samples with boxes.

    Args:
        model: An mmdet detector.
        form: Of the images' size.
        images: float (B, 3, H, W), RGB in [0, 1].
        targets: One for each image; none for inputs without annotations.
    """
    inputs = [form.image(image.flip(0) * _TOP) for image in images]
    samples = [copy.deepcopy(form.sample) for _ in inputs]
    for sample, target in zip(samples, targets, strict=bool(targets)):
        sample.gt_instances = _instances(form.boxes(target.boxes), target.labels)
        sample.ignored_instances = _instances(target.boxes[:0], target.labels[:0])
    return model.get_submodule("data_preprocessor")({"inputs": inputs, "data_samples": samples}, False)


def _instances(boxes: Tensor, labels: Tensor) -> Any:
    from mmengine.structures import InstanceData

    return InstanceData(bboxes=boxes, labels=labels)


def own_losses(model: nn.Module, data: dict[str, Any], name: str) -> dict[str, Tensor]:
    """Return a model's losses by its own names; losses of several levels or stages under one name are added.

    The model is in training mode meanwhile, for some compute a loss in no other, but for its normalisation and
    dropout; random samples are drawn from the same random numbers each time.

    Args:
        model: An mmdet detector.
        data: From ``network_input``.
        name: What to call the model in a message.

    Raises:
        UserError: The model's loss needs more than boxes, or settings that the config does not have.
    """
    with same_random_numbers(data["inputs"].device), _training_but_for_statistics(model):
        try:
            losses = model(**data, mode="loss")
        except _WRONG_ANNOTATIONS as error:
            raise UserError(
                f"the training loss of {name} cannot be computed ({type(error).__name__}: {error}); choose a config "
                f"that has a train_cfg and whose model learns from boxes alone."
            ) from error
    # mmengine adds up what has "loss" in its name; the rest is for logs.
    return {key: _total(value) for key, value in losses.items() if "loss" in key}


def _total(value: Tensor | Sequence[Tensor]) -> Tensor:
    parts = [value] if isinstance(value, Tensor) else list(value)
    return torch.stack([part.mean() for part in parts]).sum()


@contextmanager
def _training_but_for_statistics(model: nn.Module) -> Iterator[None]:
    modes = {module: module.training for module in model.modules()}
    model.train()
    for module in model.modules():
        if isinstance(module, _NormBase) or "Drop" in type(module).__name__:
            module.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
