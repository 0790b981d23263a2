"""Which device to compute on, and with how many processes."""

from __future__ import annotations

import os

from ..datasets.errors import UserError


def usable_processors() -> int:
    """Return how many processors this process may use; on a shared machine that can be fewer than it has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def choose_device(wanted: str) -> str:
    """Return a torch device string; "auto" is the first GPU, or the processor where there is none.

    Raises:
        UserError: The text names no device, or one that this machine does not have.
    """
    import torch

    if wanted == "auto":
        return "cuda:0" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise UserError(f"--device {wanted} is no torch device; write auto, cpu, cuda or cuda:0.") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UserError(
            f"--device {wanted}: this machine has {torch.cuda.device_count()} CUDA devices that torch can use; "
            f"choose another, or write --device cpu."
        )
    if device.type not in ("cpu", "cuda", "mps") or (device.type == "mps" and not torch.backends.mps.is_available()):
        raise UserError(f"--device {wanted} is not available on this machine; write auto, cpu, cuda or cuda:0.")
    return f"cuda:{device.index or 0}" if device.type == "cuda" else device.type
