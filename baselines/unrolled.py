"""Unrolled GAN: Unrolled Generative Adversarial Networks, Metz et al. 2016, arXiv:1611.02163.

G looks ahead. G descends the value of the game after D has answered with K steps of its optimiser (section 2.2):

    theta_D^0 = theta_D,    theta_D^{k+1} = theta_D^k + eta df(theta_G, theta_D^k) / dtheta_D^k
    f_K(theta_G, theta_D) = f(theta_G, theta_D^K(theta_G, theta_D))
    f = E_x log D(x) + E_z log(1 - D(G(z)))

The gradient goes through the K steps, because D's answers depend on G. D itself takes one plain step, as in every GAN. K = 0
is the minimax game of Goodfellow et al. 2014. As in the paper, all K steps use the minibatch of G's own step (section 3). The
K steps are steps of Adam. They continue from the moments that D's Adam has reached.

Points: networks and settings are those of the authors' published demo on the ring of 8 Gaussians. Images: DCGAN's networks.

Different from the paper:
- Images get DCGAN's networks. The paper's networks are smaller.
- Adam's epsilon is under the root, because there the derivative exists at 0 too.
- The K steps keep the rate `lr_d` when `schedule: linear` lowers the rate of D's own step.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import softplus

from ganbench.config import Betas, Rate, Size, TrainConfig
from ganbench.gan import Batch, DataSpec, Gan
from ganbench.layers import dcgan

EPSILON = 1e-8  # Adam's


class Config(TrainConfig):
    batch: Size = 512
    optimiser: Literal["adam"] = "adam"
    lr_g: Rate = 1e-3
    lr_d: Rate = 1e-4
    betas: Betas = (0.5, 0.999)
    unroll: int = Field(5, ge=0, description="K")
    z: Size = 256
    width: Size = 64  # images: channels at half the image's size
    units: Size = 128  # points: units of each of the two hidden layers


def perceptron(sizes: list[int]) -> nn.Sequential:
    """Linear layers with orthogonal weights, and tanh between them: `[N, sizes[0]]` to `[N, sizes[-1]]`."""
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(sizes):
        linear = nn.Linear(fan_in, fan_out)
        nn.init.orthogonal_(linear.weight, 1.4)
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.Tanh()]
    return nn.Sequential(*layers[:-1])


def vector(tensors: Iterable[Tensor]) -> Tensor:
    """Tensors as one vector `[P]`. The layout in memory does not matter."""
    return torch.cat([t.flatten() for t in tensors])


class UnrolledGan(Gan):
    m: Tensor  # [P] Adam's first moment for D's P parameters
    v: Tensor  # [P] Adam's second moment
    t: Tensor  # [] steps that D took

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        if spec.is_image:
            self.G = dcgan.Generator(config.z, config.width, spec)
            self.D = dcgan.Discriminator(config.width, spec)
        else:
            hidden = [config.units] * 2
            self.G = perceptron([config.z, *hidden, *spec.shape])
            self.D = nn.Sequential(perceptron([*spec.shape, *hidden, 1]), nn.Flatten(0))
        theta = vector(self.D.parameters())
        self.register_buffer("m", torch.zeros_like(theta))
        self.register_buffer("v", torch.zeros_like(theta))
        self.register_buffer("t", torch.zeros((), dtype=torch.int64))

    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        with torch.no_grad():
            fake = self.sample(len(real.x))
        return {"loss": -value(self.D(real.x), self.D(fake))}

    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        x, fake = real.x, self.sample(len(real.x))
        theta = vector(self.D.parameters())
        m, v, t = self.m, self.v, self.t
        for _ in range(self.config.unroll):
            (gradient,) = torch.autograd.grad(-self.f(theta, x, fake), theta, create_graph=True)
            theta, m, v, t = self.adam(theta, gradient, m, v, t)
        return {"loss": self.f(theta, x, fake)}

    def discriminate(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.D(x))

    def f(self, theta: Tensor, x: Tensor, fake: Tensor) -> Tensor:
        """The value of the game, a scalar, for a D with the parameters `theta` `[P]`. D keeps its own parameters."""
        parameters = dict(self.D.named_parameters())
        parts = theta.split([w.numel() for w in parameters.values()])
        state = {name: part.view_as(w) for (name, w), part in zip(parameters.items(), parts, strict=True)}
        state |= {name: b.clone() for name, b in self.D.named_buffers()}  # batch norm writes into these copies
        return value(functional_call(self.D, state, (x,)), functional_call(self.D, state, (fake,)))

    def adam(
        self, theta: Tensor, gradient: Tensor, m: Tensor, v: Tensor, t: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """One step of Adam (Kingma and Ba 2014, arXiv:1412.6980, algorithm 1). The step can be differentiated."""
        beta_1, beta_2 = self.config.betas
        t = t + 1
        m = beta_1 * m + (1 - beta_1) * gradient
        v = beta_2 * v + (1 - beta_2) * gradient.square()
        step = m / (1 - beta_1**t) / (v / (1 - beta_2**t) + EPSILON**2).sqrt()
        return theta - self.config.lr_d * step, m, v, t

    @torch.no_grad()
    def after_d_step(self, losses: dict[str, Tensor]) -> None:
        """Follow the moments of D's Adam. The gradients are those that D's step has left."""
        theta = vector(self.D.parameters())
        gradient = vector(w.grad for w in self.D.parameters() if w.grad is not None)
        _, m, v, t = self.adam(theta, gradient, self.m, self.v, self.t)
        self.m.copy_(m)
        self.v.copy_(v)
        self.t.copy_(t)


def value(real_logit: Tensor, fake_logit: Tensor) -> Tensor:
    """E log D(x) + E log(1 - D(G(z))), for logits `[N]`."""
    return -softplus(-real_logit).mean() - softplus(fake_logit).mean()
