"""SAGAN: Self-Attention Generative Adversarial Networks, Zhang et al. 2019, arXiv:1805.08318.

A self-attention layer lets both players look at the whole image at once. Its equations 1 to 3 are in
`ganbench/layers/attention.py`. Both players are spectrally normalised (section 4.1). D learns four times as fast as G
("TTUR", section 4.2), and each player takes one step in turn. The game is the hinge game with classes, equation 4:
D minimises E_x,y max(0, 1 - D(x, y)) + E_z,y max(0, 1 + D(G(z, y), y)), G minimises -E_z,y D(G(z, y), y).

The class y enters G by conditional batch norm, and D by projection (section 5). The label of a real sample enters this
projection and nothing else. A sample without a label (-1) is judged without the projection. The classes of generated samples
are drawn evenly.

Networks: the players are residual. They have `width` channels at full size, doubled at each halving, at most 16 times
`width`. D halves to the smallest size and has one more block at this size. Weights start from Glorot's uniform distribution,
as in the authors' code.

Different from the paper:
- The attention layer is that of the authors' code: C/2 channels in h, keys and values pooled by 2. The paper's text has C/8
  channels and no pooling. The published scores are those of the code.
- Adam's beta_2 is 0.9, as in the paper. The authors' code leaves it at 0.999.
- D's power iteration also runs in G's steps. The authors' code runs it on real images alone.
- Other sizes than 128x128 follow ganbench's rule of halving. Attention is at the finest resolution that is at most
  `attention` and below the image's own. The paper's best attention for 128x128 is at 32x32.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from ganbench.config import Betas, Rate, Size, TrainConfig
from ganbench.gan import Batch, DataSpec, Gan, Unsupported, class_weights
from ganbench.layers import dcgan, resnet


class Config(TrainConfig):
    batch: Size = 256
    lr_g: Rate = 1e-4
    lr_d: Rate = 4e-4
    betas: Betas = (0.0, 0.9)
    z: Size = 128
    width: Size = 64
    attention: Size = 32


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
