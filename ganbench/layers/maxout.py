"""Maxout units, Goodfellow et al. 2013, arXiv:1302.4389."""

from __future__ import annotations

from torch import Tensor, nn


class Maxout(nn.Module):
    """The largest of `pieces` affine maps: `[N, fan_in]` to `[N, units]`."""

    def __init__(self, fan_in: int, units: int, pieces: int) -> None:
        super().__init__()
        self.affine = nn.Linear(fan_in, units * pieces)
        self.pieces = pieces

    def forward(self, x: Tensor) -> Tensor:
        largest: Tensor = self.affine(x).unflatten(1, (-1, self.pieces)).amax(2)
        return largest
