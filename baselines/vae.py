"""VAE: Auto-Encoding Variational Bayes, Kingma and Welling 2013, arXiv:1312.6114. No GAN, but a reference for GANs.

G is the decoder p(x|z). D is the encoder q(z|x) = N(mu(x), sigma(x)^2). Both ascend the lower bound on log p(x)
(equation 10, with L = 1):

    ELBO = 1/2 sum_j (1 + log sigma_j^2 - mu_j^2 - sigma_j^2)  +  log p(x | z),    z = mu + sigma epsilon, epsilon ~ N(0, I)

The prior is z ~ N(0, I).

Images: p(x|z) is Bernoulli for each channel of a pixel, on intensities in [0, 1]. A sample is the mean of p(x|z), as is
usual, so a sample is smoother than a draw. Points: p(x|z) is Gaussian, and all coordinates have one trained standard
deviation. A sample is a draw from p(x|z).

Different from the paper:
- D and G take their steps in turn on the same batch, D first. The paper takes one step for both.
- The networks are DCGAN's for images and perceptrons for points, so that the VAE compares with the GANs. The paper has one
  hidden layer of tanh units.
- The optimiser is Adam. The paper has Adagrad.
- The paper has no points. They are not scaled, and one standard deviation serves all coordinates.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.distributions import Normal
from torch.nn.functional import binary_cross_entropy_with_logits

from ganbench.config import Betas, Rate, Size, TrainConfig
from ganbench.gan import Batch, DataSpec, Gan
from ganbench.layers import dcgan, players


class Config(TrainConfig):
    batch: Size = 100
    lr_g: Rate = 1e-3
    lr_d: Rate = 1e-3
    betas: Betas = (0.9, 0.999)
    z: Size = 20
    width: Size = 64  # images: channels at half the image's size
    units: Size = 512  # points: units of each hidden layer


START = 0.1  # first standard deviation of points; with a large one G would learn to ignore z


class BernoulliDecoder(nn.Module):
    """Latents `[N, z]` to the mean images `[N, *shape]` of p(x|z), in [-1, 1]."""

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__()
        self.logit = dcgan.Generator(config.z, config.width, spec).net[:-1]  # without its tanh

    def forward(self, z: Tensor) -> Tensor:
        return 2 * torch.sigmoid(self.logit(z)) - 1

    def log_p(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x|z) `[N]` in nats, for images x `[N, *shape]` in [-1, 1]."""
        return -binary_cross_entropy_with_logits(self.logit(z), (x + 1) / 2, reduction="none").flatten(1).sum(1)


class GaussianDecoder(nn.Module):
    """Latents `[N, z]` to points `[N, *shape]`, drawn from p(x|z)."""

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__()
        self.mean = players.generator(spec, config.z, config.width, config.units)
        self.log_sd = nn.Parameter(torch.tensor(START).log())

    def forward(self, z: Tensor) -> Tensor:
        mean: Tensor = self.mean(z)
        return mean + self.log_sd.exp() * torch.randn_like(mean)

    def log_p(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x|z) `[N]` in nats, for points x `[N, *shape]`."""
        log_p: Tensor = Normal(self.mean(z), self.log_sd.exp()).log_prob(x)
        return log_p.sum(1)


class Vae(Gan):
    G: BernoulliDecoder | GaussianDecoder

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        self.G = BernoulliDecoder(spec, config) if spec.is_image else GaussianDecoder(spec, config)
        self.D = players.discriminator(spec, config.width, config.units, outputs=2 * config.z)

    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        return self.minus_elbo(real.x)

    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        return self.minus_elbo(real.x)

    def minus_elbo(self, x: Tensor) -> dict[str, Tensor]:
        mu, log_variance = self.D(x).chunk(2, 1)
        z = mu + (log_variance / 2).exp() * torch.randn_like(mu)
        kl = kl_from_prior(mu, log_variance).mean()
        log_p = self.G.log_p(x, z).mean()
        return {"loss": kl - log_p, "KL": kl, "log p(x|z)": log_p}


def kl_from_prior(mu: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mu, sigma^2) || N(0, I)) `[N]` in nats, for mu and log sigma^2 `[N, z]` (appendix B)."""
    return -(1 + log_variance - mu.square() - log_variance.exp()).sum(1) / 2
