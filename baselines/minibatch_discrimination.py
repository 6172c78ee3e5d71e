"""Minibatch discrimination: Improved Techniques for Training GANs, Salimans et al. 2016, arXiv:1606.03498, section 3.2.

D sees how close a sample is to the other samples of its minibatch. So D can tell that samples which resemble each other come
from G. With the features f(x_i) in R^A and a trained tensor T in R^{A x B x C}:

    M_i = f(x_i) T                                    in R^{B x C}
    o(x_i)_b = sum_j exp(-|| M_{i,b} - M_{j,b} ||_1)    in R^B

D's last layer sees f(x_i) and o(x_i). Real data and generated data are separate minibatches, as in the paper. B = 100 kernels
of C = 5, as in the authors' code.

Networks: DCGAN's for images, perceptrons for points. Adam's settings are DCGAN's.

Different from the paper:
- T has torch's first weights and no weight norm. In the authors' code T has weight norm, and a first batch scales T and
  centres o(x). Without this start, each o(x_i)_b is near N at first, so D needs a slow rate. But this start does not replace
  the slow rate: on the ring, with the plain GAN's rates, D won with it and without it (high quality 0.002 and 0.000, one run
  each).
- The sum counts j = i, as the equation does. The paper's text says "all other samples", and the authors' code leaves j = i
  out. This term is 1 for each sample, so the last layer's bias absorbs it.
- The networks are DCGAN's for images and perceptrons for points.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ganbench.config import Betas, Rate, Size, TrainConfig
from ganbench.gan import Batch, DataSpec, Gan
from ganbench.layers.dcgan import head
from ganbench.layers.players import discriminator, generator


class Config(TrainConfig):
    batch: Size = 100
    lr_g: Rate = 2e-4
    lr_d: Rate = 2e-4
    betas: Betas = (0.5, 0.999)
    B: Size = 100  # kernels
    C: Size = 5  # dimensions of a kernel
    z: Size = 100
    width: Size = 64  # images: channels at half the image's size
    units: Size = 512  # points: units of each hidden layer


class MinibatchFeatures(nn.Module):
    """Features f `[N, A]` to `[N, A + B]`: f itself, then o, the closeness of each sample to its minibatch."""

    def __init__(self, A: int, B: int, C: int) -> None:
        super().__init__()
        self.T = nn.Linear(A, B * C, bias=False)
        self.B = B

    def forward(self, f: Tensor) -> Tensor:
        M = self.T(f).unflatten(1, (self.B, -1)).transpose(0, 1)  # [B, N, C]
        o = torch.exp(-torch.cdist(M, M, p=1)).sum(2)  # [B, N]
        return torch.cat([f, o.T], 1)


class MinibatchDiscrimination(Gan):
    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        self.G = generator(spec, config.z, config.width, config.units)
        plain = discriminator(spec, config.width, config.units)
        A = plain.get_parameter("head.0.weight").shape[1]
        self.D = nn.Sequential(
            plain.get_submodule("body"), MinibatchFeatures(A, config.B, config.C), head(A + config.B, 1)
        )

    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        with torch.no_grad():
            fake = self.sample(len(real.x))
        return {"loss": softplus(-self.D(real.x)).mean() + softplus(self.D(fake)).mean()}

    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        return {"loss": softplus(-self.D(self.sample(len(real.x)))).mean()}
