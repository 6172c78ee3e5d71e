"""Minibatch discrimination: Improved Techniques for Training GANs, Salimans et al. 2016, arXiv:1606.03498, section 3.2.

D sees how close a sample is to the others of its minibatch, so samples that resemble each other give G away. With the features
f(x_i) in R^A and a learnt tensor T in R^{A x B x C}:

    M_i = f(x_i) T                                    in R^{B x C}
    o(x_i)_b = sum_j exp(-|| M_{i,b} - M_{j,b} ||_1)    in R^B

and o(x_i) is joined to f(x_i) before D's last layer. Real and generated data are separate minibatches, as in the paper. The
sum counts j = i as the equation does (the text says "all other samples"): it adds 1, which the last layer's bias absorbs.

B = 100 kernels of C = 5, as in the authors' code. Ours: the rest of the networks (DCGAN's or perceptrons), Adam's settings
(DCGAN's), and T without the authors' weight norm.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ganbench.config import TrainConfig
from ganbench.gan import Batch, DataSpec, Gan
from ganbench.layers.dcgan import head
from ganbench.layers.players import discriminator, generator


class Config(TrainConfig):
    batch: int = 100
    lr_g: float = 2e-4
    lr_d: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    B: int = 100  # kernels
    C: int = 5  # dimensions of a kernel
    z: int = 100
    width: int = 64  # images: channels at half the image's size
    units: int = 512  # points: units of each hidden layer


class MinibatchFeatures(nn.Module):
    """Features `[N, A]` to `[N, A + B]`: each sample's own, then its closeness to its minibatch."""

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
