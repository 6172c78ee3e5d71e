"""How often the permutation test `equality` is wrong, and whether it sees what it says that it sees, by simulation.

\b
    python -m experiments few_samples

`uniform`: two samples of one Gaussian are drawn. The p values must be uniform for every n and d: Kolmogorov-Smirnov's test says
whether they are. `power`: a generator leaves out some of ten classes. The test names the smallest loss that it sees in 80 % of
the cases. The table has the share of draws in which it saw the loss of this share of the classes, rounded up. The command
writes `uniform.csv`, `power.csv` and `README.md` to results/few_samples/.
"""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from scipy.spatial.distance import pdist, squareform
from scipy.stats import kstest

from ganbench import files
from ganbench.display.progress import progress
from ganbench.display.text import number
from ganbench.metrics.equality import LEVEL, detectable, permuted
from ganbench.statistics import share

SIZES, DIMENSIONS = (20, 50, 120, 250, 500), (16, 128, 512, 2048)
POWERED = (20, 60, 120, 250)  # samples in the second table
REFERENCE = 400  # held-out samples there
CLASSES, APART, D = 10, 4.0, 12  # a mixture: the distance of a centre from the origin, and the number of features
PERMUTATIONS = 199


def main(
    draws: Annotated[int, typer.Option(help="of each number of samples and of features")] = 400,
    quick: Annotated[bool, typer.Option("--quick", help="two sizes and 30 draws")] = False,
    out: Annotated[Path, typer.Option(help="folder of the tables and the page")] = Path("results/few_samples"),
) -> None:
    """Write both tables and their page to `out`."""
    sizes, dimensions, powered = ((20, 50), (16,), (20,)) if quick else (SIZES, DIMENSIONS, POWERED)
    draws = 30 if quick else draws
    cases = list(product(sizes, dimensions))
    with progress("permutation tests", len(cases) + len(powered), "cases") as advance:
        uniform: list[dict[str, Any]] = []
        power: list[dict[str, Any]] = []
        for n, d in cases:
            uniform.append(_uniform(n, d, draws))
            advance(len(uniform))
        for n in powered:
            power.append(_power(n, draws))
            advance(len(uniform) + len(power))
    for name, lines in (("uniform", uniform), ("power", power)):
        files.write(out / f"{name}.csv", pd.DataFrame(lines).to_csv(index=False, float_format="%.6g"))
    files.write(out / "README.md", page(out))


def page(out: Path) -> str:
    """The page of the tables in `out`."""
    uniform, power = (pd.read_csv(out / f"{name}.csv") for name in ("uniform", "power"))
    draws, tests = int(uniform.draws.iloc[0]), len(uniform)
    rejected = round(float((uniform.rejected * uniform.draws).sum()))
    low, high = share(rejected, int(uniform.draws.sum()))
    shares = uniform.pivot(index="n", columns="d", values="rejected").map(lambda part: f"{part:.3f}")
    shares.columns = pd.Index([f"d = {d}" for d in shares.columns])
    shown = pd.DataFrame(
        {
            "n": power.n,
            "share that it names": power.said,
            "classes left out": power.classes,
            "seen": power.seen,
            "seen with one class less": power["seen with one less"],
        }
    )
    return (
        "# The test for few samples\n\n"
        "[`equality`](../../docs/metrics.md#equality-are-few-samples-like-the-data) is a permutation test for 20 to\n"
        "1,000 samples. This page measures how often the test is wrong, and whether it sees what it says that it sees.\n\n"
        "## Is it wrong as often as it says?\n\n"
        f"n samples are compared with n other samples of the same d normal numbers, {draws} times. The p values must be\n"
        f"uniform. Kolmogorov-Smirnov's test compares the {draws} p values with the uniform distribution, for {tests} pairs\n"
        f"of n and d. Its least p value is {number(uniform.ks.min())}; times {tests} for the {tests} tests it is "
        f"{number(min(1.0, tests * uniform.ks.min()))}. The table has the\n"
        f"share of draws that the test calls different at the level {LEVEL:g}. Over all draws the share is\n"
        f"{rejected / uniform.draws.sum():.4f} [{low:.4f}, {high:.4f}].\n\n"
        f"{shares.reset_index().to_markdown(index=False, disable_numparse=True)}\n\n"
        "## Does it see what it says?\n\n"
        f"The data has {CLASSES} classes, and {REFERENCE} held-out samples. The test names the smallest share of the data\n"
        f"whose loss it sees in 80 % of the cases. Then a generator leaves out classes of this share, rounded up, {draws}\n"
        "times. `seen` is the share of draws in which the p value is small.\n\n"
        f"{shown.to_markdown(index=False)}\n\n"
        "`python -m experiments few_samples` wrote this page.\n"
    )


def _uniform(n: int, d: int, draws: int) -> dict[str, Any]:
    """How uniform the p values of equal distributions are. A p value is moved within its step, so that it is continuous."""
    rng = np.random.default_rng([n, d])
    p = np.array([permuted(_distances(rng.standard_normal((2 * n, d))), n, rng, PERMUTATIONS).p for _ in range(draws)])
    continuous = p - rng.random(draws) / (PERMUTATIONS + 1)
    rejected = float((p <= LEVEL).mean())
    return {"n": n, "d": d, "draws": draws, "ks": float(kstest(continuous, "uniform").pvalue), "rejected": rejected}


def _power(n: int, draws: int) -> dict[str, Any]:
    """The loss that the test says it sees, and how often it saw that loss."""
    rng = np.random.default_rng(n)
    pools = [_distances(np.concatenate([_mixture(rng, n), _mixture(rng, REFERENCE)])) for _ in range(9)]
    said = [detectable(pool[n:, n:], n, permuted(pool, n, rng, PERMUTATIONS).exchanged, rng) for pool in pools]
    named = float(np.median([1.0 if loss is None else loss for loss in said]))
    lost = min(math.ceil(CLASSES * named), CLASSES - 1)

    def seen(lost: int) -> float:
        pools = (np.concatenate([_mixture(rng, n, lost), _mixture(rng, REFERENCE)]) for _ in range(draws))
        return float(np.mean([permuted(_distances(pool), n, rng, PERMUTATIONS).p <= LEVEL for pool in pools]))

    return {"n": n, "said": named, "classes": lost, "seen": seen(lost), "seen with one less": seen(lost - 1)}


def _mixture(rng: np.random.Generator, n: int, lost: int = 0) -> np.ndarray:
    """n samples of a mixture, without its first `lost` classes."""
    return APART * np.eye(CLASSES, D)[rng.integers(lost, CLASSES, n)] + rng.standard_normal((n, D))


def _distances(x: np.ndarray) -> np.ndarray:
    return np.asarray(squareform(pdist(x)))
