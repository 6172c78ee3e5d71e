"""SRGAN: Photo-Realistic Single Image Super-Resolution Using a GAN, Ledig et al. 2016, arXiv:1609.04802.

G draws a large image of a small image. The loss of G (equations 3 to 6) is a content loss and a game:

    l^SR = l_content + 10^-3 l_Gen,          l_Gen = -log D(G(I^LR))

Here the content loss is the mean squared error of pixels (equation 4). The paper calls this variant SRGAN-MSE. The error
alone draws the mean of all large images that fit, and this mean is smooth. For `images_alone` images G trains alone with the
error. Then G is the SRResNet of the paper, and the game begins (section 3.2).

In `Batch`, `cond` is the small image, and `Batch.x` is the large image.

Networks (figure 4): G has a convolution, residual blocks, a skip over all of them, and a doubling by sub-pixel convolutions
for each factor of 2. D is a network of strided convolutions.

Different from the paper:
- No content loss on features of VGG: they would need weights of a network that was trained on ImageNet.
- D is DCGAN's without the paper's layers of stride 1.
- The blocks have ReLU. The paper has parametric ReLU.
- The error is of pixels in [-1, 1].
"""

from __future__ import annotations

from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import mse_loss, softplus

from ganbench.config import Betas, Rate, Size, TrainConfig, Weight
from ganbench.gan import Batch, DataSpec, Gan, Unsupported
from ganbench.layers import dcgan
from ganbench.layers.translation import Residual


class Config(TrainConfig):
    batch: Size = 16
    lr_g: Rate = 1e-4
    lr_d: Rate = 1e-4
    betas: Betas = (0.9, 0.999)
    images_alone: int = Field(16_000_000, ge=0, description="images that G trains alone on, before the game")
    gan: Weight = 1e-3
    blocks: Size = 16
    width: Size = 64  # channels of G; of D at half the image's size


def doublings(small: int, large: int) -> int:
    """How often a side must be doubled, or -1 if doubling does not lead from `small` to `large`.

    >>> doublings(8, 32), doublings(8, 30)
    (2, -1)
    """
    factor = large // small
    return factor.bit_length() - 1 if small * factor == large and factor & (factor - 1) == 0 else -1


class Enlarger(nn.Module):
    """Small images `[N, C, s, s]` to large images `[N, C', S, S]` in [-1, 1]."""

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__()
        w = config.width
        self.start = nn.Sequential(nn.Conv2d(spec.cond[0], w, 9, padding=4), nn.ReLU())
        blocks = [Residual(w, nn.BatchNorm2d) for _ in range(config.blocks)]
        self.blocks = nn.Sequential(*blocks, nn.Conv2d(w, w, 3, padding=1, bias=False), nn.BatchNorm2d(w))
        up: list[nn.Module] = []
        for _ in range(doublings(spec.cond[1], spec.shape[1])):
            up += [nn.Conv2d(w, 4 * w, 3, padding=1), nn.PixelShuffle(2), nn.ReLU()]
        self.end = nn.Sequential(*up, nn.Conv2d(w, spec.shape[0], 9, padding=4), nn.Tanh())

    def forward(self, small: Tensor) -> Tensor:
        h = self.start(small)
        out: Tensor = self.end(h + self.blocks(h))
        return out


class SrGan(Gan):
    G: Enlarger
    D: dcgan.Discriminator
    seen: Tensor  # images that G was trained on

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        dcgan.check(spec)
        if len(spec.cond) != 3 or spec.cond[1] != spec.cond[2] or doublings(spec.cond[1], spec.shape[1]) < 1:
            raise Unsupported(f"SRGAN doubles small images to {spec.shape}, but the condition has shape {spec.cond}")
        self.G = Enlarger(spec, config)
        self.D = dcgan.Discriminator(config.width, spec)
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))

    @property
    def stage(self) -> int:
        return int(int(self.seen) >= self.config.images_alone)

    def _apply(self, fn: Any, recurse: bool = True) -> SrGan:
        seen = self.seen
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self.seen = seen  # the count stays on the CPU, so that reading it does not wait for the device
        return self

    def latent(self, n: int) -> Tensor:
        return torch.empty(n, 0, device=self.device)

    def generate(self, z: Tensor, y: Tensor | None = None, cond: Tensor | None = None) -> Tensor:
        assert cond is not None, "SRGAN draws from a small image"
        return self.G(cond)

    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        if not self.stage:
            return {}
        with torch.no_grad():
            fake = self.sample(len(real.x), cond=real.cond)
        return {"loss": softplus(-self.D(real.x)).mean() + softplus(self.D(fake)).mean()}

    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        made = self.sample(len(real.x), cond=real.cond)
        error = mse_loss(made, real.x)
        loss = error + self.config.gan * softplus(-self.D(made)).mean() if self.stage else error
        self.seen += self.config.batch  # here and not after D's step, so that a step belongs to one stage
        return {"loss": loss, "MSE": error}
