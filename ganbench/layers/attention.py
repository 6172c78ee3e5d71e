"""Self-attention over the positions of a feature map: SAGAN (Zhang et al. 2019, arXiv:1805.08318), section 3."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


class SelfAttention(nn.Module):
    """Feature maps `[N, C, H, W]` to the same shape; the identity at first, because gamma starts at 0.

    Equation 1: beta_ji = softmax over i of f(x_i)^T g(x_j);   equation 2: o_j = v(sum_i beta_ji h(x_i));
    equation 3: y_i = gamma o_i + x_i. f, g, h map C channels to C/8 (at least 1) and v maps them back, all by 1x1
    convolutions.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = max(channels // 8, 1)
        self.f = nn.Conv2d(channels, inner, 1, bias=False)
        self.g = nn.Conv2d(channels, inner, 1, bias=False)
        self.h = nn.Conv2d(channels, inner, 1, bias=False)
        self.v = nn.Conv2d(inner, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        f, g, h = (layer(x).flatten(2).mT for layer in (self.f, self.g, self.h))  # [N, H W, C/8]
        o = scaled_dot_product_attention(g, f, h, scale=1.0)  # queries g(x_j), keys f(x_i), values h(x_i)
        out: Tensor = self.gamma * self.v(o.mT.unflatten(2, x.shape[2:])) + x
        return out
