"""The relativistic average GAN with a gradient penalty on real data (arXiv:1807.00734; R1: arXiv:1801.04406).

D judges how much more real a sample looks than the other side does on average:

    L_D = E[softplus(-(D(x) - E D(G(z))))] + E[softplus(D(G(z)) - E D(x))] + gp/2 E|grad D(x)|^2
    L_G = E[softplus(-(D(G(z)) - E D(x)))] + E[softplus(D(x) - E D(G(z)))]

The networks are DCGAN's.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import softplus

from ganbench.config import TrainConfig
from ganbench.gan import Batch, DataSpec, Gan
from ganbench.layers.dcgan import Discriminator, Generator


class Config(TrainConfig):
    """Settings."""

    batch: int = 64
    lr_g: float = 2e-4
    lr_d: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    z: int = 100
    width: int = 64
    gp: float = 1.0  # strength of the gradient penalty


def relative(better: Tensor, worse: Tensor) -> Tensor:
    """How far `better` is from looking more real than `worse` does on average, and `worse` less real than `better`."""
    return softplus(worse.mean() - better).mean() + softplus(worse - better.mean()).mean()


class Relativistic(Gan):
    """See the top of the file."""

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        self.G = Generator(config.z, config.width, spec)
        self.D = Discriminator(config.width, spec)

    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        """The loss of D, with the penalty as an entry of its own in the history."""
        with torch.no_grad():
            fake = self.sample(len(real.x))
        x = real.x.detach().requires_grad_()
        real_logit, fake_logit = self.D(x), self.D(fake)
        (slope,) = torch.autograd.grad(real_logit.sum(), x, create_graph=True)
        penalty = slope.square().flatten(1).sum(1).mean() / 2
        return {"loss": relative(real_logit, fake_logit) + self.config.gp * penalty, "penalty": penalty}

    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        """The loss of G: the same with the sides exchanged."""
        return {"loss": relative(self.D(self.sample(len(real.x))), self.D(real.x))}
