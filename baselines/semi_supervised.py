"""Semi-supervised GAN: Improved Techniques for Training GANs, Salimans et al. 2016, arXiv:1606.03498, section 5.

D is a classifier of K + 1 classes: the K real classes and "generated". A softmax has one logit too many, so the last logit is
fixed at 0. The other K logits are l(x), and Z(x) = sum_k exp l_k(x). The D(x) of the game is Z(x) / (Z(x) + 1), and its logit
is log Z(x).

    L_supervised   = -E_{x,y} log p(y | x, y <= K)                     over labelled samples
    L_unsupervised = -E_x log D(x) - E_z log(1 - D(G(z)))              over all samples and generated samples

D descends L_supervised + weight * L_unsupervised. G matches features (section 3.1): G descends
|E_x f(x) - E_z f(G(z))|^2, where f is D's last hidden layer.

Labels: for each class, the first `labels` samples that D meets become the labelled set. Buffers keep the labelled set. All
other labels are dropped when they arrive. -1 is no label. Each step takes a minibatch of the labelled set beside the batch.

The networks, the weight of 0.5 and the optimiser are those of the paper's published MNIST experiment. The players are
perceptrons that see images as vectors. D has Gaussian noise before each layer. D has weight normalisation
(arXiv:1602.07868, section 3): the first batch sets the scales, and only the last layer trains its scales. Tests use an
average of the weights.

Different from the authors' experiment:
- D and G see the same batch of real samples. The authors draw a batch for each player.
- The average covers D and G. The authors average D alone.
- The first batch sets D's scales. The authors take 500 images.
- The scale of G's last layer starts at the norm of torch's first weights. The authors' scale starts at 1.
  On 8x8 digits a start at 1 multiplies FID by 0.72 (results/deviations).
- Points get the same networks. The paper has no points.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, linear, one_hot, softplus
from torch.nn.utils.parametrizations import weight_norm

from ganbench.config import Betas, Decay, Rate, Size, TrainConfig, Weight
from ganbench.gan import Batch, DataSpec, Gan, Unsupported
from ganbench.layers.mlp import UnitInterval


class Config(TrainConfig):
    batch: Size = 100
    lr_g: Rate = 3e-3
    lr_d: Rate = 3e-3
    betas: Betas = (0.5, 0.999)
    ema: Decay | None = 0.9999
    labels: Size = 10  # per class
    weight: Weight = 0.5  # of L_unsupervised
    noise_input: Weight = 0.3  # standard deviation, for pixels in [0, 1]
    noise_hidden: Weight = 0.5
    z: Size = 100
    units_g: Size = 500
    units_d: Size = 250  # of each of D's last three hidden layers; the first has four times as many, the second twice


class Noise(nn.Module):
    """Adds noise of standard deviation `sd` in training, and nothing in evaluation. The shape stays."""

    def __init__(self, sd: float) -> None:
        super().__init__()
        self.sd = sd

    def forward(self, x: Tensor) -> Tensor:
        return x + self.sd * torch.randn_like(x) if self.training else x


class WeightNormLinear(nn.Linear):
    """`[N, fan_in]` to `[N, fan_out]` with weights g v / |v|. v is trained. g is trained if `train_scale` is true."""

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
        """Choose g and the bias so that the outputs for `x` `[N, fan_in]` have mean 0 and variance 1."""
        sd, mean = torch.std_mean(self(x), 0)
        self.g.div_(sd)
        self.bias.sub_(mean).div_(sd)


class Discriminator(nn.Module):
    """Data `[N, *shape]` to the logits `[N, K]` of the real classes. `body` makes the features f(x) `[N, units_d]`."""

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
        """Standardise each layer in turn on the first batch `[N, *shape]`."""
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
        self.register_buffer("count", torch.zeros(spec.classes, dtype=torch.long))  # labelled samples of each class

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
        """Add labelled samples of the batch to the labelled set, as long as their class has fewer than `labels`."""
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
