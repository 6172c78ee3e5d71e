"""GAN-CLS: Generative Adversarial Text to Image Synthesis, Reed et al. 2016, arXiv:1605.05396.

G draws an image of a caption's vector phi and noise z. D sees an image with a caption, and answers whether the image is real
and fits the caption. So D has three kinds of pairs (algorithm 1): s_r is D's answer to a real image with its caption, s_w to
a real image with another caption, and s_f to a generated image with its caption.

    L_D = log s_r + (log(1 - s_w) + log(1 - s_f)) / 2          D ascends
    L_G = log s_f                                              G ascends

`matching: false` leaves s_w out, and s_f then has the full weight. This is the plain GAN of the paper.

GAN-INT (section 4.3): with `interpolation`, G also draws from the mean of two captions, beta phi_1 + (1 - beta) phi_2 with
beta = 0.5. D judges these images by the mixed caption.

In `Batch`, `cond` is the caption's vector. `joint` says how the caption joins D. `concatenation` is the way of the paper: a
projection of the caption lies beside each place of the last map. `projection` is the inner product of the image's features
with a linear map of the caption (Miyato & Koyama 2018, arXiv:1802.05637, equation 3).

Networks: DCGAN's. G gets z and a projection of the caption to `caption` numbers.

Different from the paper:
- The sizes follow DCGAN's rule. The paper's images have 64x64 pixels.
- D has no batch norm, and starts from He's weights.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, softplus

from ganbench.config import Betas, Rate, Size, TrainConfig
from ganbench.gan import Batch, DataSpec, Gan, Unsupported
from ganbench.layers import dcgan
from ganbench.layers.captions import CaptionDiscriminator


class Config(TrainConfig):
    batch: Size = 64
    lr_g: Rate = 2e-4
    lr_d: Rate = 2e-4
    betas: Betas = (0.5, 0.999)
    matching: bool = True
    interpolation: bool = False
    joint: Literal["concatenation", "projection"] = "concatenation"
    caption: Size = 128
    z: Size = 100
    width: Size = 64  # channels at half the image's size


class Generator(nn.Module):
    """Noise `[N, z]` and captions `[N, E]` to images `[N, C, S, S]`."""

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__()
        self.caption = nn.Linear(spec.cond[0], config.caption)
        self.net = dcgan.Generator(config.z + config.caption, config.width, spec)

    def forward(self, z: Tensor, phi: Tensor) -> Tensor:
        out: Tensor = self.net(torch.cat([z, leaky_relu(self.caption(phi), dcgan.SLOPE)], 1))
        return out


class Projection(nn.Module):
    """Images `[N, C, S, S]` and captions `[N, E]` to logits `[N]`: head(h) + h . (W phi)."""

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__()
        made = dcgan.Discriminator(config.width, spec, norm=False, fill=dcgan.he)
        self.body, self.head = made.body, made.head
        features = (
            dcgan.widths(config.width, len(dcgan.halvings(spec.shape[1])) - 1)[-1]
            * dcgan.halvings(spec.shape[1])[-1] ** 2
        )
        self.caption = nn.Linear(spec.cond[0], features, bias=False)

    def forward(self, x: Tensor, phi: Tensor) -> Tensor:
        h = self.body(x)
        out: Tensor = self.head(h) + (h * self.caption(phi)).sum(1)
        return out


class GanCls(Gan):
    G: Generator
    D: CaptionDiscriminator | Projection

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        dcgan.check(spec)
        if len(spec.cond) != 1:
            raise Unsupported(f"GAN-CLS draws from captions, vectors; here the condition has shape {spec.cond}")
        self.G = Generator(spec, config)
        if config.joint == "projection":
            self.D = Projection(spec, config)
        else:
            self.D = CaptionDiscriminator(spec, spec.cond[0], config.caption, config.width)

    def generate(self, z: Tensor, y: Tensor | None = None, cond: Tensor | None = None) -> Tensor:
        assert cond is not None, "GAN-CLS draws from a caption"
        return self.G(z, cond)

    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        phi = real.cond
        assert phi is not None
        with torch.no_grad():
            fake = self.sample(len(phi), cond=phi)
        s_r, s_f = self.D(real.x, phi), self.D(fake, phi)
        wrong = softplus(s_f).mean()
        if self.config.matching:
            wrong = (softplus(self.D(real.x, phi.roll(1, 0))).mean() + wrong) / 2
        return {"loss": softplus(-s_r).mean() + wrong}

    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        phi = real.cond
        assert phi is not None
        if self.config.interpolation:
            phi = torch.cat([phi, (phi + phi.roll(1, 0)) / 2])
        return {"loss": softplus(-self.D(self.sample(len(phi), cond=phi), phi)).mean()}
