"""Which points lie in the balls around other points: shared by precision, recall, density and coverage.

One pass over the pairs of points serves all four.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ganbench.metrics._neighbours import knn_self, pairs_in_balls
from ganbench.metrics._shared import remembered

K_MANIFOLD = 3  # precision and recall: closed balls that reach to this neighbour
K_DENSITY = 5  # density and coverage: open balls that reach to this neighbour


class Manifolds(NamedTuple):
    """Which samples `[n, d]` lie near which reference points `[m, d]`."""

    precise: np.ndarray  # bool [n]: samples in a closed ball around a reference point
    recalled: np.ndarray  # bool [m]: reference points in a closed ball around a sample
    balls: np.ndarray  # int64 [n]: number of open balls around reference points that contain the sample
    covered: np.ndarray  # bool [m]: reference points whose open ball contains a sample


@remembered
def manifolds(gen: np.ndarray, ref: np.ndarray) -> Manifolds:
    """All four relations of `gen` `[n, d]` and `ref` `[m, d]`, exact."""
    of_gen, of_ref = _neighbours(gen), _neighbours(ref)
    return within(gen, ref, of_ref[:, K_MANIFOLD - 1], of_gen[:, K_MANIFOLD - 1], opened(of_ref[:, -1]))


def opened(radius: np.ndarray) -> np.ndarray:
    """Radii of closed balls with the same content as open balls of `radius`: the largest float below each radius."""
    closed: np.ndarray = np.nextafter(radius, -1.0)
    return closed


def within(
    gen: np.ndarray, ref: np.ndarray, around_ref: np.ndarray, around_gen: np.ndarray, dense: np.ndarray
) -> Manifolds:
    """The relations for closed balls of these radii: `around_ref` `[m]`, `around_gen` `[n]`, and `dense` `[m]` for density."""
    n, m = len(gen), len(ref)
    relations = Manifolds(np.zeros(n, bool), np.zeros(m, bool), np.zeros(n, np.int64), np.zeros(m, bool))
    for (i, _), (_, j), (i_open, j_open) in pairs_in_balls(gen, ref, around_ref, around_gen[:, None], dense):
        relations.precise[i] = True
        relations.recalled[j] = True
        relations.balls[:] += np.bincount(i_open, minlength=n)
        relations.covered[j_open] = True
    return relations


@remembered
def _neighbours(x: np.ndarray) -> np.ndarray:
    """Distances of each point to its nearest others, `[n, 5]`; fewer where density is not defined anyway."""
    return knn_self(x, min(K_DENSITY, len(x) - 1))[0]
