"""Recognising that a GPU's memory ran out, and giving back what can be."""

from __future__ import annotations

import gc

TEXTS = (
    "CUDA out of memory",
    "CUDA error: out of memory",
    "HIP out of memory",
    "MPS backend out of memory",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUBLAS_STATUS_ALLOC_FAILED",
)
"""Parts of what torch says in a plain ``RuntimeError`` where its libraries, or earlier releases, find no memory."""
LOST = ("CUDA error:", "HIP error:")
"""Beginnings of errors after which a process cannot use its GPU any more."""


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that GPU memory ran out; the machine's own memory (``MemoryError``) does not count."""
    import torch

    if isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in TEXTS)


def is_device_lost(error: BaseException) -> bool:
    """Tell whether an error leaves the GPU unusable for this process, such as a failed assertion in a kernel."""
    return isinstance(error, RuntimeError) and not is_out_of_memory(error) and any(text in str(error) for text in LOST)


def free_gpu_memory() -> None:
    """Give cached GPU memory back; call where no handled error holds tensors through its traceback any more."""
    import torch

    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()
