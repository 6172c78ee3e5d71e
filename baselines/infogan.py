"""InfoGAN: Interpretable Representation Learning by Information Maximizing GANs, Chen et al. 2016, arXiv:1606.03657.

G's input has two parts: noise z, and a code c that is to mean something. Q(c|x) reads the code from a sample. The mutual
information of c and G(z, c) is at least (equation 5, with the entropy of c left out, because it is constant):

    L_I(G, Q) = E_c,z log Q(c | G(z, c))

    min_{G, Q} max_D  V(D, G) - lambda L_I(G, Q)                 (equation 6)

V is the value of the game of Goodfellow et al. 2014. Nobody tells the GAN the classes: the code finds them.

The code has `categories` in one category, drawn evenly, and `continuous` numbers, uniform in [-1, 1]. Q(c|x) is a softmax for
the category, and a normal distribution with a mean and a variance for each number. Q shares all layers of D but the last one.

Q learns in D's step and in G's step: the bound L_I is in both losses, as in the authors' code. In D's step the samples are
fixed. The gradient of G's game passes through D to G, and D takes no step along it.

Networks: DCGAN's for images, perceptrons for points. D's first output is the logit of "real". G's input is the noise, the
category as one-hot, and the continuous code, in this order.

Different from the paper:
- G ascends log D(G(z, c)), the non-saturating form.
- The networks are DCGAN's. Q has no hidden layer of its own.
- Points get perceptrons.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import cross_entropy, gaussian_nll_loss, one_hot, softplus

from ganbench.config import Betas, Rate, Size, TrainConfig, Weight
from ganbench.gan import Batch, DataSpec, Gan
from ganbench.layers.players import discriminator, generator


class Config(TrainConfig):
    batch: Size = 128
    lr_g: Rate = 1e-3
    lr_d: Rate = 2e-4
    betas: Betas = (0.5, 0.999)
    z: Size = Field(62, description="numbers of noise, beside the code")
    categories: Size = 10
    continuous: int = Field(2, ge=0, description="numbers of the code beside the category")
    weight: Weight = Field(1.0, description="lambda of the category")
    weight_continuous: Weight = Field(0.1, description="lambda of the continuous code")
    width: Size = 64  # images: channels at half the image's size
    units: Size = 512  # points: units of each hidden layer


class InfoGan(Gan):
    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        size = config.z + config.categories + config.continuous
        self.G = generator(spec, size, config.width, config.units)
        self.D = discriminator(spec, config.width, config.units, 1 + config.categories + 2 * config.continuous)

    def latent(self, n: int) -> Tensor:
        category = one_hot(torch.randint(self.config.categories, (n,), device=self.device), self.config.categories)
        c = 2 * torch.rand(n, self.config.continuous, device=self.device) - 1
        return torch.cat([torch.randn(n, self.config.z, device=self.device), category, c], 1)

    def parts(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """D's logit `[N]`, Q's logits `[N, categories]`, and Q's means and log variances `[N, continuous]`."""
        out = self.D(x)
        k, r = self.config.categories, self.config.continuous
        logit, categories, mean, log_variance = out.split([1, k, r, r], 1)
        return logit[:, 0], categories, mean, log_variance

    def information(self, z: Tensor, categories: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
        """lambda L_I of the samples of inputs z `[N, ...]`, whose codes Q reads as given."""
        _, category, c = z.split([self.config.z, self.config.categories, self.config.continuous], 1)
        L_I = -self.config.weight * cross_entropy(categories, category)
        if self.config.continuous:
            nll = gaussian_nll_loss(mean, c, log_variance.exp(), full=True, reduction="none").sum(1).mean()
            L_I = L_I - self.config.weight_continuous * nll
        return L_I

    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        z = self.latent(len(real.x))
        with torch.no_grad():
            fake = self.generate(z)
        d_fake, *code = self.parts(fake)
        L_I = self.information(z, *code)
        return {"loss": softplus(-self.parts(real.x)[0]).mean() + softplus(d_fake).mean() - L_I, "L_I": L_I}

    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        z = self.latent(len(real.x))
        d_fake, *code = self.parts(self.generate(z))
        return {"loss": softplus(-d_fake).mean() - self.information(z, *code)}

    def discriminate(self, x: Tensor) -> Tensor:
        return self.parts(x)[0].sigmoid()
