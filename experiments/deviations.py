"""What a difference from the authors does to the score: a GAN as ganbench has it, and with one change that the authors have.

\b
    python -m experiments deviations

Each line of DIFFERENCES compares two GANs on 8x8 digits: the GAN of its file, and the same GAN with the authors' way. Both have
the same seeds, settings and images. A schedule of the authors is scaled to the budget, and its docstring has the rule. The
score is the FID of samples against the held-out split. The result is the factor by which the authors' way multiplies the FID:
the geometric mean over the seeds, with Student's 95 % interval of the differences of the logarithm, paired by seed. The command
writes runs.csv and README.md to results/deviations/. A run that runs.csv has is not repeated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import pandas as pd
import torch
import typer
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, scaled_dot_product_attention, softplus
from torch.nn.utils.parametrizations import weight_norm
from torch.nn.utils.parametrize import is_parametrized, remove_parametrizations
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ganbench import Scorer, baseline, data
from ganbench.display.text import number
from ganbench.gan import Batch
from ganbench.layers import resnet
from ganbench.layers.attention import SelfAttention
from ganbench.layers.strided import Project
from ganbench.statistics import student
from ganbench.training import loop
from ganbench.training.images import to_float
from ganbench.training.order import TrainingData, reseed
from ganbench.training.sampling import Drawing, blocks, to_files

DATASET, FEATURES, METRIC = "digits", "digits-exposed", "fid"
SEEDS = (1000, 1001, 1002, 1003, 1004)
IMAGES = 24_000  # per run, unless BUDGETS says otherwise
OURS = "ganbench"
KEYS = ["row", "way", "seed"]

Change = Callable[[Any], None]  # to the authors' way, in a GAN that was just built


def unchanged(gan: Any) -> None:
    """The settings alone are the authors'."""


def override(gan: Any, **methods: Callable[..., Any]) -> None:
    """Let a GAN answer with other methods. A copy of the GAN keeps them."""
    gan.__class__ = type(type(gan).__name__, (type(gan),), methods)


def layers(network: nn.Module) -> list[Any]:
    """All layers of a network that have weights."""
    return [m for m in network.modules() if isinstance(m, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)]


def stored(layer: Any) -> Tensor:
    """The trained weights of a layer: those before its spectral norm, if it has one."""
    weights: Tensor = layer.parametrizations.weight.original if is_parametrized(layer) else layer.weight
    return weights


def replace(network: nn.Module, kind: type[nn.Module], new: Callable[[Any], nn.Module]) -> None:
    """Put another layer in the place of each layer of a kind."""
    for name, layer in list(network.named_modules()):
        if isinstance(layer, kind):
            place, _, last = name.rpartition(".")
            setattr(network.get_submodule(place), last, new(layer))


def mean_pixel_bias(gan: Any) -> None:
    """G's last bias makes the mean of each pixel."""
    mean = torch.from_numpy(data.load(DATASET, "train").x.mean(0) / 255).clamp(0.01, 0.99).flatten()
    with torch.no_grad():
        gan.G.net[-1].bias.copy_(mean.logit())


def minimax(gan: Any) -> None:
    """G descends E log(1 - D(G(z|y)))."""

    def g_loss(self: Any, real: Batch) -> dict[str, Tensor]:
        return {"loss": -softplus(self.D(self.sample(len(real.x), real.y), real.y)).mean()}

    override(gan, g_loss=g_loss)


def descend_fake(gan: Any) -> None:
    """G descends log P(S = fake)."""

    def g_loss(self: Any, real: Batch) -> dict[str, Tensor]:
        c = self.draw_classes(len(real.x))
        source, classes = self.source_and_class(self.sample(len(c), c))
        return {"loss": -softplus(source).mean() + cross_entropy(classes, c)}

    override(gan, g_loss=g_loss)


