"""PGGAN: Progressive Growing of GANs for Improved Quality, Stability, and Variation, Karras et al. 2018, arXiv:1710.10196.

Both players start at 4x4 and grow by a block per doubling (section 2). A phase of `images_per_phase` images trains a
resolution, the next one fades in the next resolution, with a weight alpha that rises linearly from 0 to 1 in both
players and in the real images. The optimisers start afresh with each new block.
- Minibatch standard deviation (section 3): the standard deviation over the batch, averaged over features and positions,
  is one more feature map near the end of D.
- Equalised learning rate (section 4.1): stored weights from N(0, 1), used as w * c with c = sqrt(2 / fan_in).
- Pixel norm (section 4.2): in G, after each 3x3 convolution, b = a / sqrt(mean of a^2 over the features + 1e-8).
- WGAN-GP's loss with lambda = 10, and a drift of D (appendix A.1):
  D minimises E_z D(G(z)) - E_x D(x) + lambda E (||grad D(x^)||_2 - 1)^2 + 0.001 E_x D(x)^2, G minimises -E_z D(G(z)).

The networks are table 2's: 512 features up to 32x32, then half as many at each doubling. Sizes that are no power of 2
follow the rule of `ganbench/layers/dcgan.py`: 4, 7, 14, 28. Where the paper's batch shrinks with the resolution, here it
is one size. G's output is linear; samples are clamped to [-1, 1], and enlarged to the full size while G grows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, interpolate
from torch.nn.utils.parametrize import register_parametrization

from ganbench.config import TrainConfig
from ganbench.gan import Batch, DataSpec, Gan
from ganbench.layers import dcgan


class Config(TrainConfig):
    batch: int = 16
    lr_g: float = 1e-3
    lr_d: float = 1e-3
    betas: tuple[float, float] = (0.0, 0.99)
    ema: float | None = 0.999
    images_per_phase: int = 800_000
    gp: float = 10.0  # lambda
    drift: float = 0.001  # epsilon_drift
    z: int = 512
    width: int = 512  # features up to 32x32


def growth(seen: int, images_per_phase: int, levels: int) -> tuple[int, float]:
    """The level in use and its weight alpha after `seen` images: stable 0, fade in 1, stable 1, fade in 2, ..."""
    phase, images = divmod(seen, images_per_phase)
    level = (phase + 1) // 2
    if level >= levels:
        return levels - 1, 1.0
    return level, images / images_per_phase if phase % 2 else 1.0


class Scale(nn.Module):
    """w * c."""

    def __init__(self, c: float) -> None:
        super().__init__()
        self.c = c

    def forward(self, w: Tensor) -> Tensor:
        return w * self.c


def equalised(layer: nn.Conv2d | nn.Linear) -> nn.Module:
    """The layer with weights from N(0, 1) that are scaled at run time by He's constant, and biases of 0."""
    weight, bias = layer.parameters()
    nn.init.normal_(weight)
    nn.init.zeros_(bias)
    return register_parametrization(layer, "weight", Scale(math.sqrt(2 / weight[0].numel())))


class PixelNorm(nn.Module):
    """Features `[N, F, ...]` with a mean square of 1 over F."""

    def forward(self, a: Tensor) -> Tensor:
        return a * (a.square().mean(1, keepdim=True) + 1e-8).rsqrt()


class MinibatchStd(nn.Module):
    """Features `[N, F, H, W]` to `[N, F + 1, H, W]`."""

    def forward(self, x: Tensor) -> Tensor:
        std = (x.var(0, correction=0) + 1e-8).sqrt().mean()
        return torch.cat([x, std.expand(len(x), 1, *x.shape[2:])], 1)


def convolution(fan_in: int, fan_out: int) -> list[nn.Module]:
    return [equalised(nn.Conv2d(fan_in, fan_out, 3, padding=1)), nn.LeakyReLU(0.2)]


class Generator(nn.Module):
    """Noise `[N, z]` to images `[N, C, s, s]`, s the size of `level`. `sizes` and `widths` are from coarse to fine."""

    def __init__(self, z: int, sizes: Sequence[int], widths: Sequence[int], channels: int) -> None:
        super().__init__()
        start = widths[0], sizes[0], sizes[0]
        dense = equalised(nn.Linear(z, math.prod(start)))
        first = [PixelNorm(), dense, nn.Unflatten(1, start), nn.LeakyReLU(0.2), PixelNorm()]
        self.blocks = nn.ModuleList([nn.Sequential(*first, *convolution(widths[0], widths[0]), PixelNorm())])
        for size, fan_in, fan_out in zip(sizes[1:], widths, widths[1:], strict=False):
            layers = [*convolution(fan_in, fan_out), PixelNorm(), *convolution(fan_out, fan_out), PixelNorm()]
            self.blocks.append(nn.Sequential(nn.Upsample(size), *layers))
        self.to_rgb = nn.ModuleList(equalised(nn.Conv2d(width, channels, 1)) for width in widths)

    def forward(self, z: Tensor, level: int, alpha: float) -> Tensor:
        h = z
        for block in self.blocks[: level + 1]:
            before, h = h, block(h)
        x: Tensor = self.to_rgb[level](h)
        if alpha < 1:
            x = torch.lerp(interpolate(self.to_rgb[level - 1](before), x.shape[2:]), x, alpha)
        return x


