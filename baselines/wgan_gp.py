"""WGAN-GP: Improved Training of Wasserstein GANs, Gulrajani et al. 2017, arXiv:1704.00028.

The critic of Wasserstein GAN, held near slope 1 by a penalty in place of clipped weights (equation 3):

    L = E_z D(G(z)) - E_x D(x) + lambda E_x^ (||grad_x^ D(x^)||_2 - 1)^2,    x^ = epsilon x + (1 - epsilon) G(z)

with one epsilon ~ U[0, 1] per pair of samples, and the norm over all axes of a sample. The generator descends -E_z D(G(z)).
Algorithm 1 with its values: lambda = 10, n_critic = 5, Adam at 0.0001 with beta_1 = 0, beta_2 = 0.9. The penalty is per
sample, so the critic has no batch norm (section 4).

Ours: DCGAN's networks for images (the paper's main one is residual); for points ReLU networks with four layers of 512 units
(the authors' code has three).
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganbench.config import TrainConfig
from ganbench.gan import Batch, DataSpec, Gan
from ganbench.layers.players import discriminator, generator
from ganbench.layers.slope import slope


class Config(TrainConfig):
    batch: int = 64
    n_critic: int = 5
    lr_g: float = 1e-4
    lr_d: float = 1e-4
    betas: tuple[float, float] = (0.0, 0.9)
    gp: float = 10.0  # lambda
    z: int = 128
    width: int = 64  # images: channels at half the image's size
    units: int = 512  # points: units of each hidden layer


class WganGp(Gan):
    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        self.G = generator(spec, config.z, config.width, config.units)
        self.D = discriminator(spec, config.width, config.units, norm=False)

    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        x = real.x
        with torch.no_grad():
            fake = self.sample(len(x))
        epsilon = torch.rand(len(x), *[1] * (x.ndim - 1), device=x.device)
        penalty = (slope(self.D, epsilon * x + (1 - epsilon) * fake) - 1).square().mean()
        distance = self.D(x).mean() - self.D(fake).mean()
        return {"loss": -distance + self.config.gp * penalty, "W": distance.detach(), "penalty": penalty.detach()}

    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        return {"loss": -self.D(self.sample(len(real.x))).mean()}
