"""Where and with what a cell was computed."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import socket
import subprocess
import sys
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path

from .. import __version__
from ..results.record import Provenance

PACKAGES = (
    *("torch", "torchvision", "numpy", "scipy", "opencv-python", "pillow", "onnx", "lightning"),
    *("onedl-mmengine", "onedl-mmcv", "onedl-mmdetection", "faster-coco-eval", "pandas", "pyarrow"),
)
"""Distributions whose release can change detections or scores."""
DRIVER = Path("/proc/driver/nvidia/version")
"""Where NVIDIA's kernel driver tells its version, also in containers without nvidia-smi."""


def provenance(device: str, command: Sequence[str]) -> Provenance:
    """Collect versions, commit, machine and command line.

    Args:
        device: torch device string, such as "cpu" or "cuda:0".
        command: The command line, the program's name first.
    """
    commit, dirty = git_state(Path(__file__).resolve().parents[1])
    on_gpu = device.startswith("cuda")
    return Provenance(
        lqbench_version=__version__,
        commit=commit,
        dirty=dirty,
        python=platform.python_version(),
        platform=platform.platform(),
        cpu=cpu_name(),
        device=device_name(device),
        packages=package_versions(),
        command=tuple(command),
        host=socket.gethostname(),
        gpu=gpu_name(device) if on_gpu else "",
        driver=driver_version() if on_gpu else "",
        cuda=cuda_version() if on_gpu else "",
        memory_gb=memory_gb(),
        environment=environment_sha256(),
    )


@lru_cache(maxsize=1)
def git_state(root: Path) -> tuple[str, bool | None]:
    """Return commit and whether there are uncommitted changes; ("unknown", None) if ``root`` is no checkout's top.

    A package installed inside another project's checkout must not carry that project's commit.
    """
    top = _output("git", "-C", str(root), "rev-parse", "--show-toplevel")
    commit = _output("git", "-C", str(root), "rev-parse", "HEAD")
    if not top or not commit or Path(top).resolve() != root.resolve():
        return "unknown", None
    return commit, bool(_output("git", "-C", str(root), "status", "--porcelain"))


@lru_cache(maxsize=1)
def package_versions() -> dict[str, str]:
    """Return the installed versions of ``PACKAGES``; what is not installed is left out."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


@lru_cache(maxsize=1)
def cpu_name() -> str:
    """Return the processor's name, or "unknown"."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text(encoding="utf-8", errors="replace").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        if names:
            return names[0]
    if sys.platform == "darwin":
        return _output("sysctl", "-n", "machdep.cpu.brand_string") or "unknown"
    return platform.processor() or "unknown"


def device_name(device: str) -> str:
    """Return the torch device string, for a GPU with the card's name."""
    return f"{device} ({gpu_name(device)})" if device.startswith("cuda") else device


def gpu_name(device: str) -> str:
    """Return the name of the card behind a torch device string such as "cuda:0"."""
    import torch

    return torch.cuda.get_device_name(device)


def cuda_version() -> str:
    """Return the version of CUDA that torch was built with; empty for a build without."""
    import torch

    return torch.version.cuda or ""


@lru_cache(maxsize=1)
def driver_version() -> str:
    """Return the version of NVIDIA's kernel driver; empty where there is none or it does not tell."""
    told = _output("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader").splitlines()
    if told:
        return told[0].strip()
    try:
        text = DRIVER.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    found = re.search(r"Kernel Module.*?\s(\d+(?:\.\d+)+)\s", text)
    return found[1] if found else ""


@lru_cache(maxsize=1)
def memory_gb() -> float | None:
    """Return the machine's main memory in 10^9 bytes, to one decimal; None where the system does not tell."""
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (AttributeError, ValueError, OSError):
        return None


@lru_cache(maxsize=1)
def environment_sha256() -> str:
    """Return the hash of all installed distributions: equal hashes mean the same packages in the same versions."""
    found = {(str(each.metadata["Name"] or "").lower().replace("_", "-"), each.version) for each in distributions()}
    lines = sorted(f"{name}=={version}" for name, version in found if name)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _output(*command: str) -> str:
    """Return what a command prints; empty if it is not there, fails or takes too long."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