class Discriminator(nn.Module):
    """Images `[N, C, s, s]`, s the size of `level`, to unbounded numbers `[N]`."""

    def __init__(self, sizes: Sequence[int], widths: Sequence[int], channels: int) -> None:
        super().__init__()
        last = [nn.Flatten(), equalised(nn.Linear(widths[0] * sizes[0] ** 2, widths[0])), nn.LeakyReLU(0.2)]
        end = [equalised(nn.Linear(widths[0], 1)), nn.Flatten(0)]
        self.blocks = nn.ModuleList(
            [nn.Sequential(MinibatchStd(), *convolution(widths[0] + 1, widths[0]), *last, *end)]
        )
        for size, fan_out, fan_in in zip(sizes, widths, widths[1:], strict=False):
            layers = [*convolution(fan_in, fan_in), *convolution(fan_in, fan_out)]
            self.blocks.append(nn.Sequential(*layers, nn.AdaptiveAvgPool2d(size)))
        self.from_rgb = nn.ModuleList(
            nn.Sequential(equalised(nn.Conv2d(channels, width, 1)), nn.LeakyReLU(0.2)) for width in widths
        )

    def forward(self, x: Tensor, level: int, alpha: float) -> Tensor:
        h: Tensor = self.blocks[level](self.from_rgb[level](x))
        if alpha < 1:
            h = torch.lerp(self.from_rgb[level - 1](adaptive_avg_pool2d(x, h.shape[3])), h, alpha)
        for block in reversed(self.blocks[:level]):
            h = block(h)
        return h


class Pggan(Gan):
    seen: Tensor  # images that D was trained on

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        dcgan.check(spec)
        channels, size, _ = spec.shape
        self.sizes = dcgan.halvings(size)[::-1]
        widths = [config.width * 32 // max(s, 32) for s in self.sizes]
        self.G = Generator(config.z, self.sizes, widths, channels)
        self.D = Discriminator(self.sizes, widths, channels)
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))

    @property
    def growth(self) -> tuple[int, float]:
        """The level in use and alpha."""
        return growth(int(self.seen), self.config.images_per_phase, len(self.sizes))

    @property
    def stage(self) -> int:
        return self.growth[0]

    def after_d_step(self, losses: dict[str, Tensor]) -> None:
        self.seen += self.config.batch

    def generate(self, z: Tensor, y: Tensor | None = None, cond: Tensor | None = None) -> Tensor:
        level, alpha = self.growth
        x: Tensor = self.G(z, level, alpha)
        for size in self.sizes[level + 1 :]:
            x = interpolate(x, size)
        return x.clamp(-1, 1)

    def shrink(self, x: Tensor) -> Tensor:
        """Real images `[N, C, S, S]` at the size in use, faded in as G's are."""
        level, alpha = self.growth
        for size in reversed(self.sizes[level:-1]):
            x = adaptive_avg_pool2d(x, size)
        if alpha < 1:
            x = torch.lerp(interpolate(adaptive_avg_pool2d(x, self.sizes[level - 1]), x.shape[2:]), x, alpha)
        return x

    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        x = self.shrink(real.x)
        with torch.no_grad():
            fake = self.G(self.latent(len(x)), *self.growth)
        d_real, d_fake = self.D(x, *self.growth), self.D(fake, *self.growth)
        between = torch.lerp(x, fake, torch.rand(len(x), 1, 1, 1, device=x.device)).requires_grad_()
        (gradient,) = torch.autograd.grad(self.D(between, *self.growth).sum(), between, create_graph=True)
        penalty = (gradient.flatten(1).norm(dim=1) - 1).square().mean()
        distance = d_real.mean() - d_fake.mean()
        drift = d_real.square().mean()
        return {
            "loss": -distance + self.config.gp * penalty + self.config.drift * drift,
            "W": distance.detach(),
            "penalty": penalty.detach(),
        }

    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        return {"loss": -self.D(self.G(self.latent(len(real.x)), *self.growth), *self.growth).mean()}
