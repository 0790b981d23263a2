"""Vector-Jacobian products through autograd, for operators whose forward pass is plain torch code."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def gradients(function: Callable[..., Tensor], inputs: Sequence[Tensor], grad_output: Tensor) -> tuple[Tensor, ...]:
    """Return the gradient of ``(function(*inputs) * grad_output).sum()`` with respect to each input.

    Works inside an ``autograd.Function``'s backward pass, where recording is switched off.
    """
    with torch.enable_grad():
        leaves = [tensor.detach().requires_grad_() for tensor in inputs]
        return torch.autograd.grad(function(*leaves), leaves, grad_output)
