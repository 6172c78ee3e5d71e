"""Feature matching: Improved Techniques for Training GANs, Salimans et al. 2016, arXiv:1606.03498, section 3.1.

D plays the game of Goodfellow et al. 2014. G does not try to deceive D. G matches the mean features of the real data on an
intermediate layer f of D:

    min_G  || E_x f(x) - E_z f(G(z)) ||_2^2

f is D without its last layer.

Networks: DCGAN's for images, perceptrons for points. D has no batch norm, because batch norm by itself would set the means of
the features. D starts from DCGAN's weights, N(0, 0.02^2). Adam's settings are DCGAN's.

Different from the paper:
- D has no norm of any kind. The paper's D has weight norm. He's weights in D did not help: MNIST, one run of 60 s each, FID
  20.5 with He's weights and 16.5 without.
- The networks are DCGAN's for images and perceptrons for points.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import softplus

from ganbench.config import Betas, Rate, Size, TrainConfig
from ganbench.gan import Batch, DataSpec, Gan
from ganbench.layers.players import discriminator, generator


class Config(TrainConfig):
    batch: Size = 100
    lr_g: Rate = 2e-4
    lr_d: Rate = 2e-4
    betas: Betas = (0.5, 0.999)
    z: Size = 100
    width: Size = 64  # images: channels at half the image's size
    units: Size = 512  # points: units of each hidden layer


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
