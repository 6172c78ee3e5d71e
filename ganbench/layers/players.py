"""Networks for papers that describe only the game: DCGAN's networks for images, perceptrons for points."""

from __future__ import annotations

from torch import Tensor, nn

from ganbench.gan import DataSpec
from ganbench.layers import dcgan
from ganbench.layers.dcgan import Initialiser
from ganbench.layers.mlp import mlp

HIDDEN = 4  # layers of `units` units for points, as in the other generator of Wasserstein GAN, section 4.3


def generator(spec: DataSpec, z: int, width: int, units: int) -> nn.Module:
    """Noise `[N, z]` to data `[N, *shape]`. `width` is DCGAN's width for images. `units` is the size of a layer for points."""
    if spec.is_image:
        return dcgan.Generator(z, width, spec)
    return mlp([z, *[units] * HIDDEN, *spec.shape])


class PointDiscriminator(nn.Module):
    """Points `[N, d]` to unbounded numbers, with the parts `body` and `head` of `dcgan.Discriminator`."""

    def __init__(self, units: int, spec: DataSpec, outputs: int = 1, fill: Initialiser | None = None) -> None:
        super().__init__()
        self.body = nn.Sequential(mlp([*spec.shape, *[units] * HIDDEN]), nn.ReLU())
        self.head = dcgan.head(units, outputs)
        if fill is not None:
            self.apply(fill)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.body(x))
        return out


def discriminator(
    spec: DataSpec,
    width: int,
    units: int,
    outputs: int = 1,
    norm: bool = True,
    fill: Initialiser | None = None,
) -> nn.Module:
    """Data `[N, *shape]` to `[N, outputs]`, or to `[N]` if there is one output.

    `norm` says whether the network for images has batch norm. `fill` draws the weights of a layer. The default weights are
    DCGAN's for images and torch's for points.
    """
    if spec.is_image:
        return dcgan.Discriminator(width, spec, outputs, norm, fill)
    return PointDiscriminator(units, spec, outputs, fill)
