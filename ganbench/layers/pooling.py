"""Smaller images by averaging."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, avg_pool2d


def shrunk(x: Tensor, size: int) -> Tensor:
    """Images `[N, C, S, S]` to `[N, C, size, size]`. Each new pixel is the mean of the pixels that it covers.

    If the size halves, `avg_pool2d` computes the means, because its gradient is deterministic on a GPU. The gradient of
    `adaptive_avg_pool2d` is not. Images that have the size already stay as they are.
    """
    if size == x.shape[-1]:
        return x
    return avg_pool2d(x, 2) if 2 * size == x.shape[-1] else adaptive_avg_pool2d(x, size)
