"""SAGAN: Self-Attention Generative Adversarial Networks, Zhang et al. 2019, arXiv:1805.08318.

Both players look at the whole image at once through a self-attention layer, equations 1 to 3, which is in
`ganbench/layers/attention.py`. Both are spectrally normalised (section 4.1), and D learns four times as fast as G
("TTUR", section 4.2), one step each. The hinge game with classes, equation 4:
D minimises E_x,y max(0, 1 - D(x, y)) + E_z,y max(0, 1 + D(G(z, y), y)), G minimises -E_z,y D(G(z, y), y).

The class y enters G by conditional batch norm and D by projection (section 5). Real labels reach that projection alone,
which unlabelled samples (-1) do without; generated classes are drawn evenly.

The players are residual, of `width` channels at full size, doubled at each halving, at most 16 times. D halves to the
smallest size and has one more block there. The paper's images are of 128x128 and its best attention sits at 32x32: here
at the finest resolution up to `attention` below the image's own. Weights start from Glorot's uniform distribution.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from ganbench.config import TrainConfig
from ganbench.gan import Batch, DataSpec, Gan, Unsupported, class_weights
from ganbench.layers import dcgan, resnet


class Config(TrainConfig):
    batch: int = 256
    lr_g: float = 1e-4
    lr_d: float = 4e-4
    betas: tuple[float, float] = (0.0, 0.9)
    z: int = 128
    width: int = 64
    attention: int = 32


class Sagan(Gan):
    G: resnet.Generator
    conditional = True

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        dcgan.check(spec)
        if not spec.classes:
            raise Unsupported("SAGAN is class-conditional, this data has no classes")
        sizes = dcgan.halvings(spec.shape[1])
        widths = resnet.doubling(config.width, len(sizes))
        at = resnet.attention_size(spec.shape[1], config.attention)
        self.G = resnet.Generator(spec, config.z, widths[::-1], spec.classes, at)
        self.D = resnet.ProjectionDiscriminator(spec, widths, [*sizes[1:], sizes[-1]], at)
        resnet.initialise(self, nn.init.xavier_uniform_)
        resnet.normalise_spectrally(self)

    def generate(self, z: Tensor, y: Tensor | None = None, cond: Tensor | None = None) -> Tensor:
        c = class_weights(self.draw_classes(len(z)) if y is None else y, self.spec.classes)
        out: Tensor = self.G(z, [c] * len(self.G.blocks))
        return out

    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        y = self.draw_classes(len(real.x))
        with torch.no_grad():
            fake = self.sample(len(real.x), y)
        d_real, d_fake = self.D(torch.cat([real.x, fake]), torch.cat([real.y, y])).chunk(2)
        return {
            "loss": relu(1 - d_real).mean() + relu(1 + d_fake).mean(),
            "D(x)": d_real.mean(),
            "D(G(z))": d_fake.mean(),
        }

    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        y = self.draw_classes(len(real.x))
        return {"loss": -self.D(self.sample(len(real.x), y), y).mean()}
