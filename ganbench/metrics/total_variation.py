"""Total variation from a known mixture, on cells whose masses are known exactly.

TV(q, p) is the largest difference of two laws' masses of any set: the share of the generated mass that lies in the wrong
place. Here the sets are unions of cells: shells of equal mass around every mode of the mixture, and everything elsewhere. So
the value sees modes that are missing or too heavy, modes that are too wide or too narrow, and mass that is near no mode. It
is at most the total variation of the densities. PacGAN's theory of mode collapse is in this distance (Lin et al. 2018,
arXiv:1712.04086, section 3).

Total variation was preferred to the Jensen-Shannon divergence: its unit is a share of the samples, its chance level has a
closed form, and a sample cannot change it by more than 1 / n.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import pdist
from scipy.special import gammaincinv, gammaln

from ganbench.data.mixture import Mixture
from ganbench.metrics import Card, NotApplicable, Score
from ganbench.metrics._neighbours import knn
from ganbench.metrics.modes import INSIDE
from ganbench.statistics import share

CARD = Card(
    answers="What share of the generated mass lies in the wrong place?",
    better="lower",
    range=(0.0, 1.0),
    minimum=50,
    paper="Lin et al. 2018, arXiv:1712.04086",
    version=1,
    responds={
        "noise": "+",
        "shift": "+",
        "dropped": "+",
        "support": "+",
        "outliers": "+",
        "weights": "+",
        "copies": "0",
    },
)

SHELLS = 5
APART = 4  # radii between two modes, from which the tail of a mode in another mode's disc is below the rounding of a float64


def total_variation(gen: np.ndarray, mixture: Mixture | None = None) -> Score:
    """Total variation between `gen` `[n, d]` and `mixture` on its cells, in [0, 1].

    A mode's disc holds 98.9 % of its Gaussian, as in `modes`, and `SHELLS` shells cut it into equal masses. All else is one
    cell. The value is 1/2 sum |q - p| = q(A) - p(A), where A are the cells with more samples than the mixture gives them.
    `perfect` is exact: half of the sum of the mean absolute deviations of binomial counts (De Moivre; Diaconis & Zabell
    1991). The interval is Clopper-Pearson's of the share of samples in A. It is for the mean of the value at this n.
    """
    if mixture is None:
        raise NotApplicable("is for datasets whose modes are known")
    k, d = mixture.means.shape
    edges = mixture.sd * np.sqrt(2 * gammaincinv(d / 2, INSIDE * np.arange(1, SHELLS + 1) / SHELLS))
    if k > 1 and pdist(mixture.means).min() < APART * edges[-1]:
        raise NotApplicable("is for modes that do not overlap")
    n = len(gen)
    distance, mode = (a[:, 0] for a in knn(gen, mixture.means, 1))
    shell = np.searchsorted(edges, distance)
    cell = np.where(shell < SHELLS, mode * SHELLS + shell, k * SHELLS)
    counts = np.bincount(cell, minlength=k * SHELLS + 1)
    p = np.append(np.full(k * SHELLS, INSIDE / (k * SHELLS)), 1 - INSIDE)
    above = counts > n * p
    expected, held = float(p[above].sum()), int(counts[above].sum())
    low, high = share(held, n)
    return Score(held / n - expected, (max(0.0, low - expected), high - expected), float(_deviation(n, p).sum()) / 2)


def _deviation(n: int, p: np.ndarray) -> np.ndarray:
    """E |X / n - p| for X binomial with n trials, elementwise: 2 v (1 - p) P(X = v) / n, v the first whole number above np."""
    v = np.floor(n * p) + 1
    log = gammaln(n + 1) - gammaln(v + 1) - gammaln(n - v + 1) + v * np.log(p) + (n - v) * np.log1p(-p)
    deviation: np.ndarray = 2 * v * (1 - p) * np.exp(log) / n
    return deviation
