"""The fully connected network of the early papers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn


def mlp(sizes: Sequence[int]) -> nn.Sequential:
    """Linear layers of the given sizes with ReLU between them: `[N, sizes[0]]` to `[N, sizes[-1]]`."""
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(sizes):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class UnitInterval(nn.Module):
    """Pixels in [-1, 1] to pixels in [0, 1], the range of the early papers. The shape stays."""

    def forward(self, x: Tensor) -> Tensor:
        return (x + 1) / 2
