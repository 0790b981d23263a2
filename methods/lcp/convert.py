"""Official checkpoints of LCP, and of the detectors that it begins with (mmdetection 2.28), into weight files.

The names are those of xiaoDetection/learning-cruxes-to-push at 48cd911: those of mmdetection's Cascade R-CNN with
``crux_learner.h_evaluation``, ``backbone.catch_up_learner.layers`` and ``backbone.catch_up_fusion``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ...datasets.errors import UserError
from ..header_values import KEY
from ..mmdet_adapter.checkpoint import Checkpoint, read_checkpoint
from ..tensor_files import COUNTER, misfit, save_tensors, wanted_tensors
from .config import LcpConfig, NetworkConfig
from .header import Header
from .init import INNER
from .net import LcpNet

RELEASED_CLASSES = {
    8: ("bicycle", "bus", "person", "train", "truck", "motorcycle", "car", "rider"),
    4: ("echinus", "holothurian", "scallop", "starfish"),
}
"""By their number, the classes of the release's configs for Cityscapes and URPC, in their order."""
_CRUX = "crux_learner."
_CLASSES = "roi_head.bbox_head.0.fc_cls.weight"
_GROUPED = "backbone.layer1.0.conv2.weight"
_BASES = {
    (6, 64, 64): "cascade-rcnn_r50_fpn_1x_coco",
    (23, 64, 64): "cascade-rcnn_r101_fpn_1x_coco",
    (23, 128, 4): "cascade-rcnn_x101-32x4d_fpn_1x_coco",
    (23, 256, 4): "cascade-rcnn_x101-64x4d_fpn_1x_coco",
}
"""mmdet's config by the blocks of the third stage and by outputs and inputs of a convolution that tells groups."""


@dataclass(frozen=True)
class Converted:
    """A converted checkpoint.

    Attributes:
        header: What it is.
        tensors: By our names.
        named: Whether the classes are the user's or the checkpoint's own words, not guessed by their number.
    """

    header: Header
    tensors: dict[str, Tensor]
    named: bool


def convert_file(path: Path, out: Path, classes: Sequence[str] = ()) -> Converted:
    """Convert an official checkpoint and write it to ``out``; see ``convert``."""
    if not path.is_file():
        raise UserError(f"{path}: there is no such checkpoint; check the path.")
    converted = convert(read_checkpoint(path), classes)
    save_tensors(converted.tensors, {KEY: converted.header}, out, half=False)
    return converted


def convert(official: Checkpoint, classes: Sequence[str] = ()) -> Converted:
    """Tell which network a checkpoint is and rename its tensors, every one of which must be accounted for.

    Args:
        official: The checkpoint.
        classes: Names by label index; empty for those of the checkpoint, or of the release's configs. mmdetection 2
            orders labels as the annotation file orders categories, whatever the config says.

    Raises:
        UserError: Another network, an unknown number of classes, or tensors that are missing, unexpected or of another
            shape.
    """
    given = {name: value for name, value in official.state.items() if not name.endswith(COUNTER)}
    if _CLASSES not in given:
        raise UserError(
            f"{official.path} is no Cascade R-CNN of mmdetection: it has no {_CLASSES!r}; give one of the checkpoints "
            "of https://github.com/xiaoDetection/learning-cruxes-to-push."
        )
    learnt = any(name.startswith(_CRUX) for name in given)
    network = NetworkConfig(base=_base(official.path, given), lcp=LcpConfig() if learnt else None)
    names = _classes(official, len(given[_CLASSES]) - 1, classes)
    header = Header(method="lcp" if learnt else "cascade-rcnn", classes=names, network=network)
    wanted = wanted_tensors(LcpNet(network, names).model)
    theirs = {name: official_name(name) for name in wanted}
    complaint = misfit({theirs[name]: value for name, value in wanted.items()}, given)
    if complaint:
        raise UserError(f"{official.path} looks like {header.method} on {network.base}, but does not fit: {complaint}.")
    tensors = {name: given[theirs[name]] for name in wanted}
    return Converted(header, tensors, bool(classes or official.classes))


def official_name(name: str) -> str:
    """Return the official name of one of our tensors."""
    if name.startswith(f"backbone.{_CRUX}"):
        return name.removeprefix("backbone.")
    return name.replace(INNER, "backbone.", 1) if name.startswith(INNER) else name


def _base(path: Path, given: Mapping[str, Tensor]) -> str:
    """Return the mmdet config of a checkpoint's detector."""
    blocks = sum(name.startswith("backbone.layer3.") and name.endswith(".conv1.weight") for name in given)
    grouped = given.get(_GROUPED)
    outputs, inputs = (0, 0) if grouped is None else (grouped.shape[0], grouped.shape[1])
    base = _BASES.get((blocks, outputs, inputs))
    if base is None:
        raise UserError(
            f"{path} has a backbone of {blocks} blocks in its third stage and {outputs} x {inputs} channels in "
            f"{_GROUPED!r}, which is none of {', '.join(_BASES.values())}."
        )
    return base


def _classes(official: Checkpoint, count: int, classes: Sequence[str]) -> tuple[str, ...]:
    names = tuple(classes) or official.classes or RELEASED_CLASSES.get(count)
    if names is None:
        raise UserError(f"{official.path} tells {count} classes apart and names none; give them with --classes.")
    if len(names) != count:
        raise UserError(f"{official.path} tells {count} classes apart, but {len(names)} are named: {', '.join(names)}.")
    return names
