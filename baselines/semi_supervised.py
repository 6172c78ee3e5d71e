"""Improved Techniques for Training GANs, Salimans et al. 2016, arXiv:1606.03498, section 5: semi-supervised learning.

D classifies into K real classes and "generated", class K + 1. A softmax has one logit too many, so the last is fixed at 0.
With the other K logits l(x) and Z(x) = sum_k exp l_k(x), the game's D(x) is Z(x) / (Z(x) + 1), whose logit is log Z(x).

    L_supervised   = -E_{x,y} log p(y | x, y <= K)                     over labelled samples
    L_unsupervised = -E_x log D(x) - E_z log(1 - D(G(z)))              over all samples and generated ones

D descends L_supervised + weight * L_unsupervised. G matches features (section 3.1): it descends |E_x f(x) - E_z f(G(z))|^2,
f being D's last hidden layer.

Labels: the first `labels` samples of each class that D meets become its labelled set, which is kept in buffers; every other
label is dropped on arrival, and -1 is none. Each step takes a minibatch of the labelled set beside the batch.

The networks, the weight of 0.5 and the optimiser are those of the paper's published MNIST experiment: perceptrons that see
images as vectors, Gaussian noise before each layer of D, weight normalisation whose scales the first batch sets
(arXiv:1602.07868, section 3) and which only the last layer of D trains, an average of the weights for testing. Different
here: both players see the same batch. Points, which the paper does not treat, get the same networks.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, linear, one_hot, softplus
from torch.nn.utils.parametrizations import weight_norm

from ganbench.config import TrainConfig
from ganbench.gan import Batch, DataSpec, Gan, Unsupported
from ganbench.layers.mlp import UnitInterval


class Config(TrainConfig):
    batch: int = 100
    lr_g: float = 3e-3
    lr_d: float = 3e-3
    betas: tuple[float, float] = (0.5, 0.999)
    ema: float | None = 0.9999
    labels: int = 10  # per class
    weight: float = 0.5  # of L_unsupervised
    noise_input: float = 0.3  # standard deviation, where pixels are in [0, 1]
    noise_hidden: float = 0.5
    z: int = 100
    units_g: int = 500
    units_d: int = 250  # of D's last three hidden layers; the first two have four times and twice as many


class Noise(nn.Module):
    """Adds noise of standard deviation `sd` in training."""

    def __init__(self, sd: float) -> None:
        super().__init__()
        self.sd = sd

    def forward(self, x: Tensor) -> Tensor:
        return x + self.sd * torch.randn_like(x) if self.training else x


class WeightNormLinear(nn.Linear):
    """`[N, fan_in]` to `[N, fan_out]` with weights g v / |v|: v is trained, g only where `train_scale`."""

    g: Tensor

    def __init__(self, fan_in: int, fan_out: int, train_scale: bool = False) -> None:
        super().__init__(fan_in, fan_out)
        if train_scale:
            self.g = nn.Parameter(torch.ones(fan_out))
        else:
            self.register_buffer("g", torch.ones(fan_out))
        nn.init.normal_(self.weight, 0.0, 0.1)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight) * (self.g / self.weight.norm(dim=1)) + self.bias

    def standardise(self, x: Tensor) -> None:
        """Choose g and the bias so that the outputs of `x` have mean 0 and variance 1."""
        sd, mean = torch.std_mean(self(x), 0)
        self.g.div_(sd)
        self.bias.sub_(mean).div_(sd)


class Discriminator(nn.Module):
    """Data `[N, *shape]` to the logits `[N, K]` of the real classes; `body` makes the features f(x), `[N, units_d]`."""

    standardised: Tensor

    def __init__(self, config: Config, spec: DataSpec) -> None:
        super().__init__()
        self.register_buffer("standardised", torch.tensor(False))
        u = config.units_d
        sizes = [torch.Size(spec.shape).numel(), 4 * u, 2 * u, u, u, u]
        layers: list[nn.Module] = [nn.Flatten(), *([UnitInterval()] if spec.is_image else [])]
        for i, (fan_in, fan_out) in enumerate(pairwise(sizes)):
            layers += [
                Noise(config.noise_hidden if i else config.noise_input),
                WeightNormLinear(fan_in, fan_out),
                nn.ReLU(),
            ]
        self.body = nn.Sequential(*layers)
        self.head = nn.Sequential(Noise(config.noise_hidden), WeightNormLinear(u, spec.classes, train_scale=True))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.body(x))
        return out

    @torch.no_grad()
    def standardise(self, x: Tensor) -> None:
        """Standardise each layer in turn on the first batch."""
        for layer in (*self.body, *self.head):
            if isinstance(layer, WeightNormLinear):
                layer.standardise(x)
            x = layer(x)
        self.standardised.fill_(True)


class SemiSupervised(Gan):
    supervised = True

    D: Discriminator
    labelled: Tensor
    count: Tensor

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        if spec.classes == 0:
            raise Unsupported("semi-supervised learning needs data with labels")
        u = config.units_g
        self.G = nn.Sequential(
            nn.Linear(config.z, u), nn.BatchNorm1d(u), nn.Softplus(),
            nn.Linear(u, u), nn.BatchNorm1d(u), nn.Softplus(),
            weight_norm(nn.Linear(u, torch.Size(spec.shape).numel())), nn.Unflatten(1, spec.shape),
        )  # fmt: skip
        self.D = Discriminator(config, spec)
        self.register_buffer("labelled", torch.zeros(spec.classes, config.labels, *spec.shape))
        self.register_buffer("count", torch.zeros(spec.classes, dtype=torch.long))  # how many of each class there are

    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        if not self.D.standardised:
            self.D.standardise(real.x)
        self.keep_labelled(real)
        x, y = self.labelled_batch()
        with torch.no_grad():
            fake = self.sample(len(real.x))
        logits = self.D(torch.cat([x, real.x, fake]))
        l_labelled, l_real, l_fake = logits.split([len(x), len(real.x), len(fake)])
        supervised = cross_entropy(l_labelled, y, reduction="sum") / max(len(y), 1)
        real_logit, fake_logit = l_real.logsumexp(1), l_fake.logsumexp(1)
        unsupervised = softplus(-real_logit).mean() + softplus(fake_logit).mean()
        return {
            "loss": supervised + self.config.weight * unsupervised,
            "supervised": supervised,
            "unsupervised": unsupervised,
        }

    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        with torch.no_grad():
            f_real = self.D.body(real.x).mean(0)
        f_fake = self.D.body(self.sample(len(real.x))).mean(0)
        return {"loss": (f_real - f_fake).square().mean()}

    def latent(self, n: int) -> Tensor:
        return torch.rand(n, self.config.z, device=self.device)

    def generate(self, z: Tensor, y: Tensor | None = None, cond: Tensor | None = None) -> Tensor:
        x: Tensor = self.G(z)
        return 2 * torch.sigmoid(x) - 1 if self.spec.is_image else x

    def keep_labelled(self, real: Batch) -> None:
        """Add the batch's labelled samples to the labelled set, where their class still lacks some."""
        x, y = real.x[real.y >= 0], real.y[real.y >= 0]
        classes = one_hot(y, self.spec.classes)
        place = self.count[y] + (classes.cumsum(0) * classes).sum(1) - 1
        new = place < self.config.labels
        self.labelled[y[new], place[new]] = x[new]
        self.count.add_(classes.sum(0)).clamp_(max=self.config.labels)

    def labelled_batch(self) -> tuple[Tensor, Tensor]:
        """At most `batch` samples of the labelled set, in random order, and their labels."""
        there = torch.arange(self.config.labels, device=self.device) < self.count[:, None]
        y, place = there.nonzero(as_tuple=True)
        some = torch.randperm(len(y), device=self.device)[: self.config.batch]
        return self.labelled[y[some], place[some]], y[some]
