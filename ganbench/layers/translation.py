"""Networks from images to images: the U-Net and the patch discriminator of pix2pix, and the residual translator of CycleGAN."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

from ganbench.gan import DataSpec, Unsupported
from ganbench.layers.dcgan import SLOPE, check, halvings
from ganbench.layers.dropout import NoiseDropout
from ganbench.layers.strided import StridedConv2d, StridedConvTranspose2d

Norm = Callable[[int], nn.Module]


def check_pairs(spec: DataSpec, what: str) -> None:
    """Refuse data whose condition is no image of the size of the samples.

    Raises:
        Unsupported: these networks do not treat the data.
    """
    check(spec)
    if len(spec.cond) != 3 or spec.cond[1:] != spec.shape[1:]:
        raise Unsupported(
            f"{what} needs images with a condition of the same size, but the condition has shape {spec.cond}"
        )


def kernel(large: int) -> int:
    """With stride 2 and padding 1, a kernel of 4 takes the size s to 2s, and a kernel of 3 takes s to 2s - 1."""
    return 4 if large % 2 == 0 else 3


class UNet(nn.Module):
    """Images `[N, fan_in, S, S]` to images `[N, fan_out, S, S]` in [-1, 1] (Isola et al. 2016, arXiv:1611.07004).

    An encoder halves the size until it is 4 or less, and a decoder doubles it again. Each map of the encoder also goes to the
    map of the decoder that has its size. The two coarsest maps of the decoder have dropout, which stays on: it is the noise of
    the generator.
    """

    def __init__(self, fan_in: int, fan_out: int, size: int, width: int, dropout: float) -> None:
        super().__init__()
        sizes = halvings(size)
        hidden = [width * min(2**i, 8) for i in range(len(sizes) - 1)]
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for i, (large, (a, b)) in enumerate(zip(sizes, pairwise([fan_in, *hidden]), strict=False)):
            before: list[nn.Module] = [] if i == 0 else [nn.LeakyReLU(SLOPE)]
            after: list[nn.Module] = [] if i in (0, len(hidden) - 1) else [nn.BatchNorm2d(b)]
            self.down.append(nn.Sequential(*before, StridedConv2d(a, b, kernel(large), bias=not after), *after))
        for i, (large, a) in enumerate(zip(sizes[-2::-1], hidden[::-1], strict=True)):
            b = fan_out if large == size else hidden[-2 - i]
            joined = a if i == 0 else 2 * a
            last = large == size
            after = [nn.Tanh()] if last else [nn.BatchNorm2d(b), *[NoiseDropout(dropout)] * (i < 2)]
            self.up.append(
                nn.Sequential(nn.ReLU(), StridedConvTranspose2d(joined, b, kernel(large), bias=last), *after)
            )

    def forward(self, x: Tensor) -> Tensor:
        maps = []
        for layer in self.down:
            x = layer(x)
            maps.append(x)
        x = self.up[0](maps.pop())
        for layer in self.up[1:]:
            x = layer(torch.cat([x, maps.pop()], 1))
        return x


class PatchDiscriminator(nn.Module):
    """Images `[N, fan_in, S, S]` to a logit for each patch, `[N, P]`. A patch is the part of the image that a logit sees."""

    def __init__(self, fan_in: int, size: int, width: int, norm: Norm = nn.BatchNorm2d) -> None:
        super().__init__()
        half = (size + 1) // 2

        def block(a: int, b: int, layer: nn.Module) -> list[nn.Module]:
            return [layer, norm(b), nn.LeakyReLU(SLOPE)]

        self.net = nn.Sequential(
            StridedConv2d(fan_in, width, kernel(size), bias=True), nn.LeakyReLU(SLOPE),
            *block(width, 2 * width, StridedConv2d(width, 2 * width, kernel(half), bias=False)),
            *block(2 * width, 4 * width, nn.Conv2d(2 * width, 4 * width, 3, padding=1, bias=False)),
            nn.Conv2d(4 * width, 1, 3, padding=1), nn.Flatten(),
        )  # fmt: skip

    def forward(self, *parts: Tensor) -> Tensor:
        out: Tensor = self.net(torch.cat(parts, 1))
        return out


class Residual(nn.Module):
    """A residual block that keeps the shape `[N, width, S, S]`."""

    def __init__(self, width: int, norm: Norm) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False), norm(width), nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False), norm(width),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.net(x)
        return out


def translator(fan_in: int, fan_out: int, size: int, width: int, blocks: int) -> nn.Sequential:
    """The generator of CycleGAN: images `[N, fan_in, S, S]` to images `[N, fan_out, S, S]` in [-1, 1].

    A convolution, two convolutions with stride 2, `blocks` residual blocks, two strided convolutions back, and a convolution.
    """
    half = (size + 1) // 2

    def norm(channels: int) -> nn.Module:
        return nn.InstanceNorm2d(channels)

    layers: list[nn.Module] = [nn.Conv2d(fan_in, width, 7, padding=3, padding_mode="reflect"), norm(width), nn.ReLU()]
    for large, a, b in ((size, width, 2 * width), (half, 2 * width, 4 * width)):
        layers += [StridedConv2d(a, b, kernel(large), bias=False), norm(b), nn.ReLU()]
    layers += [Residual(4 * width, norm) for _ in range(blocks)]
    for large, a, b in ((half, 4 * width, 2 * width), (size, 2 * width, width)):
        layers += [StridedConvTranspose2d(a, b, kernel(large), bias=False), norm(b), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(width, fan_out, 7, padding=3, padding_mode="reflect"), nn.Tanh())
