"""EBGAN: Energy-based Generative Adversarial Network, Zhao et al. 2016, arXiv:1609.03126.

D(x) = |Dec(Enc(x)) - x| is the error of an autoencoder. This error is the energy of x: the energy is low where the data are.
Equations 1, 2, 13 and 14:

    L_D = D(x) + max(0, m - D(G(z)))
    L_G = D(G(z)) + weight * f_PT(S),   f_PT(S) = 1 / (N (N - 1)) sum_i sum_{j != i} (S_i . S_j / (|S_i| |S_j|))^2

The pulling-away term f_PT keeps the codes S = Enc(G(z)) of a minibatch apart. Its weight is 0.1. A weight of 0 is plain
EBGAN. The norm is the Euclidean norm over a whole sample, so the margin m depends on the data. m = 10 and Adam at 0.001 are
the paper's values for MNIST (section 4.1).

Networks: DCGAN's discriminator is the encoder, with a linear layer to the code. DCGAN's generator is the decoder. Points get
perceptrons.

Different from the paper:
- The batch (128) and beta_1 (0.5) are ganbench's choice.
- The networks are DCGAN's for images and perceptrons for points.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from ganbench.config import Betas, Rate, Size, TrainConfig, Weight
from ganbench.gan import Batch, DataSpec, Gan
from ganbench.layers.players import discriminator, generator


class Config(TrainConfig):
    batch: Size = 128
    lr_g: Rate = 1e-3
    lr_d: Rate = 1e-3
    betas: Betas = (0.5, 0.999)
    margin: Weight = 10.0
    pulling_away: Weight = 0.1  # weight of f_PT
    z: Size = 100
    code: Size = 100  # size of Enc(x)
    width: Size = 64  # images: channels at half the image's size
    units: Size = 512  # points: units of each hidden layer


class Autoencoder(nn.Module):
    """Data `[N, *shape]` to their energies `[N]` and their codes `[N, code]`."""

    def __init__(self, config: Config, spec: DataSpec) -> None:
        super().__init__()
        self.encoder = discriminator(spec, config.width, config.units, outputs=config.code)
        self.decoder = generator(spec, config.code, config.width, config.units)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        code = self.encoder(x)
        return (self.decoder(code) - x).flatten(1).norm(dim=1), code


def pulling_away(S: Tensor) -> Tensor:
    """f_PT: the mean squared cosine between two different rows of `[N, code]`, a scalar."""
    cosine = normalize(S) @ normalize(S).T
    n = len(S)
    return (cosine.square().sum() - cosine.diagonal().square().sum()) / (n * (n - 1))


class Ebgan(Gan):
    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        self.G = generator(spec, config.z, config.width, config.units)
        self.D = Autoencoder(config, spec)

    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        with torch.no_grad():
            fake = self.sample(len(real.x))
        (real_energy, _), (fake_energy, _) = self.D(real.x), self.D(fake)
        return {
            "loss": (real_energy + (self.config.margin - fake_energy).relu()).mean(),
            "D(x)": real_energy.mean(),
            "D(G(z))": fake_energy.mean(),
        }

    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        energy, S = self.D(self.sample(len(real.x)))
        f_PT = pulling_away(S)
        return {"loss": energy.mean() + self.config.pulling_away * f_PT, "f_PT": f_PT}
