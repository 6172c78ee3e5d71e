"""Test error of the semi-supervised GAN on MNIST with few labels (Salimans et al. 2016, arXiv:1606.03498, table 1).

\b
    python -m experiments semi_supervised
    python -m experiments semi_supervised --labels 5 --splits 3

The command trains one GAN per number of labels and split. The seed of a split decides the first weights, the order of the
data, and which labels are used, equally many of each class. The paper trains 300 epochs and has 10 splits. An interrupted run
continues where it stopped, and a split that splits.csv has is not trained again. The command writes choice.csv, splits.csv and
README.md to results/semi_supervised/.

By default the networks are a quarter as wide as the networks of the paper, and the batch is half as large, so that a CPU can
train them; `--set` changes that. Narrow layers do not tolerate the paper's noise. So the command first chooses a share of the
paper's noise: it trains on five sixths of the training images with 100 labels and a seed that no split has, and it counts the
wrong images among the other sixth. The test images have no part in the choice. All numbers of labels have this noise.
"""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
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

DATASET = "mnist"
PAPER = {20: 16.77, 50: 2.21, 100: 0.93, 200: 0.90}  # labels: % wrong, mean over 10 splits
SMALL = {"units_d": 64, "units_g": 128, "batch": 50}
NOISE = {"noise_input": 0.3, "noise_hidden": 0.5}  # of the paper
SHARES = (0.25, 0.5, 0.75, 1.0)  # of the paper's noise, one of them is chosen
CHOOSING_LABELS, CHOOSING_SEED, CHOOSING_EPOCHS = 100, 1000, 20


def wrong(run: Path, dataset: str) -> int:
    """Count the held-out images that the classifier of a run, D with averaged weights, puts into a wrong class."""
    gan, _ = checkpoint.load(run)
    split = data.load(dataset, "test")
    x, y = torch.from_numpy(np.array(split.x)).permute(0, 3, 1, 2), torch.from_numpy(np.array(split.y))
    with torch.inference_mode():
        guess = torch.cat([gan.D(to_float(part)).argmax(1) for part in x.split(1000)])
    return int((guess != y).sum())


def train(dataset: str, epochs: int, labels: int, folder: Path, seed: int, settings: dict[str, Any]) -> dict[str, Any]:
    """Train a GAN with `labels` labels in all and test its classifier: a line of a table."""
    torch.set_num_threads(1)  # layers this small are no faster on more
    n, tested = (len(data.load(dataset, split).x) for split in ("train", "test"))
    overrides = settings | {"labels": labels // data.facts(dataset).classes}
    run = loop.train(
        baseline.resolve("semi_supervised"), dataset, folder, seed=seed, images=epochs * n, overrides=overrides
    )
    errors = wrong(folder, dataset)
    return {
        "epochs": epochs,
        **settings,
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
    work = partial(train, dataset, CHOOSING_EPOCHS, CHOOSING_LABELS)
    return pd.DataFrame(_in_parallel(work, jobs, folders, [CHOOSING_SEED] * len(trials), trials))


def _in_parallel(work: Any, jobs: int, *arguments: Any) -> list[dict[str, Any]]:
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        return list(pool.map(work, *arguments))


def page(out: Path) -> str:
    """The page of the tables `choice.csv` and `splits.csv` in `out`."""
    choice, table = (pd.read_csv(out / name) for name in ("choice.csv", "splits.csv"))
    lines = []
    for labels, splits in table.groupby("labels"):
        error = splits["error_percent"].to_numpy()
        ends = ["", ""] if len(error) < 2 else [f"{end:.2f}" for end in student(error)]
        lines.append([labels, len(error), f"{error.mean():.2f}", *ends, PAPER.get(int(str(labels)), "")])
    heads = ["labels", "splits", "wrong, %", "95 % from", "to", "paper, %"]
    return (
        "# Semi-supervised classification of MNIST\n\n"
        f"The share of {table['test'][0]:,} test images that are classified wrong: the mean over splits and its 95 % interval. "
        "The paper's numbers\nare means of 10 splits of wide networks and 300 epochs.\n\n"
        f"{pd.DataFrame(lines, columns=heads).to_markdown(index=False, disable_numparse=True)}\n\n"
        f"All splits:\n\n{table.to_markdown(index=False)}\n\n"
        "The last weights were tested: no epoch was chosen. The noise was chosen on held-out training images with "
        f"{CHOOSING_LABELS} labels and\nanother seed. The trials:\n\n"
        f"{choice.to_markdown(index=False)}\n\n"
        "`python -m experiments semi_supervised` wrote this page. The GAN is `baselines/semi_supervised.py` with the settings\n"
        "of the table.\n"
    )


def main(
    labels: Annotated[list[int] | None, typer.Option(help="labels in all; may be given several times")] = None,
    splits: Annotated[int, typer.Option(help="how many for each number of labels", min=1)] = 5,
    epochs: Annotated[int, typer.Option(help="per split; the paper: 300", min=1)] = 60,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="change a setting of the GAN")
    ] = None,
    runs: Annotated[Path, typer.Option(help="folder of the runs")] = Path("runs/semi_supervised"),
    out: Annotated[Path, typer.Option(help="where the result goes")] = Path("results/semi_supervised"),
    jobs: Annotated[int, typer.Option(help="runs at a time")] = 2,
) -> None:
    """Choose the noise, train and test one GAN per number of labels and split, and write the page."""
    overrides, chosen, table = parse(settings or []), out / "choice.csv", out / "splits.csv"
    out.mkdir(parents=True, exist_ok=True)
    if not chosen.is_file():
        choose(runs, overrides, jobs).to_csv(chosen, index=False)
    trials = pd.read_csv(chosen)
    print(trials, file=sys.stderr)
    best = {name: float(trials[name][trials["wrong"].argmin()]) for name in NOISE}
    lines: list[Any] = pd.read_csv(table).to_dict("records") if table.is_file() else []
    done = {(line["labels"], line["split"]) for line in lines}
    work = partial(train, DATASET, epochs, settings=SMALL | best | overrides)
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        waiting = {
            pool.submit(work, count, runs / f"{count}-s{seed}", seed): (count, seed)
            for count in labels or PAPER
            for seed in range(splits)
            if (count, seed) not in done
        }
        for future in as_completed(waiting):
            count, seed = waiting[future]
            lines.append({"labels": count, "split": seed, **future.result()})
            pd.DataFrame(lines).sort_values(["labels", "split"]).to_csv(table, index=False)
            (out / "README.md").write_text(page(out), encoding="utf-8")
