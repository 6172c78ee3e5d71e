"""DCGAN: Unsupervised Representation Learning with Deep Convolutional GANs, Radford et al. 2015, arXiv:1511.06434.

The game is the non-saturating game of Goodfellow et al. 2014. Both players consist of convolutions alone (section 3):
convolutions with stride in place of pooling; batch norm in both players, except at G's output and at D's input; ReLU in G;
LeakyReLU(0.2) in D. Training is that of section 4: Adam with learning rate 0.0002 and beta_1 = 0.5, batches of 128, weights
from N(0, 0.02^2), z uniform in [-1, 1]^100.

The networks are in `ganbench/layers/dcgan.py`, because later papers build on them.

Different from the paper:
- The kernels are 4x4, and 3x3 where a size is odd. The authors' code has 5x5. On 8x8 digits 5x5
  multiplies FID by 0.78 (results/deviations).
- Other sizes than 64x64 follow the same rule of halving.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import softplus

from ganbench.config import Betas, Rate, Size, TrainConfig
from ganbench.gan import Batch, DataSpec, Gan
from ganbench.layers.dcgan import Discriminator, Generator


class Config(TrainConfig):
    batch: Size = 128
    lr_g: Rate = 2e-4
    lr_d: Rate = 2e-4
    betas: Betas = (0.5, 0.999)
    z: Size = 100
    width: Size = 128  # channels at half the image's size, doubled at each halving: a 64x64 image has 1024 at 4x4


class Dcgan(Gan):
    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        self.G = Generator(config.z, config.width, spec)
        self.D = Discriminator(config.width, spec)

    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        with torch.no_grad():
            fake = self.sample(len(real.x))
        real_logit, fake_logit = self.D(real.x), self.D(fake)
        return {
            "loss": softplus(-real_logit).mean() + softplus(fake_logit).mean(),
            "D(x)": real_logit.sigmoid().mean(),
            "D(G(z))": fake_logit.sigmoid().mean(),
        }

    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        return {"loss": softplus(-self.D(self.sample(len(real.x)))).mean()}

    def latent(self, n: int) -> Tensor:
        return torch.rand(n, self.config.z, device=self.device) * 2 - 1
