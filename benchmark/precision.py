"""The number format in which a method's networks compute."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from ..datasets.errors import UserError

PRECISIONS = ("float32", "bfloat16", "float16")
"""Number formats by their torch names; float32 computes as the method itself chooses."""


def check_precision(precision: str, device: str) -> None:
    """Refuse a number format that is unknown, or of no use on a device.

    Raises:
        UserError: It is none of ``PRECISIONS``, or float16 on the processor.
    """
    if precision not in PRECISIONS:
        raise UserError(f"--precision {precision} is unknown; write {', '.join(PRECISIONS[:-1])} or {PRECISIONS[-1]}.")
    if precision == "float16" and device.partition(":")[0] == "cpu":
        raise UserError("--precision float16 is for GPUs and this run uses the processor; write bfloat16 or float32.")


def computing_in(precision: str, device: str) -> AbstractContextManager[object]:
    """Return the context in which a method runs: torch's autocast, or nothing for float32.

    Autocast computes convolutions and matrix products in the lower format and keeps the weights and what needs the
    range, such as softmax, in float32.

    Args:
        precision: One of ``PRECISIONS``.
        device: torch device string.
    """
    import torch

    if precision == "float32":
        return nullcontext()
    return torch.autocast(torch.device(device).type, dtype=getattr(torch, precision))
