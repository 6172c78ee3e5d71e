"""LSGAN: Least Squares Generative Adversarial Networks, Mao et al. 2016, arXiv:1611.04076.

Least squares replace the cross-entropy. So a sample that is on the right side of the boundary, but far from the boundary,
still has a gradient. Equation 2 (D has no sigmoid):

    min_D  1/2 E_x (D(x) - b)^2  +  1/2 E_z (D(G(z)) - a)^2
    min_G  1/2 E_z (D(G(z)) - c)^2

a is the label of generated data, and b is the label of real data. c is the answer that G wants from D for generated data. The
defaults 0, 1, 1 are the paper's 0-1 coding (equation 9). With a = -1, b = 1, c = 0, G minimises Pearson's chi^2 divergence
(equation 8).

The batch and Adam's settings are those of the authors' code for LSUN.

Different from the paper:
- The networks are DCGAN's for images and perceptrons for points.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganbench.config import Betas, Rate, Size, TrainConfig
from ganbench.gan import Batch, DataSpec, Gan
from ganbench.layers.players import discriminator, generator


class Config(TrainConfig):
    batch: Size = 64
    lr_g: Rate = 1e-3
    lr_d: Rate = 1e-3
    betas: Betas = (0.5, 0.999)
    a: float = 0.0
    b: float = 1.0
    c: float = 1.0
    z: Size = 100
    width: Size = 64  # images: channels at half the image's size
    units: Size = 512  # points: units of each hidden layer


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
