"""IcGAN: Invertible Conditional GANs for image editing, Perarnau et al. 2016, arXiv:1611.06355.

A conditional GAN with encoders. Stage 1 trains the conditional GAN (Mirza & Osindero 2014) on images x with classes y:

    min_G max_D  E_x,y log D(x, y') + E_z,y' log(1 - D(G(z, y'), y'))

Stage 2 trains the encoders alone. E_z learns from generated images, because their z is known, and E_y from real images
(equations 3 and 4):

    L_ez = E_z,y |z - E_z(G(z, y))|^2,            L_ey = E_x,y  cross-entropy of y and E_y(x)

To edit an image, encode it, change the class, and draw: G(E_z(x), y'). `encode` gives E_z(x), and `classify` gives E_y(x).

Stage 1 has `images_gan` images. Networks: DCGAN's for images, perceptrons for points. The class joins G's input as one-hot,
and D's first layer as one more channel (or number) for each class, as in the paper (section 3.2).

Different from the paper:
- The classes exclude each other, so E_y has a cross-entropy. The paper has attributes and squared errors.
- Points get perceptrons.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss, softplus

from ganbench.config import Betas, Rate, Size, TrainConfig
from ganbench.gan import Batch, DataSpec, Gan, Unsupported, class_weights
from ganbench.layers.players import discriminator, generator


class Config(TrainConfig):
    batch: Size = 64
    lr_g: Rate = 2e-4
    lr_d: Rate = 2e-4
    betas: Betas = (0.5, 0.999)
    images_gan: Size = 5_000_000
    z: Size = 100
    width: Size = 64  # images: channels at half the image's size
    units: Size = 512  # points: units of each hidden layer


class Encoders(nn.Module):
    """Samples `[N, *shape]` to E_z, `[N, z]`, and the logits of E_y, `[N, classes]`."""

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__()
        self.z = discriminator(spec, config.width, config.units, outputs=config.z)
        self.y = discriminator(spec, config.width, config.units, outputs=spec.classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.z(x).reshape(len(x), -1), self.y(x).reshape(len(x), -1)


class IcGan(Gan):
    conditional = True
    seen: Tensor  # images that G or the encoders were trained on

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        if not spec.classes:
            raise Unsupported("IcGAN needs data with labels")
        seen = DataSpec((spec.shape[0] + spec.classes, *spec.shape[1:]))
        self.generator = generator(spec, config.z + spec.classes, config.width, config.units)
        self.D = discriminator(seen, config.width, config.units)
        self.encoders = Encoders(spec, config)
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))

    @property
    def stage(self) -> int:
        return int(int(self.seen) >= self.config.images_gan)

    @property
    def G(self) -> nn.Module:  # type: ignore[override]  # the player changes with the stage
        return self.encoders if self.stage else self.generator

    def _apply(self, fn: Any, recurse: bool = True) -> IcGan:
        seen = self.seen
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self.seen = seen  # the count stays on the CPU, so that reading it does not wait for the device
        return self

    def encode(self, x: Tensor) -> Tensor:
        z: Tensor = self.encoders(x)[0]
        return z

    def classify(self, x: Tensor) -> Tensor:
        """The logits `[N, classes]` of E_y for samples x `[N, *shape]`."""
        logits: Tensor = self.encoders(x)[1]
        return logits

    def generate(self, z: Tensor, y: Tensor | None = None, cond: Tensor | None = None) -> Tensor:
        c = class_weights(self.draw_classes(len(z)) if y is None else y, self.spec.classes)
        x: Tensor = self.generator(torch.cat([z, c], 1))
        return x

    def judge(self, x: Tensor, y: Tensor) -> Tensor:
        """D's logits `[N]` for samples x `[N, *shape]` with classes y `[N]`."""
        c = class_weights(y, self.spec.classes)
        beside = c.reshape(*c.shape, *[1] * (x.ndim - 2)).expand(-1, -1, *x.shape[2:])
        out: Tensor = self.D(torch.cat([x, beside], 1))
        return out

    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        if self.stage:
            return {}
        y = self.draw_classes(len(real.x))
        with torch.no_grad():
            fake = self.sample(len(y), y)
        return {"loss": softplus(-self.judge(real.x, real.y)).mean() + softplus(self.judge(fake, y)).mean()}

    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        y, stage = self.draw_classes(len(real.x)), self.stage
        self.seen += self.config.batch  # here and not after D's step, so that a step belongs to one stage
        if not stage:
            return {"loss": softplus(-self.judge(self.sample(len(y), y), y)).mean()}
        z = self.latent(len(y))
        with torch.no_grad():
            x = self.generate(z, y)
        L_ez = mse_loss(self.encode(x), z)
        labelled = real.y >= 0
        of_y = cross_entropy(self.classify(real.x), real.y, ignore_index=-1, reduction="sum")
        L_ey = of_y / labelled.sum().clamp(min=1)
        return {"loss": L_ez + L_ey, "L_ez": L_ez, "L_ey": L_ey}
