"""WGAN-GP: Improved Training of Wasserstein GANs, Gulrajani et al. 2017, arXiv:1704.00028.

The critic is that of Wasserstein GAN. A penalty replaces the clipped weights and holds the critic's slope near 1
(equation 3):

    L = E_z D(G(z)) - E_x D(x) + lambda E_x^ (||grad_x^ D(x^)||_2 - 1)^2,    x^ = epsilon x + (1 - epsilon) G(z)

Each pair of samples has one epsilon ~ U[0, 1]. The norm is over all axes of a sample. The generator descends -E_z D(G(z)).
This is algorithm 1, with its values: lambda = 10, n_critic = 5, Adam at 0.0001 with beta_1 = 0, beta_2 = 0.9. The penalty is
per sample, so the critic has no batch norm (section 4).

Networks: DCGAN's for images. ReLU networks with four layers of 512 units for points. The critic starts from He's weights, as
in the authors' code. MNIST, one run of 60 s each: FID 7.9 with He's weights, 11.7 with DCGAN's small weights.

Different from the paper:
- The networks are DCGAN's. The paper's main networks are residual. The authors' code for MNIST (gan_mnist.py) has 5x5 kernels
  and no batch norm in G. G starts from DCGAN's weights, and gan_mnist.py starts G from He's.
  On 8x8 digits He's weights without batch norm multiply FID by 1.37 (results/deviations).
- The settings are those of algorithm 1. gan_mnist.py has Adam's betas (0.5, 0.9) and a batch of 50.
- A step of G has as many samples as a step of the critic. The authors' code for CIFAR-10 takes twice as many
  in a step of G.
- Points get four layers. The authors' code has three.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganbench.config import Betas, Rate, Size, TrainConfig, Weight
from ganbench.gan import Batch, DataSpec, Gan
from ganbench.layers.dcgan import he
from ganbench.layers.players import discriminator, generator
from ganbench.layers.slope import slope


class Config(TrainConfig):
    batch: Size = 64
    n_critic: Size = 5
    lr_g: Rate = 1e-4
    lr_d: Rate = 1e-4
    betas: Betas = (0.0, 0.9)
    gp: Weight = 10.0  # lambda
    z: Size = 128
    width: Size = 64  # images: channels at half the image's size
    units: Size = 512  # points: units of each hidden layer


class WganGp(Gan):
    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        self.G = generator(spec, config.z, config.width, config.units)
        self.D = discriminator(spec, config.width, config.units, norm=False, fill=he)

    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        x = real.x
        with torch.no_grad():
            fake = self.sample(len(x))
        epsilon = torch.rand(len(x), *[1] * (x.ndim - 1), device=x.device)
        penalty = (slope(self.D, epsilon * x + (1 - epsilon) * fake) - 1).square().mean()
        distance = self.D(x).mean() - self.D(fake).mean()
        return {"loss": -distance + self.config.gp * penalty, "W": distance.detach(), "penalty": penalty.detach()}

    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        return {"loss": -self.D(self.sample(len(real.x))).mean()}
