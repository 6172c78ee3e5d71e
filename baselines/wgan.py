"""WGAN: Wasserstein GAN, Arjovsky et al. 2017, arXiv:1701.07875.

The critic f_w ascends the Kantorovich-Rubinstein dual (equation 2),   max_w E_x f_w(x) - E_z f_w(g_theta(z)).
Its weights are clipped to [-c, c]. The generator descends -E_z f_w(g_theta(z)). This is algorithm 1, with its values:
c = 0.01, n_critic = 5, RMSProp at 0.00005, batches of 64. The value that the critic ascends estimates the Wasserstein
distance, up to a factor.

Networks: DCGAN's for images, as in section 4. Points get the paper's other generator, a ReLU network with four layers of 512
units, and a critic of the same form.

Different from the paper:
- The critic always takes `n_critic` steps, as in algorithm 1. The authors' main.py takes 100 steps for each of G's first 25
  steps and for every 500th step of G.
- The critic's first and last layers have biases. The authors' critic has none.
- The paper has no points.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from ganbench.config import Optimiser, Rate, Size, TrainConfig
from ganbench.gan import Batch, DataSpec, Gan
from ganbench.layers.players import discriminator, generator


class Config(TrainConfig):
    batch: Size = 64
    n_critic: Size = 5
    optimiser: Optimiser = "rmsprop"
    lr_g: Rate = 5e-5
    lr_d: Rate = 5e-5
    c: float = Field(0.01, gt=0)
    z: Size = 100
    width: Size = 64  # images: channels at half the image's size
    units: Size = 512  # points: units of each hidden layer


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
