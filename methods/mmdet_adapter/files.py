"""Where an mmdet config and its checkpoint are found; imports neither torch nor mmdet."""

from __future__ import annotations

import difflib
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import yaml

from ...datasets.errors import UserError
from ..weights import WeightFile

MODEL_ZOO = "https://github.com/open-mmlab/mmdetection/blob/main/docs/en/model_zoo.md"

_DISTRIBUTIONS = {
    "mmdet": ("onedl-mmdetection", "mmdet"),
    "mmcv": ("onedl-mmcv", "mmcv", "mmcv-full"),
    "mmengine": ("onedl-mmengine", "mmengine"),
}
"""Import name to the names under which its releases are distributed."""


def shipped_configs() -> Path:
    """Return the folder of the config files that come with mmdet.

    Raises:
        UserError: mmdet is not installed.
    """
    mmdet = find_spec("mmdet")
    if mmdet is None or not mmdet.submodule_search_locations:
        raise UserError("mmdet is not installed; install it with `pip install onedl-mmdetection`.")
    return Path(next(iter(mmdet.submodule_search_locations))) / ".mim" / "configs"


def find_config(given: str) -> Path:
    """Return the path of a config.

    Args:
        given: Path of a file; or the name of a config that comes with mmdet, with or without its folder and suffix:
            "retinanet/retinanet_r50_fpn_1x_coco.py", "retinanet_r50_fpn_1x_coco".

    Raises:
        UserError: It is neither, or names a folder.
    """
    path = Path(given).expanduser()
    if path.is_file():
        return path.resolve()
    if path.is_dir():
        raise UserError(f"--config {given} is a folder; give the config file inside it.")
    names = {file.relative_to(shipped_configs()).with_suffix("").as_posix(): file for file in _shipped_files()}
    wanted = given.removesuffix(".py")
    matching = [file for name, file in names.items() if wanted in (name, file.stem)]
    if len(matching) == 1:
        return matching[0]
    known = [*names, *(file.stem for file in names.values())]
    close = difflib.get_close_matches(wanted, known, n=1)
    advice = f"did you mean {close[0]}.py?" if close else f"mmdet's own configs lie in {shipped_configs()}."
    raise UserError(f"--config {given} is neither a file nor the name of a config that comes with mmdet; {advice}")


def _shipped_files() -> list[Path]:
    return sorted(file for file in shipped_configs().rglob("*.py") if "_base_" not in file.parts)


def package_versions() -> dict[str, str]:
    """Return the versions of mmdet, mmcv and mmengine by import name.

    Raises:
        UserError: One of them is not installed.
    """
    return {package: _version(package, names) for package, names in _DISTRIBUTIONS.items()}


def _version(package: str, names: tuple[str, ...]) -> str:
    for name in names:
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    raise UserError(f"{package} is not installed; install it with `pip install {names[0]}`.")


def published_weights(config: Path) -> WeightFile | None:
    """Return the checkpoint that mmdet's model index publishes for one of its own configs; None for any other."""
    root = shipped_configs()
    metafile = config.parent / "metafile.yml"
    if not config.is_relative_to(root) or not metafile.is_file():
        return None
    index = yaml.safe_load(metafile.read_text(encoding="utf-8"))
    models = index.get("Models", []) if isinstance(index, dict) else index
    wanted = f"configs/{config.relative_to(root).as_posix()}"
    address = next((model.get("Weights") for model in models if model.get("Config") == wanted), None)
    if not address:
        return None
    return WeightFile("mmdet", (address.rpartition("/")[2],), address, note=f"the checkpoint of {config.stem}")
