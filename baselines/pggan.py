"""PGGAN: Progressive Growing of GANs for Improved Quality, Stability, and Variation, Karras et al. 2018, arXiv:1710.10196.

Both players start at 4x4 and grow by one block per doubling (section 2). A phase lasts `images_per_phase` images. One phase
trains a resolution. The next phase fades in the next resolution: a weight alpha rises linearly from 0 to 1 in G, in D and in
the real images. The optimisers start afresh with each phase, as in the authors' code.
- Minibatch standard deviation (section 3): the standard deviation over the batch, averaged over features and positions, is
  one more feature map near the end of D.
- Equalised learning rate (section 4.1): the stored weights start from N(0, 1). A layer uses w * c, with
  c = gain / sqrt(fan_in). The gain is sqrt(2) as in He's weights. As in the authors' code, the gain is 1 in layers without a
  rectifier and sqrt(2) / 4 in G's first layer.
- Pixel norm (section 4.2): in G, after each 3x3 convolution, b = a / sqrt(mean of a^2 over the features + 1e-8).
- The loss is WGAN-GP's with lambda = 10, and a drift term of D (appendix A.1):
  D minimises E_z D(G(z)) - E_x D(x) + lambda E (||grad D(x^)||_2 - 1)^2 + 0.001 E_x D(x)^2, G minimises -E_z D(G(z)).

The networks are those of table 2: 512 features up to 32x32, then half as many at each doubling. G's output is linear. Samples
are clamped to [-1, 1]. While G grows, samples are enlarged to the full size.

Different from the paper:
- The minibatch standard deviation is over the whole batch. The authors' code takes groups of 4 in most of its settings.
- The batch has one size. The paper's batch shrinks as the resolution grows.
- A size that is no power of 2 follows the rule of `ganbench/layers/dcgan.py`: 4, 7, 14, 28.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torch.nn.utils.parametrize import register_parametrization

from ganbench.config import Betas, Decay, Rate, Size, TrainConfig, Weight
from ganbench.gan import Batch, DataSpec, Gan
from ganbench.layers import dcgan
from ganbench.layers.pooling import shrunk
from ganbench.layers.slope import slope


class Config(TrainConfig):
    batch: Size = 16
    lr_g: Rate = 1e-3
    lr_d: Rate = 1e-3
    betas: Betas = (0.0, 0.99)
    ema: Decay | None = 0.999
    images_per_phase: Size = 800_000
    gp: Weight = 10.0  # lambda
    drift: Weight = 0.001  # epsilon_drift
    z: Size = 512
    width: Size = 512  # features up to 32x32


def growth(seen: int, images_per_phase: int, levels: int) -> tuple[int, float]:
    """The level in use and its weight alpha after `seen` images. Phases: stable 0, fade in 1, stable 1, fade in 2, ..."""
    phase, images = divmod(seen, images_per_phase)
    level = (phase + 1) // 2
    if level >= levels:
        return levels - 1, 1.0
    return level, images / images_per_phase if phase % 2 else 1.0


class Scale(nn.Module):
    """Weights w to w * c, of the same shape."""

    def __init__(self, c: float) -> None:
        super().__init__()
        self.c = c

    def forward(self, w: Tensor) -> Tensor:
        return w * self.c


def equalised(layer: nn.Conv2d | nn.Linear, gain: float = math.sqrt(2)) -> nn.Module:
    """The layer with weights from N(0, 1) and biases of 0. Each forward pass scales the weights by gain / sqrt(fan_in)."""
    weight, bias = layer.parameters()
    nn.init.normal_(weight)
    nn.init.zeros_(bias)
    return register_parametrization(layer, "weight", Scale(gain / math.sqrt(weight[0].numel())))


class Shrink(nn.Module):
    """Features `[N, F, S, S]` to `[N, F, size, size]` by averaging."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        return shrunk(x, self.size)


class PixelNorm(nn.Module):
    """Features `[N, F, ...]` to the same shape. The mean square over F becomes 1."""

    def forward(self, a: Tensor) -> Tensor:
        return a * (a.square().mean(1, keepdim=True) + 1e-8).rsqrt()


class MinibatchStd(nn.Module):
    """Features `[N, F, H, W]` to `[N, F + 1, H, W]`. The new feature is the mean standard deviation over the batch."""

    def forward(self, x: Tensor) -> Tensor:
        std = (x.var(0, correction=0) + 1e-8).sqrt().mean()
        return torch.cat([x, std.expand(len(x), 1, *x.shape[2:])], 1)


def convolution(fan_in: int, fan_out: int) -> list[nn.Module]:
    return [equalised(nn.Conv2d(fan_in, fan_out, 3, padding=1)), nn.LeakyReLU(0.2)]


