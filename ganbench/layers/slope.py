"""The slope of a network at given points. Gradient penalties bound this slope."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def slope(D: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """`||grad_x D(x)||_2` over all axes of a sample: `[N, *shape]` to `[N]`. The result is differentiable in D's parameters.

    D must treat each sample alone: batch norm would mix the gradients of the samples.
    """
    x = x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(D(x).sum(), x, create_graph=True)
    steepness: Tensor = gradient.flatten(1).norm(dim=1)
    return steepness
