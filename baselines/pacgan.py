"""PacGAN: The Power of Two Samples in Generative Adversarial Networks, Lin et al. 2018, arXiv:1712.04086.

D judges m samples at once. All m samples are real, or all are generated (section 2). A generator that has lost modes makes
packs with too little variety. D sees a lack of variety more easily than a missing mode. Nothing else changes, and m = 1 is
the plain GAN:

    min_G max_D  E_{x_1..x_m} log D(x_1, ..., x_m)  +  E_{z_1..z_m} log(1 - D(G(z_1), ..., G(z_m)))

G has the non-saturating loss. The samples of a pack are joined: coordinates of points, channels of images. `batch` counts
samples, so one step sees batch / m packs. The default is the paper's 100 packs of 2.

Points: the networks, the first weights and Adam's settings are those of the authors' code for the 2-D experiments (section
4.1). G has batch norm. D has maxout and no dropout. The authors' z has 2 numbers for points (`z: 2`).
Images: PacDCGAN is DCGAN with m times as many input channels in D. The authors' rate for PacDCGAN is 0.0002, with
beta_1 = 0.5.

Different from the paper:
- One batch norm sees all samples of G. The authors' code has one batch norm per position in the pack.
- Images: G takes one step for one step of D. The authors' PacDCGAN takes G's step twice.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn.functional import softplus

from ganbench.config import Betas, Rate, Size, TrainConfig
from ganbench.gan import Batch, DataSpec, Gan
from ganbench.layers import dcgan
from ganbench.layers.maxout import Maxout


class Config(TrainConfig):
    batch: Size = 200
    lr_g: Rate = 1e-4
    lr_d: Rate = 1e-4
    betas: Betas = (0.8, 0.999)
    pack: int = Field(2, ge=1, description="m: samples that D judges at once")
    z: Size = 100
    width: Size = 64  # images: channels at half the image's size
    units_g: Size = 400  # points: units of each of G's four hidden layers
    units_d: Size = 200  # points: units of each of D's three maxout layers
    pieces: Size = 5  # of a maxout unit

    @model_validator(mode="after")
    def _batch_is_made_of_packs(self) -> Config:
        if self.batch % self.pack:
            raise ValueError(f"batch ({self.batch}) must be a multiple of pack ({self.pack})")
        return self


def point_generator(z: int, units: int, points: int) -> nn.Module:
    """Noise `[N, z]` to points `[N, points]`."""
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise([z, *[units] * 4]):
        layers += [nn.Linear(fan_in, fan_out, bias=False), nn.BatchNorm1d(fan_out), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(units, points)).apply(initialise)


def point_discriminator(points: int, units: int, pieces: int) -> nn.Module:
    """Points `[N, points]` to logits `[N]`."""
    layers = [Maxout(fan_in, fan_out, pieces) for fan_in, fan_out in pairwise([points, *[units] * 3])]
    return nn.Sequential(*layers, nn.Linear(units, 1), nn.Flatten(0)).apply(initialise)


def initialise(layer: nn.Module) -> None:
    if isinstance(layer, nn.Linear):
        nn.init.normal_(layer.weight, 0.0, 0.02)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


class PacGan(Gan):
    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        first, *rest = spec.shape
        packed = DataSpec((config.pack * first, *rest))
        if spec.is_image:
            self.G = dcgan.Generator(config.z, config.width, spec)
            self.D = dcgan.Discriminator(config.width, packed)
        else:
            self.G = point_generator(config.z, config.units_g, first)
            self.D = point_discriminator(packed.shape[0], config.units_d, config.pieces)

    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        with torch.no_grad():
            fake = self.sample(len(real.x))
        real_logit, fake_logit = self.D(self.packs(real.x)), self.D(self.packs(fake))
        return {
            "loss": softplus(-real_logit).mean() + softplus(fake_logit).mean(),
            "D(x)": real_logit.sigmoid().mean(),
            "D(G(z))": fake_logit.sigmoid().mean(),
        }

    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        return {"loss": softplus(-self.D(self.packs(self.sample(len(real.x))))).mean()}

    def packs(self, x: Tensor) -> Tensor:
        """Samples `[N, C, ...]` to packs `[N / m, m C, ...]`."""
        return x.unflatten(0, (-1, self.config.pack)).flatten(1, 2)
