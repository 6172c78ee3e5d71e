"""BiGAN: Adversarial Feature Learning, Donahue et al. 2016, arXiv:1605.09782.

The same game is ALI: Adversarially Learned Inference, Dumoulin et al. 2016, arXiv:1606.00704. An encoder E infers the input z
of a sample x. D judges pairs: is (x, z) a real sample with its code, or a generated sample with its input? Equation 2:

    V(D, E, G) = E_x log D(x, E(x)) + E_z log(1 - D(G(z), z))

D ascends V. E and G descend V together. At the optimum both kinds of pairs have the same distribution, and E inverts G.

E and G exchange the labels (section 3.4): they ascend E_x log(1 - D(x, E(x))) + E_z log D(G(z), z).

Networks: DCGAN's for images, perceptrons for points. E is a network of D's kind with z outputs. D joins `units` features of
x with z, and reads them by two layers.

Different from the paper:
- E(x) is a single z, as in BiGAN. ALI draws z from a distribution given x.
- The networks are DCGAN's, and z is N(0, 1) for all data. In the paper z is uniform.
- Points get perceptrons.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, softplus

from ganbench.config import Betas, Rate, Size, TrainConfig
from ganbench.gan import Batch, DataSpec, Gan
from ganbench.layers.dcgan import SLOPE, head
from ganbench.layers.players import discriminator, generator


class Config(TrainConfig):
    batch: Size = 128
    lr_g: Rate = 2e-4
    lr_d: Rate = 2e-4
    betas: Betas = (0.5, 0.999)
    z: Size = 50
    width: Size = 64  # images: channels at half the image's size
    units: Size = 512  # of D's layers for pairs; points: of every hidden layer


class JointDiscriminator(nn.Module):
    """Samples `[N, *shape]` and codes `[N, z]` to the logits `[N]` of "a real sample with its code"."""

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__()
        self.of_x = discriminator(spec, config.width, config.units, outputs=config.units)
        self.joint = nn.Linear(config.units + config.z, config.units)
        self.head = head(config.units, 1)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        h = torch.cat([leaky_relu(self.of_x(x).reshape(len(x), -1), SLOPE), z], 1)
        out: Tensor = self.head(leaky_relu(self.joint(h), SLOPE))
        return out


class BiGan(Gan):
    G: nn.ModuleDict
    D: JointDiscriminator

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        decoder = generator(spec, config.z, config.width, config.units)
        encoder = discriminator(spec, config.width, config.units, outputs=config.z)
        self.G = nn.ModuleDict({"decoder": decoder, "encoder": encoder})
        self.D = JointDiscriminator(spec, config)

    def encode(self, x: Tensor) -> Tensor:
        z: Tensor = self.G["encoder"](x)
        return z.reshape(len(x), -1)

    def generate(self, z: Tensor, y: Tensor | None = None, cond: Tensor | None = None) -> Tensor:
        x: Tensor = self.G["decoder"](z)
        return x

    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        z = self.latent(len(real.x))
        with torch.no_grad():
            code, fake = self.encode(real.x), self.generate(z)
        return {"loss": softplus(-self.D(real.x, code)).mean() + softplus(self.D(fake, z)).mean()}

    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        z = self.latent(len(real.x))
        of_x, of_z = self.D(real.x, self.encode(real.x)), self.D(self.generate(z), z)
        return {"loss": softplus(of_x).mean() + softplus(-of_z).mean()}
