"""SNGAN: Spectral Normalization for Generative Adversarial Networks, Miyato et al. 2018, arXiv:1802.05957.

Every weight matrix W of D is replaced by W / sigma(W), its largest singular value (equation 8), so that D is Lipschitz:
`ganbench/layers/resnet.py`, `normalise_spectrally`. sigma comes from one power iteration per forward pass of D
(algorithm 1). Its vectors move in G's steps too; D's weights do not.

The hinge game, equations 16 and 17:
D minimises E_x max(0, 1 - D(x)) + E_z max(0, 1 + D(G(z))), G minimises -E_z D(G(z)).

The players of table 4, for 32x32: G has a residual block for each doubling from 4x4, of 256 channels. D halves to 8x8 and
has two more blocks there, all of 128 channels. Other sizes follow the same rule: D halves to the resolution before G's
first. Ours: weights start from Glorot's uniform distribution, the learning rate is constant, and points, which the paper
does not treat, get perceptrons, D's spectrally normalised.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from ganbench.config import TrainConfig
from ganbench.gan import Batch, DataSpec, Gan
from ganbench.layers import dcgan, players, resnet


class Config(TrainConfig):
    batch: int = 64
    n_critic: int = 5
    lr_g: float = 2e-4
    lr_d: float = 2e-4
    betas: tuple[float, float] = (0.0, 0.9)
    z: int = 128
    width_g: int = 256
    width_d: int = 128
    units: int = 512  # points: units of each hidden layer


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
