"""Dropout that stays on when samples are drawn. It is for generators that use dropout as their noise."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import dropout


class NoiseDropout(nn.Dropout):
    """Dropout in training and in evaluation: `[N, ...]` to the same shape."""

    def forward(self, x: Tensor) -> Tensor:
        return dropout(x, self.p, training=True)
