"""Official checkpoints of AERIS (mmdetection 2.23) into weight files of this project, tensor by tensor.

The names are those of cuiziteng/ECCV_AERIS at 42ab63c: ``backbone``, ``neck`` and ``bbox_head`` of mmdetection's
single-stage detector, and ``ARRD``, the restoration decoder of ``CenterNet_Up_Re``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...datasets.errors import UserError
from ..class_names import COCO80, VOC20
from ..header_values import KEY
from ..tensor_files import COUNTER, misfit, save_tensors, wanted_tensors
from .config import VARIANTS, Backbone, Neck, Normalisation, RestorationConfig, model_config
from .header import Header
from .net import AerisNet
from .swin import relative_index

RELEASED = {
    ("aeris", "resnet18"): "CenterNet-Res18-AERIS (Stage 2)",
    ("aeris-stage1", "resnet18"): "CenterNet-Res18-AERIS (Stage 1)",
    ("aeris-wo-arrd", "resnet18"): "CenterNet-Res18-AERIS (w/o ARRD)",
    ("centernet", "resnet18"): "CenterNet-Res18",
    ("aeris", "swin_t"): "CenterNet-SwinTiny-AERIS (Stage 2)",
    ("centernet", "swin_t"): "CenterNet-SwinTiny",
}
"""The six models of the release by method and backbone, under the names of its README."""

_HEAD = "bbox_head.heatmap_head.2.weight"
_CLASS_LISTS = {len(COCO80): COCO80, len(VOC20): VOC20}
_INDEX = "attn.w_msa.relative_position_index"

_RULES: tuple[tuple[str, str], ...] = (
    (r"^head\.heatmap\.", "bbox_head.heatmap_head."),
    (r"^head\.size\.", "bbox_head.wh_head."),
    (r"^head\.offset\.", "bbox_head.offset_head."),
    (r"^restoration\.decoder\.first\.", "ARRD.conv_init."),
    (r"^backbone\.norms\.", "backbone.norm"),
    (r"\.attention\.bias_table$", ".attn.w_msa.relative_position_bias_table"),
    (r"\.attention\.", ".attn.w_msa."),
    (r"^(backbone\.stages\..*)\.expand\.", r"\1.ffn.layers.0.0."),
    (r"^(backbone\.stages\..*)\.reduce\.", r"\1.ffn.layers.1."),
)
"""Our names to the official ones, as far as that needs neither counting nor the kind of neck."""


@dataclass(frozen=True)
class Official:
    """An official checkpoint as read.

    Attributes:
        path: Where it was read.
        tensors: By official name, without optimiser and averaged copies.
        classes: Names that it carries; empty where it carries none.
        config: Text of the configuration it was trained with; "" where it carries none.
    """

    path: Path
    tensors: dict[str, Tensor]
    classes: tuple[str, ...]
    config: str


@dataclass(frozen=True)
class Converted:
    """A converted checkpoint.

    Attributes:
        header: What it is.
        tensors: By our names.
    """

    header: Header
    tensors: dict[str, Tensor]

    @property
    def title(self) -> str:
        """Name the model as the release does."""
        key = (self.header.method, self.header.model.backbone)
        return RELEASED.get(key, f"{key[0]} on {key[1]}, which is none of the six released models")


def convert_file(path: Path, out: Path, method: str | None, normalisation: Normalisation | None) -> Converted:
    """Convert an official checkpoint and write it to ``out``; see ``convert``."""
    converted = convert(read_official(path), method, normalisation)
    save_tensors(converted.tensors, {KEY: converted.header}, out, half=False)
    return converted


def convert(official: Official, method: str | None = None, normalisation: Normalisation | None = None) -> Converted:
    """Tell which model a checkpoint is and rename its tensors, every one of which must be accounted for.

    Args:
        official: The checkpoint.
        method: As which method to take it, where its tensors leave that open; None to find out.
        normalisation: Of its input; None for that of its own configuration, else the method's.

    Raises:
        UserError: Another family, an unknown number of classes, a method that it cannot be, or tensors that are
            missing, unexpected or of another shape.
    """
    header = _header(official, method, normalisation)
    with torch.device("meta"):  # shapes only
        wanted = wanted_tensors(AerisNet(header.model, len(header.classes)))
    names = {name: official_name(name, header.model.neck) for name in wanted}
    given = _without_derived(official)
    complaint = misfit({names[name]: value for name, value in wanted.items()}, given)
    if complaint:
        title = Converted(header, {}).title
        raise UserError(f"{official.path} looks like {title}, but does not fit it: {complaint}.")
    return Converted(header, {name: given[names[name]] for name in names})


def official_name(name: str, neck: Neck) -> str:
    """Return the official name of one of our tensors.

    Args:
        name: As in ``AerisNet.state_dict``.
        neck: Of the network that it belongs to.
    """
    parts = re.match(r"(neck\.stage|restoration\.up\.)(\d)\.(mix|up)\.(.*)", name)
    if parts:
        which = ("mix", "up").index(parts[3])
        return f"{_doubling(parts[1], int(parts[2]), which, neck)}.{parts[4]}"
    block = re.match(r"restoration\.decoder\.blocks\.(\d+)\.(reduce|expand)\.(.*)", name)
    if block:
        return f"ARRD.res_{int(block[1]) + 1}.conv_block.{0 if block[2] == 'reduce' else 2}.{block[3]}"
    for pattern, replacement in _RULES:
        name = re.sub(pattern, replacement, name)
    return name


def _doubling(owner: str, number: int, which: int, neck: Neck) -> str:
    """Return the official name of a convolution (which = 0) or deconvolution (1) with its normalisation."""
    if owner.startswith("restoration"):
        return f"neck.sr_deconv.{which}" if neck == "stage2" else f"neck.sr_deconv.{number}.{which}"
    if neck == "stock":
        return f"neck.deconv_layers.{2 * (number - 1) + which}"
    return f"neck.deconv{number}.{which}"


def read_official(path: Path) -> Official:
    """Read a checkpoint as mmdetection writes it, without running any code in it.

    Raises:
        UserError: The file is missing or unreadable, or holds no detector of mmdetection with a CenterNet head.
    """
    content = _load(path)
    state = content.get("state_dict", content)
    tensors = _tensors(state if isinstance(state, Mapping) else {})
    if _HEAD not in tensors or not any(name.startswith("backbone.") for name in tensors):
        example = next(iter(tensors), "no tensor at all")
        raise UserError(
            f"{path} is no CenterNet or AERIS checkpoint of mmdetection: it has {example!r}, but no {_HEAD!r}; "
            f"give one of the six files of https://github.com/cuiziteng/ECCV_AERIS."
        )
    meta = content.get("meta")
    meta = meta if isinstance(meta, Mapping) else {}
    classes = meta.get("CLASSES") or ()
    return Official(path, tensors, tuple(map(str, classes)), str(meta.get("config", "")))


def _load(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        raise UserError(f"{path}: there is no such checkpoint; check the path.")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zip and torch raise a dozen classes for a damaged file
        raise UserError(
            f"{path} cannot be read as a PyTorch checkpoint ({type(error).__name__}): it is damaged, no checkpoint, "
            f"or holds more than tensors and plain values; download it again."
        ) from error
    if not isinstance(content, Mapping):
        raise UserError(f"{path} holds no state dict; give a checkpoint as mmdetection writes it.")
    return content


def _tensors(state: Mapping[Any, Any]) -> dict[str, Tensor]:
    """Return the tensors by name; without the prefix of data-parallel training and averaged copies of mmdetection."""
    named = {str(name): value for name, value in state.items() if isinstance(value, Tensor)}
    if named and all(name.startswith("module.") for name in named):
        named = {name.removeprefix("module."): value for name, value in named.items()}
    return {name: value for name, value in named.items() if not name.startswith("ema_")}


def _without_derived(official: Official) -> dict[str, Tensor]:
    """Leave out what follows from the architecture: counters, and the index of Swin's position bias if it is ours."""
    kept = {}
    for name, value in official.tensors.items():
        if name.endswith(_INDEX):
            if not torch.equal(value, relative_index()):
                raise UserError(f"{official.path}: {name!r} is not that of 7 x 7 windows; only Swin-T is known.")
        elif not name.endswith(COUNTER):
            kept[name] = value
    return kept


