"""Where data and weights lie on this machine: flag, environment variable or user configuration file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import platformdirs
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from .errors import UserError


class UserConfig(BaseModel):
    """The user's configuration file; relative paths in it are relative to its folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data_root: tuple[Path, ...] = ()
    """One folder or a list of folders that hold data sets."""
    weights: tuple[Path, ...] = ()
    """One folder or a list of folders that hold checkpoints."""

    @field_validator("data_root", "weights", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


def config_file() -> Path:
    """Return the path of the user configuration file, which need not exist; ``LQBENCH_CONFIG`` replaces it."""
    given = os.environ.get("LQBENCH_CONFIG")
    return Path(given).expanduser() if given else platformdirs.user_config_path("lqbench") / "config.yaml"


def user_config() -> UserConfig:
    """Read the user configuration file; without one, everything is unset.

    Raises:
        UserError: The file named by ``LQBENCH_CONFIG`` is missing, or the file is not YAML or has an unknown key.
    """
    file = config_file()
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        if os.environ.get("LQBENCH_CONFIG"):
            raise UserError(f"LQBENCH_CONFIG names {file}, which does not exist; correct or unset it.") from None
        return UserConfig()
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"the configuration file {file} cannot be read ({reason}); correct it.") from None
    return _parse_config(file, {} if document is None else document)


def _parse_config(file: Path, document: Any) -> UserConfig:
    if not isinstance(document, Mapping):
        raise UserError(f"the configuration file {file} is not a list of keys; write lines such as data_root: PATH.")
    try:
        config = UserConfig.model_validate(dict(document))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key, known = ".".join(str(part) for part in first["loc"]), ", ".join(UserConfig.model_fields)
        raise UserError(
            f"the configuration file {file}: key {key!r}: {first['msg']}; known keys are {known}."
        ) from None
    return UserConfig(data_root=_anchor(file, config.data_root), weights=_anchor(file, config.weights))


def _anchor(file: Path, paths: tuple[Path, ...]) -> tuple[Path, ...]:
    return tuple(file.parent / path.expanduser() for path in paths)


def _environment_paths(name: str) -> tuple[Path, ...]:
    """Split a variable as PATH is split; unset or empty gives none."""
    parts = os.environ.get(name, "").split(os.pathsep)
    return tuple(Path(part).expanduser() for part in parts if part)


def data_roots(flag: Path | None = None) -> tuple[Path, ...]:
    """Return the folders to look for data sets in: ``--data-root``, else ``LQBENCH_DATA``, else the configuration.

    The first that is given wins, the others are not looked at; nothing given gives none.

    Raises:
        UserError: A given folder does not exist; it is named with where it was given.
    """
    for origin, roots in (
        ("--data-root", () if flag is None else (flag.expanduser(),)),
        ("the environment variable LQBENCH_DATA", _environment_paths("LQBENCH_DATA")),
        (f"data_root in {config_file()}", user_config().data_root if flag is None else ()),
    ):
        for root in roots:
            if not root.is_dir():
                raise UserError(f"the data root {root} given by {origin} is not a folder; correct the path.")
        if roots:
            return roots
    return ()


def weight_dirs(flag: Path | None = None) -> tuple[Path, ...]:
    """Return the folders to look for checkpoints in, best first; they need not exist.

    ``LQBENCH_WEIGHTS``, ``weights`` of the configuration, ``weights`` in each data root, ``weights`` in the working
    folder.

    Args:
        flag: What ``--data-root`` gave.
    """
    roots = tuple(root / "weights" for root in data_roots(flag))
    return (*_environment_paths("LQBENCH_WEIGHTS"), *user_config().weights, *roots, Path.cwd() / "weights")
