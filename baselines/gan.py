"""Generative Adversarial Nets, Goodfellow et al. 2014, arXiv:1406.2661.

The game, equation 1:   min_G max_D V(D, G) = E_x log D(x) + E_z log(1 - D(G(z)))

D ascends V (algorithm 1). G has two losses in the paper: it descends E log(1 - D(G(z))), the minimax game itself, which
saturates when D rejects confidently; or it ascends E log D(G(z)), "non-saturating", the end of section 3.

Both players are multilayer perceptrons: G with rectifiers and a sigmoid output, D with maxout and dropout (section 5),
which sees pixels in [0, 1] as in the paper's experiment.
The widths and the optimiser are not in the paper; the defaults are those of its published MNIST experiment, without that
experiment's schedules of the learning rate and the momentum. `n_critic` is the paper's k.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ganbench.config import TrainConfig
from ganbench.gan import Batch, DataSpec, Gan
from ganbench.layers.maxout import Maxout
from ganbench.layers.mlp import UnitInterval, mlp


class Config(TrainConfig):
    batch: int = 100
    optimiser: Literal["adam", "rmsprop", "sgd"] = "sgd"
    lr_g: float = 0.1
    lr_d: float = 0.1
    momentum: float = 0.5
    generator_loss: Literal["minimax", "non_saturating"] = "non_saturating"
    z: int = 100
    width_g: int = 1200
    width_d: int = 240
    pieces: int = 5  # of a maxout unit
    dropout_input: float = 0.2
    dropout_hidden: float = 0.5


class Generator(nn.Module):
    """Noise `[N, z]` to data `[N, *shape]`: images through a sigmoid stretched to [-1, 1], points unbounded."""

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
            nn.Linear(config.width_d, 1),  # a logit: D(x) = sigmoid of it
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
