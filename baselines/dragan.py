"""DRAGAN: On Convergence and Stability of GANs, Kodali et al. 2017, arXiv:1705.07215.

The non-saturating game, with a penalty that keeps D's slope near 1 around the real data and so rules out the sharp gradients
that the paper sees before modes collapse:

    lambda E_x,delta (||grad_x D(x + delta)||_2 - 1)^2,    lambda = 10

The slope is that of D's logit. For delta we follow the authors' published code, not the N(0, cI) of the paper's text:
delta = alpha c s u with alpha ~ U[0, 1] per sample, u ~ U[0, 1] per coordinate, s the standard deviation of the whole batch
and c = 0.5. So the perturbation is never negative. Adam's settings and the batch are the code's too.

Ours: DCGAN's networks for images, without batch norm in D because the penalty is per sample; perceptrons for points.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import softplus

from ganbench.config import TrainConfig
from ganbench.gan import Batch, DataSpec, Gan
from ganbench.layers.players import discriminator, generator
from ganbench.layers.slope import slope


class Config(TrainConfig):
    batch: int = 128
    lr_g: float = 1e-4
    lr_d: float = 1e-4
    betas: tuple[float, float] = (0.5, 0.9)
    gp: float = 10.0  # lambda
    c: float = 0.5
    z: int = 100
    width: int = 64  # images: channels at half the image's size
    units: int = 512  # points: units of each hidden layer


class Dragan(Gan):
    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        self.G = generator(spec, config.z, config.width, config.units)
        self.D = discriminator(spec, config.width, config.units, norm=False)

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
        """x + delta: `[N, *shape]` to the same."""
        alpha = torch.rand(len(x), *[1] * (x.ndim - 1), device=x.device)
        return x + alpha * self.config.c * x.std(correction=0) * torch.rand_like(x)
