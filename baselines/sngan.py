"""SNGAN: Spectral Normalization for Generative Adversarial Networks, Miyato et al. 2018, arXiv:1802.05957.

D uses W / sigma(W) in place of each weight matrix W. sigma(W) is the largest singular value of W (equation 8). So D is
Lipschitz. The function is `normalise_spectrally` in `ganbench/layers/resnet.py`. One power iteration per forward pass of D
gives sigma (algorithm 1). The vectors of this iteration also move in G's steps, as in the authors' code.

The hinge game, equations 16 and 17:
D minimises E_x max(0, 1 - D(x)) + E_z max(0, 1 + D(G(z))), G minimises -E_z D(G(z)).

The players are those of table 4, for 32x32. G has a residual block for each doubling from 4x4, with 256 channels. D halves to
8x8 and has two more blocks at this size. All blocks of D have 128 channels. Other sizes follow the same rule: D halves to the
resolution before G's first.

Different from the paper:
- A step of G has as many samples as a step of D. The authors' code has 128 samples beside D's 64.
- D's last layer has a bias. The authors' last layer has none.
- Weights start from Glorot's uniform distribution with gain 1. The authors' 3x3 convolutions have gain sqrt(2).
  On 8x8 digits this gain multiplies FID by 1.24 (results/deviations).
- The rate is constant, or `schedule: linear` lowers it to 0. The authors' code always lowers it to 0.
- Points get perceptrons, and D's perceptron is spectrally normalised. The paper has no points. D's slope is at most about 1.
  So across a mode of the ring (standard deviation 0.01) D's output changes by a few hundredths, and D cannot tell a mode from
  its surroundings. The points are not scaled.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from ganbench.config import Betas, Rate, Size, TrainConfig
from ganbench.gan import Batch, DataSpec, Gan
from ganbench.layers import dcgan, players, resnet


class Config(TrainConfig):
    batch: Size = 64
    n_critic: Size = 5
    lr_g: Rate = 2e-4
    lr_d: Rate = 2e-4
    betas: Betas = (0.0, 0.9)
    z: Size = 128
    width_g: Size = 256
    width_d: Size = 128
    units: Size = 512  # points: units of each hidden layer


class Sngan(Gan):
    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        if spec.is_image:
            dcgan.check(spec)
            sizes = dcgan.halvings(spec.shape[1])
            self.G = resnet.Generator(spec, config.z, [config.width_g] * len(sizes))
            self.D = resnet.Discriminator(spec, [config.width_d] * len(sizes), [*sizes[1:-1], sizes[-2], sizes[-2]])
        else:
            self.G = players.generator(spec, config.z, config.width_g, config.units)
            self.D = players.discriminator(spec, config.width_d, config.units)
        resnet.initialise(self, nn.init.xavier_uniform_)
        resnet.normalise_spectrally(self.D)

    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        with torch.no_grad():
            fake = self.sample(len(real.x))
        d_real, d_fake = self.D(torch.cat([real.x, fake])).chunk(2)
        return {
            "loss": relu(1 - d_real).mean() + relu(1 + d_fake).mean(),
            "D(x)": d_real.mean(),
            "D(G(z))": d_fake.mean(),
        }

    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        return {"loss": -self.D(self.sample(len(real.x))).mean()}
