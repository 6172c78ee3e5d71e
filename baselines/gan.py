"""GAN: Generative Adversarial Nets, Goodfellow et al. 2014, arXiv:1406.2661.

The game, equation 1:   min_G max_D V(D, G) = E_x log D(x) + E_z log(1 - D(G(z)))

D ascends V (algorithm 1). The paper has two losses for G. In the minimax game, G descends E log(1 - D(G(z))). This loss
saturates when D is sure that a sample is generated. In the non-saturating game (end of section 3), G ascends E log D(G(z)).
`n_critic` is the paper's k.

Both players are multilayer perceptrons (section 5). G has rectifiers and a sigmoid at the output. D has maxout and dropout,
and sees pixels in [0, 1]. Points get the same networks without the sigmoid.

The paper does not give the widths and the optimiser. The defaults are those of the authors' published MNIST experiment:
stochastic gradient descent with momentum 0.5. The experiment trains D on half of V with a rate of 0.1. A rate of 0.05 on V
gives the same steps.

Different from the authors' experiment:
- The first weights are torch's, and z is N(0, 1). The experiment has weights uniform in [-0.05, 0.05] in G and in
  [-0.005, 0.005] in D, and z uniform in [-sqrt 3, sqrt 3]. With these, Adam and a short budget, FID on 8x8 digits rose from
  5.12 to 6.51, and coverage on the ring fell from 0.15 to 0.02 (board `quick`, means of three seeds).
- The rate and the momentum are constant, or `schedule: linear` lowers the rate. The experiment lowers the rate exponentially
  and raises the momentum to 0.7.
- G's last bias starts at 0. The experiment starts it from the mean of each pixel.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ganbench.config import Beta, Optimiser, Rate, Size, TrainConfig
from ganbench.gan import Batch, DataSpec, Gan
from ganbench.layers.maxout import Maxout
from ganbench.layers.mlp import UnitInterval, mlp


class Config(TrainConfig):
    batch: Size = 100
    optimiser: Optimiser = "sgd"
    lr_g: Rate = 0.1
    lr_d: Rate = 0.05  # gives the steps of the experiment, which has 0.1 and half of V
    momentum: Beta = 0.5
    generator_loss: Literal["minimax", "non_saturating"] = "non_saturating"
    z: Size = 100
    width_g: Size = 1200
    width_d: Size = 240
    pieces: Size = 5  # of a maxout unit
    dropout_input: Beta = 0.2
    dropout_hidden: Beta = 0.5


class Generator(nn.Module):
    """Noise `[N, z]` to data `[N, *shape]`. Images pass a sigmoid that is stretched to [-1, 1]. Points are unbounded."""

    def __init__(self, config: Config, spec: DataSpec) -> None:
        super().__init__()
        self.net = mlp([config.z, config.width_g, config.width_g, torch.Size(spec.shape).numel()])
        self.spec = spec

    def forward(self, z: Tensor) -> Tensor:
        x: Tensor = self.net(z).unflatten(1, self.spec.shape)
        return 2 * torch.sigmoid(x) - 1 if self.spec.is_image else x


class GoodfellowGan(Gan):
    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        self.G = Generator(config, spec)
        self.D = nn.Sequential(
            nn.Flatten(),
            *([UnitInterval()] if spec.is_image else []),
            nn.Dropout(config.dropout_input),
            Maxout(torch.Size(spec.shape).numel(), config.width_d, config.pieces),
            nn.Dropout(config.dropout_hidden),
            Maxout(config.width_d, config.width_d, config.pieces),
            nn.Dropout(config.dropout_hidden),
            nn.Linear(config.width_d, 1),  # the logit; D(x) is its sigmoid
            nn.Flatten(0),
        )

    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        with torch.no_grad():
            fake = self.sample(len(real.x))
        log_d_real = -softplus(-self.D(real.x))  # log D(x)
        log_1_minus_d_fake = -softplus(self.D(fake))  # log(1 - D(G(z)))
        return {
            "loss": -(log_d_real.mean() + log_1_minus_d_fake.mean()),
            "D(x)": log_d_real.exp().mean(),
            "D(G(z))": 1 - log_1_minus_d_fake.exp().mean(),
        }

    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        logit = self.D(self.sample(len(real.x)))
        if self.config.generator_loss == "minimax":
            return {"loss": -softplus(logit).mean()}  # E log(1 - D(G(z)))
        return {"loss": softplus(-logit).mean()}  # -E log D(G(z))

    def discriminate(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.D(x))
