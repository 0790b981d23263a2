"""The training losses of torchvision's Faster R-CNN, FCOS and RetinaNet, as torchvision computes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from torch import Tensor, nn

from ..base import TaskTargets
from .task_inputs import same_random_numbers

_NEVER = -100.0
"""Logit at which the focal loss of an absent class is exactly 0."""


def own_losses(network: nn.Module, images: Tensor, targets: Sequence[TaskTargets], known: Tensor) -> dict[str, Tensor]:
    """Return the losses of a network in training mode, which is left as it was found.

    Its batch normalisation is frozen and it has no dropout, so the mode changes nothing but what is returned.
    torchvision draws anchors and proposals, and a size to resize to, from the global random state: here always from
    the same one, which is put back.

    Args:
        network: One of torchvision's networks.
        images: float (B, 3, H, W), RGB in [0, 1].
        targets: One for each image, without boxes that have no area.
        known: bool (B, classes), the classes that count; all of them for networks whose classes are not independent.
    """
    before = network.training
    wanted = [{"boxes": target.boxes, "labels": target.labels} for target in targets]
    with same_random_numbers(images.device), _known_classes_only(network, known):
        try:
            return network.train()(list(images), wanted)
        finally:
            network.train(before)


@contextmanager
def _known_classes_only(network: nn.Module, known: Tensor) -> Iterator[None]:
    """Let the head say of classes that are not known that they are surely absent, which teaches it nothing of them."""
    if known.all():
        yield
        return

    def silence(_module: nn.Module, _inputs: object, outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        return outputs | {"cls_logits": outputs["cls_logits"].masked_fill(~known[:, None], _NEVER)}

    handle = network.get_submodule("head").register_forward_hook(silence)
    try:
        yield
    finally:
        handle.remove()
