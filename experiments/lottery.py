"""How lucky is a GAN: the variance of FID in parts, of training, of sampling and of the reference.

\b
    python -m experiments lottery [--trainings 20] [--samplings 5] [--references 5]

Each GAN is trained with many seeds, each training is sampled with many seeds, and all sample sets are scored against the same
random halves of the held-out digits. An interrupted command continues where it stopped. It writes `scores.csv` and `README.md`
to `results/lottery/`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import pandas as pd
import torch
import typer
from scipy.stats import f as f_law

from ganbench import Scorer, data
from ganbench.boards import grid
from ganbench.display.progress import progress
from ganbench.display.text import number
from ganbench.statistics import ALPHA, Interval
from ganbench.training import loop
from ganbench.training.sampling import Drawing, sample

DATASET, METRIC = "digits", "fid"
ROWS = {  # the GANs, and the board that has the settings of each
    "gan": "quick",
    "gan-minimax": "quick",
    "dcgan": "quick",
    "wgan": "quick",
    "replay": "tricks",
    "biggan-shared": "biggan-ablation",
}
KEY = ["gan", "training", "sampling", "reference"]


class Parts(NamedTuple):
    """Variances of the logarithm of a positive metric, and the ratio of the first two with its 95 % interval."""

    training: float
    sampling: float
    reference: float
    ratio: float
    interval: Interval


def parts(values: np.ndarray) -> Parts:
    """The variance of log `values` `[t, s, r]`, of t trainings, s samplings of each and r references, in parts.

    Training and sampling are the two levels of a nested analysis of variance of the means over the references. `sampling` has
    the residual too. A negative estimate is 0. The interval of training over sampling is exact for normal parts: their mean
    squares over their variances have an F law (Searle, Casella & McCulloch 1992, section 3.6). `reference` is the variance
    between references that all sample sets share.
    """
    y = np.log(values)
    t, s, _ = y.shape
    means = y.mean(2)
    within = float(means.var(1, ddof=1).mean())
    between = float(s * means.mean(1).var(ddof=1))
    quantiles = f_law.ppf([1 - ALPHA / 2, ALPHA / 2], t - 1, t * (s - 1))
    ratio, low, high = np.maximum((between / within / np.array([1.0, *quantiles]) - 1) / s, 0)
    training = max((between - within) / s, 0.0)
    return Parts(training, within, float(y.mean((0, 1)).var(ddof=1)), float(ratio), (float(low), float(high)))


def cube(table: pd.DataFrame) -> np.ndarray:
    """The values of a GAN, `[t, s, r]`.

    Raises:
        ValueError: a sample set was not scored.
    """
    shape = tuple(table[name].nunique() for name in KEY[1:])
    return table.sort_values(KEY).value.to_numpy(float).reshape(shape)


def page(out: Path) -> str:
    """The page of `scores.csv`."""
    table = pd.read_csv(out / "scores.csv")
    lines = []
    for gan, scored in table.groupby("gan", sort=False):
        values = cube(scored)
        found = parts(values)
        low, high = found.interval
        lines.append(
            {
                "GAN": gan,
                f"{METRIC}, geometric mean": number(np.exp(np.log(values).mean())),
                "sd of training": number(np.sqrt(found.training)),
                "sd of sampling": number(np.sqrt(found.sampling)),
                "sd of the reference": number(np.sqrt(found.reference)),
                "training / sampling": f"{number(found.ratio)} [{number(low)}, {number(high)}]",
            }
        )
    t, s, r = (table[name].nunique() for name in KEY[1:])
    return (
        "# How lucky is a GAN?\n\n"
        f"Each GAN is trained with {t} seeds on {DATASET}. Each training is sampled with {s} seeds.\n"
        f"All sample sets are scored against the same {r} random halves of the held-out digits.\n"
        f"The standard deviations are those of the logarithm of {METRIC}: 0.05 is about 5 %. The last column is the\n"
        "ratio of the two variances, with its 95 % interval, which is exact for normal parts.\n\n"
        f"{pd.DataFrame(lines).to_markdown(index=False, disable_numparse=True)}\n\n"
        "`python -m experiments lottery` wrote this page.\n"
    )


def scorers(references: int, n: int) -> list[Scorer]:
    """A scorer against each of some random halves of the held-out digits, n each."""
    held_out = data.load(DATASET, "test")
    chosen = [np.random.default_rng(r).permutation(len(held_out.x))[:n] for r in range(references)]
    return [
        Scorer.of(np.array(held_out.x)[np.sort(ids)], features=f"{DATASET}-cnn", metrics=[METRIC], device="cpu")
        for ids in chosen
    ]


def planned(gan: str) -> grid.PlannedRun:
    """The run of a GAN on its board: its file, its settings and its budget."""
    return next(run for run in grid.runs(ROWS[gan]) if (run.row, run.dataset, run.kind) == (gan, DATASET, "baseline"))


def main(
    trainings: Annotated[int, typer.Option(help="of each GAN", min=2)] = 20,
    samplings: Annotated[int, typer.Option(help="of each training", min=2)] = 5,
    references: Annotated[int, typer.Option(help="that all sample sets are scored against", min=2)] = 5,
    only: Annotated[list[str] | None, typer.Option(help="names of GANs; by default all")] = None,
    runs: Annotated[Path, typer.Option(help="folder of the runs")] = Path("runs/lottery"),
    out: Annotated[Path, typer.Option(help="where the result goes")] = Path("results/lottery"),
) -> None:
    """Train, sample and score, and write the page."""
    torch.set_num_threads(1)  # layers this small are no faster on more
    gans = only or list(ROWS)
    lines = []
    with progress("lottery", len(gans) * trainings, "trainings") as advance:
        for i, gan in enumerate(gans):
            run = planned(gan)
            against = scorers(references, run.n)
            for training in range(trainings):
                folder = runs / f"{gan}-s{training}"
                path = Path(run.path)
                loop.train(path, DATASET, folder, seed=training, images=run.images, overrides=run.settings)
                for sampling in range(samplings):
                    drawn = sample(folder, Drawing(run.n, sampling))
                    for reference, score in enumerate(against):
                        key = dict(zip(KEY, (gan, training, sampling, reference), strict=True))
                        lines.append(key | {"value": score(drawn).metrics[METRIC].value})
                advance(i * trainings + training + 1, gan)
    out.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(lines).to_csv(out / "scores.csv", index=False, float_format="%.8g")
    (out / "README.md").write_text(page(out), encoding="utf-8")
