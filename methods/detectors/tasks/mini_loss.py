"""The training loss of the mini detector, for images with boxes instead of training crops."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ...detector.loss import BOX_WEIGHT, box_loss, heat_loss
from ...detector.net import Prediction
from ...detector.targets import Targets, encode
from ..base import TaskTargets
from .task_inputs import known_mask


def mini_loss(prediction: Prediction, targets: Sequence[TaskTargets], size: tuple[int, int]) -> dict[str, Tensor]:
    """Return the losses of heat map and boxes.

    Where not all classes are labelled, the heat of the others is not asked for anything.

    Args:
        prediction: Of a batch of images of ``size``.
        targets: One for each image.
        size: (H, W) of the network's input, multiples of the stride.
    """
    device, classes = prediction.heat.device, prediction.heat.shape[1]
    nothing = torch.zeros(0, 4)
    # Drawn on the CPU: these are many small operations.
    drawn = [encode(t.boxes.cpu(), t.labels.cpu(), nothing, classes, size) for t in targets]
    batch = Targets(*(torch.stack(maps).to(device) for maps in zip(*drawn, strict=True)))
    known = known_mask(targets, classes, device)
    return {
        "heat": heat_loss(prediction.heat, batch, known),
        "box": BOX_WEIGHT * box_loss(prediction.boxes, batch),
    }
