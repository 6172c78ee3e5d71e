"""pix2pix: Image-to-Image Translation with Conditional Adversarial Networks, Isola et al. 2016, arXiv:1611.07004.

G translates an image x into an image y. D sees x beside y, and judges each patch of the pair. Equations 1 to 4:

    L_cGAN(G, D) = E_x,y log D(x, y) + E_x,z log(1 - D(x, G(x, z)))
    L_L1(G) = E_x,y,z |y - G(x, z)|_1
    min_G max_D  L_cGAN(G, D) + lambda L_L1(G)

L1 alone draws the median, which is smooth. The GAN adds texture. `l1: 0` and `gan: 0` leave a term out; the paper compares
the three (table 1). z is the dropout in G, which stays on when samples are drawn (section 3.2.1). So one x has several y.

In `Batch`, `cond` is x, and `Batch.x` is y, its pair.

Networks: a U-Net (section 3.2.1) and the patch discriminator (section 3.2.2). D's loss is halved, as in section 3.3.

Different from the paper:
- The U-Net stops at 4x4 pixels or less. The paper's goes on to 1x1.
- Dropout is in two layers of the decoder. The paper's networks are deeper and have three.
- Batch norm takes the statistics of the training data when samples are drawn. The paper takes those of the test batch.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import softplus

from ganbench.config import Betas, Rate, Share, Size, TrainConfig, Weight
from ganbench.gan import Batch, DataSpec, Gan
from ganbench.layers import dcgan
from ganbench.layers.translation import PatchDiscriminator, UNet, check_pairs


class Config(TrainConfig):
    batch: Size = 1
    lr_g: Rate = 2e-4
    lr_d: Rate = 2e-4
    betas: Betas = (0.5, 0.999)
    l1: Weight = 100.0  # lambda
    gan: Weight = 1.0  # weight of the game in G's loss; 0: D is not trained
    dropout: Share = 0.5
    width: Size = 64  # channels at half the image's size


class Pix2Pix(Gan):
    G: UNet
    D: PatchDiscriminator

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        check_pairs(spec, "pix2pix")
        size = spec.shape[1]
        self.G = UNet(spec.cond[0], spec.shape[0], size, config.width, config.dropout)
        self.D = PatchDiscriminator(spec.cond[0] + spec.shape[0], size, config.width)
        self.apply(dcgan.initialise)

    def latent(self, n: int) -> Tensor:
        return torch.empty(n, 0, device=self.device)

    def generate(self, z: Tensor, y: Tensor | None = None, cond: Tensor | None = None) -> Tensor:
        assert cond is not None, "pix2pix draws from a condition"
        return self.G(cond)

    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        if not self.config.gan:
            return {}
        x, y = real.cond, real.x
        assert x is not None
        with torch.no_grad():
            fake = self.G(x)
        return {"loss": (softplus(-self.D(x, y)).mean() + softplus(self.D(x, fake)).mean()) / 2}

    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        x, y = real.cond, real.x
        assert x is not None
        made = self.G(x)
        L1 = (y - made).abs().mean()
        loss = self.config.l1 * L1
        if self.config.gan:
            loss = loss + self.config.gan * softplus(-self.D(x, made)).mean()
        return {"loss": loss, "L1": L1}
