"""BEGAN: Boundary Equilibrium Generative Adversarial Networks, Berthelot et al. 2017, arXiv:1703.10717.

D is an autoencoder. L(v) = |v - D(v)|_1 is its error, a mean over the pixels. Section 3.4:

    L_D = L(x) - k_t L(G(z_D))
    L_G = L(G(z_G))
    k_{t+1} = k_t + lambda_k (gamma L(x) - L(G(z_G)))               in [0, 1], k_0 = 0

k_t holds the players where E L(G(z)) = gamma E L(x). A smaller gamma asks for better pictures. A larger gamma asks for more
diverse pictures. M_global = L(x) + |gamma L(x) - L(G(z_G))| says how far the training has converged (section 3.4.1). The
log calls it M. One step moves k_t by lambda_k times a small difference. So a run of a few thousand steps needs a lambda_k
that is larger than the default.

Networks, `networks: paper` (section 3.5 and figure 1): 3x3 convolutions with ELU, two at each resolution from the image's
to 8x8. The encoder halves the size by convolutions of stride 2, and each halving adds n channels. The decoder doubles the
size by nearest neighbours and has n channels everywhere. A linear layer makes the code in R^h, and another linear layer
reads the code. G is a decoder with its own weights, and z is uniform in [-1, 1]^h. Weights start from Glorot's uniform
distribution, as in a public reimplementation (carpedm20's).

Points are refused. The paper has no points either. If the code is larger than a sample, D reconstructs every sample and the
game is over.

Different from the paper:
- k_t and M follow from D's samples G(z_D). The paper takes G's samples G(z_G).
- The vanishing residuals and the skip connections are left out. The paper offers both as extras.
- The rate is constant, or `schedule: linear` lowers it. The paper halves the rate when M_global stalls.
- `networks: dcgan` is an addition: DCGAN's discriminator is the encoder, and DCGAN's generator is the decoder and G. A step
  of the paper's networks costs ten times as much, because they convolve at the image's resolution without a stride. MNIST,
  one run each: FID 55.9 with the paper's networks, 13.6 with DCGAN's networks (other settings changed too).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from ganbench.config import Betas, Rate, Size, TrainConfig, Weight
from ganbench.gan import Batch, DataSpec, Gan
from ganbench.layers import dcgan
from ganbench.layers.resnet import initialise


class Config(TrainConfig):
    batch: Size = 16
    lr_g: Rate = 1e-4
    lr_d: Rate = 1e-4
    betas: Betas = (0.9, 0.999)
    gamma: Weight = 0.5
    lambda_k: Weight = 0.001
    h: Size = 64  # size of the code and of z
    width: Size = 128  # n, the channels at the image's resolution; for `networks: dcgan` the channels at half of it
    networks: Literal["paper", "dcgan"] = "paper"


def resolutions(spec: DataSpec) -> list[int]:
    """The sizes from the image's down to the smallest. The smallest size is 8 or less."""
    dcgan.check(spec)
    return dcgan.halvings(spec.shape[1])[:-1]


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
    """Codes `[N, h]` to images `[N, C, S, S]`. The pixels are unbounded."""
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
        if config.networks == "dcgan":
            self.G = dcgan.Generator(config.h, config.width, spec)
            encode = dcgan.Discriminator(config.width, spec, outputs=config.h)
            self.D = nn.Sequential(encode, dcgan.Generator(config.h, config.width, spec))
        else:
            self.G = decoder(config.h, config.width, spec)
            self.D = nn.Sequential(encoder(config.h, config.width, spec), decoder(config.h, config.width, spec))
            initialise(self, nn.init.xavier_uniform_)
        self.register_buffer("k", torch.tensor(0.0))

    def L(self, v: Tensor) -> Tensor:
        """The autoencoder's mean error on images `[N, C, S, S]`: a scalar."""
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
        return x.clamp(-1, 1)  # the losses see images that are not clamped
