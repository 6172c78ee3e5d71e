"""Conditional Image Synthesis with Auxiliary Classifier GANs, Odena et al. 2016, arXiv:1610.09585.

D says whether a sample is real (S) and of which class it is (C); G(c, z) is told the class. Section 3:

    L_S = E log P(S = real | X_real) + E log P(S = fake | X_fake)
    L_C = E log P(C = c | X_real) + E log P(C = c | X_fake)

D ascends L_S + L_C and G ascends L_C - L_S. Where D rejects confidently, the term of L_S that G descends saturates, so
G ascends log P(S = real | X_fake) in its place (Goodfellow et al. 2014, section 3).

Labels of real samples reach the term of L_C that belongs to them and nothing else: generated classes are drawn evenly, and
an unlabelled sample (-1) only counts in L_S.

Ours: DCGAN's networks for images, without the paper's dropout and activation noise, and perceptrons for points. c is
one-hot, beside z.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, softplus

from ganbench.config import TrainConfig
from ganbench.gan import Batch, DataSpec, Gan, Unsupported, class_weights
from ganbench.layers.players import discriminator, generator


class Config(TrainConfig):
    batch: int = 100
    lr_g: float = 2e-4
    lr_d: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    z: int = 100
    width: int = 64  # images: channels at half the image's size
    units: int = 512  # points: units of each hidden layer


class AuxiliaryClassifierGan(Gan):
    conditional = True

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        if spec.classes == 0:
            raise Unsupported("an auxiliary classifier needs data with labels")
        self.G = generator(spec, config.z + spec.classes, config.width, config.units)
        self.D = discriminator(spec, config.width, config.units, outputs=1 + spec.classes)

    def source_and_class(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The logit `[N]` of P(S = real | x) and the logits `[N, classes]` of P(C | x)."""
        out = self.D(x)
        return out[:, 0], out[:, 1:]

    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        c = self.draw_classes(len(real.x))
        with torch.no_grad():
            fake = self.sample(len(c), c)
        real_source, real_class = self.source_and_class(real.x)
        fake_source, fake_class = self.source_and_class(fake)
        labelled = real.y >= 0
        log_p_real = -cross_entropy(real_class, real.y, ignore_index=-1, reduction="sum") / labelled.sum().clamp(min=1)
        L_S = -softplus(-real_source).mean() - softplus(fake_source).mean()
        L_C = log_p_real - cross_entropy(fake_class, c)
        return {"loss": -(L_S + L_C), "L_S": L_S, "L_C": L_C}

    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        c = self.draw_classes(len(real.x))
        source, classes = self.source_and_class(self.sample(len(c), c))
        return {"loss": softplus(-source).mean() + cross_entropy(classes, c)}

    def generate(self, z: Tensor, y: Tensor | None = None, cond: Tensor | None = None) -> Tensor:
        c = self.draw_classes(len(z)) if y is None else y
        x: Tensor = self.G(torch.cat([class_weights(c, self.spec.classes), z], 1))
        return x
