"""DiscoGAN: Learning to Discover Cross-Domain Relations with GANs, Kim et al. 2017, arXiv:1703.05192.

Images a of one domain and images b of another domain, and no pairs. Two GANs are coupled: G_AB and G_BA translate, and D_A
and D_B judge. Equations 1 to 7:

    a -> G_AB(a) -> G_BA(G_AB(a)),   L_const,a = d(G_BA(G_AB(a)), a),   L_gan,b = -E_a log D_B(G_AB(a)),    and the mirror image
    G descends  L_gan,a + L_gan,b + L_const,a + L_const,b
    D descends  -E_b log D_B(b) - E_a log(1 - D_B(G_AB(a)))   and likewise for D_A

d is the mean squared error. `constancy` weighs L_const against L_gan.

In `Batch`, `cond` is a, and `Batch.x` is b, another image. `generate` translates a to b.

Networks: G is an encoder and a decoder without skips, so nothing but a short code passes. D is DCGAN's.

Different from the paper:
- The code has `code` numbers. The paper's code is the last map of a deeper encoder.
- The authors' code also lets features of D match, and raises the weight of the GAN over time. The paper's text does not.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss, softplus

from ganbench.config import Betas, Rate, Size, TrainConfig, Weight
from ganbench.gan import Batch, DataSpec, Gan
from ganbench.layers import dcgan
from ganbench.layers.translation import check_pairs


class Config(TrainConfig):
    batch: Size = 200
    lr_g: Rate = 2e-4
    lr_d: Rate = 2e-4
    betas: Betas = (0.5, 0.999)
    constancy: Weight = 1.0
    code: Size = 100
    width: Size = 64  # channels at half the image's size


class DiscoGan(Gan):
    G: nn.ModuleDict
    D: nn.ModuleDict

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        check_pairs(spec, "DiscoGAN")
        of_a, of_b = DataSpec(spec.cond), DataSpec(spec.shape)

        def translator(source: DataSpec, target: DataSpec) -> nn.Sequential:
            return nn.Sequential(
                dcgan.Discriminator(config.width, source, outputs=config.code),
                nn.Unflatten(-1, (-1,)),
                dcgan.Generator(config.code, config.width, target),
            )

        self.G = nn.ModuleDict({"ab": translator(of_a, of_b), "ba": translator(of_b, of_a)})
        self.D = nn.ModuleDict(
            {"a": dcgan.Discriminator(config.width, of_a), "b": dcgan.Discriminator(config.width, of_b)}
        )

    def latent(self, n: int) -> Tensor:
        return torch.empty(n, 0, device=self.device)

    def generate(self, z: Tensor, y: Tensor | None = None, cond: Tensor | None = None) -> Tensor:
        assert cond is not None, "DiscoGAN draws from an image of the other domain"
        b: Tensor = self.G["ab"](cond)
        return b

    def translate_back(self, b: Tensor) -> Tensor:
        """Images `[N, *shape]` of the second domain as images `[N, *cond]` of the first domain."""
        a: Tensor = self.G["ba"](b)
        return a

    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        a, b = real.cond, real.x
        assert a is not None
        with torch.no_grad():
            made_a, made_b = self.translate_back(b), self.sample(len(a), cond=a)
        D_A, D_B = self.D["a"], self.D["b"]
        of_a = softplus(-D_A(a)).mean() + softplus(D_A(made_a)).mean()
        of_b = softplus(-D_B(b)).mean() + softplus(D_B(made_b)).mean()
        return {"loss": of_a + of_b}

    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        a, b = real.cond, real.x
        assert a is not None
        made_a, made_b = self.translate_back(b), self.sample(len(a), cond=a)
        games = softplus(-self.D["a"](made_a)).mean() + softplus(-self.D["b"](made_b)).mean()
        constancy = mse_loss(self.translate_back(made_b), a) + mse_loss(self.sample(len(b), cond=made_a), b)
        return {"loss": games + self.config.constancy * constancy, "L_const": constancy}
