"""VGAN: Generating Videos with Scene Dynamics, Vondrick et al. 2016, arXiv:1609.02612.

G draws a clip in two streams: a moving foreground f(z) before a background b(z) that stands still. A mask m(z) in [0, 1] says
where the foreground is (equation 3):

    G(z) = m(z) * f(z) + (1 - m(z)) * b(z)

The game is that of DCGAN, over space and time (equation 1). G also pays for its mask, lambda |m(z)|_1, so that it uses the
background (section 2.3).

Networks: f, m and D have convolutions over time, height and width; b has convolutions over height and width. All have stride
2, batch norm, and DCGAN's weights. Time is doubled like the sides, until it has its length.

Different from the paper:
- The sizes follow DCGAN's rule of halving, and the clips have 8 frames or more, a power of 2. The paper has 32 frames of
  64x64.
- G ascends log D, the non-saturating form.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ganbench.config import Betas, Rate, Size, TrainConfig, Weight
from ganbench.gan import Batch, DataSpec, Gan, Unsupported
from ganbench.layers import dcgan

FEWEST = 2  # frames of the coarsest map


class Config(TrainConfig):
    batch: Size = 64
    lr_g: Rate = 2e-4
    lr_d: Rate = 2e-4
    betas: Betas = (0.5, 0.999)
    sparsity: Weight = 0.1  # lambda
    z: Size = 100
    width: Size = 64  # channels at half the image's size


def times(frames: int, levels: int) -> list[int]:
    """The number of frames at each level, from fine to coarse.

    >>> times(8, 4), times(32, 3)
    ([8, 4, 2, 2], [32, 16, 8])
    """
    out = [frames]
    while len(out) < levels:
        out.append(max(out[-1] // 2, FEWEST))
    return out


def stride(large: int, small: int) -> tuple[int, int]:
    """Kernel and stride of a strided convolution with padding 1, along an axis of these sizes."""
    if large == small:
        return 3, 1
    return (4, 2) if large % 2 == 0 else (3, 2)


class Clips(nn.Module):
    """Noise `[N, z]` to clips `[N, C, T, S, S]`."""

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__()
        channels, frames, size, _ = spec.shape
        sizes = dcgan.halvings(size)
        lengths = times(frames, len(sizes))
        hidden = dcgan.widths(config.width, len(sizes) - 1)
        layers: list[nn.Module] = [
            nn.Unflatten(1, (config.z, 1, 1, 1)),
            nn.ConvTranspose3d(config.z, hidden[-1], (lengths[-1], sizes[-1], sizes[-1]), bias=False),
            nn.BatchNorm3d(hidden[-1]), nn.ReLU(),
        ]  # fmt: skip
        axes = list(zip(lengths, sizes, strict=True))
        for (fine, coarse), (b, a) in zip(list(pairwise(axes))[:0:-1], list(pairwise(hidden))[::-1], strict=True):
            layers += [self.doubled(a, b, fine, coarse), nn.BatchNorm3d(b), nn.ReLU()]
        self.moving = nn.Sequential(*layers)
        self.foreground = nn.Sequential(self.doubled(hidden[0], channels, axes[0], axes[1], bias=True), nn.Tanh())
        self.mask = nn.Sequential(self.doubled(hidden[0], 1, axes[0], axes[1], bias=True), nn.Sigmoid())
        self.background = dcgan.Generator(config.z, config.width, DataSpec((channels, size, size)))

    @staticmethod
    def doubled(
        a: int, b: int, fine: tuple[int, int], coarse: tuple[int, int], bias: bool = False
    ) -> nn.ConvTranspose3d:
        (kt, st), (ks, ss) = (stride(large, small) for large, small in zip(fine, coarse, strict=True))
        return nn.ConvTranspose3d(a, b, (kt, ks, ks), (st, ss, ss), 1, bias=bias)

    def streams(self, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The foreground `[N, C, T, S, S]`, the mask `[N, 1, T, S, S]`, and the background `[N, C, 1, S, S]`."""
        h = self.moving(z)
        return self.foreground(h), self.mask(h), self.background(z)[:, :, None]

    def forward(self, z: Tensor) -> Tensor:
        f, m, b = self.streams(z)
        return m * f + (1 - m) * b


def judge(spec: DataSpec, width: int) -> nn.Sequential:
    """Clips `[N, C, T, S, S]` to logits `[N]`."""
    channels, frames, size, _ = spec.shape
    sizes = dcgan.halvings(size)
    lengths = times(frames, len(sizes))
    hidden = dcgan.widths(width, len(sizes) - 1)
    layers: list[nn.Module] = []
    for i, (a, b) in enumerate(pairwise([channels, *hidden])):
        (kt, st), (ks, ss) = stride(lengths[i], lengths[i + 1]), stride(sizes[i], sizes[i + 1])
        layers.append(nn.Conv3d(a, b, (kt, ks, ks), (st, ss, ss), 1, bias=i == 0))
        layers += [*[nn.BatchNorm3d(b)] * (i > 0), nn.LeakyReLU(dcgan.SLOPE)]
    return nn.Sequential(*layers, nn.Flatten(), dcgan.head(hidden[-1] * lengths[-1] * sizes[-1] ** 2, 1))


class VideoGan(Gan):
    G: Clips

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        if spec.kind != "video":
            raise Unsupported(f"VGAN draws clips, but this data has shape {spec.shape}")
        channels, frames, *_ = spec.shape
        dcgan.check(DataSpec((channels, *spec.shape[2:])))
        if frames < 8 or frames & (frames - 1):
            raise Unsupported(f"VGAN draws clips of 8, 16, 32, ... frames, but this data has {frames}")
        self.G = Clips(spec, config)
        self.D = judge(spec, config.width)
        for network in (self.G, self.D):
            network.apply(self.initialise)

    @staticmethod
    def initialise(layer: nn.Module) -> None:
        """DCGAN's weights, for layers over time too."""
        dcgan.initialise(layer)
        if isinstance(layer, nn.Conv3d | nn.ConvTranspose3d):
            nn.init.normal_(layer.weight, 0.0, 0.02)
        elif isinstance(layer, nn.BatchNorm3d):
            nn.init.normal_(layer.weight, 1.0, 0.02)

    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        with torch.no_grad():
            fake = self.sample(len(real.x))
        return {"loss": softplus(-self.D(real.x)).mean() + softplus(self.D(fake)).mean()}

    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        f, m, b = self.G.streams(self.latent(len(real.x)))
        fake = m * f + (1 - m) * b
        return {"loss": softplus(-self.D(fake)).mean() + self.config.sparsity * m.mean(), "mask": m.mean().detach()}
