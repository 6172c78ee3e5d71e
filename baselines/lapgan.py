"""LAPGAN: Deep Generative Image Models using a Laplacian Pyramid of Adversarial Networks, Denton et al. 2015, arXiv:1506.05751.

A pyramid of GANs draws an image from coarse to fine. d(I) halves an image, and u(I) doubles it. A plain GAN draws the
coarsest image I_K. At each finer level k, G_k gets noise z_k and l_k = u(I_{k+1}), the doubled image of the level below. G_k
draws the difference that is missing (equations 3 and 4):

    h_k = I_k - u(I_{k+1}) of data,      h~_k = G_k(z_k, l_k),      I~_k = l_k + h~_k

D_k sees l_k together with the difference, real or drawn. Each level is a conditional GAN (equation 2), and it is trained
apart from the others: in training, l_k comes from data at every level. So the sum of the losses trains each level alone.

Networks (the paper's section 3): at the finer levels, G_k is a small convolutional network that keeps the size, and z_k is
one more channel of its input. The coarsest level has perceptrons. D_k sees the sum l_k + h_k, which is the image, beside h_k.

Different from the paper:
- No classes. The paper has a variant with classes on CIFAR-10.
- The coarsest image has 8 pixels or less on a side. u is bilinear, and d is the mean over the pixels.
- The input z of this file holds the noise of all levels, one after another.
- G ascends log D, the non-saturating form.
- Images are cut to [-1, 1].
"""

from __future__ import annotations

from itertools import pairwise

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import interpolate, softplus

from ganbench.config import Betas, Rate, Share, Size, TrainConfig
from ganbench.gan import Batch, DataSpec, Gan
from ganbench.layers import dcgan
from ganbench.layers.mlp import mlp

COARSEST = 8  # pixels


class Config(TrainConfig):
    batch: Size = 64
    lr_g: Rate = 2e-4
    lr_d: Rate = 2e-4
    betas: Betas = (0.5, 0.999)
    z: Size = Field(100, description="numbers of noise of the coarsest level")
    units: Size = 512  # of the two hidden layers of the coarsest level
    width: Size = 64  # channels of the finer levels
    dropout: Share = Field(0.5, description="in D")


def resized(x: Tensor, size: int) -> Tensor:
    """Images `[N, C, S, S]` with another side: d and u of the paper."""
    mode = "area" if size < x.shape[-1] else "bilinear"
    return interpolate(x, (size, size), mode=mode)


class Finer(nn.Module):
    """A generator's level: the coarse image `[N, C, S, S]` and noise `[N, 1, S, S]` to the difference `[N, C, S, S]`."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(channels + 1, width, 3, padding=1), nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1), nn.ReLU(),
            nn.Conv2d(width, channels, 3, padding=1),
        )  # fmt: skip

    def forward(self, low: Tensor, z: Tensor) -> Tensor:
        out: Tensor = self.net(torch.cat([low, z], 1))
        return out


def judge(channels: int, size: int, width: int, dropout: float) -> nn.Sequential:
    """A discriminator's level: the image and the difference, `[N, 2 C, S, S]`, to the logits `[N]` of "real"."""
    half = (size + 1) // 2
    return nn.Sequential(
        nn.Conv2d(2 * channels, width, 3, padding=1), nn.ReLU(),
        nn.Conv2d(width, width, 3, stride=2, padding=1), nn.ReLU(),
        nn.Dropout(dropout), nn.Flatten(), dcgan.head(width * half**2, 1),
    )  # fmt: skip


class Pyramid(nn.Module):
    """Noise of all levels `[N, z]` to images `[N, C, S, S]`."""

    def __init__(self, spec: DataSpec, sizes: list[int], config: Config) -> None:
        super().__init__()
        channels = spec.shape[0]
        self.sizes, self.z = sizes, config.z
        self.coarsest = nn.Sequential(
            mlp([config.z, config.units, config.units, channels * sizes[0] ** 2]),
            nn.Tanh(), nn.Unflatten(1, (channels, sizes[0], sizes[0])),
        )  # fmt: skip
        self.finer = nn.ModuleList(Finer(channels, config.width) for _ in sizes[1:])

    def noise(self, z: Tensor) -> list[Tensor]:
        """The parts of z for the levels: `[N, z]`, then `[N, 1, S, S]`."""
        first, *others = z.split([self.z, *(s * s for s in self.sizes[1:])], 1)
        return [first, *(part.unflatten(1, (1, s, s)) for part, s in zip(others, self.sizes[1:], strict=True))]

    def forward(self, z: Tensor) -> Tensor:
        first, *others = self.noise(z)
        x = self.coarsest(first)
        for level, size, noise in zip(self.finer, self.sizes[1:], others, strict=True):
            low = resized(x, size)
            x = (low + level(low, noise)).clamp(-1, 1)
        return x


class Lapgan(Gan):
    G: Pyramid
    D: nn.ModuleList

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        dcgan.check(spec)
        sizes = dcgan.halvings(spec.shape[1])[::-1]
        self.sizes = [max(s for s in sizes if s <= COARSEST), *(s for s in sizes if s > COARSEST)]
        self.G = Pyramid(spec, self.sizes, config)
        channels = spec.shape[0]
        first = nn.Sequential(
            nn.Flatten(), mlp([channels * self.sizes[0] ** 2, config.units, config.units]),
            nn.ReLU(), nn.Dropout(config.dropout), dcgan.head(config.units, 1),
        )  # fmt: skip
        self.D = nn.ModuleList([first, *(judge(channels, s, config.width, config.dropout) for s in self.sizes[1:])])

    def latent(self, n: int) -> Tensor:
        return torch.randn(n, self.config.z + sum(s * s for s in self.sizes[1:]), device=self.device)

    @property
    def normal(self) -> bool:
        return True

    def levels(self, x: Tensor) -> list[tuple[Tensor, Tensor]]:
        """What each D sees of the images x `[N, C, S, S]` and of a drawn difference at the same coarse images."""
        first, *others = self.G.noise(self.latent(len(x)))
        pairs = [(resized(x, self.sizes[0]), self.G.coarsest(first))]
        for level, (coarse, size), z in zip(self.G.finer, pairwise(self.sizes), others, strict=True):
            low, whole = resized(resized(x, coarse), size), resized(x, size)
            drawn = level(low, z)
            pairs.append((torch.cat([whole, whole - low], 1), torch.cat([low + drawn, drawn], 1)))
        return pairs

    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        with torch.no_grad():
            pairs = self.levels(real.x)
        losses = [
            softplus(-D(data)).mean() + softplus(D(drawn)).mean()
            for D, (data, drawn) in zip(self.D, pairs, strict=True)
        ]
        return {"loss": torch.stack(losses).sum()} | {f"{s}": loss for s, loss in zip(self.sizes, losses, strict=True)}

    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        losses = [softplus(-D(drawn)).mean() for D, (_, drawn) in zip(self.D, self.levels(real.x), strict=True)]
        return {"loss": torch.stack(losses).sum()}
