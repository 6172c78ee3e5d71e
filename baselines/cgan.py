"""Conditional Generative Adversarial Nets, Mirza & Osindero 2014, arXiv:1411.1784.

Both players see the label y, equation 2:   min_G max_D E_x log D(x|y) + E_z log(1 - D(G(z|y)))

The networks are those of section 4.1. G: z and the one-hot y go through rectifier layers of their own (200 and 1000
units), then through a joint one (1200); a sigmoid makes the image. D: x and y go through maxout layers (240 units of 5
pieces, 50 of 5), then through a joint one (240 of 4). Dropout 0.5 in both, in training. z is uniform in [0, 1]^100.
Stochastic gradient descent with batches of 100 and learning rate 0.1; its decay, and the momentum's rise from 0.5 to 0.7,
are left out. G ascends log D(G(z|y)), the non-saturating form (Goodfellow et al. 2014, section 3).

Labels of a batch go to the real samples and to the generated ones. An unlabelled sample (-1) has zeros for its one-hot y,
which makes "unknown" one more condition; `generate` never asks for it by itself. Points get the same networks without the
sigmoid.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ganbench.config import TrainConfig
from ganbench.gan import Batch, DataSpec, Gan, Unsupported, class_weights
from ganbench.layers.maxout import Maxout
from ganbench.layers.mlp import UnitInterval


class Config(TrainConfig):
    batch: int = 100
    optimiser: Literal["adam", "rmsprop", "sgd"] = "sgd"
    lr_g: float = 0.1
    lr_d: float = 0.1
    momentum: float = 0.5
    z: int = 100
    dropout: float = 0.5
    units_g_z: int = 200
    units_g_y: int = 1000
    units_g: int = 1200
    units_d_x: int = 240
    units_d_y: int = 50
    units_d: int = 240
    pieces: int = 5  # of the maxout units that see x or y
    pieces_joint: int = 4


class Joined(nn.Module):
    """A network of two inputs: `joint([of_input(x), of_label(y)])`, for x `[N, ...]` and labels y `[N]`, -1 = unknown."""

    def __init__(self, of_input: nn.Module, of_label: nn.Module, joint: nn.Module, classes: int) -> None:
        super().__init__()
        self.of_input, self.of_label, self.joint = of_input, of_label, joint
        self.classes = classes

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        label = class_weights(y, self.classes)
        out: Tensor = self.joint(torch.cat([self.of_input(x), self.of_label(label)], 1))
        return out


def generator(c: Config, spec: DataSpec) -> Joined:
    """G(z|y): noise `[N, z]` to data `[N, *shape]`."""
    return Joined(
        nn.Sequential(nn.Linear(c.z, c.units_g_z), nn.ReLU(), nn.Dropout(c.dropout)),
        nn.Sequential(nn.Linear(spec.classes, c.units_g_y), nn.ReLU(), nn.Dropout(c.dropout)),
        nn.Sequential(
            nn.Linear(c.units_g_z + c.units_g_y, c.units_g),
            nn.ReLU(),
            nn.Dropout(c.dropout),
            nn.Linear(c.units_g, torch.Size(spec.shape).numel()),
            nn.Unflatten(1, spec.shape),
        ),
        spec.classes,
    )


def discriminator(c: Config, spec: DataSpec) -> Joined:
    """The logit `[N]` of D(x|y), data being `[N, *shape]`."""
    features = torch.Size(spec.shape).numel()
    return Joined(
        nn.Sequential(
            UnitInterval() if spec.is_image else nn.Identity(),
            nn.Flatten(),
            Maxout(features, c.units_d_x, c.pieces),
            nn.Dropout(c.dropout),
        ),
        nn.Sequential(Maxout(spec.classes, c.units_d_y, c.pieces), nn.Dropout(c.dropout)),
        nn.Sequential(
            Maxout(c.units_d_x + c.units_d_y, c.units_d, c.pieces_joint),
            nn.Dropout(c.dropout),
            nn.Linear(c.units_d, 1),
            nn.Flatten(0),
        ),
        spec.classes,
    )


class ConditionalGan(Gan):
    conditional = True

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        if spec.classes == 0:
            raise Unsupported("a conditional GAN needs data with labels")
        self.G = generator(config, spec)
        self.D = discriminator(config, spec)

    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        with torch.no_grad():
            fake = self.sample(len(real.x), real.y)
        real_logit, fake_logit = self.D(real.x, real.y), self.D(fake, real.y)
        return {
            "loss": softplus(-real_logit).mean() + softplus(fake_logit).mean(),
            "D(x|y)": real_logit.sigmoid().mean(),
            "D(G(z|y))": fake_logit.sigmoid().mean(),
        }

    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        fake = self.sample(len(real.x), real.y)
        return {"loss": softplus(-self.D(fake, real.y)).mean()}

    def latent(self, n: int) -> Tensor:
        return torch.rand(n, self.config.z, device=self.device)

    def generate(self, z: Tensor, y: Tensor | None = None, cond: Tensor | None = None) -> Tensor:
        if y is None:
            y = self.draw_classes(len(z))
        x: Tensor = self.G(z, y)
        return 2 * torch.sigmoid(x) - 1 if self.spec.is_image else x
