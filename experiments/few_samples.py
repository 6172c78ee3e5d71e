"""How often the permutation test `equality` is wrong, and whether it sees what it says that it sees, by simulation.

\b
    python -m experiments few_samples --draws 400

`uniform`: two samples of one Gaussian are drawn. The p values must be uniform for every n and d: Kolmogorov-Smirnov's test says
whether they are. `power`: a generator leaves out some of ten classes. The test names the smallest loss that it sees in 80 % of
the cases. The table has the share of draws in which it saw the loss of this share of the classes, rounded up.
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
from ganbench.metrics.equality import LEVEL, detectable, permuted

SIZES, DIMENSIONS = (20, 50, 120, 250, 500), (16, 128, 512, 2048)
POWERED = (20, 60, 120, 250)  # samples in the second table
REFERENCE = 400  # held-out samples there
CLASSES, APART, D = 10, 4.0, 12  # a mixture: the distance of a centre from the origin, and the number of features
PERMUTATIONS = 199


def main(
    draws: Annotated[int, typer.Option(help="of each number of samples and of features")] = 400,
    quick: Annotated[bool, typer.Option("--quick", help="two sizes and 30 draws")] = False,
    out: Annotated[Path, typer.Option(help="folder of the two tables")] = Path("runs/few_samples"),
) -> None:
    """Write `uniform.csv` and `power.csv` to `out`, and print both tables."""
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
        table = pd.DataFrame(lines)
        files.write(out / f"{name}.csv", table.to_csv(index=False))
        print(table.to_string(index=False))


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
    share = float(np.median([1.0 if loss is None else loss for loss in said]))
    lost = min(math.ceil(CLASSES * share), CLASSES - 1)

    def seen(lost: int) -> float:
        pools = (np.concatenate([_mixture(rng, n, lost), _mixture(rng, REFERENCE)]) for _ in range(draws))
        return float(np.mean([permuted(_distances(pool), n, rng, PERMUTATIONS).p <= LEVEL for pool in pools]))

    return {"n": n, "said": share, "classes": lost, "seen": seen(lost), "seen with one less": seen(lost - 1)}


def _mixture(rng: np.random.Generator, n: int, lost: int = 0) -> np.ndarray:
    """n samples of a mixture, without its first `lost` classes."""
    return APART * np.eye(CLASSES, D)[rng.integers(lost, CLASSES, n)] + rng.standard_normal((n, D))


def _distances(x: np.ndarray) -> np.ndarray:
    return np.asarray(squareform(pdist(x)))
