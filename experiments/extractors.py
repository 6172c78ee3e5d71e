"""What the features of a dataset's classifiers see: training seeds of the exposed recipe, beside a control without exposure.

\b
    python -m experiments extractors mnist [--seeds 3]

The exposed recipe shows damaged images in training (`ganbench/features/cnn/damage.py`). The control is the same recipe without
them, with as many epochs. Every classifier of both is measured on the held-out images under the damage of the calibrations:

- d' of FID: (mean FID of damaged sets - mean FID of untouched sets) / sd of untouched sets.
- precision of damaged sets.
- rejected: the share of the images that the second head calls damaged.

A trained classifier is not trained again. The command writes DATASET.csv and README.md to results/extractors/.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import torch
import typer

from ganbench import data, metrics
from ganbench.boards.corruptions import CORRUPTIONS, first
from ganbench.data import Split
from ganbench.features.cnn import network, train
from ganbench.metrics.fid import frechet, moments

KINDS = ("exposed", "control")
UNDAMAGED = "untouched"
LEVELS = {
    "noise": (0.02, 0.05, 0.1, 0.2, 0.4), "outliers": (0.05, 1.0), "permuted": (0.05, 1.0), "salt": (0.01, 0.02, 0.05, 0.1),
    "blur": (0.5, 1.0), "elastic": (0.5, 1.0, 2.0), "mixtures": (0.2, 0.5), "invented": (0.05, 1.0), "dropped": (9.0, 7.0),
}  # fmt: skip
N, REPEATS, UNTOUCHED = 1000, 6, 24  # images per set, damaged sets per level, untouched sets
OUT = Path("results/extractors")
WANTED = {  # largest precision that the exposed classifiers should have: damage, level
    ("outliers", 1.0): 0.05, ("permuted", 1.0): 0.05, ("noise", 0.4): 0.1, ("blur", 1.0): 0.2, ("mixtures", 0.5): 0.5,
    ("salt", 0.05): 0.75,
}  # fmt: skip


def fit(dataset: str, runs: Path, kind: str, seed: int) -> str:
    """Train a classifier, unless it is there; returns its name."""
    torch.set_num_threads(1)
    name = f"{dataset}-{kind}-s{seed}"
    if not (runs / f"{name}.json").is_file():
        recipe = replace(train.RECIPES[f"{dataset}-exposed"], seed=seed)
        train.write(name, recipe if kind == KINDS[0] else replace(recipe, damaged=0.0), runs)
    return name


def look(dataset: str, runs: Path, kind: str, seed: int) -> list[dict[str, Any]]:
    """What one classifier sees: a line for each level of each damage."""
    name = fit(dataset, runs, kind, seed)
    model = network.read(runs, name)
    held_out = data.load(dataset, "test")
    accuracy = train.accuracy(model, held_out.x, held_out.y)
    about = {"kind": kind, "seed": seed, "accuracy": accuracy}
    return [about | line for line in measured(model, held_out)]


def measured(model: network.Classifier, held_out: Split) -> Iterator[dict[str, Any]]:
    """d' of FID, precision, and the rejected share of a classifier, for every level of every damage."""
    n = min(N, len(held_out.x) * 2 // 500 * 100)  # the rest must have n images without three of ten classes
    null = np.array([distance(*embedded(model, *split(held_out, n, i))[:2]) for i in range(UNTOUCHED)])
    levels = [(UNDAMAGED, 0.0), *((name, level) for name, given in LEVELS.items() for level in given)]
    for name, level in levels:
        distances, precise, rejected = [], [], []
        for i in range(REPEATS):
            reference, pool = split(held_out, n, i)
            rng = np.random.default_rng([i, 1])
            damaged = first(pool, n) if name == UNDAMAGED else CORRUPTIONS[name].apply(pool, held_out, n, level, rng)
            ref, gen, share = embedded(model, reference, damaged)
            distances.append(distance(ref, gen))
            rejected.append(share)
            precise.append(metrics.compute(["precision"], {"gen": gen, "ref": ref})["precision"]["value"])
        prime = (np.mean(distances) - null.mean()) / null.std(ddof=1)
        yield {
            "damage": name,
            "level": level,
            "d'": prime,
            "precision": np.mean(precise),
            "rejected": np.mean(rejected),
        }


def split(held_out: Split, n: int, repeat: int) -> tuple[Split, Split]:
    """A reference of n images, and all other images, in a random order."""
    order = np.random.default_rng([repeat, 0]).permutation(len(held_out.x))
    ref, rest = (Split(held_out.x[rows], held_out.y[rows]) for rows in (order[:n], order[n:]))
    return ref, rest


def distance(ref: np.ndarray, gen: np.ndarray) -> float:
    """FID of features [n, d] from features [m, d]."""
    return frechet(moments([gen]), moments([ref]))


def embedded(model: network.Classifier, ref: Split, gen: Split) -> tuple[np.ndarray, np.ndarray, float]:
    """Features of a reference and of as many other images, and the share of these images that the second head rejects."""
    a, b = (train.run(model, given.x[: len(ref.x)])[0] for given in (ref, gen))
    if model.kind is None:
        return a.double().numpy(), b.double().numpy(), float("nan")
    with torch.inference_mode():
        share = float((model.kind(b / model.scale).argmax(1) > 0).double().mean())
    return a.double().numpy(), b.double().numpy(), share


def page(out: Path) -> str:
    """The page of all datasets that `out` has a table of."""
    parts = ["# What the classifiers' features see", HOW_TO_READ]
    for path in sorted(out.glob("*.csv")):
        table = pd.read_csv(path)
        parts += [
            f"## {path.stem}",
            accuracies(table),
            wanted(table).to_markdown(index=False),
            seen(table).to_markdown(index=False),
        ]
    return "\n\n".join(parts) + "\n\n`python -m experiments extractors DATASET` wrote this page.\n"


def accuracies(table: pd.DataFrame) -> str:
    """The sentence on the accuracy of both recipes."""
    per = table.groupby(["kind", "seed"]).accuracy.first()
    texts = [
        f"{kind}: {', '.join(f'{100 * value:.2f}' for value in per[kind])} % (mean {100 * per[kind].mean():.2f})"
        for kind in KINDS
    ]
    return f"Right on the test split. {'; '.join(texts)}."


def wanted(table: pd.DataFrame) -> pd.DataFrame:
    """The largest precision that was wanted of damaged sets, and what came out: the mean over the training seeds, and all."""
    lines = []
    for (damage, level), most in WANTED.items():
        line: dict[str, Any] = {"damage": damage, "level": level, "wanted": f"≤ {most:g}"}
        for kind in KINDS:
            rows = table[(table.damage == damage) & (table.level == level) & (table.kind == kind)]
            seeds = rows.precision.to_numpy(float)
            line[kind] = f"{seeds.mean():.2f} ({', '.join(f'{value:.2f}' for value in seeds)})"
            line.setdefault("reached", "yes" if seeds.mean() <= most else "no")
        lines.append(line)
    return pd.DataFrame(lines)


def seen(table: pd.DataFrame) -> pd.DataFrame:
    """Means over the training seeds for every level of every damage."""
    means = (
        table.groupby(["damage", "level", "kind"], sort=False)[["d'", "precision", "rejected"]].mean().unstack("kind")
    )
    columns = {f"{column}, {kind}": means[column, kind] for column in ("d'", "precision", "rejected") for kind in KINDS}
    shown = pd.DataFrame(columns).drop(columns=f"rejected, {KINDS[1]}")
    return shown.map(lambda value: f"{value:.3g}").reset_index()


HOW_TO_READ = f"""Two recipes of each classifier, with the same number of epochs. The recipe *exposed* shows damaged images in
training: noise, uniform pixels, permuted pixels, blur, mixtures and shuffled patches. The recipe *control* shows none. Each
recipe was trained with several seeds. A cell is the mean over the seeds.

- `d'`: the mean FID of damaged sets less the mean FID of untouched sets, divided by the standard deviation of untouched sets.
  {REPEATS} damaged and {UNTOUCHED} untouched sets of {N:,} held-out images, or of two fifths of the held-out images.
- `precision`: of the damaged sets. A set that has nothing in common with the data should have 0.
- `rejected`: the share of the images that the second head calls damaged. `untouched` shows its false alarms.

Salt, elastic, dropped classes and invented modes (negatives) were shown to no classifier."""


def main(
    dataset: Annotated[str, typer.Argument(help="digits, mnist or fashion-mnist")],
    seeds: Annotated[int, typer.Option(help="training seeds of each recipe", min=1)] = 3,
    runs: Annotated[Path, typer.Option(help="folder of the classifiers")] = Path("runs/extractors"),
    out: Annotated[Path, typer.Option(help="where the result goes")] = OUT,
    jobs: Annotated[int, typer.Option(help="classifiers at a time")] = 2,
) -> None:
    """Train and measure the classifiers, and write the page."""
    runs.mkdir(parents=True, exist_ok=True)
    out.mkdir(parents=True, exist_ok=True)
    kinds, numbers = zip(*product(KINDS, range(seeds)), strict=True)
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        lines = [line for part in pool.map(partial(look, dataset, runs), kinds, numbers) for line in part]
    pd.DataFrame(lines).to_csv(out / f"{dataset}.csv", index=False, float_format="%.6g")
    (out / "README.md").write_text(page(out), encoding="utf-8")
