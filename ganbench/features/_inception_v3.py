"""Inception v3 (Szegedy et al. 2015, arXiv:1512.00567, section 6) as TensorFlow published it and torch-fidelity keeps it.

Different from the paper: the average pooling of a block does not count the padding of its maps, and the pooling of the last
block is a maximum. Layers have the names of the file of weights. The network is written out because importing torch-fidelity
also imports torch's compiler, and this import takes two seconds.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_weights

EPSILON = 0.001  # of batch normalisation


class Conv(nn.Module):
    """A convolution, its batch normalisation, a rectifier: maps `[N, C, H, W]` to maps, of the same size where `same`."""

    def __init__(self, state: dict[str, Tensor], name: str, stride: int = 1, same: bool = True) -> None:
        super().__init__()
        weight = state.pop(f"{name}.conv.weight")
        mean, variance, scale, shift = (
            state.pop(f"{name}.bn.{of}") for of in ("running_mean", "running_var", "weight", "bias")
        )
        state.pop(f"{name}.bn.num_batches_tracked", None)
        self.weight, self.bias = fuse_conv_bn_weights(weight, None, mean, variance, EPSILON, scale, shift)
        self.stride = stride
        self.padding = tuple(side // 2 for side in weight.shape[2:]) if same else (0, 0)

    def convolve(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, self.bias, self.stride, self.padding)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu_(self.convolve(x))


class PooledConv(Conv):
    """A mean of 3 x 3 pixels and a `Conv` of single pixels. Their order is free: the mean comes last, on fewer channels."""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu_(F.avg_pool2d(self.convolve(x), 3, 1, 1, count_include_pad=False))


class Branches(nn.ModuleList):
    """The outputs of all branches on the same maps, joined along the channels."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self], 1)


def spatial(blocks: nn.Sequential) -> nn.Sequential:
    """The part of the blocks of `network` that ends at the maps `[N, 192, 17, 17]` of TensorFlow's `mixed_6/conv`."""
    *before, mixed_6d = blocks[:7]
    return nn.Sequential(*before, next(mixed_6d.children()))


def network(state: dict[str, Tensor]) -> tuple[nn.Sequential, nn.Sequential, Tensor, Tensor]:
    """The stem, the blocks up to the last maps `[N, 2048, 8, 8]`, and the weight `[1008, 2048]` and bias of the logits.

    Args:
        state: torch-fidelity's weights; used entries are removed.

    Raises:
        KeyError, ValueError: a weight is missing, or one is left over.
    """

    def chain(name: str, n: int, shrink: bool = False) -> nn.Module:
        """Convolutions `name`_1 to `name`_n; the last one halves the size if asked to."""
        *first, last = (f"{name}_{i}" for i in range(1, n + 1))
        return nn.Sequential(*(Conv(state, x) for x in first), halving(last) if shrink else Conv(state, last))

    def halving(name: str) -> nn.Module:
        return Conv(state, name, stride=2, same=False)

    def forked(name: str, n: int) -> nn.Module:
        """A chain whose last member is a pair, one wide and one high."""
        pair = Branches([Conv(state, f"{name}_{n}a"), Conv(state, f"{name}_{n}b")])
        return nn.Sequential(chain(name, n - 1), pair)

    def a(b: str) -> nn.Module:
        five, three = chain(f"{b}.branch5x5", 2), chain(f"{b}.branch3x3dbl", 3)
        return Branches([Conv(state, f"{b}.branch1x1"), five, three, PooledConv(state, f"{b}.branch_pool")])

    def c(b: str) -> nn.Module:
        short, long = chain(f"{b}.branch7x7", 3), chain(f"{b}.branch7x7dbl", 5)
        return Branches([Conv(state, f"{b}.branch1x1"), short, long, PooledConv(state, f"{b}.branch_pool")])

    def e(b: str, pooled: nn.Module) -> nn.Module:
        short, long = forked(f"{b}.branch3x3", 2), forked(f"{b}.branch3x3dbl", 3)
        return Branches([Conv(state, f"{b}.branch1x1"), short, long, pooled])

    stem = nn.Sequential(
        halving("Conv2d_1a_3x3"),
        Conv(state, "Conv2d_2a_3x3", same=False),
        Conv(state, "Conv2d_2b_3x3"),
        nn.MaxPool2d(3, 2),
        Conv(state, "Conv2d_3b_1x1"),
        Conv(state, "Conv2d_4a_3x3", same=False),
        nn.MaxPool2d(3, 2),
    )
    blocks = nn.Sequential(
        *map(a, ("Mixed_5b", "Mixed_5c", "Mixed_5d")),
        Branches([halving("Mixed_6a.branch3x3"), chain("Mixed_6a.branch3x3dbl", 3, shrink=True), nn.MaxPool2d(3, 2)]),
        *map(c, ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e")),
        Branches(
            [
                chain("Mixed_7a.branch3x3", 2, shrink=True),
                chain("Mixed_7a.branch7x7x3", 4, shrink=True),
                nn.MaxPool2d(3, 2),
            ]
        ),
        e("Mixed_7b", PooledConv(state, "Mixed_7b.branch_pool")),
        e("Mixed_7c", nn.Sequential(nn.MaxPool2d(3, 1, 1), Conv(state, "Mixed_7c.branch_pool"))),
    )
    head, bias = state.pop("fc.weight"), state.pop("fc.bias")
    if state:
        raise ValueError(f"it also has {next(iter(state))}")
    with torch.inference_mode():
        blocks(stem(torch.zeros(1, 3, 75, 75))).mean((2, 3)) @ head.T + bias  # fails if a shape is wrong
    return stem, blocks, head, bias
