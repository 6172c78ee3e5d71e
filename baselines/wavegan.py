"""WaveGAN: Adversarial Audio Synthesis, Donahue et al. 2018, arXiv:1802.04208.

DCGAN's networks in one dimension, with WGAN-GP's game. A kernel has 25 steps and a stride of 4, where DCGAN's kernel has 5x5
pixels and a stride of 2. So as many layers reach over a second of sound. The game is that of Gulrajani et al. 2017:

    D descends  E_z D(G(z)) - E_x D(x) + lambda E (|grad D(x^)| - 1)^2,      G descends  -E_z D(G(z))

x^ lies at a random place between a real and a generated wave.

Phase shuffle (section 3.3): strided transposed convolutions leave tones of a fixed phase in generated waves, and D could
judge by this phase alone. So each layer of D moves its input by a random number of steps from -`shuffle` to `shuffle`, each
wave by its own number. The steps that are missing at the end are a reflection.

Networks: a layer for each factor of 4 between 16 steps and the length of the wave. The channels double from layer to layer.

Different from the paper:
- Any length of 16 times a power of 4. The paper has 16,384 steps.
- Waves lie in [-1, 1].
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import pad

from ganbench.config import Betas, Rate, Size, TrainConfig, Weight
from ganbench.gan import Batch, DataSpec, Gan, Unsupported
from ganbench.layers.slope import slope

START, STRIDE, KERNEL = 16, 4, 25  # steps


class Config(TrainConfig):
    batch: Size = 64
    n_critic: Size = 5
    lr_g: Rate = 1e-4
    lr_d: Rate = 1e-4
    betas: Betas = (0.5, 0.9)
    gp: Weight = 10.0  # lambda
    shuffle: int = Field(2, ge=0, description="largest shift of a wave in D, in steps")
    z: Size = 100
    width: Size = 64  # channels at a quarter of the wave's length


class PhaseShuffle(nn.Module):
    """Waves `[N, C, T]` to the same shape, each moved by its own number of steps."""

    def __init__(self, reach: int) -> None:
        super().__init__()
        self.reach = reach

    def forward(self, x: Tensor) -> Tensor:
        if not self.reach:
            return x
        shift = torch.randint(2 * self.reach + 1, (len(x), 1, 1), device=x.device)
        place = shift + torch.arange(x.shape[2], device=x.device)
        return pad(x, (self.reach, self.reach), mode="reflect").gather(2, place.expand_as(x))


def levels(length: int) -> int:
    """The number of strided layers for waves of that length; -1 if there is no such number.

    >>> levels(16384), levels(4096), levels(1000)
    (5, 4, -1)
    """
    count, steps = 0, START
    while steps < length:
        count, steps = count + 1, steps * STRIDE
    return count if steps == length and count else -1


class WaveGan(Gan):
    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        count = levels(spec.shape[1]) if spec.kind == "waves" else -1
        if count < 1:
            raise Unsupported(
                f"WaveGAN needs waves of 16 times a power of 4 steps, but this data has shape {spec.shape}"
            )
        channels, w = spec.shape[0], config.width
        hidden = [w * 2**i for i in range(count)]  # from fine to coarse
        G: list[nn.Module] = [nn.Linear(config.z, hidden[-1] * START), nn.Unflatten(1, (hidden[-1], START)), nn.ReLU()]
        D: list[nn.Module] = []
        for i, b in enumerate(hidden):
            a = channels if i == 0 else hidden[i - 1]
            D += [nn.Conv1d(a, b, KERNEL, STRIDE, KERNEL // 2), nn.LeakyReLU(0.2)]
            D += [PhaseShuffle(config.shuffle)] if i + 1 < count else []
        for b, a in zip(hidden[::-1], [*hidden[-2::-1], channels], strict=True):
            G += [nn.ConvTranspose1d(b, a, KERNEL, STRIDE, KERNEL // 2, output_padding=STRIDE - 1), nn.ReLU()]
        self.G = nn.Sequential(*G[:-1], nn.Tanh())
        self.D = nn.Sequential(*D, nn.Flatten(), nn.Linear(hidden[-1] * START, 1), nn.Flatten(0))

    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        with torch.no_grad():
            fake = self.sample(len(real.x))
        place = torch.rand(len(real.x), 1, 1, device=self.device)
        between = torch.lerp(fake, real.x, place)
        W = self.D(real.x).mean() - self.D(fake).mean()
        penalty = (slope(self.D, between) - 1).square().mean()
        return {"loss": self.config.gp * penalty - W, "W": W.detach(), "penalty": penalty}

    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        return {"loss": -self.D(self.sample(len(real.x))).mean()}