def five_by_five(gan: Any) -> None:
    """Kernels of 5x5 where the size halves or doubles."""

    def larger(layer: Any) -> nn.Module:
        given = (layer.in_channels, layer.out_channels, 5, 2, 2)
        bias = layer.bias is not None
        up = isinstance(layer, nn.ConvTranspose2d)
        new = nn.ConvTranspose2d(*given, 1, bias=bias) if up else nn.Conv2d(*given, bias=bias)
        nn.init.normal_(new.weight, 0.0, 0.02)
        return new

    replace(gan.D, nn.Conv2d, larger)
    replace(gan.G.net[3:], nn.ConvTranspose2d, larger)  # G's first layer makes the smallest map of the noise
    gan.G.net = nn.Sequential(*gan.G.net)


def norm_weights_of_d(gan: Any) -> None:
    """D has weight norm."""
    for layer in layers(gan.D):
        weight_norm(layer)


def scale_1_at_the_end_of_g(gan: Any) -> None:
    """The scale of G's last layer starts at 1."""
    with torch.no_grad():
        gan.G[-2].parametrizations.weight.original0.fill_(1)


def no_bias_in_d(gan: Any) -> None:
    """D's layers have no biases."""
    for layer in layers(gan.D):
        layer.bias = None


def no_bias_at_the_end_of_d(gan: Any) -> None:
    """D's last layer has no bias."""
    layers(gan.D)[-1].bias = None


def twice_as_many_for_g(gan: Any) -> None:
    """A step of G has twice as many samples as a step of D."""
    plain = type(gan).g_loss

    def g_loss(self: Any, real: Batch) -> dict[str, Tensor]:
        losses: dict[str, Tensor] = plain(self, Batch(torch.cat([real.x] * 2), torch.cat([real.y] * 2)))
        return losses

    override(gan, g_loss=g_loss)


def no_norm_in_g(gan: Any) -> None:
    """G has no batch norm, and it starts from He's weights."""
    replace(gan.G, nn.BatchNorm2d, lambda layer: nn.Identity())
    for layer in layers(gan.G):
        strides = math.prod(layer.kernel_size) / math.prod(layer.stride)
        fan_in = layer.in_channels * (1 if isinstance(layer, Project) else strides)  # numbers that an output adds up
        nn.init.normal_(layer.weight, 0.0, math.sqrt(2 / fan_in))


def glorot_in_d(gan: Any) -> None:
    """D starts from Glorot's weights."""
    for layer in layers(gan.D):
        nn.init.xavier_uniform_(layer.weight)


def gain_of_sqrt_2(gan: Any) -> None:
    """The 3x3 convolutions start with a gain of sqrt(2)."""
    for layer in layers(gan):
        if isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3):
            with torch.no_grad():
                stored(layer).mul_(math.sqrt(2))


