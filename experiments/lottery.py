"""How lucky is your GAN: what another training seed changes, and what other samples of the same GAN change.

\b
    python -m experiments lottery [--seeds 20] [--draws 5]

Six GANs are trained on `digits` with 20 seeds each, a quarter of a minute of one CPU core per run. Each trained GAN draws five
sets of samples, and each set is scored against the whole held-out split. The variance of FID then has two parts: the part of
the training seed, and the part of the samples (one-way analysis of variance with random effects). "The FID Lottery" (Dufour et
al. 2026, arXiv:2606.20536) did this for diffusion models: another training moves FID 3.2 times as much as other samples.

A finished run is not trained again. The command writes scores.csv, README.md and lottery.png to results/lottery/.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import torch
import typer
from scipy import stats

from ganbench import Scorer, baseline
from ganbench.display.text import number
from ganbench.statistics import ALPHA
from ganbench.training import loop
from ganbench.training.sampling import Drawing, sample

DATASET, METRIC = "digits", "fid"
SAMPLES = 797  # as many as there are held-out digits
CONVOLUTIONAL = {"batch": 64, "width": 32, "lr_g": 0.001, "lr_d": 0.001}
PERCEPTRON = {
    "batch": 64, "z": 32, "width_g": 256, "width_d": 64, "dropout_input": 0.0, "dropout_hidden": 0.3, "optimiser": "adam",
    "lr_g": 0.001, "lr_d": 0.001,
}  # fmt: skip
GANS: dict[str, tuple[int, dict[str, Any]]] = {  # images and settings: those of `quick` and `tricks`, none tuned here
    "gan": (128_000, PERCEPTRON),
    "dcgan": (128_000, CONVOLUTIONAL),
    "lsgan": (128_000, CONVOLUTIONAL),
    "dragan": (96_000, CONVOLUTIONAL),
    "wgan": (160_000, {"width": 32, "lr_g": 0.0005, "lr_d": 0.0005}),
    "wgan_gp": (96_000, {"batch": 64, "width": 32, "n_critic": 2, "lr_g": 0.001, "lr_d": 0.001}),
}


def ticket(name: str, seed: int, draws: int, runs: Path) -> list[dict[str, Any]]:
    """Train a GAN with one seed, and score its draws: a line for each draw. A GAN that diverges has no value."""
    torch.set_num_threads(1)
    images, settings = GANS[name]
    folder = runs / f"{name}-{seed}"
    run = loop.train(
        baseline.resolve(name), DATASET, folder, seed=seed, images=images, overrides=settings, device="cpu"
    )
    about = {"gan": name, "seed": seed, "CPU s": round(run.cpu_seconds, 1)}
    if run.diverged:
        return [about | {"draw": draw, METRIC: None} for draw in range(draws)]
    scorer = Scorer.of(DATASET, metrics=[METRIC])
    values = (scorer(sample(folder, Drawing(SAMPLES, draw))).metrics[METRIC].value for draw in range(draws))
    return [about | {"draw": draw, METRIC: value} for draw, value in enumerate(values)]


def parts(values: np.ndarray) -> dict[str, float]:
    """The two parts of the spread of `values` `[seeds, draws]`, as standard deviations, and their ratio with its interval.

    With MSB the mean square between seeds and MSW the one within, training's variance is (MSB - MSW) / draws, and sampling's
    is MSW. The interval of their ratio is exact for normal effects: (MSB / MSW / F - 1) / draws, with the quantiles F
    (Searle, Casella & McCulloch 1992, section 3.6).

    >>> {name: round(value, 3) for name, value in parts(np.array([[1.0, 3.0], [5.0, 7.0], [9.0, 11.0]])).items()}
    {'training': 3.873, 'sampling': 1.414, 'ratio': 2.739, 'low': 0.0, 'high': 17.687}
    """
    seeds, draws = values.shape
    between = draws * values.mean(1).var(ddof=1)
    within = values.var(axis=1, ddof=1).mean()
    quantiles = stats.f.ppf([1 - ALPHA / 2, ALPHA / 2], seeds - 1, seeds * (draws - 1))
    ratio, low, high = (
        float(np.sqrt(max(between / within / quantile - 1, 0) / draws)) for quantile in (1.0, *quantiles)
    )
    training = float(np.sqrt(max(between - within, 0) / draws))
    return {"training": training, "sampling": float(np.sqrt(within)), "ratio": ratio, "low": low, "high": high}


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """A line for each GAN: mean, the parts of the spread, the range of the seeds. Seeds that diverged are only counted."""
    lines = []
    for name, group in table.groupby("gan", sort=False):
        values = group.pivot(index="seed", columns="draw", values=METRIC)
        whole = values.dropna()
        part, means = parts(whole.to_numpy()), whole.mean(axis=1)
        lines.append(
            {
                "GAN": name,
                "seeds": len(whole),
                "diverged": len(values) - len(whole),
                METRIC: number(means.mean()),
                "best seed, worst seed": f"{number(means.min())}, {number(means.max())}",
                "sd of training": number(part["training"]),
                "sd of sampling": number(part["sampling"]),
                "training, % of the mean": number(100 * part["training"] / means.mean()),
                "ratio of the sds": f"{number(part['ratio'])} [{number(part['low'])}, {number(part['high'])}]",
            }
        )
    return pd.DataFrame(lines)


def page(out: Path) -> str:
    """The page of the table `scores.csv` in `out`."""
    table = pd.read_csv(out / "scores.csv")
    shown = summary(table)
    return (
        "# How lucky is your GAN\n\n"
        f"{len(shown)} GANs on `{DATASET}`, {table.seed.nunique()} training seeds each, {table.draw.nunique()} sets of "
        f"{SAMPLES} samples from each trained GAN. FID against\nthe whole held-out split. No setting was tuned for it.\n\n"
        f"{shown.to_markdown(index=False)}\n\n"
        "- `sd of training`: the standard deviation of FID over training seeds, without the part of the samples.\n"
        "- `sd of sampling`: the standard deviation of FID over sets of samples of one trained GAN.\n"
        "- `ratio of the sds`: how many times as much another training moves FID as other samples do, with its 95 % interval.\n"
        '  For diffusion models "The FID Lottery" (arXiv:2606.20536) gives 3.2.\n\n'
        "![FID of every seed](lottery.png)\n\n"
        "A point is a training seed (the mean of its sets of samples). The bar beside the points is two standard deviations\n"
        "of sampling wide.\n\n"
        "`python -m experiments lottery` wrote this page.\n"
    )


def draw(table: pd.DataFrame, path: Path) -> None:
    """The FID of every seed, a column of points for each GAN, and beside it the spread of sampling."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    names = list(dict.fromkeys(table.gan))
    for x, name in enumerate(names):
        values = table[table.gan == name].pivot(index="seed", columns="draw", values=METRIC).dropna()
        means = values.mean(axis=1).to_numpy()
        spread = parts(values.to_numpy())["sampling"]
        axes.scatter(np.full(len(means), x), means, s=18, color="tab:blue", alpha=0.6)
        axes.errorbar(x + 0.2, np.median(means), spread, color="tab:orange", linewidth=5, fmt="none")
    axes.set_xticks(range(len(names)), names)
    axes.set_yscale("log")
    axes.set_ylabel("FID (digits-cnn), log scale")
    axes.set_title("blue: training seeds; orange: other samples of one trained GAN (± 1 sd)")
    figure.savefig(path, dpi=110, metadata={"Software": None})


