"""Context encoders: Feature Learning by Inpainting, Pathak et al. 2016, arXiv:1604.07379.

G draws the middle of an image, whose middle is missing. Equations 1 to 3, where F draws the hole of x from the rest of x:

    L_rec(x) = |x_hole - F(x_rest)|^2
    L_adv = max_D  E_x log D(x_hole) + log(1 - D(F(x_rest)))
    L = lambda_rec L_rec + lambda_adv L_adv                         lambda_rec = 0.999, lambda_adv = 0.001

D sees the hole alone. With the rest beside it, D would judge by the seam between them (section 3.2).

In `Batch`, `cond` is the image with its hole, and `Batch.x` is the whole image. The hole is the central half of each side.
What `cond` has there is not looked at. `generate` returns the image with the hole filled.

Networks: G is an encoder to `code` numbers and a decoder to the hole. D is DCGAN's.

Different from the paper:
- The encoder is DCGAN's discriminator, and its code is smaller than the paper's 4,000 numbers.
- L_rec has the same weight everywhere. In the paper the hole overlaps the rest by 7 pixels, which have ten times the weight.
- G ascends log D, the non-saturating form.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss, softplus

from ganbench.config import Betas, Rate, Size, TrainConfig, Weight
from ganbench.gan import Batch, DataSpec, Gan, Unsupported
from ganbench.layers import dcgan
from ganbench.layers.translation import check_pairs


class Config(TrainConfig):
    batch: Size = 64
    lr_g: Rate = 2e-3
    lr_d: Rate = 2e-4
    betas: Betas = (0.5, 0.999)
    reconstruction: Weight = 0.999  # lambda_rec
    gan: Weight = 0.001  # lambda_adv; 0: D is not trained
    code: Size = 4000
    width: Size = 64  # channels at half the image's size


class Filler(nn.Module):
    """Images with a hole `[N, C, S, S]` to the hole `[N, C, S/2, S/2]`."""

    def __init__(self, spec: DataSpec, hole: DataSpec, config: Config) -> None:
        super().__init__()
        self.encoder = dcgan.Discriminator(config.width, DataSpec(spec.cond), outputs=config.code)
        self.decoder = dcgan.Generator(config.code, config.width, hole)

    def forward(self, x: Tensor) -> Tensor:
        code = self.encoder(x).reshape(len(x), -1)
        out: Tensor = self.decoder(code)
        return out


class ContextEncoder(Gan):
    G: Filler
    D: dcgan.Discriminator

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        check_pairs(spec, "the context encoder")
        channels, size, _ = spec.shape
        if size < 16 or spec.cond != spec.shape:
            raise Unsupported(
                f"the context encoder fills holes in images from 16x16 on; this data has {spec.shape} and {spec.cond}"
            )
        side = size // 2
        hole = DataSpec((channels, side, side))
        self.hole = slice((size - side) // 2, (size - side) // 2 + side)
        self.G = Filler(spec, hole, config)
        self.D = dcgan.Discriminator(config.width, hole)

    def latent(self, n: int) -> Tensor:
        return torch.empty(n, 0, device=self.device)

    def cut(self, x: Tensor) -> Tensor:
        """The middle of images `[N, C, S, S]`: `[N, C, S/2, S/2]`."""
        return x[:, :, self.hole, self.hole]

    def fill(self, cond: Tensor) -> Tensor:
        """What belongs into the hole of images `[N, C, S, S]`: `[N, C, S/2, S/2]`."""
        blank = cond.clone()
        self.cut(blank).zero_()
        return self.G(blank)

    def generate(self, z: Tensor, y: Tensor | None = None, cond: Tensor | None = None) -> Tensor:
        assert cond is not None, "the context encoder draws from an image with a hole"
        out = cond.clone()
        self.cut(out).copy_(self.fill(cond))
        return out

    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        if not self.config.gan:
            return {}
        assert real.cond is not None
        with torch.no_grad():
            fake = self.fill(real.cond)
        return {"loss": softplus(-self.D(self.cut(real.x).contiguous())).mean() + softplus(self.D(fake)).mean()}

    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        assert real.cond is not None
        made = self.fill(real.cond)
        L_rec = mse_loss(made, self.cut(real.x))
        loss = self.config.reconstruction * L_rec
        if self.config.gan:
            loss = loss + self.config.gan * softplus(-self.D(made)).mean()
        return {"loss": loss, "L_rec": L_rec}
