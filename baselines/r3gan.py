"""R3GAN: The GAN is dead; long live the GAN! A Modern GAN Baseline, Huang et al. 2024, arXiv:2501.05441.

The game is the relativistic pairing GAN (Jolicoeur-Martineau 2018, arXiv:1807.00734). D compares a real sample with a
generated sample, pair by pair. So no generated sample can lie where D sees no real sample near. Equation 2, with
f(t) = -log(1 + e^-t):

    min_G max_D  E_{z,x} f(D(x) - D(G(z)))          G descends -E f(D(G(z)) - D(x)) in place of E f(D(x) - D(G(z)))

Two gradient penalties with centre 0 make the game converge locally (section 2.2). R1 is on real data, R2 on generated data:

    R1 = gamma_1 / 2  E_x ||grad_x D(x)||^2,        R2 = gamma_2 / 2  E_z ||grad_x D(G(z))||^2

The paper's ablation (table 1, stacked MNIST) has four settings. These are also settings of this file: `relativistic` or not,
and each penalty with its gamma or with 0. Adam has beta_1 = 0 (table 5's networks have no momentum). G is sampled with the
average of its weights.

Networks: DCGAN's for images, with batch norm in G and no norm in D. D starts from He's weights. Points get perceptrons.

Different from the paper:
- The networks are DCGAN's for images and perceptrons for points. The paper's networks are residual and have no norm.
- gamma and beta_2 are constant. The rate is constant, or `schedule: linear` lowers it. The authors' code lowers the rate and
  gamma, and raises beta_2 from 0.9 to 0.99.
- D sees the images as they are. The authors' code augments them.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import softplus

from ganbench.config import Betas, Decay, Rate, Size, TrainConfig, Weight
from ganbench.gan import Batch, DataSpec, Gan
from ganbench.layers.dcgan import he
from ganbench.layers.players import discriminator, generator
from ganbench.layers.slope import slope


class Config(TrainConfig):
    batch: Size = 256
    lr_g: Rate = 2e-4
    lr_d: Rate = 2e-4
    betas: Betas = (0.0, 0.99)
    ema: Decay | None = 0.999
    relativistic: bool = True
    gamma_1: Weight = 1.0
    gamma_2: Weight = 1.0
    z: Size = 64
    width: Size = 64  # images: channels at half the image's size
    units: Size = 512  # points: units of each hidden layer


class R3Gan(Gan):
    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        self.G = generator(spec, config.z, config.width, config.units)
        self.D = discriminator(spec, config.width, config.units, norm=False, fill=he)

    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        x = real.x
        with torch.no_grad():
            fake = self.sample(len(x))
        losses = {"loss": self.minus_f(self.D(x), self.D(fake))}
        for name, gamma, v in (("R1", self.config.gamma_1, x), ("R2", self.config.gamma_2, fake)):
            if gamma:
                losses[name] = gamma / 2 * slope(self.D, v).square().mean()
                losses["loss"] = losses["loss"] + losses[name]
        return losses

    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        fake = self.D(self.sample(len(real.x)))
        if not self.config.relativistic:
            return {"loss": softplus(-fake).mean()}
        return {"loss": self.minus_f(fake, self.D(real.x))}

    def minus_f(self, high: Tensor, low: Tensor) -> Tensor:
        """The loss of a player that wants D's answers `high` `[N]` above D's answers `low` `[N]`: a scalar."""
        if self.config.relativistic:
            return softplus(low - high).mean()
        return softplus(-high).mean() + softplus(low).mean()
