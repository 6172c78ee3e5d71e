"""Conditional GAN: Conditional Generative Adversarial Nets, Mirza & Osindero 2014, arXiv:1411.1784.

Both players see the label y. Equation 2:   min_G max_D E_x log D(x|y) + E_z log(1 - D(G(z|y)))

The networks are those of section 4.1. In G, z has a rectifier layer (200 units), and the one-hot y has another one (1000
units). A joint rectifier layer follows (1200 units), and a sigmoid makes the image. In D, x has a maxout layer (240 units of
5 pieces), and y has another one (50 units of 5 pieces). A joint maxout layer follows (240 units of 4 pieces). Both players
have dropout 0.5. z is uniform in [0, 1]^100. The optimiser is stochastic gradient descent with batches of 100, learning
rate 0.1 and momentum 0.5.

G's dropout stays on when samples are drawn, because the dropout is G's noise: G answers the dropout far more than z. MNIST,
the same weights: FID 7.4 with the dropout on, 58.0 with the dropout off (one run).

The real samples of a batch and the generated samples get the same labels. A sample without a label (-1) has zeros in place
of the one-hot y. So "unknown" is one more condition. `generate` never asks for this condition by itself.

Different from the paper:
- G ascends log D(G(z|y)), the non-saturating form (Goodfellow et al. 2014, section 3).
- The rate and the momentum are constant, or `schedule: linear` lowers the rate. The paper lowers the rate exponentially and
  raises the momentum to 0.7.
- Points get the same networks without the sigmoid.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ganbench.config import Beta, Optimiser, Rate, Size, TrainConfig
from ganbench.gan import Batch, DataSpec, Gan, Unsupported, class_weights
from ganbench.layers.dropout import NoiseDropout
from ganbench.layers.maxout import Maxout
from ganbench.layers.mlp import UnitInterval


class Config(TrainConfig):
    batch: Size = 100
    optimiser: Optimiser = "sgd"
    lr_g: Rate = 0.1
    lr_d: Rate = 0.1
    momentum: Beta = 0.5
    z: Size = 100
    dropout: Beta = 0.5
    units_g_z: Size = 200
    units_g_y: Size = 1000
    units_g: Size = 1200
    units_d_x: Size = 240
    units_d_y: Size = 50
    units_d: Size = 240
    pieces: Size = 5  # of a maxout unit that sees x or y
    pieces_joint: Size = 4


class Joined(nn.Module):
    """A network of two inputs: `joint([of_input(x), of_label(y)])`, for x `[N, ...]` and labels y `[N]`. -1 is unknown."""

    def __init__(self, of_input: nn.Module, of_label: nn.Module, joint: nn.Module, classes: int) -> None:
        super().__init__()
        self.of_input, self.of_label, self.joint = of_input, of_label, joint
        self.classes = classes

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        label = class_weights(y, self.classes)
        out: Tensor = self.joint(torch.cat([self.of_input(x), self.of_label(label)], 1))
        return out


def generator(c: Config, spec: DataSpec) -> Joined:
    """G(z|y): noise `[N, z]` and labels `[N]` to data `[N, *shape]`, before the sigmoid."""
    return Joined(
        nn.Sequential(nn.Linear(c.z, c.units_g_z), nn.ReLU(), NoiseDropout(c.dropout)),
        nn.Sequential(nn.Linear(spec.classes, c.units_g_y), nn.ReLU(), NoiseDropout(c.dropout)),
        nn.Sequential(
            nn.Linear(c.units_g_z + c.units_g_y, c.units_g),
            nn.ReLU(),
            NoiseDropout(c.dropout),
            nn.Linear(c.units_g, torch.Size(spec.shape).numel()),
            nn.Unflatten(1, spec.shape),
        ),
        spec.classes,
    )


def discriminator(c: Config, spec: DataSpec) -> Joined:
    """Data `[N, *shape]` and labels `[N]` to the logit `[N]` of D(x|y)."""
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
