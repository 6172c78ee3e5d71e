"""LSGAN: Least Squares Generative Adversarial Networks, Mao et al. 2016, arXiv:1611.04076.

Least squares in place of the cross-entropy, so that a sample on the right side of the boundary but far from it still has a
gradient (equation 2; D has no sigmoid):

    min_D  1/2 E_x (D(x) - b)^2  +  1/2 E_z (D(G(z)) - a)^2
    min_G  1/2 E_z (D(G(z)) - c)^2

a is the label of fake data, b that of real data, c what G wants D to say of fake data. The defaults 0, 1, 1 are the
paper's 0-1 coding (equation 9); a = -1, b = 1, c = 0 makes G minimise Pearson's chi^2 divergence (equation 8).

The batch and Adam's settings are those of the authors' code for LSUN. Ours: DCGAN's networks for images, perceptrons for
points.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganbench.config import TrainConfig
from ganbench.gan import Batch, DataSpec, Gan
from ganbench.layers.players import discriminator, generator


class Config(TrainConfig):
    batch: int = 64
    lr_g: float = 1e-3
    lr_d: float = 1e-3
    betas: tuple[float, float] = (0.5, 0.999)
    a: float = 0.0
    b: float = 1.0
    c: float = 1.0
    z: int = 100
    width: int = 64  # images: channels at half the image's size
    units: int = 512  # points: units of each hidden layer


class Lsgan(Gan):
    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        self.G = generator(spec, config.z, config.width, config.units)
        self.D = discriminator(spec, config.width, config.units)

    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        a, b = self.config.a, self.config.b
        with torch.no_grad():
            fake = self.sample(len(real.x))
        return {"loss": (self.D(real.x) - b).square().mean() / 2 + (self.D(fake) - a).square().mean() / 2}

    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        fake = self.sample(len(real.x))
        return {"loss": (self.D(fake) - self.config.c).square().mean() / 2}
