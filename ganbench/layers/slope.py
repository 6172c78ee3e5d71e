"""The slope of a network at given points. Gradient penalties bound this slope."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def slope(D: nn.Module, x: Tensor) -> Tensor:
    """`||grad_x D(x)||_2`, over all axes of a sample: `[N, *shape]` to `[N]`, differentiable in D's parameters.

    Samples must not meet in D: batch norm would mix their gradients.
    """
    x = x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(D(x).sum(), x, create_graph=True)
    steepness: Tensor = gradient.flatten(1).norm(dim=1)
    return steepness