def _header(official: Official, method: str | None, normalisation: Normalisation | None) -> Header:
    """Read off a checkpoint what it is."""
    tensors = official.tensors
    backbone: Backbone = "swin_t" if "backbone.patch_embed.projection.weight" in tensors else "resnet18"
    neck = _neck(official)
    chosen = _method(official, backbone, neck, method)
    model = model_config(chosen, backbone).model_copy(
        update={
            "neck": neck,
            "dcn": any(".conv_offset." in name for name in tensors),
            "restoration": _restoration(tensors),
        }
    )
    mean = re.search(r"img_norm_cfg\s*=\s*dict\(\s*mean=\[\s*([\d.]+)", official.config)
    if normalisation is None and mean:
        normalisation = "unit" if float(mean[1]) == 0 else "imagenet"
    if normalisation is not None:
        model = model.model_copy(update={"normalisation": normalisation})
    return Header(method=chosen, classes=_classes(official), model=model)


def _neck(official: Official) -> Neck:
    first = {
        "neck.sr_deconv.0.0.conv.weight": "stage1",
        "neck.sr_deconv.0.conv.weight": "stage2",
        "neck.deconv_layers.0.conv.weight": "stock",
        "neck.deconv1.0.conv.weight": "skip",
    }
    for name, neck in first.items():
        if name in official.tensors:
            return neck  # pyright: ignore[reportReturnType]
    raise UserError(
        f"{official.path} has a neck that is none of AERIS's or CenterNet's: none of {', '.join(first)} is there; "
        f"give one of the six files of https://github.com/cuiziteng/ECCV_AERIS."
    )


