"""BigGAN: Large Scale GAN Training for High Fidelity Natural Image Synthesis, Brock et al. 2019, arXiv:1809.11096.

SAGAN's game and players (hinge loss, projection, conditional batch norm, self-attention, spectral norm in both), made
larger and changed in five ways. Table 1 adds them one by one, and each is a setting here:
- `batch`: 2048 instead of 256;
- `width`: the paper's ch, the channels at full size, 96 instead of 64;
- `shared`: one embedding e(y) of the class serves all layers, which project it linearly to the gains and biases of
  their batch norm, in place of a table of gains and biases per layer;
- `skip_z`: z is cut into equal chunks, one for the start and one for each block, where it joins the condition;
- `ortho`: beta of the orthogonal regularisation, equation 3,  beta ||W^T W * (1 - I)||_F^2  over G's filters; 0 is none.

G is sampled with the moving average of its weights, and D makes two steps for one of G's (section 3, appendix C). The
truncation trick (section 3.1) draws z again where it exceeds a threshold: `ganbench sample` does it, for any GAN.

The paper's 128x128 has six chunks of 20 and attention at 64x64. Here attention sits at the finest resolution up to that
below the image's own, and D halves to the smallest size with one more block there. The regularisation sees G's weight
matrices without e. Batch norm is that of one device. Real labels reach D's projection alone, which unlabelled samples
(-1) do without; generated classes are drawn evenly.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from ganbench.config import TrainConfig
from ganbench.gan import Batch, DataSpec, Gan, Unsupported, class_weights
from ganbench.layers import dcgan, resnet


class Config(TrainConfig):
    batch: int = 2048
    n_critic: int = 2
    lr_g: float = 5e-5
    lr_d: float = 2e-4
    betas: tuple[float, float] = (0.0, 0.999)
    ema: float | None = 0.9999
    width: int = 96
    shared: bool = True
    skip_z: bool = True
    ortho: float = 1e-4
    z: int = 120
    embedding: int = 128  # numbers of e(y)
    attention: int = 64


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
