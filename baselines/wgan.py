"""Wasserstein GAN, Arjovsky et al. 2017, arXiv:1701.07875.

The critic f_w ascends the Kantorovich-Rubinstein dual (equation 2),   max_w E_x f_w(x) - E_z f_w(g_theta(z)),
over weights clipped to [-c, c], and the generator descends -E_z f_w(g_theta(z)): algorithm 1, with its values c = 0.01,
n_critic = 5, RMSProp at 0.00005, batches of 64. The critic's objective estimates the Wasserstein distance, up to a
factor.

Images: DCGAN's networks, as in section 4. Points, which the paper does not treat: its other generator, a ReLU network
with four layers of 512 units, and the like for the critic.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from ganbench.config import TrainConfig
from ganbench.gan import Batch, DataSpec, Gan
from ganbench.layers.players import discriminator, generator


class Config(TrainConfig):
    batch: int = 64
    n_critic: int = 5
    optimiser: Literal["adam", "rmsprop", "sgd"] = "rmsprop"
    lr_g: float = 5e-5
    lr_d: float = 5e-5
    c: float = 0.01
    z: int = 100
    width: int = 64  # images: channels at half the image's size
    units: int = 512  # points: units of each hidden layer


class Wgan(Gan):
    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        self.G = generator(spec, config.z, config.width, config.units)
        self.D = discriminator(spec, config.width, config.units)

    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        with torch.no_grad():
            fake = self.sample(len(real.x))
        distance = self.D(real.x).mean() - self.D(fake).mean()
        return {"loss": -distance, "W": distance.detach()}

    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        return {"loss": -self.D(self.sample(len(real.x))).mean()}

    @torch.no_grad()
    def after_d_step(self, losses: dict[str, Tensor]) -> None:
        for w in self.D.parameters():
            w.clamp_(-self.config.c, self.config.c)
