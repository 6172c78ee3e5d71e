"""What precision, recall, density and coverage share: which points lie in which balls around which others.

One pass over the pairs answers all four.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ganbench.metrics._neighbours import knn_self, pairs_in_balls
from ganbench.metrics._shared import remembered

K_MANIFOLD = 3  # precision and recall: closed balls that reach to this neighbour
K_DENSITY = 5  # density and coverage: open balls that reach to this one


class Manifolds(NamedTuple):
    """Where samples `[n, d]` and a reference `[m, d]` lie to each other."""

    precise: np.ndarray  # bool [n]: samples in a closed ball around a reference point
    recalled: np.ndarray  # bool [m]: reference points in a closed ball around a sample
    balls: np.ndarray  # int64 [n]: number of open balls around reference points that hold the sample
    covered: np.ndarray  # bool [m]: reference points whose open ball holds a sample


@remembered
def manifolds(gen: np.ndarray, ref: np.ndarray) -> Manifolds:
    """All four relations of `gen` `[n, d]` and `ref` `[m, d]`, exact."""
    of_gen, of_ref = _neighbours(gen), _neighbours(ref)
    return within(gen, ref, of_ref[:, K_MANIFOLD - 1], of_gen[:, K_MANIFOLD - 1], opened(of_ref[:, -1]))


def opened(radius: np.ndarray) -> np.ndarray:
    """Radii of closed balls that hold what open balls of `radius` do: the largest number below each."""
    return np.nextafter(radius, -1.0)


def within(
    gen: np.ndarray, ref: np.ndarray, around_ref: np.ndarray, around_gen: np.ndarray, dense: np.ndarray
) -> Manifolds:
    """The relations with closed balls of these radii: of the two manifolds, `[m]` and `[n]`, and for density `[m]`."""
    n, m = len(gen), len(ref)
    found = Manifolds(np.zeros(n, bool), np.zeros(m, bool), np.zeros(n, np.int64), np.zeros(m, bool))
    for (i, _), (_, j), (i_open, j_open) in pairs_in_balls(gen, ref, around_ref, around_gen[:, None], dense):
        found.precise[i] = True
        found.recalled[j] = True
        found.balls[:] += np.bincount(i_open, minlength=n)
        found.covered[j_open] = True
    return found


@remembered
def _neighbours(x: np.ndarray) -> np.ndarray:
    """Distances of each point to its nearest others, `[n, 5]`; fewer where density is not defined anyway."""
    return knn_self(x, min(K_DENSITY, len(x) - 1))[0]
