"""AdaGAN: Boosting Generative Models, Tolstikhin et al. 2017, arXiv:1701.02386.

A mixture of generators, built one after another against missing modes. Algorithm 1, for t = 2, 3, ...:

    P_t = (1 - beta_t) P_{t-1} + beta_t Q_t

P_{t-1} is the mixture so far, and Q_t is a new GAN. It trains on the data with other weights: a sample that the mixture
hardly makes is drawn often. A classifier D of data against the mixture says how often the mixture makes x, compared with the
data: h(x) = (1 - D(x)) / D(x). The weights of N training samples x_i are (section 3.2)

    w_i = (lambda* - (1 - beta) h(x_i))_+ / (beta N)            with lambda* such that the weights sum to 1

With beta_t = 1/t all generators have the same share of the mixture.

Stages alternate. A game of `images_game` images trains Q_t alone. Then `images_mixture` images train the classifier alone.
There are `generators` games, and the last game goes on until the end of the budget. G and D are the players of the present
stage.

Networks: DCGAN's for images, perceptrons for points. Each game has its own players, as in the paper. The game is the
non-saturating game of Goodfellow et al. 2014.

Different from the paper:
- The paper tries other rules for beta_t too.
- The networks are DCGAN's for images.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ganbench.config import Betas, Rate, Size, TrainConfig
from ganbench.gan import Batch, DataSpec, Gan
from ganbench.layers.players import discriminator, generator

AT_ONCE = 1000  # samples that are judged at once for their weights


class Config(TrainConfig):
    batch: Size = 64
    lr_g: Rate = 2e-4
    lr_d: Rate = 2e-4
    betas: Betas = (0.5, 0.999)
    generators: Size = 5
    images_game: Size = 100_000
    images_mixture: Size = 20_000
    z: Size = 100
    width: Size = 64  # images: channels at half the image's size
    units: Size = 512  # points: units of each hidden layer


def reweighted(h: Tensor, beta: float) -> Tensor:
    """The weights w `[N]` of the samples whose h `[N]` is given: they sum to 1.

    lambda* follows from the order of h: with the k smallest h above 0 weight, lambda* = beta N / k + the mean of (1 - beta) h.

    >>> reweighted(torch.tensor([0.0, 2.0]), 0.5)
    tensor([1., 0.])
    >>> reweighted(torch.tensor([1.0, 1.0]), 0.5)
    tensor([0.5000, 0.5000])
    """
    made = (1 - beta) * h.double()
    order = made.sort().values
    k = torch.arange(1, len(h) + 1, device=h.device)
    candidates = (beta * len(h) + order.cumsum(0)) / k
    best = candidates[int((candidates > order).sum()) - 1]
    w = (best - made).clamp(min=0) / (beta * len(h))
    return (w / w.sum()).float()


class AdaGan(Gan):
    seen: Tensor  # images that a D was trained on

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        c = config

        def judges() -> nn.ModuleList:
            return nn.ModuleList(discriminator(spec, c.width, c.units) for _ in range(c.generators))

        self.generators = nn.ModuleList(generator(spec, c.z, c.width, c.units) for _ in range(c.generators))
        self.games, self.classifiers = judges(), judges()
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))

    @property
    def stage(self) -> int:
        cycle, rest = divmod(int(self.seen), self.config.images_game + self.config.images_mixture)
        return min(2 * cycle + (rest >= self.config.images_game), 2 * self.config.generators - 2)

    @property
    def t(self) -> int:
        """The number of the present generator, from 0."""
        return self.stage // 2

    @property
    def playing(self) -> bool:
        """Whether the present stage is a game, and not the training of a classifier."""
        return self.stage % 2 == 0

    @property
    def G(self) -> nn.Module:  # type: ignore[override]  # the players change with the stage
        return self.generators[self.t]

    @property
    def D(self) -> nn.Module:  # type: ignore[override]
        return self.games[self.t] if self.playing else self.classifiers[self.t]

    def _apply(self, fn: Any, recurse: bool = True) -> AdaGan:
        seen = self.seen
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self.seen = seen  # the count stays on the CPU, so that reading it does not wait for the device
        return self

    def after_d_step(self, losses: dict[str, Tensor]) -> None:
        self.seen += self.config.batch

    def data_weights(self, x: Tensor) -> Tensor | None:
        if self.t == 0 or not self.playing:
            return None
        D = self.classifiers[self.t - 1]
        h = torch.cat([(-D(part)).exp() for part in x.split(AT_ONCE)])
        return reweighted(h, 1 / (self.t + 1))

    def generate(self, z: Tensor, y: Tensor | None = None, cond: Tensor | None = None) -> Tensor:
        k = torch.randint(self.t + 1, (len(z),), device=z.device)
        made = torch.stack([G(z) for G in self.generators[: self.t + 1]])
        return made[k, torch.arange(len(z), device=z.device)]

    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        z = self.latent(len(real.x))
        with torch.no_grad():
            fake = self.G(z) if self.playing else self.generate(z)
        return {"loss": softplus(-self.D(real.x)).mean() + softplus(self.D(fake)).mean()}

    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        if not self.playing:
            return {}
        return {"loss": softplus(-self.D(self.G(self.latent(len(real.x))))).mean()}
