"""Networks for papers that describe only the game: DCGAN's networks for images, perceptrons for points."""

from __future__ import annotations

from torch import Tensor, nn

from ganbench.gan import DataSpec
from ganbench.layers import dcgan
from ganbench.layers.mlp import mlp

HIDDEN = 4  # layers of `units` units for points: the other networks of Wasserstein GAN, section 4.3


def generator(spec: DataSpec, z: int, width: int, units: int) -> nn.Module:
    """Noise `[N, z]` to data `[N, *shape]`. For images `width` is DCGAN's width; for points `units` is the size of a layer."""
    if spec.is_image:
        return dcgan.Generator(z, width, spec)
    return mlp([z, *[units] * HIDDEN, *spec.shape])


class PointDiscriminator(nn.Module):
    """Points `[N, d]` to numbers, with the same parts as `dcgan.Discriminator`."""

    def __init__(self, units: int, spec: DataSpec, outputs: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(mlp([*spec.shape, *[units] * HIDDEN]), nn.ReLU())
        self.head = dcgan.head(units, outputs)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.body(x))
        return out


def discriminator(spec: DataSpec, width: int, units: int, outputs: int = 1, norm: bool = True) -> nn.Module:
    """Data `[N, *shape]` to `[N, outputs]`, `[N]` for one output. `norm`: whether DCGAN's batch norm is in it."""
    if spec.is_image:
        return dcgan.Discriminator(width, spec, outputs, norm)
    return PointDiscriminator(units, spec, outputs)
