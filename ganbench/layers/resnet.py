"""The residual generator and discriminator of SNGAN (Miyato et al. 2018, arXiv:1802.05957, appendix B.4), SAGAN and BigGAN.

Both networks are lists of residual blocks. A paper says how wide each block is and where there is attention. Resolutions
follow `dcgan.halvings`, so every size from 8x8 to 128x128 works. Upsampling repeats the nearest pixel. Downsampling averages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import (
    avg_pool2d,
    conv2d,
    conv_transpose2d,
    interpolate,
    linear,
    relu,
)
from torch.nn.utils.parametrizations import spectral_norm

from ganbench.gan import DataSpec
from ganbench.layers import dcgan
from ganbench.layers.attention import SelfAttention
from ganbench.layers.dcgan import halvings
from ganbench.layers.pooling import shrunk


def doubling(width: int, levels: int) -> list[int]:
    """SAGAN's and BigGAN's channels, from fine to coarse. They double at each halving, up to 16 times `width`.

    >>> doubling(64, 6)
    [64, 128, 256, 512, 1024, 1024]
    """
    return [width * min(2**i, 16) for i in range(levels)]


def attention_size(size: int, wanted: int) -> int:
    """The finest hidden resolution of an image of `size` that is at most `wanted`.

    >>> attention_size(128, 32), attention_size(32, 32), attention_size(28, 32), attention_size(8, 32)
    (32, 16, 14, 4)
    """
    return next(s for s in halvings(size)[1:] if s <= wanted)


def upsampled(conv: nn.Conv2d, x: Tensor, size: int) -> Tensor:
    """`conv(interpolate(x, size))` for a 3x3 convolution: `[N, fan_in, s, s]` to `[N, fan_out, size, size]`.

    If the size doubles, each pixel has four copies, so the convolution multiplies the pixel by sums of weights. One
    transposed 4x4 convolution with these sums and stride 2 gives the same result. It needs four ninths of the
    multiplications, and no large map in between.
    """
    if size != 2 * x.shape[-1]:
        out: Tensor = conv(interpolate(x, size))
        return out
    sums = 4 * avg_pool2d(conv.weight.flip(2, 3).transpose(0, 1), 2, stride=1, padding=1)
    return conv_transpose2d(x, sums, conv.bias, stride=2, padding=1)


def downsampled(conv: nn.Conv2d, x: Tensor, size: int) -> Tensor:
    """`shrunk(conv(x), size)` for a 3x3 convolution. If the size halves, it is one 4x4 convolution with stride 2."""
    if 2 * size != x.shape[-1]:
        return shrunk(conv(x), size)
    return conv2d(x, avg_pool2d(conv.weight, 2, stride=1, padding=1), conv.bias, stride=2, padding=1)


class Table(nn.Module):
    """A linear map of conditions `[N, K]` to `[N, F]` that starts at 0. For one-hot classes: numbers per class."""

    def __init__(self, cond: int, features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(features, cond))

    def forward(self, c: Tensor) -> Tensor:
        return linear(c, self.weight)


def projection(cond: int, features: int) -> nn.Linear:
    """A linear map of conditions `[N, K]` to `[N, F]`. `initialise` draws the weights, `normalise_spectrally` bounds them."""
    return nn.Linear(cond, features, bias=False)


Affine = Callable[[int, int], nn.Module]


class ConditionalBatchNorm(nn.Module):
    """Batch norm with gains and biases that are linear in a condition (de Vries et al. 2017, arXiv:1707.00683).

    Features `[N, F, H, W]` and conditions `[N, K]` to `[N, F, H, W]`. The gains are 1 plus a linear map of the condition. The
    biases are a second linear map. `affine` makes both maps. With one-hot classes, each class has its own gains and biases.
    With K = 1 and the constant condition 1, the layer is plain batch norm.
    """

    def __init__(self, features: int, cond: int, affine: Affine) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(features, affine=False)
        self.gain = affine(cond, features)
        self.bias = affine(cond, features)

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        gain, bias = 1 + self.gain(c), self.bias(c)
        return torch.addcmul(bias[..., None, None], self.norm(x), gain[..., None, None])


class UpBlock(nn.Module):
    """Norm, ReLU, upsample, convolution, norm, ReLU, convolution, plus a skip. Then self-attention, if the block `attends`.

    Features `[N, fan_in, s, s]` and conditions `[N, cond]` to `[N, fan_out, size, size]`.
    """

    def __init__(self, fan_in: int, fan_out: int, size: int, cond: int, attends: bool, affine: Affine) -> None:
        super().__init__()
        self.norm1 = ConditionalBatchNorm(fan_in, cond, affine)
        self.conv1 = nn.Conv2d(fan_in, fan_out, 3, padding=1)
        self.norm2 = ConditionalBatchNorm(fan_out, cond, affine)
        self.conv2 = nn.Conv2d(fan_out, fan_out, 3, padding=1)
        self.skip = nn.Conv2d(fan_in, fan_out, 1)
        self.attention = SelfAttention(fan_out) if attends else nn.Identity()
        self.size = size

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        h = upsampled(self.conv1, relu(self.norm1(x, c)), self.size)
        h = self.conv2(relu(self.norm2(h, c)))
        skip = interpolate(self.skip(x), self.size)  # the same as upsampling first, and cheaper
        out: Tensor = self.attention(h + skip)
        return out


class DownBlock(nn.Module):
    """ReLU, convolution, ReLU, convolution, downsample, plus a skip. Then self-attention, if the block `attends`.

    Features `[N, fan_in, large, large]` to `[N, fan_out, size, size]`. The input of the `first` block is the image, so the
    first block has no ReLU at its start.
    """

    def __init__(self, fan_in: int, fan_out: int, large: int, size: int, attends: bool, first: bool) -> None:
        super().__init__()
        self.start = nn.Identity() if first else nn.ReLU()
        self.conv1 = nn.Conv2d(fan_in, fan_out, 3, padding=1)
        self.conv2 = nn.Conv2d(fan_out, fan_out, 3, padding=1)
        same = fan_in == fan_out and large == size
        self.skip = nn.Identity() if same else nn.Conv2d(fan_in, fan_out, 1)
        self.attention = SelfAttention(fan_out) if attends else nn.Identity()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        h = downsampled(self.conv2, relu(self.conv1(self.start(x))), self.size)
        skip = self.skip(shrunk(x, self.size))
        out: Tensor = self.attention(h + skip)
        return out


class Generator(nn.Module):
    """Noise `[N, z]` and a condition `[N, cond]` for each block to images `[N, C, S, S]` in [-1, 1].

    A linear layer, a block for each doubling up to the image's size, batch norm, ReLU, a convolution, tanh. `widths` are
    the channels from coarse to fine: one number for the start, and one for each block. Self-attention is where the size is
    `attention`. `affine` makes the gains and biases of batch norm. Without conditions (`cond` = 1) batch norm is plain.
    """

    def __init__(
        self,
        spec: DataSpec,
        z: int,
        widths: Sequence[int],
        cond: int = 1,
        attention: int = 0,
        affine: Affine = Table,
    ) -> None:
        super().__init__()
        dcgan.check(spec)
        channels, size, _ = spec.shape
        start, *sizes = halvings(size)[::-1]
        self.start = nn.Sequential(nn.Linear(z, widths[0] * start**2), nn.Unflatten(1, (widths[0], start, start)))
        if start == attention:
            self.start.append(SelfAttention(widths[0]))
        self.blocks = nn.ModuleList(
            UpBlock(fan_in, fan_out, s, cond, s == attention, affine)
            for (fan_in, fan_out), s in zip(pairwise(widths), sizes, strict=True)
        )
        last = nn.Conv2d(widths[-1], channels, 3, padding=1)
        self.end = nn.Sequential(nn.BatchNorm2d(widths[-1]), nn.ReLU(), last, nn.Tanh())

    def forward(self, z: Tensor, conditions: Sequence[Tensor] | None = None) -> Tensor:
        h = self.start(z)
        for block, c in zip(self.blocks, conditions or [z.new_ones(len(z), 1)] * len(self.blocks), strict=True):
            h = block(h, c)
        out: Tensor = self.end(h)
        return out


class Discriminator(nn.Module):
    """Images `[N, C, S, S]` to unbounded numbers `[N]`: residual blocks, ReLU, sum over the positions, a linear layer.

    `widths` and `sizes` are the channels and the resolution at the end of each block. The first block that ends with the
    size `attention` has self-attention.
    """

    def __init__(self, spec: DataSpec, widths: Sequence[int], sizes: Sequence[int], attention: int = 0) -> None:
        super().__init__()
        dcgan.check(spec)
        channels, size, _ = spec.shape
        self.body = nn.Sequential()
        for (fan_in, fan_out), (large, s) in zip(pairwise([channels, *widths]), pairwise([size, *sizes]), strict=True):
            self.body.append(DownBlock(fan_in, fan_out, large, s, s == attention != large, first=not self.body))
        self.body.append(nn.ReLU())
        self.head = dcgan.head(widths[-1], 1)

    def features(self, x: Tensor) -> Tensor:
        """The input of `head`: the sum over the positions, `[N, F]`."""
        h: Tensor = self.body(x)
        return h.sum((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.features(x))
        return out


class ProjectionDiscriminator(Discriminator):
    """The discriminator with classes `[N]`: `head(h) + embed(y) . h` (Miyato & Koyama 2018, arXiv:1802.05637, equation 3).

    A sample without a label (y = -1) has the first term alone.
    """

    def __init__(self, spec: DataSpec, widths: Sequence[int], sizes: Sequence[int], attention: int = 0) -> None:
        super().__init__(spec, widths, sizes, attention)
        self.embed = nn.Embedding(spec.classes, widths[-1])

    def forward(self, x: Tensor, y: Tensor) -> Tensor:  # type: ignore[override]
        h = self.features(x)
        projection = (self.embed(y.clamp(min=0)) * h).sum(1)
        out: Tensor = self.head(h) + projection * (y >= 0)
        return out


def weighted(network: nn.Module) -> list[nn.Conv2d | nn.Linear | nn.Embedding]:
    """The layers of a network that have a weight matrix. A `Table` does not count."""
    return [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear | nn.Embedding)]


def initialise(network: nn.Module, fill: Callable[[Tensor], Tensor]) -> None:
    """Draw all weight matrices by `fill`, and set the biases to 0."""
    for layer in weighted(network):
        fill(layer.weight)
        if not isinstance(layer, nn.Embedding) and layer.bias is not None:
            nn.init.zeros_(layer.bias)


def normalise_spectrally(network: nn.Module) -> None:
    """Divide every weight matrix by its largest singular value. One power iteration per forward pass finds this value.

    Miyato et al. 2018, algorithm 1. The vectors of the iteration are buffers, so a resumed run continues from them.
    """
    for layer in weighted(network):
        spectral_norm(layer)
