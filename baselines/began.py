"""BEGAN: Boundary Equilibrium Generative Adversarial Networks, Berthelot et al. 2017, arXiv:1703.10717.

D is an autoencoder and L(v) = |v - D(v)|_1 its error, a mean over pixels. Section 3.4:

    L_D = L(x) - k_t L(G(z_D))
    L_G = L(G(z_G))
    k_{t+1} = k_t + lambda_k (gamma L(x) - L(G(z)))                 in [0, 1], k_0 = 0

k_t holds the players where E L(G(z)) = gamma E L(x): a smaller gamma asks for better pictures, a larger one for more
diverse ones. M_global = L(x) + |gamma L(x) - L(G(z))|, logged as M, says how far training has converged (section 3.4.1).

Networks as in section 3.5 and figure 1: 3x3 convolutions with ELU, two at each resolution from the image's to 8x8; the
encoder halves by convolutions of stride 2 and has n more channels after each, the decoder doubles by nearest neighbours
and has n throughout; linear layers lead to and from the code in R^h. G is a decoder with weights of its own, and z is
uniform in [-1, 1]^h.

Different here: k_t follows from the samples of D's step, z_D, and not from z_G; the learning rate does not decay; the
vanishing residuals and the skip connections, which the paper offers as extras, are left out. Points are not treated, as in
the paper: with a code larger than the data, D reconstructs everything and the game is over. k_t moves by at most lambda_k
per step, so runs of a few thousand steps need a larger one. Weights start from Glorot's uniform distribution: torch's own
weakens the signal at each layer, so that G hardly answers z at first.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from ganbench.config import TrainConfig
from ganbench.gan import Batch, DataSpec, Gan
from ganbench.layers.dcgan import check, halvings
from ganbench.layers.resnet import initialise


class Config(TrainConfig):
    batch: int = 16
    lr_g: float = 1e-4
    lr_d: float = 1e-4
    betas: tuple[float, float] = (0.9, 0.999)
    gamma: float = 0.5
    lambda_k: float = 0.001
    h: int = 64  # size of the code and of z
    width: int = 128  # n, the channels at the image's resolution


def resolutions(spec: DataSpec) -> list[int]:
    """From the image's size down to the smallest, which is 8 or less."""
    check(spec)
    return halvings(spec.shape[1])[:-1]


def convolutions(fan_in: int, fan_out: int) -> list[nn.Module]:
    """Two 3x3 convolutions with ELU."""
    return [nn.Conv2d(fan_in, fan_out, 3, padding=1), nn.ELU(), nn.Conv2d(fan_out, fan_out, 3, padding=1), nn.ELU()]


def encoder(h: int, n: int, spec: DataSpec) -> nn.Sequential:
    """Images `[N, C, S, S]` to codes `[N, h]`."""
    sizes = resolutions(spec)
    widths = [n * (i + 1) for i in range(len(sizes))]
    layers: list[nn.Module] = [nn.Conv2d(spec.shape[0], n, 3, padding=1), nn.ELU(), *convolutions(n, n)]
    for fan_in, fan_out in pairwise(widths):
        layers += [nn.Conv2d(fan_in, fan_out, 3, 2, 1), nn.ELU(), *convolutions(fan_out, fan_out)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(widths[-1] * sizes[-1] ** 2, h))


def decoder(h: int, n: int, spec: DataSpec) -> nn.Sequential:
    """Codes `[N, h]` to images `[N, C, S, S]`, unbounded."""
    smallest, *larger = resolutions(spec)[::-1]
    layers: list[nn.Module] = [nn.Linear(h, n * smallest**2), nn.Unflatten(1, (n, smallest, smallest))]
    layers += convolutions(n, n)
    for size in larger:
        layers += [nn.Upsample(size), *convolutions(n, n)]
    return nn.Sequential(*layers, nn.Conv2d(n, spec.shape[0], 3, padding=1))


class Began(Gan):
    k: Tensor

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        self.G = decoder(config.h, config.width, spec)
        self.D = nn.Sequential(encoder(config.h, config.width, spec), decoder(config.h, config.width, spec))
        initialise(self, nn.init.xavier_uniform_)
        self.register_buffer("k", torch.tensor(0.0))

    def L(self, v: Tensor) -> Tensor:
        """The autoencoder's mean error."""
        return (v - self.D(v)).abs().mean()

    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        with torch.no_grad():
            fake = self.G(self.latent(len(real.x)))
        L_x, L_Gz = self.L(real.x), self.L(fake)
        M = L_x + (self.config.gamma * L_x - L_Gz).abs()
        return {"loss": L_x - self.k * L_Gz, "L(x)": L_x, "L(G(z))": L_Gz, "M": M, "k": self.k.clone()}

    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        return {"loss": self.L(self.G(self.latent(len(real.x))))}

    def after_d_step(self, losses: dict[str, Tensor]) -> None:
        self.k += self.config.lambda_k * (self.config.gamma * losses["L(x)"] - losses["L(G(z))"])
        self.k.clamp_(0, 1)

    def latent(self, n: int) -> Tensor:
        return torch.rand(n, self.config.h, device=self.device) * 2 - 1

    def generate(self, z: Tensor, y: Tensor | None = None, cond: Tensor | None = None) -> Tensor:
        x: Tensor = self.G(z)
        return x.clamp(-1, 1)  # the losses see it as it is
