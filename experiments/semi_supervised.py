"""Test error of the semi-supervised GAN on MNIST with 100 labels (Salimans et al. 2016, arXiv:1606.03498, table 1).

\b
    python -m experiments semi_supervised

The command trains one GAN per split. The seed of a split decides the first weights, the order of the data, and which 100
labels are used, ten of each class. The paper trains 300 epochs; its mean over 10 splits is 93 wrong images of 10,000.
An interrupted run continues where it stopped. The command writes choice.csv, splits.csv and README.md to
results/semi_supervised/.

By default the networks are a quarter as wide as the networks of the paper, and the batch is half as large, so that a CPU can
train them; `--set` changes that. Narrow layers do not tolerate the paper's noise. So the command first chooses a share of the
paper's noise: it trains on five sixths of the training images, with a seed that no split has, and counts the wrong images
among the other sixth. The test images have no part in the choice.
"""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import torch
import typer

from experiments.tune import held_back
from ganbench import baseline, data
from ganbench.config import settings as parse
from ganbench.statistics import student
from ganbench.training import checkpoint, loop
from ganbench.training.images import to_float

DATASET, LABELS_PER_CLASS = "mnist", 10
PAPER = 0.93  # % wrong, mean over 10 splits
SMALL = {"units_d": 64, "units_g": 128, "batch": 50, "labels": LABELS_PER_CLASS}
NOISE = {"noise_input": 0.3, "noise_hidden": 0.5}  # of the paper
SHARES = (0.25, 0.5, 0.75, 1.0)  # of the paper's noise, one of them is chosen
CHOOSING_SEED, CHOOSING_EPOCHS = 1000, 20


def wrong(run: Path, dataset: str) -> int:
    """Count the held-out images that the classifier of a run, D with averaged weights, puts into a wrong class."""
    gan, _ = checkpoint.load(run)
    split = data.load(dataset, "test")
    x, y = torch.from_numpy(np.array(split.x)).permute(0, 3, 1, 2), torch.from_numpy(np.array(split.y))
    with torch.inference_mode():
        guess = torch.cat([gan.D(to_float(part)).argmax(1) for part in x.split(1000)])
    return int((guess != y).sum())


def train(dataset: str, epochs: int, folder: Path, seed: int, settings: dict[str, Any]) -> dict[str, Any]:
    """Train a GAN and test its classifier: a line of a table."""
    torch.set_num_threads(1)  # layers this small are no faster on more
    n, tested = (len(data.load(dataset, split).x) for split in ("train", "test"))
    run = loop.train(
        baseline.resolve("semi_supervised"), dataset, folder, seed=seed, images=epochs * n, overrides=settings
    )
    errors = wrong(folder, dataset)
    return {
        "epochs": epochs,
        **{name: value for name, value in settings.items() if name != "labels"},
        "test": tested,
        "wrong": errors,
        "error_percent": 100 * errors / tested,
        "CPU minutes": round(run.cpu_seconds / 60, 1),
    }


def noise(share: float) -> dict[str, float]:
    """A share of the paper's noise.

    >>> noise(0.5)
    {'noise_input': 0.15, 'noise_hidden': 0.25}
    """
    return {name: share * deviation for name, deviation in NOISE.items()}


def choose(runs: Path, settings: dict[str, Any], jobs: int) -> pd.DataFrame:
    """The trials of the noise, on held-out training images: a line for each share of the paper's noise."""
    dataset = data.resolve(str(held_back(DATASET, runs)))
    trials = [SMALL | noise(share) | settings for share in SHARES]
    folders = [runs / f"noise-{share}" for share in SHARES]
    work = partial(train, dataset, CHOOSING_EPOCHS)
    return pd.DataFrame(_in_parallel(work, jobs, folders, [CHOOSING_SEED] * len(trials), trials))


def _in_parallel(work: Any, jobs: int, *arguments: Any) -> list[dict[str, Any]]:
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        return list(pool.map(work, *arguments))


def page(out: Path) -> str:
    """The page of the tables `choice.csv` and `splits.csv` in `out`."""
    choice, table = (pd.read_csv(out / name) for name in ("choice.csv", "splits.csv"))
    error = table["error_percent"].to_numpy()
    low, high = student(error)
    return (
        "# Semi-supervised classification of MNIST\n\n"
        f"With {LABELS_PER_CLASS * 10} labels, {error.mean():.2f} % of {table['test'][0]:,} test images are classified wrong. "
        f"This is the mean of {len(error)} splits;\nthe 95 % interval is [{low:.2f}, {high:.2f}]. "
        f"The paper gives {PAPER} %, the mean of 10 splits of wide networks and 300 epochs.\n\n"
        f"{table.to_markdown(index=False)}\n\n"
        "The last weights were tested: no epoch was chosen. The noise was chosen on held-out training images, with another\n"
        "seed. The trials:\n\n"
        f"{choice.to_markdown(index=False)}\n\n"
        "`python -m experiments semi_supervised` wrote this page. The GAN is `baselines/semi_supervised.py` with the settings\n"
        "of the table.\n"
    )


def main(
    splits: Annotated[int, typer.Option(help="how many, at least 2", min=2)] = 5,
    epochs: Annotated[int, typer.Option(help="per split; the paper: 300", min=1)] = 60,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="change a setting of the GAN")
    ] = None,
    runs: Annotated[Path, typer.Option(help="folder of the runs")] = Path("runs/semi_supervised"),
    out: Annotated[Path, typer.Option(help="where the result goes")] = Path("results/semi_supervised"),
    jobs: Annotated[int, typer.Option(help="runs at a time")] = 2,
) -> None:
    """Choose the noise, train and test one GAN per split, and write the page."""
    overrides = parse(settings or [])
    out.mkdir(parents=True, exist_ok=True)
    choice = choose(runs, overrides, jobs)
    choice.to_csv(out / "choice.csv", index=False)
    print(choice, file=sys.stderr)
    line = choice["wrong"].to_numpy().argmin()
    best = {name: float(choice[name].to_numpy()[line]) for name in NOISE}
    work = partial(train, DATASET, epochs, settings=SMALL | best | overrides)
    seeds = range(splits)
    lines = _in_parallel(work, jobs, [runs / f"s{seed}" for seed in seeds], seeds)
    table = pd.DataFrame(lines)
    table.insert(0, "split", seeds)
    table.to_csv(out / "splits.csv", index=False)
    (out / "README.md").write_text(page(out), encoding="utf-8")
