"""Feature matching: Improved Techniques for Training GANs, Salimans et al. 2016, arXiv:1606.03498, section 3.1.

D plays the game of Goodfellow et al. 2014. G no longer tries to fool it, but matches the mean features of real data on an
intermediate layer f of D:

    min_G  || E_x f(x) - E_z f(G(z)) ||_2^2

f is D before its last layer. Ours: DCGAN's networks for images and perceptrons for points. D has no batch norm, which would
set the means of the features by itself (the paper's D has weight norm in its place); Adam's settings are DCGAN's.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import softplus

from ganbench.config import TrainConfig
from ganbench.gan import Batch, DataSpec, Gan
from ganbench.layers.players import discriminator, generator


class Config(TrainConfig):
    batch: int = 100
    lr_g: float = 2e-4
    lr_d: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    z: int = 100
    width: int = 64  # images: channels at half the image's size
    units: int = 512  # points: units of each hidden layer


class FeatureMatching(Gan):
    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        self.G = generator(spec, config.z, config.width, config.units)
        self.D = discriminator(spec, config.width, config.units, norm=False)

    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        with torch.no_grad():
            fake = self.sample(len(real.x))
        return {"loss": softplus(-self.D(real.x)).mean() + softplus(self.D(fake)).mean()}

    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        f = self.D.get_submodule("body")
        return {"loss": (f(real.x).mean(0) - f(self.sample(len(real.x))).mean(0)).square().sum()}

    def discriminate(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.D(x))
