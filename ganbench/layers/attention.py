"""Self-attention over the positions of a feature map: SAGAN (Zhang et al. 2019, arXiv:1805.08318), section 3."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d, scaled_dot_product_attention


class SelfAttention(nn.Module):
    """Feature maps `[N, C, H, W]` to the same shape. The layer is the identity at first, because gamma starts at 0.

    Equation 1: beta_ji = softmax over i of f(x_i)^T g(x_j);   equation 2: o_j = v(sum_i beta_ji h(x_i));
    equation 3: y_i = gamma o_i + x_i. The four maps f, g, h and v are 1x1 convolutions. f and g map to C/8 channels, h maps
    to C/2 channels (at least 1 channel each), and v maps back to C.

    This layer is the layer of the authors' code: h has C/2 channels, and f(x) and h(x) are max-pooled by 2. So i runs over a
    quarter of the positions. In the paper's text, h has C/8 channels, and every position i has a key and a value. The
    published scores are those of the code.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.f = nn.Conv2d(channels, max(channels // 8, 1), 1, bias=False)
        self.g = nn.Conv2d(channels, max(channels // 8, 1), 1, bias=False)
        self.h = nn.Conv2d(channels, max(channels // 2, 1), 1, bias=False)
        self.v = nn.Conv2d(max(channels // 2, 1), channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        queries, keys, values = self.g(x), max_pool2d(self.f(x), 2), max_pool2d(self.h(x), 2)
        g, f, h = (features.flatten(2).mT for features in (queries, keys, values))  # [N, positions, channels]
        o = scaled_dot_product_attention(g, f, h, scale=1.0)  # queries g(x_j), keys f(x_i), values h(x_i)
        out: Tensor = self.gamma * self.v(o.mT.unflatten(2, x.shape[2:])) + x
        return out