def norm_per_place_in_the_pack(gan: Any) -> None:
    """Batch norm sees the samples of each place in the pack apart."""
    plain = type(gan).sample

    def sample(self: Any, n: int, y: Tensor | None = None, cond: Tensor | None = None) -> Tensor:
        m = self.config.pack
        return torch.stack([plain(self, n // m, y, cond) for _ in range(m)], 1).flatten(0, 1)

    override(gan, sample=sample)


def k_from_the_samples_of_g(gan: Any) -> None:
    """k_t follows from the samples of G's step."""
    plain = type(gan).g_loss

    def after_d_step(self: Any, losses: dict[str, Tensor]) -> None:
        self.real_error = losses["L(x)"]

    def g_loss(self: Any, real: Batch) -> dict[str, Tensor]:
        losses: dict[str, Tensor] = plain(self, real)
        with torch.no_grad():
            self.k += self.config.lambda_k * (self.config.gamma * self.real_error - losses["loss"])
            self.k.clamp_(0, 1)
        return losses

    override(gan, after_d_step=after_d_step, g_loss=g_loss)


class GroupedStd(nn.Module):
    """The minibatch standard deviation of PGGAN in groups of 4: `[N, F, H, W]` to `[N, F + 1, H, W]`."""

    def forward(self, x: Tensor) -> Tensor:
        """Add the map: the samples of a group have the same number."""
        groups = x.unflatten(0, (4, -1))  # [4, N / 4, F, H, W]: the authors' order
        std = (groups.var(0, correction=0) + 1e-8).sqrt().mean((1, 2, 3))
        return torch.cat([x, std.repeat(4)[:, None, None, None].expand(len(x), 1, *x.shape[2:])], 1)


def groups_of_4(gan: Any) -> None:
    """The minibatch standard deviation has groups of 4."""
    gan.D.blocks[0][0] = GroupedStd()


def free_tables(gan: Any) -> None:
    """The tables of gains and biases per class have no spectral norm."""
    for block in gan.G.net.blocks:
        for norm in (block.norm1, block.norm2):
            for table in (norm.gain, norm.bias):
                remove_parametrizations(table, "weight", leave_parametrized=False)


def small_script(gan: Any) -> None:
    """No attention, and weights from N(0, 0.02^2)."""
    replace(gan, SelfAttention, lambda layer: nn.Identity())
    for layer in layers(gan):
        nn.init.normal_(stored(layer), 0.0, 0.02)


def normal_perturbation(gan: Any) -> None:
    """The perturbation is N(0, c I), as in the paper's text. c gives it the mean square of the authors' code's perturbation."""

    def perturb(self: Any, x: Tensor) -> Tensor:
        # The code has alpha c s u with alpha and u from U[0, 1], and E (alpha u)^2 = 1/9.
        sd: Tensor = self.config.c * x.std(correction=0) / 3
        return x + sd * torch.randn_like(x)

    override(gan, perturb=perturb)


class AttentionOfTheText(SelfAttention):
    """SAGAN's layer as the paper's text has it: h maps to C/8 channels, and every position has a key and a value."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.h = nn.Conv2d(channels, max(channels // 8, 1), 1, bias=False)
        self.v = nn.Conv2d(max(channels // 8, 1), channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """`[N, C, H, W]` to the same shape."""
        g, f, h = (layer(x).flatten(2).mT for layer in (self.g, self.f, self.h))
        o = scaled_dot_product_attention(g, f, h, scale=1.0)
        out: Tensor = self.gamma * self.v(o.mT.unflatten(2, x.shape[2:])) + x
        return out


def attention_of_the_text(gan: Any) -> None:
    """The attention layer is that of the paper's text."""

    def new(layer: Any) -> nn.Module:
        made = AttentionOfTheText(layer.g.in_channels)
        resnet.initialise(made, nn.init.xavier_uniform_)
        resnet.normalise_spectrally(made)
        return made

    replace(gan, SelfAttention, new)


def no_iteration_in_gs_steps(gan: Any) -> None:
    """The power iteration of D's spectral norm stands still in G's steps."""
    plain = type(gan).g_loss

    def g_loss(self: Any, real: Batch) -> dict[str, Tensor]:
        self.D.eval()  # nothing but the spectral norm of this D depends on it
        losses: dict[str, Tensor] = plain(self, real)
        self.D.train()
        return losses

    override(gan, g_loss=g_loss)


def epsilon_beside_the_root(gan: Any) -> None:
    """Adam's epsilon is added to the root in the K steps ahead."""

    def adam(self: Any, theta: Tensor, gradient: Tensor, m: Tensor, v: Tensor, t: Tensor) -> tuple[Tensor, ...]:
        beta_1, beta_2 = self.config.betas
        t = t + 1
        m = beta_1 * m + (1 - beta_1) * gradient
        v = beta_2 * v + (1 - beta_2) * gradient.square()
        step = m / (1 - beta_1**t) / ((v / (1 - beta_2**t)).sqrt() + 1e-8)
        return theta - self.config.lr_d * step, m, v, t

    override(gan, adam=adam)


def first_500(gan: Any) -> None:
    """500 images set the scales of D."""
    x = torch.from_numpy(np.array(data.load(DATASET, "train").x[:500])).movedim(-1, 1)
    gan.D.standardise(to_float(x))


class Noise(nn.Module):
    """Adds noise of standard deviation `sd`. The shape stays."""

    def __init__(self, sd: float) -> None:
        super().__init__()
        self.sd = sd

    def forward(self, x: Tensor) -> Tensor:
        """x and the noise."""
        return x + self.sd * torch.randn_like(x)


def after_each_rectifier(gan: Any, layer: Callable[[], nn.Module]) -> None:
    """Put a layer after each hidden activation of D."""
    replace(gan.D, nn.LeakyReLU, lambda rectifier: nn.Sequential(rectifier, layer()))


def dropout_in_d(gan: Any) -> None:
    """Dropout of 0.5 after each hidden layer of D, as in the paper's tables."""
    after_each_rectifier(gan, lambda: nn.Dropout(0.5))


def noise_in_d(gan: Any) -> None:
    """Noise on D's activations. 0.1 is the middle of the three values that the paper tried for CIFAR-10."""
    after_each_rectifier(gan, lambda: Noise(0.1))


class Carried(nn.Module):
    """BEGAN's vanishing residual: `carry * x + (1 - carry) * layer(x)`, for a layer that keeps the shape."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer
        self.carry = 1.0

    def forward(self, x: Tensor) -> Tensor:
        """The mixture of a layer's input and output."""
        return torch.lerp(self.layer(x), x, self.carry)


def vanishing_residuals(gan: Any) -> None:
    """Each convolution that keeps the shape, with its ELU, starts as the identity."""
    for network in [m for m in gan.modules() if isinstance(m, nn.Sequential)]:
        for i, layer in enumerate(network):
            if isinstance(layer, nn.Conv2d) and layer.in_channels == layer.out_channels and layer.stride == (1, 1):
                network[i] = Carried(nn.Sequential(layer, network[i + 1]))
                network[i + 1] = nn.Identity()


class Vanishing(loop.Training):
    """The carry falls linearly from 1 to 0 within the first tenth of the budget. The paper has 16,000 steps."""

    def set_rates(self) -> None:
        """Set the carry too."""
        super().set_rates()
        for module in self.gan.modules():
            if isinstance(module, Carried):
                module.carry = max(1 - 10 * self.seen / self.budget, 0.0)


class Halving(loop.Training):
    """The rates are halved when M_global stalls: its mean over a tenth of the steps is no smaller than over the tenth before.

    The paper does not say when a measure stalls. This rule is ours.
    """

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.measures: list[float] = []
        self.share = 1.0

    def set_rates(self) -> None:
        """Halve the rates where M stalls."""
        tenth = self.budget // self.gan.config.batch // 10
        before, last = self.measures[-2 * tenth : -tenth], self.measures[-tenth:]
        if len(before) == tenth and np.mean(last) >= np.mean(before):
            self.share /= 2
            self.measures.clear()
        for opt, rate in ((self.opt_g, self.gan.config.lr_g), (self.opt_d, self.gan.config.lr_d)):
            opt.param_groups[0]["lr"] = rate * self.share

    def step(self) -> dict[str, Tensor]:
        """Keep M."""
        losses = super().step()
        self.measures.append(float(losses["d/M"]))
        return losses


class TwiceG(loop.Training):
    """G takes each step twice, with the same noise."""

    def __init__(self, gan: Any, *given: Any) -> None:
        plain = type(gan).g_loss

        def g_loss(this: Any, real: Batch) -> dict[str, Tensor]:
            this.given = real, torch.get_rng_state()
            losses: dict[str, Tensor] = plain(this, real)
            return losses

        override(gan, g_loss=g_loss)
        super().__init__(gan, *given)

    def step(self) -> dict[str, Tensor]:
        """A step, and G's step again."""
        losses = super().step()
        gan: Any = self.gan
        real, state = gan.given
        torch.set_rng_state(state)
        loop.descend(gan.g_loss(real), self.opt_g)
        return losses


class LateAverage(loop.Training):
    """The average is a copy for a seventh of the steps, and has its full memory then.

    The authors start it after 20,000 of about 140,000 steps on ImageNet.
    """

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.late = AveragedModel(self.gan, multi_avg_fn=get_ema_multi_avg_fn(self.gan.config.ema))
        self.average = self.late

    def step(self) -> dict[str, Tensor]:
        """A step. The first update of an average copies the weights."""
        if self.seen < self.budget / 7:
            self.late.n_averaged.zero_()
        return super().step()


class OneStep(loop.Training):
    """Both players of the VAE take one step down the same loss."""

    def step(self) -> dict[str, Tensor]:
        """One step for both."""
        gan: Any = self.gan
        batch = gan.config.batch
        reseed("train", self.seed, self.seen)
        losses = gan.minus_elbo(self.source.batch(self.seed, self.seen, batch).x)
        for opt in (self.opt_g, self.opt_d):
            opt.zero_grad()
        losses["loss"].backward()
        for opt in (self.opt_g, self.opt_d):
            opt.step()
        self.seen += batch
        return {f"d/{name}": value.detach() for name, value in losses.items()}


class Adagrad(loop.Training):
    """Adagrad in place of Adam. The rate is 0.02, one of the paper's three.

    As in the paper, the bound on the training images chose it in a short trial: 6,000 images, another seed.
    """

    def start_stage(self) -> None:
        """Start fresh optimisers."""
        super().start_stage()
        self.opt_g, self.opt_d = (torch.optim.Adagrad(p.parameters(), 0.02) for p in (self.gan.G, self.gan.D))


class BurnIn(loop.Training):
    """R3GAN's schedules, half a cosine that ends with the budget.

    As in the authors' settings for CIFAR-10, the rates fall to a quarter and gamma to a tenth, and beta_2 rises from 0.9 to
    0.99. There the half cosine lasts 20 million images.
    """

    def set_rates(self) -> None:
        """Set rates, beta_2 and gamma."""
        left = (1 + math.cos(math.pi * self.seen / self.budget)) / 2
        config = self.gan.config
        for opt, rate in ((self.opt_g, config.lr_g), (self.opt_d, config.lr_d)):
            opt.param_groups[0]["lr"] = rate * (1 + 3 * left) / 4
            opt.param_groups[0]["betas"] = (config.betas[0], 0.99 - 0.09 * left)
        gamma = SETTINGS["r3gan"]["gamma_1"] * (1 + 9 * left) / 10
        self.gan.config = config.model_copy(update={"gamma_1": gamma, "gamma_2": gamma})


class OneRateOfD(loop.Training):
    """The K steps ahead have the rate of D's own step, which falls."""

    def __init__(self, gan: Any, *given: Any) -> None:
        plain = type(gan).adam

        def adam(this: Any, theta: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
            ahead, *moments = plain(this, theta, *state)
            return theta + self.left * (ahead - theta), *moments

        override(gan, adam=adam)
        super().__init__(gan, *given)

    def set_rates(self) -> None:
        """Keep the share of the rate that is left."""
        super().set_rates()
        self.left = 1 - self.seen / self.budget


class LongStart(loop.Training):
    """The critic takes 100 steps for each of G's first 25 steps and for each 500th step."""

    def __init__(self, gan: Any, *given: Any) -> None:
        super().__init__(gan, *given)
        self.plain = gan.config
        self.steps_of_g = 0

    def step(self) -> dict[str, Tensor]:
        """A step of G after 100 or `n_critic` steps of the critic."""
        long = self.steps_of_g < 25 or self.steps_of_g % 500 == 0
        self.gan.config = self.plain.model_copy(update={"n_critic": 100}) if long else self.plain
        self.steps_of_g += 1
        return super().step()


class OwnBatch(loop.Training):
    """G sees a batch of real samples of its own, in another order."""

    def __init__(self, gan: Any, *given: Any) -> None:
        plain = type(gan).g_loss

        def g_loss(this: Any, real: Batch) -> dict[str, Tensor]:
            losses: dict[str, Tensor] = plain(this, self.source.batch(self.seed + 1_000_000, self.seen, len(real.x)))
            return losses

        override(gan, g_loss=g_loss)
        super().__init__(gan, *given)


class Falling(loop.Training):
    """The rates fall exponentially, and the momentum rises linearly from 0.5 to 0.7.

    The momentum of the experiment has risen after 250 epochs of 500 batches. These 125,000 steps are scaled to the budget.
    """

    FACTOR = 1.000004  # by which the experiment divides the rate in each step

    def set_rates(self) -> None:
        """Set rates and momentum."""
        share = self.seen / self.budget
        for opt, rate in ((self.opt_g, self.gan.config.lr_g), (self.opt_d, self.gan.config.lr_d)):
            opt.param_groups[0]["lr"] = rate * self.FACTOR ** (-125_000 * share)
            opt.param_groups[0]["momentum"] = 0.5 + 0.2 * share


class FallingFaster(Falling):
    """The same with the conditional GAN's factor."""

    FACTOR = 1.00004


class Difference(NamedTuple):
    """A difference between a row of SETTINGS and the authors' code."""

    row: str
    theirs: str  # what the authors have
    change: Change = unchanged
    settings: Mapping[str, Any] = {}  # of the authors' way
    training: type[loop.Training] = loop.Training  # the loop of the authors' way


UNSHARED = "without a shared embedding"
SGD = "with gradient descent"  # the optimiser of the papers; the boards have Adam
FALLS = "with a falling rate"
PAPER = "with the paper's networks"
LONGER = "with more images"
NARROW = {"batch": 32, "width": 16}
FAST = {"lr_g": 0.001, "lr_d": 0.001}
SETTINGS: dict[str, dict[str, Any]] = {
    "gan": {"batch": 64, "z": 32, "width_g": 256, "width_d": 64, "dropout_input": 0.0, "dropout_hidden": 0.3}
    | FAST | {"optimiser": "adam"},
    "cgan": {"batch": 64, "units_g_z": 64, "units_g_y": 64, "units_g": 128, "units_d_x": 64, "units_d_y": 16}
    | FAST | {"units_d": 64, "dropout": 0.3, "optimiser": "adam"},
    "dcgan": NARROW | FAST,
    "acgan": NARROW | FAST,
    "feature_matching": NARROW | {"lr_g": 0.0005},
    "semi_supervised": {"batch": 50, "units_d": 32, "units_g": 64, "noise_input": 0.1, "noise_hidden": 0.1, "ema": 0.99} | FAST,
    "wgan": {"batch": 32, "width": 16, "lr_g": 0.0005, "lr_d": 0.0005},
    "wgan_gp": NARROW | FAST | {"n_critic": 2},
    "began": NARROW | FAST | {"networks": "dcgan", "h": 16, "betas": [0.5, 0.999], "lambda_k": 0.05, "gamma": 0.75},
    "dragan": NARROW | FAST,
    "pacgan": NARROW | FAST | {"betas": [0.5, 0.999]},
    "sngan": {"batch": 32, "width_g": 16, "width_d": 8, "z": 32, "n_critic": 1} | FAST,
    "pggan": {"batch": 16, "width": 16, "z": 32, "images_per_phase": 8000, "ema": 0.99, "lr_g": 0.005, "lr_d": 0.005},
    "sagan": {"batch": 32, "width": 8, "z": 32, "lr_g": 0.0002, "lr_d": 0.0008, "ema": 0.99},
    "biggan": {"batch": 32, "width": 8, "z": 32, "embedding": 16, "n_critic": 1, "ema": 0.99, "lr_g": 0.0005, "lr_d": 0.001},
}  # fmt: skip
SETTINGS["vae"] = NARROW | FAST
SETTINGS["r3gan"] = NARROW | FAST | {"ema": 0.99, "gamma_1": 1.0, "gamma_2": 1.0}
SETTINGS["unrolled"] = NARROW | {"unroll": 2, "z": 64}
SETTINGS[f"unrolled {FALLS}"] = SETTINGS["unrolled"] | {"schedule": "linear"}
SETTINGS[f"biggan {UNSHARED}"] = SETTINGS["biggan"] | {"shared": False}
SETTINGS[f"began {PAPER}"] = SETTINGS["began"] | {"networks": "paper"}
SETTINGS[f"wgan {LONGER}"] = SETTINGS["wgan"]
SETTINGS[f"gan {SGD}"] = SETTINGS["gan"] | {"optimiser": "sgd", "lr_g": 0.1, "lr_d": 0.05}
SETTINGS[f"cgan {SGD}"] = SETTINGS["cgan"] | {"optimiser": "sgd", "lr_g": 0.1, "lr_d": 0.1}
BUDGETS = {  # images of the rows that need more
    f"wgan {LONGER}": 160_000,  # the long start takes half of them
    f"gan {SGD}": 60_000,  # gradient descent learns slowly
    f"cgan {SGD}": 60_000,
}
DIFFERENCES = (
    Difference("gan", "G's last bias starts from the mean of each pixel", mean_pixel_bias),
    Difference("cgan", "the minimax game", minimax),
    Difference("dcgan", "kernels of 5x5", five_by_five),
    Difference("acgan", "G descends log P(S = fake)", descend_fake),
    Difference("feature_matching", "weight norm in D", norm_weights_of_d),
    Difference("semi_supervised", "no average of G's weights", settings={"ema": None}),
    Difference("semi_supervised", "the scale of G's last layer starts at 1", scale_1_at_the_end_of_g),
    Difference("wgan", "no biases in the critic", no_bias_in_d),
    Difference("wgan_gp", "no batch norm and He's weights in G", no_norm_in_g),
    Difference("wgan_gp", "Adam's betas (0.5, 0.9)", settings={"betas": [0.5, 0.9]}),
    Difference("wgan_gp", "twice as many samples in G's step", twice_as_many_for_g),
    Difference("began", "k_t from the samples of G's step", k_from_the_samples_of_g),
    Difference("dragan", "Glorot's weights in D", glorot_in_d),
    Difference("pacgan", "a batch norm per place in the pack", norm_per_place_in_the_pack),
    Difference("sngan", "twice as many samples in G's step", twice_as_many_for_g),
    Difference("sngan", "no bias in D's last layer", no_bias_at_the_end_of_d),
    Difference("sngan", "gain sqrt(2) in 3x3 convolutions", gain_of_sqrt_2),
    Difference("pggan", "standard deviation in groups of 4", groups_of_4),
    Difference("sagan", "beta_2 of 0.999", settings={"betas": [0.0, 0.999]}),
    Difference("biggan", "half of the regularisation", settings={"ortho": 5e-5}),
    Difference("biggan", "the script for small images", small_script,
               settings={"ortho": 0.0, "n_critic": 4, "lr_g": 0.0002, "lr_d": 0.0002}),
    Difference(f"biggan {UNSHARED}", "tables without spectral norm", free_tables),
    Difference("dragan", "a normal perturbation", normal_perturbation),
    Difference("pacgan", "G's step taken twice", training=TwiceG),
    Difference("vae", "one step for both players", training=OneStep),
    Difference("vae", "Adagrad", training=Adagrad),
    Difference("r3gan", "schedules of rate, gamma and beta_2", training=BurnIn),
    Difference("semi_supervised", "a batch for each player", training=OwnBatch),
    Difference("semi_supervised", "500 images set D's scales", first_500),
    Difference("acgan", "dropout in D", dropout_in_d),
    Difference("acgan", "noise on D's activations", noise_in_d),
    Difference("began", "the rate halves where M stalls", training=Halving),
    Difference("sngan", "a rate that falls linearly to 0", settings={"schedule": "linear"}),
    Difference("sagan", "the attention of the paper's text", attention_of_the_text),
    Difference("sagan", "no power iteration of D in G's steps", no_iteration_in_gs_steps),
    Difference("biggan", "a late average of the weights", training=LateAverage),
    Difference("unrolled", "epsilon beside the root", epsilon_beside_the_root),
    Difference(f"gan {SGD}", "falling rate and rising momentum", training=Falling),
    Difference(f"cgan {SGD}", "falling rate and rising momentum", training=FallingFaster),
    Difference(f"wgan {LONGER}", "a long start of the critic", training=LongStart),
    Difference(f"unrolled {FALLS}", "the K steps have the falling rate", training=OneRateOfD),
    Difference(f"began {PAPER}", "vanishing residuals", vanishing_residuals, training=Vanishing),
)  # fmt: skip


def measure(row: str, way: str, seed: int) -> dict[str, Any]:
    """Train and score one GAN: a line of the table."""
    torch.set_num_threads(1)  # as in the pipeline
    images = BUDGETS.get(row, IMAGES)
    unlike = next((d for d in DIFFERENCES if (d.row, d.theirs) == (row, way)), Difference(row, OURS))
    source = TrainingData.load(DATASET, torch.device("cpu"))
    reseed("start", seed)
    settings = {**SETTINGS[row], **unlike.settings}
    gan = baseline.create(baseline.resolve(row.partition(" ")[0]), source.spec, settings)
    unlike.change(gan)
    training = unlike.training(gan, source, seed, images)
    for _ in loop.steps(training, images):
        pass
    n = len(data.load(DATASET, "test").x) // 2
    made = training.result()
    x = np.concatenate([to_files(made, x) for x, _, _ in blocks(made, DATASET, Drawing(n, seed))])[:n]
    score = Scorer.of(DATASET, features=FEATURES, metrics=[METRIC], device="cpu")
    return {"row": row, "way": way, "seed": seed, METRIC: score(x).metrics[METRIC].value}


def factors(table: pd.DataFrame) -> pd.DataFrame:
    """What the authors' way multiplies the FID by, with the interval over the seeds: a line for each trained difference."""
    wide = table.pivot(index=["row", "way"], columns="seed", values=METRIC).dropna()
    logs = dict(zip(wide.index, np.log(wide.to_numpy(dtype=float)), strict=True))
    lines = []
    for row, theirs, *_ in DIFFERENCES:
        if not {(row, OURS), (row, theirs)} <= logs.keys():
            continue
        ours, other = logs[row, OURS], logs[row, theirs]
        factor = [number(math.exp(v)) for v in ((other - ours).mean(), *student(other - ours))]
        means = [number(math.exp(v.mean())) for v in (ours, other)]
        lines.append([row, theirs, *means, f"{factor[0]} [{factor[1]}, {factor[2]}]"])
    return pd.DataFrame(
        lines, columns=["row", "the authors' way", "FID of ganbench's way", "of the authors' way", "factor"]
    )


def page(out: Path) -> str:
    """The table of a folder as a page."""
    table = factors(pd.read_csv(out / "runs.csv"))
    trained = set(zip(table["row"], table["the authors' way"], strict=True))
    more = [f"`{row}` ({images:,})" for row, images in BUDGETS.items() if row in set(table["row"])]
    longer = f" These rows saw more: {', '.join(more)}." if more else ""
    lacking = [f"- `{row}`: {theirs}\n" for row, theirs, *_ in DIFFERENCES if (row, theirs) not in trained]
    rest = f"These lines still lack runs. The command trains them:\n\n{''.join(lacking)}\n" if lacking else ""
    return (
        f"# What differences from the authors do to the score\n\nEach line compares two GANs on 8x8 digits, with {len(SEEDS)} "
        "seeds each: the GAN of `baselines/`, and the same GAN with\none change, the authors' way. The score is FID: a smaller "
        "number is better. A cell is a geometric mean. The factor says by what\nthe authors' way multiplies FID, with "
        "Student's 95 % interval, paired by seed. Each line is judged alone: by chance, about 5 % of\nsuch intervals leave "
        f"out 1, so about {round(len(table) / 20)} of these {len(table)}.\n\nA run saw {IMAGES:,} images.{longer} This "
        "budget is small, so no run has converged. Larger\nimages and longer training can give other factors. A schedule of "
        "the authors is scaled to the budget. The docstrings in\n`experiments/deviations.py` have the rules.\n\n"
        f"{table.to_markdown(index=False, disable_numparse=True)}\n\n{rest}"
        "`python -m experiments deviations` wrote this page.\n"
    )


def main(
    out: Annotated[Path, typer.Option(help="where the table and the page go")] = Path("results/deviations"),
    jobs: Annotated[int, typer.Option(help="runs at a time")] = 2,
) -> None:
    """Train and score the runs that the table does not have yet, and write the table and the page."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / "runs.csv"
    table = pd.read_csv(path) if path.is_file() else pd.DataFrame(columns=[*KEYS, METRIC])
    done = {tuple(line) for line in table[KEYS].to_numpy().tolist()}
    cells = dict.fromkeys((row, way) for row, theirs, *_ in DIFFERENCES for way in (OURS, theirs))  # each cell once
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        waiting = [pool.submit(measure, *cell, seed) for cell in cells for seed in SEEDS if (*cell, seed) not in done]
        for future in as_completed(waiting):
            table = pd.concat([table, pd.DataFrame([future.result()])], ignore_index=True)
            table.sort_values(KEYS).to_csv(path, index=False)
    (out / "README.md").write_text(page(out), encoding="utf-8")
