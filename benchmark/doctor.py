"""Checks of the installation and of what was brought, each with what to do about it."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement

from ..datasets.errors import UserError
from ..datasets.locate import config_file, data_roots, user_config, weight_dirs
from . import inventory
from .device import usable_processors
from .provenance import cpu_name

GIB = 1 << 30


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report.

    Attributes:
        section: What it is about.
        state: "ok"; "missing" for what a user may bring; "broken" for what nothing works without.
        text: What was found.
        advice: What to do; empty where nothing is to be done.
    """

    section: str
    state: Literal["ok", "missing", "broken"]
    text: str
    advice: tuple[str, ...] = ()


def examine(store: Path, data_root: Path | None) -> Iterator[Finding]:
    """Yield all findings, section by section.

    Args:
        store: Where cells would be stored.
        data_root: What ``--data-root`` gave.
    """
    yield from packages(requires("lqbench") or ())
    yield from torch_works()
    yield mmcv_operators()
    yield machine()
    yield bundled_weights()
    yield store_writable(store)
    yield from places(data_root)
    yield from _entries("method", inventory.methods())
    yield from _entries("dataset", inventory.datasets(data_root))
    yield from _entries("detector", inventory.detectors(data_root))


def packages(requirements: Iterable[str]) -> list[Finding]:
    """Compare installed versions with the bounds of the requirements, leaving out those of extras."""
    wanted = [requirement for text in requirements if _applies(requirement := Requirement(text))]
    wrong = [finding for requirement in wanted if (finding := _package(requirement)) is not None]
    return wrong or [Finding("packages", "ok", f"all {len(wanted)} required packages are within their bounds")]


def torch_works() -> list[Finding]:
    """Try torch with torchvision's compiled operators, and name the devices."""
    try:
        import torch
        import torchvision

        boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0], [0.0, 0.0, 2.0, 1.9]])
        torchvision.ops.nms(boxes, torch.tensor([0.9, 0.8]), 0.5)
    except Exception as error:
        advice = "install torch and torchvision of matching releases from one index: pip install --force-reinstall"
        return [Finding("torch", "broken", f"{type(error).__name__}: {error}", (f"{advice} torch torchvision.",))]
    found = Finding("torch", "ok", f"torch {torch.__version__}, torchvision {torchvision.__version__}, operators work")
    return [found, Finding("devices", "ok", ", ".join(_devices()))]


def mmcv_operators() -> Finding:
    """Tell whose operators mmdet's models run on."""
    from ..methods.mmcv_ops.install import install
    from ..methods.mmdet_adapter.files import package_versions

    try:
        release, ops = package_versions()["mmcv"], install()
    except UserError as error:
        return Finding("mmcv", "broken", str(error))
    own = ops == "compiled"
    text = (
        "its own compiled operators" if own else "no compiled operators: a stand-in on torchvision's takes their place"
    )
    return Finding("mmcv", "ok", f"mmcv {release} with {text}")


def machine() -> Finding:
    """Name processor, cores and memory."""
    python = f"Python {platform.python_version()} on {sys.platform}"
    return Finding("machine", "ok", f"{cpu_name()}, {usable_processors()} usable cores, {_memory()}, {python}")


def bundled_weights() -> Finding:
    """Look for the weights that come with the package."""
    path = Path(__file__).parents[1] / "methods" / "detector" / "mini.safetensors"
    if path.is_file():
        return Finding("bundled", "ok", f"weights of the detector mini: {path}")
    advice = "install lqbench again, or train them: `lqbench train --method detector --dataset scenes-clean`."
    return Finding("bundled", "broken", f"weights of the detector mini are missing: {path}", (advice,))


def store_writable(store: Path) -> Finding:
    """Tell whether the store can be written, without making it."""
    path = store.absolute()
    existing = next(folder for folder in (path, *path.parents) if folder.exists())
    if existing.is_dir() and os.access(existing, os.W_OK):
        return Finding("store", "ok", f"{store} {'exists' if path.exists() else 'will be made'}")
    why = "cannot be written" if existing.is_dir() else "is a file"
    return Finding("store", "broken", f"{store}: {existing} {why}", ("name another folder with --store.",))


def places(data_root: Path | None) -> list[Finding]:
    """Name the configuration file, the data roots and the folders of weights."""
    try:
        user_config()
        roots, weights = data_roots(data_root), weight_dirs(data_root)
    except UserError as error:
        return [Finding("places", "broken", str(error))]
    file = config_file()
    return [
        Finding("places", "ok", f"configuration file: {file}{'' if file.exists() else ' (not there, which is fine)'}"),
        Finding("places", "ok", f"data roots: {', '.join(map(str, roots)) or 'none set'}"),
        Finding("places", "ok", f"weights are looked for in: {', '.join(map(str, weights))}"),
    ]


def _applies(requirement: Requirement) -> bool:
    """Return whether a requirement holds here without any extra."""
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})


def _package(requirement: Requirement) -> Finding | None:
    """Return what is wrong with a package; None if it is within its bounds."""
    advice = (f'pip install "{requirement.name}{requirement.specifier}"',)
    try:
        found = version(requirement.name)
    except PackageNotFoundError:
        return Finding("packages", "broken", f"{requirement.name} is not installed", advice)
    if requirement.specifier.contains(found, prereleases=True):
        return None
    text = f"{requirement.name} {found} is outside its bounds {requirement.specifier}"
    return Finding("packages", "broken", text, advice)


def _devices() -> list[str]:
    """Return the GPUs that torch can use, or that there are none."""
    import torch

    count = torch.cuda.device_count()
    names = [f"cuda:{i} ({torch.cuda.get_device_name(i)}, {_gpu_memory(i)})" for i in range(count)]
    return names or ["cpu only (no CUDA device that torch can use)"]


def _gpu_memory(index: int) -> str:
    import torch

    return f"{torch.cuda.get_device_properties(index).total_memory / GIB:.0f} GiB"


def _memory() -> str:
    """Return the machine's memory."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return "unknown memory"
    return f"{total / GIB:.1f} GiB memory"


def _entries(section: str, entries: Iterable[inventory.Entry]) -> Iterator[Finding]:
    """Yield one finding per dataset or detector that can be run, ready or not."""
    for entry in entries:
        if entry.state == "ready":
            yield Finding(section, "ok", f"{entry.name}: ready")
        elif entry.state == "missing":
            yield Finding(section, "missing", f"{entry.name}: something is missing", entry.missing)
