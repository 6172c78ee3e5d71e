"""AC-GAN: Conditional Image Synthesis with Auxiliary Classifier GANs, Odena et al. 2016, arXiv:1610.09585.

D answers two questions about a sample: is the sample real (S), and what is its class (C)? G(c, z) gets the class c as an
input. Section 3:

    L_S = E log P(S = real | X_real) + E log P(S = fake | X_fake)
    L_C = E log P(C = c | X_real) + E log P(C = c | X_fake)

D ascends L_S + L_C. G ascends L_C - L_S.

The label of a real sample enters L_C and nothing else. The classes of generated samples are drawn evenly. A sample without
a label (-1) enters L_S alone.

Networks: DCGAN's for images, perceptrons for points. G's input is the one-hot c, followed by z. D's first output is the
logit of P(S = real). D's other outputs are the logits of C.

Different from the paper:
- G ascends log P(S = real | X_fake), the non-saturating form (Goodfellow et al. 2014, section 3). The paper's G descends
  log P(S = fake | X_fake). This term saturates where D is sure.
- The networks are DCGAN's. They have neither the paper's dropout nor its activation noise.
- Points get perceptrons.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, softplus

from ganbench.config import Betas, Rate, Size, TrainConfig
from ganbench.gan import Batch, DataSpec, Gan, Unsupported, class_weights
from ganbench.layers.players import discriminator, generator


class Config(TrainConfig):
    batch: Size = 100
    lr_g: Rate = 2e-4
    lr_d: Rate = 2e-4
    betas: Betas = (0.5, 0.999)
    z: Size = 100
    width: Size = 64  # images: channels at half the image's size
    units: Size = 512  # points: units of each hidden layer


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
