"""Faster layers of DCGAN on a CPU: noise to map, half size, double size, tanh, and flatten.

They have the weights of torch's layers and compute the same values. Each layer is a subclass of a torch layer with another
`forward`. The channels lie last in memory (`channels_last` in `ganbench/training/loop.py`). Then torch's convolutions run at
the processor's speed. Transposed convolutions to few channels are the exception: they run at a tenth of this speed. There are
two such convolutions: a generator's last layer, and the gradient of a discriminator's first layer by its input. In these two
cases a 2x2 convolution to four times as many channels gives the same values, and the channels are then laid side by side: Shi
et al. 2016, "Is the deconvolution layer the same as a convolutional layer?", arXiv:1609.07009.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d

FEW = 8  # channels of the larger map up to which the 2x2 convolution is faster


class Project(nn.ConvTranspose2d):
    """Noise `[N, z, 1, 1]` to a map `[N, fan_out, S, S]`. This transposed convolution is a matrix product."""

    def __init__(self, z: int, fan_out: int, size: int) -> None:
        super().__init__(z, fan_out, size, bias=False)

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        z, c, s, _ = self.weight.shape
        made = x.flatten(1) @ self.weight.permute(0, 2, 3, 1).reshape(z, s * s * c)
        return made.view(-1, s, s, c).permute(0, 3, 1, 2)


class Flatten(nn.Flatten):
    """A map `[N, C, S, S]` to features `[N, S * S * C]`, in the order of the numbers in memory."""

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1).flatten(1)


class StridedConv2d(nn.Conv2d):
    """`[N, fan_in, S, S]` to `[N, fan_out, S/2, S/2]`. With a 3x3 kernel S/2 is rounded up."""

    def __init__(self, fan_in: int, fan_out: int, kernel: int, bias: bool) -> None:
        super().__init__(fan_in, fan_out, kernel, stride=2, padding=1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return down(x, self.weight, self.bias)


class StridedConvTranspose2d(nn.ConvTranspose2d):
    """`[N, fan_in, S, S]` to `[N, fan_out, 2S, 2S]`. With a 3x3 kernel the new size is 2S - 1."""

    def __init__(self, fan_in: int, fan_out: int, kernel: int, bias: bool) -> None:
        super().__init__(fan_in, fan_out, kernel, stride=2, padding=1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return up(x, self.weight, self.bias)


class Tanh(nn.Tanh):
    """tanh(x) = 2 sigmoid(2x) - 1. Torch computes this form faster.

    The form needs fp32 or more, because near 0 the subtraction leaves few bits.
    """

    def forward(self, x: Tensor) -> Tensor:
        return (2 * x.to(torch.promote_types(x.dtype, torch.float32))).sigmoid_().mul(2).sub_(1)


def down(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`conv2d` with stride 2 and padding 1 of a map `[N, C, 2H, 2W]` by a kernel `[K, C, 4, 4]`: `[N, K, H, W]`."""
    if not (detour(weight) and x.requires_grad):
        return conv2d(x, weight, bias, stride=2, padding=1)
    made: Tensor = _DownByX.apply(_DownByWeight.apply((x,), weight, bias), x, weight)
    return made


def up(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`conv_transpose2d`, the adjoint of `down`: a map `[N, K, H, W]` and a kernel `[K, C, 4, 4]` to `[N, C, 2H, 2W]`."""
    if not detour(weight):
        return conv_transpose2d(x, weight, bias, stride=2, padding=1)
    made: Tensor = _Up.apply(x, weight, bias)
    return made


def detour(weight: Tensor) -> bool:
    """Whether a 2x2 convolution is the faster way to compute `up` with this kernel `[K, C, a, a]`."""
    return weight.is_cpu and weight.shape[1] <= FEW and weight.shape[2:] == (4, 4)


def interleaved(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`up` by a 2x2 convolution. Its channel (p, q, c) at (i, j) is the pixel (2i + p - 1, 2j + q - 1) of the result."""
    n, k, h, w = x.shape
    c = weight.shape[1]
    parts = weight.view(k, c, 2, 2, 2, 2).flip(2, 4).permute(3, 5, 1, 0, 2, 4).reshape(4 * c, k, 2, 2)
    parts = parts.contiguous(memory_format=torch.channels_last)
    made = conv2d(x, parts, None if bias is None else bias.repeat(4), padding=1)
    rows = made.permute(0, 2, 3, 1).view(n, h + 1, w + 1, 2, 2 * c).transpose(2, 3)
    padded = rows.reshape(n, 2 * h + 2, 2 * w + 2, c).permute(0, 3, 1, 2)
    return padded[:, :, 1:-1, 1:-1].contiguous(memory_format=torch.channels_last)


def gradients(x: Tensor, weight: Tensor, gradient: Tensor, *wanted: bool) -> tuple[Tensor | None, Tensor | None]:
    """The gradients of a strided `conv2d` by its weight and by its bias; None if a gradient is not `wanted`."""
    _, by_weight, by_bias = torch.ops.aten.convolution_backward(
        gradient, x, weight, [len(weight)], [2, 2], [1, 1], [1, 1], False, [0, 0], 1, [False, *wanted]
    )
    return by_weight, by_bias


class _DownByWeight(torch.autograd.Function):
    """`conv2d` with gradients only by the weight and the bias. x comes in a tuple, so the graph does not see x.

    A step of G needs no gradient by D's weights, so its gradient does not pass through this function.
    """

    @staticmethod
    def forward(ctx: Any, hidden: tuple[Tensor], weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(*hidden, weight)
        return conv2d(*hidden, weight, bias, stride=2, padding=1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = (saved.to(gradient.dtype) for saved in ctx.saved_tensors)  # they differ under autocast
        return None, *gradients(x, weight, gradient, *ctx.needs_input_grad[1:])


class _DownByX(torch.autograd.Function):
    """The map that `_DownByWeight` made, with its gradient by x. This gradient goes through `up`."""

    @staticmethod
    def forward(ctx: Any, made: Tensor, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.mark_dirty(made)  # `made` itself is returned
        return made

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        (weight,) = ctx.saved_tensors
        return gradient, up(gradient, weight.to(gradient.dtype)), None


class _Up(torch.autograd.Function):
    """`interleaved`, with a gradient by x that goes through `down`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return interleaved(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = (saved.to(gradient.dtype) for saved in ctx.saved_tensors)
        by_x, by_weight, by_bias = ctx.needs_input_grad
        return (
            down(gradient, weight) if by_x else None,
            gradients(gradient, weight, x, by_weight, False)[0],
            gradient.sum((0, 2, 3)) if by_bias else None,
        )