def main(
    seeds: Annotated[int, typer.Option(help="training seeds of each GAN", min=3)] = 20,
    draws: Annotated[int, typer.Option(help="sets of samples of each trained GAN", min=2)] = 5,
    runs: Annotated[Path, typer.Option(help="folder of the runs")] = Path("runs/lottery"),
    out: Annotated[Path, typer.Option(help="where the result goes")] = Path("results/lottery"),
    jobs: Annotated[int, typer.Option(help="runs at a time")] = 2,
) -> None:
    """Train and score all runs that the table does not have yet, and write the page."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / "scores.csv"
    table = pd.read_csv(path) if path.is_file() else pd.DataFrame(columns=["gan", "seed", "draw"])
    drawn = table.groupby(["gan", "seed"]).size()
    done = set(drawn[drawn >= draws].index)
    tickets = [(name, seed) for seed, name in product(range(seeds), GANS) if (name, seed) not in done]
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        waiting = [pool.submit(ticket, name, seed, draws, runs) for name, seed in tickets]
        for count, future in enumerate(as_completed(waiting), 1):
            table = pd.concat([table, pd.DataFrame(future.result())], ignore_index=True)
            table = table.drop_duplicates(["gan", "seed", "draw"]).sort_values(["gan", "seed", "draw"])
            table.to_csv(path, index=False, float_format="%.6g")
            print(f"{count} of {len(waiting)}", flush=True)
    (out / "README.md").write_text(page(out), encoding="utf-8")
    draw(pd.read_csv(path), out / "lottery.png")
