"""DRAGAN: On Convergence and Stability of GANs, Kodali et al. 2017, arXiv:1705.07215.

The game is the non-saturating game. A penalty keeps D's slope near 1 around the real data. So the penalty prevents the sharp
gradients that the paper sees before modes collapse:

    lambda E_x,delta (||grad_x D(x + delta)||_2 - 1)^2,    lambda = 10

The slope is that of D's logit. Adam's settings and the batch are those of the authors' code.

Networks: DCGAN's for images, perceptrons for points. D has no batch norm, because the penalty is per sample. D starts from
He's weights.

Different from the paper:
- delta is that of the authors' code: delta = alpha c s u, with alpha ~ U[0, 1] per sample, u ~ U[0, 1] per coordinate, s the
  standard deviation of the whole batch, and c = 0.5. So delta is never negative. The paper's text has delta ~ N(0, cI).
- D's first weights are He's. The authors' code has Glorot's. A D with DCGAN's small weights and without batch norm has a
  slope near 0 at first, but the penalty asks for 1. MNIST, one run each: FID 91 and one single picture with DCGAN's weights
  in D, FID 14.0 with He's.
- The networks are DCGAN's for images and perceptrons for points.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import softplus

from ganbench.config import Betas, Rate, Size, TrainConfig, Weight
from ganbench.gan import Batch, DataSpec, Gan
from ganbench.layers.dcgan import he
from ganbench.layers.players import discriminator, generator
from ganbench.layers.slope import slope


class Config(TrainConfig):
    batch: Size = 128
    lr_g: Rate = 1e-4
    lr_d: Rate = 1e-4
    betas: Betas = (0.5, 0.9)
    gp: Weight = 10.0  # lambda
    c: Weight = 0.5
    z: Size = 100
    width: Size = 64  # images: channels at half the image's size
    units: Size = 512  # points: units of each hidden layer


class Dragan(Gan):
    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        self.G = generator(spec, config.z, config.width, config.units)
        self.D = discriminator(spec, config.width, config.units, norm=False, fill=he)

    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        x = real.x
        with torch.no_grad():
            fake = self.sample(len(x))
        penalty = (slope(self.D, self.perturb(x)) - 1).square().mean()
        game = softplus(-self.D(x)).mean() + softplus(self.D(fake)).mean()
        return {"loss": game + self.config.gp * penalty, "penalty": penalty.detach()}

    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        return {"loss": softplus(-self.D(self.sample(len(real.x)))).mean()}

    def discriminate(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.D(x))

    def perturb(self, x: Tensor) -> Tensor:
        """x + delta: `[N, *shape]` to the same shape."""
        alpha = torch.rand(len(x), *[1] * (x.ndim - 1), device=x.device)
        return x + alpha * self.config.c * x.std(correction=0) * torch.rand_like(x)
