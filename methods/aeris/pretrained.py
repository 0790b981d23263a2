"""First weights of the encoders: ImageNet checkpoints of torchvision, Swin-T's original one, the `mini` detector's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...datasets.errors import UserError
from ...datasets.locate import weight_dirs
from ..detector.weights import BUNDLED, load_weights
from ..weights import WeightFile, check_published_hash
from .config import Backbone

IMAGENET, SCENES = "imagenet", "scenes"
_SWIN = "https://github.com/SwinTransformer/storage/releases/download/v1.0.0/swin_tiny_patch4_window7_224.pth"
PUBLISHED: dict[Backbone, WeightFile] = {
    "resnet18": WeightFile(
        "resnet18",
        ("resnet18-f37072fd.pth", "resnet18-5c106cde.pth"),
        "https://download.pytorch.org/models/resnet18-f37072fd.pth",
        note="45 MB, BSD-3-Clause, ImageNet-1k",
    ),
    "swin_t": WeightFile(
        "swin_t",
        ("swin_tiny_patch4_window7_224.pth", "swin_t-704ceda3.pth"),
        _SWIN,
        note="114 MB, MIT, ImageNet-1k; the second name is torchvision's own training",
    ),
}
"""The published first weights; "mini" begins with bundled ones."""

_WITHOUT_USE = re.compile(r"(fc|head|norm)\.(weight|bias)|.*relative_position_index|.*attn_mask|.*num_batches_tracked")
"""Classifiers and what follows from the shapes."""
_SWIN_NAMES = (
    (r"attn\.relative_position_bias_table$", "attention.bias_table"),
    (r"\.attn\.", ".attention."),
    (r"\.mlp\.(fc1|0)\.", ".expand."),
    (r"\.mlp\.(fc2|3)\.", ".reduce."),
    (r"^patch_embed\.proj\.|^features\.0\.0\.", "patch_embed.projection."),
    (r"^features\.0\.2\.", "patch_embed.norm."),
    (r"^layers\.(\d)\.", r"stages.\1."),
)


def load_encoder(encoder: nn.Module, backbone: Backbone, init: str, data_root: Path | None = None) -> Path:
    """Load first weights into an encoder.

    Args:
        encoder: The network's encoder.
        backbone: Which one it is.
        init: "imagenet" to look for the published file in the weight folders, "scenes" for the backbone of the bundled
            `mini` detector, or the path of such a file.
        data_root: Data root given by the user; its ``weights`` folder is searched.

    Returns:
        The file that was loaded.

    Raises:
        UserError: The file is missing (says where to get it), damaged, or of another network.
    """
    path = find_init(backbone, init, data_root)
    if backbone == "mini":
        tensors = _detector_backbone(path)
    else:
        check_published_hash(path)
        tensors = our_names(_read(path), backbone)
    wanted = {name: value for name, value in encoder.state_dict().items() if not _WITHOUT_USE.fullmatch(name)}
    # The norms of Swin's maps are new: classification has none.
    wanted = {name: value for name, value in wanted.items() if not name.startswith("norms.")}
    shapes = {name: tuple(value.shape) for name, value in tensors.items()}
    for name in sorted(wanted.keys() | shapes.keys()):
        found, expected = shapes.get(name), tuple(wanted[name].shape) if name in wanted else None
        if found != expected:
            raise UserError(
                f"{path} does not hold the weights of {backbone}: tensor {name!r} has shape {found}, {expected} is "
                "needed; give weights of that encoder."
            )
    encoder.load_state_dict(tensors, strict=False)
    return path


def find_init(backbone: Backbone, init: str, data_root: Path | None = None) -> Path:
    """Return the file of an encoder's first weights; see ``load_encoder``."""
    if init == SCENES:
        if backbone != "mini":
            raise UserError(f"the field 'init': {SCENES!r} fits the encoder 'mini', not {backbone!r}.")
        return BUNDLED
    if init != IMAGENET:
        if not Path(init).is_file():
            raise UserError(f"the field 'init': the weight file {init} does not exist; check the path.")
        return Path(init)
    if backbone not in PUBLISHED:
        raise UserError(f"there are no ImageNet weights for the encoder {backbone!r}; give init: {SCENES}.")
    entry, folders = PUBLISHED[backbone], weight_dirs(data_root)
    candidates = (folder / name for folder in folders for name in entry.file_names)
    found = next((path for path in candidates if path.is_file()), None)
    if found is None:
        raise UserError(
            f"the first weights of the encoder {backbone} are missing: download {entry.source} ({entry.note}) and put "
            f"{entry.file_names[0]} into {' or '.join(str(folder) for folder in folders)}, or give --set init=PATH."
        )
    return found


def our_names(tensors: Mapping[str, Tensor], backbone: Backbone) -> dict[str, Tensor]:
    """Rename the tensors of a published checkpoint, without its classifier."""
    used = {name: value for name, value in tensors.items() if not _WITHOUT_USE.fullmatch(name)}
    if backbone != "swin_t":
        return used
    return dict(_swin_tensor(name, value) for name, value in used.items())


def _detector_backbone(path: Path) -> dict[str, Tensor]:
    """Return the backbone of a `mini` detector's weight file."""
    net, _ = load_weights(path)
    return {name: value for name, value in net.backbone.state_dict().items() if not _WITHOUT_USE.fullmatch(name)}


def _swin_tensor(name: str, value: Tensor) -> tuple[str, Tensor]:
    """Rename one tensor of Swin-T, from the original names or from torchvision's."""
    for pattern, replacement in _SWIN_NAMES:
        name = re.sub(pattern, replacement, name)
    # torchvision counts stages and the reductions between them in one row: 1, 3, 5, 7 and 2, 4, 6.
    counted = re.match(r"features\.(\d)\.", name)
    if counted:
        place, rest = int(counted[1]), name[counted.end() :]
        name = f"stages.{place // 2}.blocks.{rest}" if place % 2 else f"stages.{place // 2 - 1}.downsample.{rest}"
    return name, _reordered(value) if re.match(r"stages\.\d\.downsample\.", name) else value


def _reordered(value: Tensor) -> Tensor:
    """Reorder the inputs of a reduction.

    From the four cells column by column, each with all its channels, to each channel with its cells row by row.
    """
    cells = value.reshape(*value.shape[:-1], 4, -1)[..., [0, 2, 1, 3], :]
    return cells.transpose(-1, -2).reshape(value.shape)


def _read(path: Path) -> dict[str, Tensor]:
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the reader raises whatever a broken file leads it to
        raise UserError(
            f"{path} cannot be read as a checkpoint ({type(error).__name__}); download it again."
        ) from error
    content = content.get("model", content) if isinstance(content, dict) else content
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise UserError(f"{path} holds no state dict of an encoder; give the ImageNet weights of one.")
    return content
