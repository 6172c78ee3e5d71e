"""CoGAN: Coupled Generative Adversarial Networks, Liu & Tuzel 2016, arXiv:1606.07536.

A GAN per domain, coupled by shared weights, learns a joint distribution without pairs. G_1 and G_2 share their first layers:
these layers decide what is drawn. The last layer of each domain decides how it is drawn. So the same z gives a pair. D_1 and
D_2 share their last layers. The value is the sum of the games (equation 3):

    V = sum over domains k of   E_{x ~ p_k} log D_k(x) + E_z log(1 - D_k(G_k(z)))

The label of a sample is its domain. So `generate(z, y)` with one z and each y is a tuple of corresponding samples. Samples
of different domains are never compared with each other. A sample without a label (-1) has no domain and no part in the game.

Networks: DCGAN's for images, perceptrons for points. Each domain has the last layer of G and the first layer of D for itself.

Different from the paper:
- Any number of domains. The paper has two.
- G ascends log D_k(G_k(z)), the non-saturating form.
- The networks are DCGAN's, without batch norm in D.
- Points get perceptrons.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ganbench.config import Betas, Rate, Size, TrainConfig
from ganbench.gan import Batch, DataSpec, Gan, Unsupported, class_weights
from ganbench.layers import dcgan
from ganbench.layers.players import discriminator, generator


class Config(TrainConfig):
    batch: Size = 128
    lr_g: Rate = 2e-4
    lr_d: Rate = 2e-4
    betas: Betas = (0.5, 0.999)
    z: Size = 100
    width: Size = 64  # images: channels at half the image's size
    units: Size = 512  # points: units of each hidden layer


def layers(network: nn.Module) -> list[nn.Module]:
    """The layers of a network of `players`, in their order."""
    inner = network.net if isinstance(network, dcgan.Generator) else network
    return [inner] if not isinstance(inner, nn.Sequential) else [layer for part in inner for layer in layers(part)]


class CoupledGenerator(nn.Module):
    """Noise `[N, z]` and weights of the domains `[N, K]` to samples `[N, *shape]`."""

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__()
        made = [layers(generator(spec, config.z, config.width, config.units)) for _ in range(spec.classes)]
        last = 2 if spec.is_image else 1  # of an image: the convolution and its tanh
        self.shared = nn.Sequential(*made[0][:-last])
        self.own = nn.ModuleList(nn.Sequential(*each[-last:]) for each in made)

    def forward(self, z: Tensor, domains: Tensor) -> Tensor:
        h = self.shared(z)
        return torch.einsum("kn...,nk->n...", torch.stack([own(h) for own in self.own]), domains)


class CoupledDiscriminator(nn.Module):
    """Samples `[N, *shape]` and their domains int64 `[N]` to the logits `[N]` of "real"."""

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__()
        made: list[Any] = [discriminator(spec, config.width, config.units, norm=False) for _ in range(spec.classes)]
        self.own = nn.ModuleList(nn.Sequential(*layers(each.body)[:2]) for each in made)
        self.shared = nn.Sequential(*layers(made[0].body)[2:], made[0].head)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        h = torch.stack([own(x) for own in self.own])[y, torch.arange(len(x), device=x.device)]
        out: Tensor = self.shared(h)
        return out


class CoupledGan(Gan):
    G: CoupledGenerator
    D: CoupledDiscriminator
    conditional = True

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        if not spec.classes:
            raise Unsupported("CoGAN needs data whose labels are domains")
        self.G = CoupledGenerator(spec, config)
        self.D = CoupledDiscriminator(spec, config)

    def generate(self, z: Tensor, y: Tensor | None = None, cond: Tensor | None = None) -> Tensor:
        domains = class_weights(self.draw_classes(len(z)) if y is None else y, self.spec.classes)
        x: Tensor = self.G(z, domains)
        return x

    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        y, labelled = self.draw_classes(len(real.x)), real.y >= 0
        with torch.no_grad():
            fake = self.sample(len(y), y)
        of_real = softplus(-self.D(real.x, real.y.clamp(min=0))) * labelled
        return {"loss": of_real.sum() / labelled.sum().clamp(min=1) + softplus(self.D(fake, y)).mean()}

    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        y = self.draw_classes(len(real.x))
        return {"loss": softplus(-self.D(self.sample(len(y), y), y)).mean()}
