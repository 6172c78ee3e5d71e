"""BigGAN: Large Scale GAN Training for High Fidelity Natural Image Synthesis, Brock et al. 2019, arXiv:1809.11096.

BigGAN has the game and the players of SAGAN: hinge loss, projection, conditional batch norm, self-attention, and spectral
norm in both players. The paper makes them larger and changes five points. Table 1 adds the five changes one by one. Each
change is a setting:
- `batch`: 2048 in place of 256.
- `width`: the paper's ch, the channels at full size: 96 in place of 64.
- `shared`: one embedding e(y) of the class serves all layers. Each batch norm has linear maps from e(y) to its gains and
  biases. Without `shared`, each batch norm has a table of gains and biases per class.
- `skip_z`: z is cut into equal chunks, for 128x128 images into six chunks of 20. The first chunk makes G's start. Each block
  gets one of the other chunks, beside the class.
- `ortho`: beta of the orthogonal regularisation, equation 3:  beta ||W^T W * (1 - I)||_F^2  over G's filters. 0 is none.

D takes two steps for one step of G (section 3, appendix C). G is sampled with the moving average of its weights. The
truncation trick (section 3.1) draws a number of z again if the number exceeds a threshold. `ganbench sample` has this trick
for every GAN.

The regularisation leaves out e, as the authors' code does. The maps from e(y) to gains and biases have no constant term,
start orthogonal and are spectrally normalised, as in the authors' code. The attention layer is also the authors' code's
(`ganbench/layers/attention.py`). The label of a real sample enters D's projection and nothing else. A sample without a label
(-1) is judged without the projection. The classes of generated samples are drawn evenly.

Different from the paper:
- The sizes follow ganbench's rule of halving. D halves to the smallest size and has one more block at this size. The
  authors' D for 32x32 images stays at 8x8.
- Without `shared`, the tables of gains and biases are spectrally normalised too. The tables of the authors' code are not.
- Attention is at the finest resolution that is at most `attention` and below the image's own. The paper's 128x128 networks
  have attention at 64x64. The authors' script for small images has no attention.
- The gradient of equation 3 is twice the gradient that the authors' code adds. Their script for small images has no
  regularisation.
- Small images get the settings of the large ones by default. The authors' script for small images has weights from
  N(0, 0.02^2), four steps of D, and a rate of 0.0002 for both players. On 8x8 digits all this together multiplies FID by 1.46
  (results/deviations).
- The moving average starts with a shorter memory (`ganbench/training/average.py`). The authors' code starts the average
  late.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from ganbench.config import Betas, Decay, Rate, Size, TrainConfig, Weight
from ganbench.gan import Batch, DataSpec, Gan, Unsupported, class_weights
from ganbench.layers import dcgan, resnet


class Config(TrainConfig):
    batch: Size = 2048
    n_critic: Size = 2
    lr_g: Rate = 5e-5
    lr_d: Rate = 2e-4
    betas: Betas = (0.0, 0.999)
    ema: Decay | None = 0.9999
    width: Size = 96
    shared: bool = True
    skip_z: bool = True
    ortho: Weight = 1e-4
    z: Size = 120
    embedding: Size = 128  # size of e(y)
    attention: Size = 64


class Generator(nn.Module):
    """Noise `[N, z]` and classes `[N]` to images `[N, C, S, S]` in [-1, 1]."""

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__()
        dcgan.check(spec)
        levels = len(dcgan.halvings(spec.shape[1]))
        chunk = config.z // levels if config.skip_z else 0
        self.chunks = [config.z - (levels - 1) * chunk, *[chunk] * (levels - 1)]  # for the start, for each block
        self.classes = spec.classes
        self.embed = nn.Embedding(spec.classes, config.embedding) if config.shared else None
        self.net = resnet.Generator(
            spec,
            self.chunks[0],
            resnet.doubling(config.width, levels)[::-1],
            (config.embedding if config.shared else spec.classes) + chunk,
            resnet.attention_size(spec.shape[1], config.attention),
            resnet.projection,
        )

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        c = class_weights(y, self.classes)
        e = c if self.embed is None else c @ self.embed.weight
        start, *chunks = z.split(self.chunks, 1)
        out: Tensor = self.net(start, [torch.cat([e, chunk], 1) for chunk in chunks])
        return out


class BigGan(Gan):
    G: Generator
    conditional = True

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        if not spec.classes:
            raise Unsupported("BigGAN is class-conditional, this data has no classes")
        self.G = Generator(spec, config)
        sizes = dcgan.halvings(spec.shape[1])
        widths = resnet.doubling(config.width, len(sizes))
        at = resnet.attention_size(spec.shape[1], config.attention)
        self.D = resnet.ProjectionDiscriminator(spec, widths, [*sizes[1:], sizes[-1]], at)
        resnet.initialise(self, nn.init.orthogonal_)
        resnet.normalise_spectrally(self.G.net)
        resnet.normalise_spectrally(self.D)

    def generate(self, z: Tensor, y: Tensor | None = None, cond: Tensor | None = None) -> Tensor:
        out: Tensor = self.G(z, self.draw_classes(len(z)) if y is None else y)
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
        adversarial = -self.D(self.sample(len(real.x), y), y).mean()
        if not self.config.ortho:
            return {"loss": adversarial}
        penalty = self.correlation()
        return {"loss": adversarial + self.config.ortho * penalty, "ortho": penalty}

    def correlation(self) -> Tensor:
        """Sum over G's weight matrices of the squared inner products of different filters: ||W^T W * (1 - I)||_F^2."""
        total = torch.zeros((), device=self.device)
        for w in self.G.net.parameters():
            if w.ndim > 1:
                products = w.flatten(1) @ w.flatten(1).T  # a filter is a row in torch, a column in the paper
                total = total + products.square().sum() - products.diagonal().square().sum()
        return total
