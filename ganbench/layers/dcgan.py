"""The convolutional generator and discriminator of DCGAN (Radford et al. 2015, arXiv:1511.06434, figure 1), at any size.

The paper draws the networks for 64x64: 4x4 -> 8x8 -> 16x16 -> 32x32 -> 64x64. Other sizes follow the same rule: the size is
halved (rounded up) until it is 4 or less: 28 -> 14 -> 7 -> 4. The kernels are 4x4, and 3x3 where the larger size is odd. The
authors' code has 5x5. The layers in `strided.py` compute what torch's `ConvTranspose2d`, `Conv2d` and `Flatten` compute, and
are faster.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from torch import Tensor, nn

from ganbench.gan import DataSpec, Unsupported
from ganbench.layers.strided import Flatten, Project, StridedConv2d, StridedConvTranspose2d, Tanh

Initialiser = Callable[[nn.Module], None]

SLOPE = 0.2  # of LeakyReLU below 0


def halvings(size: int) -> list[int]:
    """The resolutions from the image's down to the smallest. The smallest is 4 or less.

    >>> halvings(64), halvings(28)
    ([64, 32, 16, 8, 4], [28, 14, 7, 4])
    """
    sizes = [size]
    while sizes[-1] > 4:
        sizes.append((sizes[-1] + 1) // 2)
    return sizes


def check(spec: DataSpec) -> None:
    """Refuse what the convolutions do not treat. They need square images from 8x8 to 128x128.

    Raises:
        Unsupported: the data are not such images.
    """
    if not spec.is_image or spec.shape[1] != spec.shape[2] or not 8 <= spec.shape[1] <= 128:
        raise Unsupported(
            f"these networks are for square images from 8x8 to 128x128, but this data has shape {spec.shape}"
        )


def widths(width: int, levels: int) -> list[int]:
    """Channels of each hidden resolution, from fine to coarse. They double at each halving, up to 8 times `width`."""
    return [width * min(2**i, 8) for i in range(levels)]


def _kernel(large: int) -> int:
    """With stride 2 and padding 1, a kernel of 4 takes the size s to 2s, and a kernel of 3 takes s to 2s - 1."""
    return 4 if large % 2 == 0 else 3


class Generator(nn.Module):
    """Noise `[N, z]` to images `[N, C, S, S]` in [-1, 1]: fractionally strided convolutions, batch norm, ReLU, tanh."""

    def __init__(self, z: int, width: int, spec: DataSpec) -> None:
        super().__init__()
        check(spec)
        channels, size, _ = spec.shape
        sizes = halvings(size)[::-1]
        hidden = widths(width, len(sizes) - 1)[::-1]
        layers: list[nn.Module] = [
            nn.Unflatten(1, (z, 1, 1)),
            Project(z, hidden[0], sizes[0]),
            nn.BatchNorm2d(hidden[0]),
            nn.ReLU(inplace=True),
        ]
        for large, (fan_in, fan_out) in zip(sizes[1:], pairwise([*hidden, channels]), strict=True):
            last = large == size
            layers.append(StridedConvTranspose2d(fan_in, fan_out, _kernel(large), bias=last))
            layers += [Tanh()] if last else [nn.BatchNorm2d(fan_out), nn.ReLU(inplace=True)]
        self.net = nn.Sequential(*layers)
        self.apply(initialise)

    def forward(self, z: Tensor) -> Tensor:
        out: Tensor = self.net(z)
        return out


class Discriminator(nn.Module):
    """Images `[N, C, S, S]` to unbounded numbers: strided convolutions, batch norm, LeakyReLU(0.2).

    `body` maps images to features `[N, F]`. `head` maps features to `[N, outputs]`, or to `[N]` if there is one output.
    `norm` says whether there is batch norm. `fill` draws the weights of a layer. The default draws them as DCGAN's paper does.
    """

    def __init__(
        self, width: int, spec: DataSpec, outputs: int = 1, norm: bool = True, fill: Initialiser | None = None
    ) -> None:
        super().__init__()
        check(spec)
        channels, size, _ = spec.shape
        sizes = halvings(size)
        hidden = widths(width, len(sizes) - 1)
        layers: list[nn.Module] = []
        for large, (fan_in, fan_out) in zip(sizes, pairwise([channels, *hidden]), strict=False):
            plain = large == size or not norm  # the paper leaves batch norm out of the discriminator's first layer
            layers.append(StridedConv2d(fan_in, fan_out, _kernel(large), bias=plain))
            if not plain:
                layers.append(nn.BatchNorm2d(fan_out))
            layers.append(nn.LeakyReLU(SLOPE, inplace=True))
        self.body = nn.Sequential(*layers, Flatten())
        self.head = head(hidden[-1] * sizes[-1] ** 2, outputs)
        self.apply(fill or initialise)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.body(x))
        return out


def head(features: int, outputs: int) -> nn.Module:
    """A discriminator's last layer: features `[N, F]` to `[N, outputs]`, or to `[N]` if there is one output."""
    linear = nn.Linear(features, outputs)
    return nn.Sequential(linear, nn.Flatten(0)) if outputs == 1 else linear


def initialise(layer: nn.Module) -> None:
    """Draw a layer's weights as DCGAN's section 4 does: from N(0, 0.02^2). Batch norm's scales come from N(1, 0.02^2)."""
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.normal_(layer.weight, 0.0, 0.02)
    elif isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, 1.0, 0.02)


def he(layer: nn.Module) -> None:
    """Draw He's weights for a layer (He et al. 2015, arXiv:1502.01852), and set its biases to 0.

    With these weights the signal keeps its size in a network without batch norm.
    """
    if isinstance(layer, nn.Conv2d | nn.Linear):
        nn.init.kaiming_normal_(layer.weight, a=SLOPE)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
