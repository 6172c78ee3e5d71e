"""What a difference from the authors does to the score: a GAN as ganbench has it, and with one change that the authors have.

\b
    python -m experiments deviations

Each line of DIFFERENCES compares two GANs on 8x8 digits: the GAN of its file, and the same GAN with the authors' way. Both have
the same seeds, settings and images. The score is the FID of samples against the held-out split. The result is the factor by
which the authors' way multiplies the FID: the geometric mean over the seeds, with Student's 95 % interval of the differences
of the logarithm, paired by seed. The command writes runs.csv and README.md to results/deviations/. A run that runs.csv has is
not repeated.
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
from torch.nn.functional import cross_entropy, softplus
from torch.nn.utils.parametrizations import weight_norm
from torch.nn.utils.parametrize import is_parametrized, remove_parametrizations

from ganbench import Scorer, baseline, data
from ganbench.display.text import number
from ganbench.gan import Batch
from ganbench.layers.attention import SelfAttention
from ganbench.layers.strided import Project
from ganbench.statistics import student
from ganbench.training import loop
from ganbench.training.order import TrainingData, reseed
from ganbench.training.sampling import Drawing, blocks, to_files

DATASET, FEATURES, METRIC = "digits", "digits-exposed", "fid"
SEEDS = (1000, 1001, 1002, 1003, 1004)
IMAGES = 24_000  # per run
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


class Difference(NamedTuple):
    """A difference between a row of SETTINGS and the authors' code."""

    row: str
    theirs: str  # what the authors have
    change: Change = unchanged
    settings: Mapping[str, Any] = {}  # of the authors' way


UNSHARED = "without a shared embedding"
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
SETTINGS[f"biggan {UNSHARED}"] = SETTINGS["biggan"] | {"shared": False}
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
)  # fmt: skip


def measure(row: str, way: str, seed: int, images: int = IMAGES) -> dict[str, Any]:
    """Train and score one GAN: a line of the table."""
    torch.set_num_threads(1)  # as in the pipeline
    unlike = next((d for d in DIFFERENCES if (d.row, d.theirs) == (row, way)), Difference(row, OURS))
    source = TrainingData.load(DATASET, torch.device("cpu"))
    reseed("start", seed)
    settings = {**SETTINGS[row], **unlike.settings}
    gan = baseline.create(baseline.resolve(row.partition(" ")[0]), source.spec, settings)
    unlike.change(gan)
    training = loop.Training(gan, source, seed, images)
    for _ in loop.steps(training, images):
        pass
    n = len(data.load(DATASET, "test").x) // 2
    made = training.result()
    x = np.concatenate([to_files(made, x) for x, _, _ in blocks(made, DATASET, Drawing(n, seed))])[:n]
    score = Scorer.of(DATASET, features=FEATURES, metrics=[METRIC], device="cpu")
    return {"row": row, "way": way, "seed": seed, METRIC: score(x).metrics[METRIC].value}


def factors(table: pd.DataFrame) -> pd.DataFrame:
    """What the authors' way multiplies the FID by: a line for each difference, with the interval over the seeds."""
    wide = table.pivot(index=["row", "way"], columns="seed", values=METRIC)
    logs = dict(zip(wide.index, np.log(wide.to_numpy(dtype=float)), strict=True))
    lines = []
    for row, theirs, *_ in DIFFERENCES:
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
    return (
        f"# What differences from the authors do to the score\n\nEach line compares two GANs on 8x8 digits, with {len(SEEDS)} "
        "seeds each: the GAN of `baselines/`, and the same GAN with\none change, the authors' way. The score is FID: a smaller "
        "number is better. A cell is a geometric mean. The factor says by what\nthe authors' way multiplies FID, with "
        "Student's 95 % interval, paired by seed. Each line is judged alone: by chance, about one\n"
        f"of {len(DIFFERENCES)} such intervals leaves out 1. All runs saw {IMAGES:,} images. This budget is small, so no run "
        "has converged. Larger\nimages and longer training can give other factors.\n\n"
        f"{table.to_markdown(index=False, disable_numparse=True)}\n\n`python -m experiments deviations` wrote this page.\n"
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
    cells = [*((row, OURS) for row in SETTINGS), *((row, theirs) for row, theirs, *_ in DIFFERENCES)]
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        waiting = [pool.submit(measure, *cell, seed) for seed in SEEDS for cell in cells if (*cell, seed) not in done]
        for future in as_completed(waiting):
            table = pd.concat([table, pd.DataFrame([future.result()])], ignore_index=True)
            table.sort_values(KEYS).to_csv(path, index=False)
    (out / "README.md").write_text(page(out), encoding="utf-8")
