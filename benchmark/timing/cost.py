"""What a method holds and computes: parameters and floating-point operations of ``detect``.

FLOPs are torch's own count (``torch.utils.flop_counter.FlopCounterMode``): two for each multiply-accumulate of
convolutions, matrix products and attention. Biases, activations, normalisation, interpolation and other element-wise
work are not counted. What runs outside of torch's operators is not seen: numpy, OpenCV, compiled custom operators and
fused kernels for which torch knows no formula. ``methods.sr.cost`` counts restoring alone and does not compute it; here
``detect`` is really called, since what a detector computes may depend on what it finds.
"""

from __future__ import annotations

import statistics
import types
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ...results.timing import Compute

if TYPE_CHECKING:
    from torch import nn

    from ...datasets.types import Batch
    from ...methods.base import Method

_CLOSED = ("torch", "numpy", "builtins", "pathlib", "pandas")
"""Packages whose objects are not looked into."""


def compute_of(method: Method, batches: Sequence[Batch]) -> Compute:
    """Return a method's parameters, and the FLOPs of an image over these batches, each of which is computed once."""
    parameters = parameters_of(method)
    try:
        flops = [flops_of_call(method, batch) / len(batch) for batch in batches]
        restoring = [method.cost(sample) for batch in batches for sample in batch.samples]
    except Exception as error:  # an operator that the counter cannot take apart must not cost the timing
        return Compute(parameters=parameters, complaint=f"{type(error).__name__}: {error}")
    known = [cost.flops for cost in restoring if cost is not None]
    return Compute(
        parameters=parameters,
        flops_mean=statistics.fmean(flops),
        flops_max=max(flops),
        restore_flops_mean=statistics.fmean(known) if len(known) == len(restoring) else None,
    )


def flops_of_call(method: Method, batch: Batch) -> int:
    """Return the floating-point operations of one call of ``detect``, two for each multiply-accumulate."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        method.detect(batch)
    return counter.get_total_flops()


def parameters_of(method: Method) -> int | None:
    """Return the number of parameters of all torch modules that a method holds, each shared one once.

    Returns:
        None where no module is found.
    """
    from torch import nn

    from ...methods.sr.cost import count_parameters

    found = list(modules_of(method))
    return count_parameters(nn.ModuleList(found)) if found else None


def modules_of(thing: object) -> Iterator[nn.Module]:
    """Yield the torch modules reachable through attributes and containers, each once; not those inside of modules."""
    from torch import nn

    seen: set[int] = set()
    left = [thing]
    while left:
        item = left.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, nn.Module):
            yield item
        else:
            left += _parts(item)


def _parts(item: Any) -> list[Any]:
    """Return what an object holds; nothing of classes, functions and other packages' values."""
    if isinstance(item, dict):
        return list(item.values())
    if isinstance(item, (list, tuple, set, frozenset)):
        return list(item)
    if isinstance(item, (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType)):
        return []
    if isinstance(item, types.MethodType):
        return [item.__self__]
    if type(item).__module__.split(".")[0] in _CLOSED:
        return []
    slots = [name for kind in type(item).__mro__ for name in _names(getattr(kind, "__slots__", ()))]
    return [*getattr(item, "__dict__", {}).values(), *(getattr(item, name, None) for name in slots)]


def _names(slots: str | Sequence[str]) -> Sequence[str]:
    return (slots,) if isinstance(slots, str) else slots