class Generator(nn.Module):
    """Noise `[N, z]` to images `[N, C, s, s]`, where s is the size of `level`. `sizes` and `widths` go from coarse to fine."""

    def __init__(self, z: int, sizes: Sequence[int], widths: Sequence[int], channels: int) -> None:
        super().__init__()
        start = widths[0], sizes[0], sizes[0]
        dense = equalised(nn.Linear(z, math.prod(start)), math.sqrt(2) / 4)
        first = [PixelNorm(), dense, nn.Unflatten(1, start), nn.LeakyReLU(0.2), PixelNorm()]
        self.blocks = nn.ModuleList([nn.Sequential(*first, *convolution(widths[0], widths[0]), PixelNorm())])
        for size, fan_in, fan_out in zip(sizes[1:], widths, widths[1:], strict=False):
            layers = [*convolution(fan_in, fan_out), PixelNorm(), *convolution(fan_out, fan_out), PixelNorm()]
            self.blocks.append(nn.Sequential(nn.Upsample(size), *layers))
        self.to_rgb = nn.ModuleList(equalised(nn.Conv2d(width, channels, 1), 1) for width in widths)

    def forward(self, z: Tensor, level: int, alpha: float) -> Tensor:
        h = z
        for block in self.blocks[: level + 1]:
            before, h = h, block(h)
        x: Tensor = self.to_rgb[level](h)
        if alpha < 1:
            x = torch.lerp(interpolate(self.to_rgb[level - 1](before), x.shape[2:]), x, alpha)
        return x


class Discriminator(nn.Module):
    """Images `[N, C, s, s]` to unbounded numbers `[N]`, where s is the size of `level`."""

    def __init__(self, sizes: Sequence[int], widths: Sequence[int], channels: int) -> None:
        super().__init__()
        last = [nn.Flatten(), equalised(nn.Linear(widths[0] * sizes[0] ** 2, widths[0])), nn.LeakyReLU(0.2)]
        end = [equalised(nn.Linear(widths[0], 1), 1), nn.Flatten(0)]
        self.blocks = nn.ModuleList(
            [nn.Sequential(MinibatchStd(), *convolution(widths[0] + 1, widths[0]), *last, *end)]
        )
        for size, fan_out, fan_in in zip(sizes, widths, widths[1:], strict=False):
            layers = [*convolution(fan_in, fan_in), *convolution(fan_in, fan_out)]
            self.blocks.append(nn.Sequential(*layers, Shrink(size)))
        self.from_rgb = nn.ModuleList(
            nn.Sequential(equalised(nn.Conv2d(channels, width, 1)), nn.LeakyReLU(0.2)) for width in widths
        )

    def forward(self, x: Tensor, level: int, alpha: float) -> Tensor:
        h: Tensor = self.blocks[level](self.from_rgb[level](x))
        if alpha < 1:
            h = torch.lerp(self.from_rgb[level - 1](shrunk(x, h.shape[3])), h, alpha)
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
        return min(int(self.seen) // self.config.images_per_phase, 2 * (len(self.sizes) - 1))

    def _apply(self, fn: Any, recurse: bool = True) -> Pggan:
        seen = self.seen
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self.seen = seen  # the count stays on the CPU, so that reading it does not wait for the device
        return self

    def after_d_step(self, losses: dict[str, Tensor]) -> None:
        self.seen += self.config.batch

    def generate(self, z: Tensor, y: Tensor | None = None, cond: Tensor | None = None) -> Tensor:
        level, alpha = self.growth
        x: Tensor = self.G(z, level, alpha)
        for size in self.sizes[level + 1 :]:
            x = interpolate(x, size)
        return x.clamp(-1, 1)

    def shrink(self, x: Tensor) -> Tensor:
        """Real images `[N, C, S, S]` to `[N, C, s, s]`, where s is the size in use. They fade in as G's images do."""
        level, alpha = self.growth
        for size in reversed(self.sizes[level:-1]):
            x = shrunk(x, size)
        if alpha < 1:
            x = torch.lerp(interpolate(shrunk(x, self.sizes[level - 1]), x.shape[2:]), x, alpha)
        return x

    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        x = self.shrink(real.x)
        with torch.no_grad():
            fake = self.G(self.latent(len(x)), *self.growth)
        d_real, d_fake = self.D(x, *self.growth), self.D(fake, *self.growth)
        between = torch.lerp(x, fake, torch.rand(len(x), 1, 1, 1, device=x.device))
        penalty = (slope(lambda v: self.D(v, *self.growth), between) - 1).square().mean()
        distance = d_real.mean() - d_fake.mean()
        drift = d_real.square().mean()
        return {
            "loss": -distance + self.config.gp * penalty + self.config.drift * drift,
            "W": distance.detach(),
            "penalty": penalty.detach(),
        }

    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        return {"loss": -self.D(self.G(self.latent(len(real.x)), *self.growth), *self.growth).mean()}
