"""Collecting what the processes of a training found."""

from __future__ import annotations

from typing import TypeVar

import torch

T = TypeVar("T")


def gather_objects(mine: T) -> list[T]:
    """Return every process' picklable object, in order of rank; one's own where there is no other process."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return [mine]
    parts: list[T | None] = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(parts, mine)
    return [part for part in parts if part is not None]
