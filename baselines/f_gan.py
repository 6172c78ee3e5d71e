"""f-GAN: Training Generative Neural Samplers using Variational Divergence Minimization, Nowozin et al. 2016, arXiv:1606.00709.

Every f-divergence D_f(P || Q) = E_{x~Q} f(p(x) / q(x)) has a game. f* is the convex conjugate of f, and g_f is an output
activation that maps any number into the domain of f*. With V, a network without an output activation (equation 7):

    F = E_{x~P} g_f(V(x)) - E_{x~Q} f*(g_f(V(x)))  <=  D_f(P || Q)

D ascends F. F is D_f where g_f(V(x)) = f'(p(x) / q(x)). P are the data, Q is the generator. G descends F, or with
`generator_loss: alternative` G ascends E_{x~Q} g_f(V(x)) (section 3.2). This gradient is large where D is sure.

`divergence` chooses g_f and f* from the paper's table of activations. Table 6 here is table 6 of the paper:

    divergence        f(u)                                   g_f(v)                  f*(t)
    total_variation   |u - 1| / 2                            tanh(v) / 2             t
    kl                u log u                                v                       exp(t - 1)
    reverse_kl        -log u                                 -exp(-v)                -1 - log(-t)
    pearson           (u - 1)^2                              v                       t^2 / 4 + t
    neyman            (1 - u)^2 / u                          1 - exp(-v)             2 - 2 sqrt(1 - t)
    hellinger         (sqrt(u) - 1)^2                        1 - exp(-v)             t / (1 - t)
    jensen_shannon    u log u - (u + 1) log((u + 1) / 2)     log 2 - log(1 + e^-v)   -log(2 - exp(t))
    gan               u log u - (u + 1) log(u + 1)           -log(1 + exp(-v))       -log(1 - exp(t))

`gan` is the game of Goodfellow et al. 2014: its divergence is twice Jensen and Shannon's, less log 4.

Different from the paper:
- The networks are DCGAN's for images and perceptrons for points.
- f*(g_f(v)) is computed in one step, so that no number overflows on the way.
- Jeffrey's divergence is left out. Its conjugate has Lambert's function, which torch does not have.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

from torch import Tensor, no_grad
from torch.nn.functional import logsigmoid, softplus

from ganbench.config import Betas, Rate, Size, TrainConfig
from ganbench.gan import Batch, DataSpec, Gan
from ganbench.layers.players import discriminator, generator


class Game(NamedTuple):
    """What a divergence makes of V's output."""

    g: Callable[[Tensor], Tensor]  # the activation
    conjugate: Callable[[Tensor], Tensor]  # f* after the activation


GAMES = {
    "total_variation": Game(lambda v: v.tanh() / 2, lambda v: v.tanh() / 2),
    "kl": Game(lambda v: v, lambda v: (v - 1).exp()),
    "reverse_kl": Game(lambda v: -(-v).exp(), lambda v: v - 1),
    "pearson": Game(lambda v: v, lambda v: v.square() / 4 + v),
    "neyman": Game(lambda v: 1 - (-v).exp(), lambda v: 2 - 2 * (-v / 2).exp()),
    "hellinger": Game(lambda v: 1 - (-v).exp(), lambda v: v.exp() - 1),
    "jensen_shannon": Game(lambda v: math.log(2) + logsigmoid(v), lambda v: softplus(v) - math.log(2)),
    "gan": Game(logsigmoid, softplus),
}


class Config(TrainConfig):
    divergence: Literal[
        "total_variation", "kl", "reverse_kl", "pearson", "neyman", "hellinger", "jensen_shannon", "gan"
    ] = "gan"
    generator_loss: Literal["alternative", "divergence"] = "alternative"
    batch: Size = 4096
    lr_g: Rate = 2e-4
    lr_d: Rate = 2e-4
    betas: Betas = (0.5, 0.999)
    z: Size = 100
    width: Size = 64  # images: channels at half the image's size
    units: Size = 64  # points: units of each hidden layer


class FGan(Gan):
    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        self.game = GAMES[config.divergence]
        self.G = generator(spec, config.z, config.width, config.units)
        self.D = discriminator(spec, config.width, config.units)

    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        with no_grad():
            fake = self.sample(len(real.x))
        F = self.game.g(self.D(real.x)).mean() - self.game.conjugate(self.D(fake)).mean()
        return {"loss": -F, "F": F.detach()}

    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        v = self.D(self.sample(len(real.x)))
        if self.config.generator_loss == "alternative":
            return {"loss": -self.game.g(v).mean()}
        return {"loss": -self.game.conjugate(v).mean()}
