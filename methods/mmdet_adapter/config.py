"""Read mmdet config files.

A config is code: mmengine runs a Python config to read it, and imports the modules it names under ``custom_imports``.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...datasets.errors import UserError
from ..detectors.base import DetectorConfig
from ..mmcv_ops.install import install, ops_in_charge
from .files import find_config, package_versions

if TYPE_CHECKING:
    from mmengine.config import Config


def describe(given: str) -> DetectorConfig:
    """Find and read a config, and return what a cell's key needs to know of it.

    Args:
        given: Path or name, see ``find_config``.

    Raises:
        UserError: There is no such config, it cannot be read, or it describes no model.
    """
    path = find_config(given)
    return DetectorConfig(
        path=path,
        name=path.stem,
        sha256=content_hash(read_config(path)),
        packages=package_versions(),
        ops=ops_in_charge(),
    )


def read_config(path: Path) -> Config:
    """Read a config with all it inherits.

    Raises:
        UserError: The file fails when it is read, or describes no model.
    """
    # A config may import modules of mmdet, and those import mmcv's operators.
    install()
    from mmengine.config import Config

    try:
        config = Config.fromfile(path)
    except Exception as error:  # a config is code and may fail in any way
        raise UserError(f"the config {path} cannot be read ({reason(error)}); mend it.") from error
    model = config.get("model")
    if not isinstance(model, dict) or "type" not in model:
        raise UserError(f"the config {path} describes no model: it needs a dictionary `model` with a `type`.")
    return config


def content_hash(config: Config) -> str:
    """Return the sha256 of a config's values, 64 hex digits; comments, order and place do not matter."""
    text = json.dumps(config.to_dict(), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def evaluated_dataset(config: Config) -> dict[str, Any]:
    """Return the innermost test data set's part of a config; empty where there is none."""
    found = config.get("test_dataloader", {}).get("dataset", {})
    while "pipeline" not in found and ("dataset" in found or found.get("datasets")):
        found = found["dataset"] if "dataset" in found else found["datasets"][0]
    return found


def reason(error: BaseException) -> str:
    """Return an error's class and message on one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(". :")
