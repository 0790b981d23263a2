"""From a config to an mmdet model."""

from __future__ import annotations

import contextlib
import copy
import io
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from ...datasets.errors import UserError
from ..mmcv_ops.install import install
from .config import reason

if TYPE_CHECKING:
    from mmengine.config import Config


_FETCHED = ("init_cfg", "pretrained", "teacher_ckpt")
"""Settings of a model or backbone that name weights to begin a training with, which some fetch when they are built."""


def import_mmdet() -> None:
    """Import mmdet's models, data sets and transforms, mmcv's operators being there or not.

    Raises:
        UserError: mmdet or mmcv cannot be imported.
    """
    install()
    # mmdet's YOLOX and others call it in the way that torch announces to change; a user cannot do anything about it.
    warnings.filterwarnings("ignore", message="torch.meshgrid", category=UserWarning)
    try:
        # The maintained fork prints, on standard output, that an optional data set is not there.
        with contextlib.redirect_stdout(io.StringIO()):
            import mmdet.datasets
            import mmdet.models  # noqa: F401
    except Exception as error:  # a broken installation fails in many ways
        raise UserError(
            f"mmdet cannot be imported ({reason(error)}); install releases that belong together: "
            f"pip install onedl-mmengine onedl-mmcv onedl-mmdetection"
        ) from error


@contextlib.contextmanager
def scope_of(config: Config) -> Iterator[None]:
    """Let names without a package in front mean the package that the config says, mmdet if it says none."""
    from mmengine.registry import DefaultScope

    with DefaultScope.overwrite_default_scope(config.get("default_scope") or "mmdet"):
        yield


def build_model(config: Config, path: Path) -> nn.Module:
    """Build a config's model with random weights, without downloading anything.

    Synchronised batch normalisation, which needs several GPUs, becomes the plain kind: in use both compute the same.

    Raises:
        UserError: The model cannot be built, finds no boxes, or needs more than an image.
    """
    from mmdet.registry import MODELS
    from mmengine.model import revert_sync_batchnorm

    description = copy.deepcopy(config.model)
    for part in (description, description.get("backbone")):
        for name in _FETCHED if isinstance(part, dict) else ():
            part.pop(name, None)
    try:
        model = MODELS.build(description)
    except Exception as error:  # the config decides which code runs here
        raise UserError(_cannot_build(path, error)) from error
    if hasattr(model, "language_model"):
        raise UserError(f"the config {path} builds a {type(model).__name__}, which needs a text beside the image.")
    return revert_sync_batchnorm(model)


def _cannot_build(path: Path, error: Exception) -> str:
    unknown = re.search(r"(\S+?) is not in the (\S+) registry", str(error))
    if unknown is None:
        return f"the model of the config {path} cannot be built ({reason(error)}); mend the config."
    name, registry = (text.strip("'\"`") for text in unknown.groups())
    return (
        f"the config {path} names the module {name!r}, which is not in mmdet's registry {registry!r}; check its "
        f"spelling, or let the config import it with custom_imports."
    )