def _method(official: Official, backbone: Backbone, neck: Neck, given: str | None) -> str:
    """Choose the method, or check the one given."""
    possible = _possible_methods(backbone, neck)
    if given is not None:
        if given not in possible:
            raise UserError(
                f"{official.path} cannot be {given!r}: with the neck {neck!r} it may be {' or '.join(possible)}."
            )
        return given
    if "scale_cfg" in official.config:
        possible = [name for name in possible if VARIANTS[name].degrade]
    elif official.config:
        possible = [name for name in possible if not VARIANTS[name].degrade] or possible
    if len(possible) > 1 and neck == "stock":
        raise UserError(
            f"{official.path} does not say whether it was trained on degraded images; add --as centernet for the "
            f"baseline, or --as aeris-wo-arrd for AERIS without ARRD."
        )
    return possible[0]


def _possible_methods(backbone: Backbone, neck: Neck) -> list[str]:
    """Return the methods that may have a neck; that of the release first."""
    if neck in ("stage1", "stage2"):
        return ["aeris" if neck == "stage2" else "aeris-stage1"]
    if neck == "stock":
        return ["centernet", "aeris-wo-arrd"]
    baseline = ["centernet", "aeris-wo-arrd"] if backbone == "swin_t" else ["aeris-wo-arrd"]
    return [*baseline, "centernet-control"]


def _restoration(tensors: Mapping[str, Tensor]) -> RestorationConfig | None:
    """Read the decoder's channels off its first convolution; None without a decoder."""
    first = tensors.get("ARRD.conv_init.weight")
    if first is None:
        return RestorationConfig() if any(name.startswith("neck.sr_deconv.") for name in tensors) else None
    return RestorationConfig(channels=first.shape[1])


def _classes(official: Official) -> tuple[str, ...]:
    count = official.tensors[_HEAD].shape[0]
    if len(official.classes) == count:
        return official.classes
    if count not in _CLASS_LISTS:
        known = " or ".join(f"{number} ({what})" for number, what in zip(_CLASS_LISTS, ("COCO", "VOC"), strict=True))
        carried = f"{len(official.classes)} class names" if official.classes else "no class names"
        raise UserError(
            f"{official.path} has {count} classes and carries {carried}; known class counts without names are {known}."
        )
    return _CLASS_LISTS[count]
