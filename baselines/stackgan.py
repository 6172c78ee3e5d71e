"""StackGAN: Text to Photo-realistic Image Synthesis with Stacked GANs, Zhang et al. 2016, arXiv:1612.03242.

Two GANs draw an image of a caption's vector phi. Stage I draws a small image of noise z and the caption. Stage II gets this
image and the caption, and draws the large image. Stage II has no noise of its own. Stage I trains first, then stage II trains
alone.

Conditioning augmentation (section 3.2): the caption enters G as c ~ N(mu(phi), diag(sigma(phi)^2)), and the loss of G gets
lambda KL(N(mu(phi), diag(sigma(phi)^2)) || N(0, I)). So nearby captions draw nearby images.

    D ascends  E log D(I, phi) + E log(1 - D(G(...), phi)),   with wrong captions as in GAN-CLS       (equations 3 and 5)
    G ascends  E log D(G(...), phi) - lambda KL                                                       (equations 4 and 6)

In `Batch`, `cond` is the caption's vector. D of stage I sees real images at the small size.

Networks: stage I has DCGAN's generator. Stage II has a map of the small image, the caption beside it, residual blocks, and a
decoder. Each D is a network of strided convolutions, with the caption beside the last map.

Different from the paper:
- The small image has a quarter of the side, as in the paper, and at least 8 pixels.
- The layers follow DCGAN's rule of halving. D has no batch norm, and starts from He's weights.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu, softplus

from ganbench.config import Betas, Rate, Size, TrainConfig, Weight
from ganbench.gan import Batch, DataSpec, Gan, Unsupported
from ganbench.layers import dcgan
from ganbench.layers.captions import CaptionDiscriminator
from ganbench.layers.translation import Residual


class Config(TrainConfig):
    batch: Size = 64
    lr_g: Rate = 2e-4
    lr_d: Rate = 2e-4
    betas: Betas = (0.5, 0.999)
    images_stage_1: Size = 5_000_000
    smoothness: Weight = 1.0  # lambda
    caption: Size = 128
    z: Size = 100
    blocks: Size = 4
    width: Size = 64


class Augmentation(nn.Module):
    """Captions `[N, E]` to mu and log sigma^2 of c, each `[N, caption]`."""

    def __init__(self, size: int, caption: int) -> None:
        super().__init__()
        self.net = nn.Linear(size, 2 * caption)

    def forward(self, phi: Tensor) -> tuple[Tensor, Tensor]:
        mu, log_variance = leaky_relu(self.net(phi), dcgan.SLOPE).chunk(2, 1)
        return mu, log_variance


class StageOne(nn.Module):
    """Noise `[N, z]` and c `[N, caption]` to small images."""

    def __init__(self, spec: DataSpec, cond: int, config: Config) -> None:
        super().__init__()
        self.augment = Augmentation(cond, config.caption)
        self.net = dcgan.Generator(config.z + config.caption, config.width, spec)

    def forward(self, z: Tensor, c: Tensor) -> Tensor:
        out: Tensor = self.net(torch.cat([z, c], 1))
        return out


class StageTwo(nn.Module):
    """Small images and c `[N, caption]` to large images."""

    def __init__(self, small: DataSpec, spec: DataSpec, cond: int, config: Config) -> None:
        super().__init__()
        w = config.width
        self.augment = Augmentation(cond, config.caption)
        self.encode = nn.Sequential(nn.Conv2d(small.shape[0], w, 3, padding=1), nn.ReLU())
        self.joint = nn.Sequential(
            nn.Conv2d(w + config.caption, w, 3, padding=1, bias=False), nn.BatchNorm2d(w), nn.ReLU()
        )
        self.blocks = nn.Sequential(*(Residual(w, nn.BatchNorm2d) for _ in range(config.blocks)))
        self.last = nn.Sequential(
            nn.Conv2d(w, w, 3, padding=1), nn.ReLU(), nn.Conv2d(w, spec.shape[0], 3, padding=1), nn.Tanh()
        )
        self.sizes = [s for s in dcgan.halvings(spec.shape[1])[::-1] if s > small.shape[1]]
        self.doubled = nn.ModuleList(
            nn.Sequential(nn.Conv2d(w, w, 3, padding=1, bias=False), nn.BatchNorm2d(w), nn.ReLU()) for _ in self.sizes
        )

    def forward(self, small: Tensor, c: Tensor) -> Tensor:
        h = self.encode(small)
        h = self.blocks(self.joint(torch.cat([h, c[:, :, None, None].expand(-1, -1, *h.shape[2:])], 1)))
        for layer, size in zip(self.doubled, self.sizes, strict=True):
            h = layer(interpolate(h, (size, size)))
        out: Tensor = self.last(h)
        return out


class StackGan(Gan):
    seen: Tensor  # images that a D was trained on

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        dcgan.check(spec)
        if len(spec.cond) != 1:
            raise Unsupported(f"StackGAN draws from captions, vectors; here the condition has shape {spec.cond}")
        channels, size, _ = spec.shape
        sizes = [s for s in dcgan.halvings(size) if s >= 8]
        if len(sizes) < 2:
            raise Unsupported(f"StackGAN needs images from 16x16 on, not {size}x{size}")
        small = DataSpec((channels, sizes[min(2, len(sizes) - 1)], sizes[min(2, len(sizes) - 1)]))
        self.small = small.shape[1]
        (cond,) = spec.cond
        self.generators = nn.ModuleList([StageOne(small, cond, config), StageTwo(small, spec, cond, config)])
        self.judges = nn.ModuleList(
            CaptionDiscriminator(at, cond, config.caption, config.width) for at in (small, spec)
        )
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))

    @property
    def stage(self) -> int:
        return int(int(self.seen) >= self.config.images_stage_1)

    @property
    def G(self) -> nn.Module:  # type: ignore[override]  # the players change with the stage
        return self.generators[self.stage]

    @property
    def D(self) -> nn.Module:  # type: ignore[override]
        return self.judges[self.stage]

    def _apply(self, fn: Any, recurse: bool = True) -> StackGan:
        seen = self.seen
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self.seen = seen  # the count stays on the CPU, so that reading it does not wait for the device
        return self

    def after_d_step(self, losses: dict[str, Tensor]) -> None:
        self.seen += self.config.batch

    def draw(self, stage: int, phi: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """Images of a stage from captions `[N, E]` and noise `[N, z]`, and the KL divergence of its c, a number."""
        G: Any = self.generators[stage]
        mu, log_variance = G.augment(phi)
        c = mu + (log_variance / 2).exp() * torch.randn_like(mu)
        kl = -(1 + log_variance - mu.square() - log_variance.exp()).sum(1).mean() / 2
        if stage == 0:
            return G(z, c), kl
        with torch.no_grad():
            small, _ = self.draw(0, phi, z)
        return G(small, c), kl

    def generate(self, z: Tensor, y: Tensor | None = None, cond: Tensor | None = None) -> Tensor:
        assert cond is not None, "StackGAN draws from a caption"
        x, _ = self.draw(self.stage, cond, z)
        return x if self.stage else interpolate(x, self.spec.shape[1:])

    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        phi, stage = real.cond, self.stage
        assert phi is not None
        x = real.x if stage else interpolate(real.x, (self.small, self.small), mode="area")
        with torch.no_grad():
            fake, _ = self.draw(stage, phi, self.latent(len(phi)))
        wrong = (softplus(self.D(x, phi.roll(1, 0))).mean() + softplus(self.D(fake, phi)).mean()) / 2
        return {"loss": softplus(-self.D(x, phi)).mean() + wrong}

    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        phi = real.cond
        assert phi is not None
        fake, kl = self.draw(self.stage, phi, self.latent(len(phi)))
        return {"loss": softplus(-self.D(fake, phi)).mean() + self.config.smoothness * kl, "KL": kl}
