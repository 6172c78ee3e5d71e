"""What precision, recall, density and coverage share: which points lie in which balls around which others.

One pass over the pairs answers all four, so its result is remembered for the other three.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ganbench.neighbours import knn_self, pairs_in_balls

K_MANIFOLD = 3  # precision and recall: closed balls that reach to this neighbour
K_DENSITY = 5  # density and coverage: open balls that reach to this one
REMEMBERED = 12  # results: as many as the four metrics need for one sample set and their four sets of training samples

R = TypeVar("R")

_results: dict[tuple[Any, ...], Any] = {}


class Manifolds(NamedTuple):
    """Where samples `[n, d]` and a reference `[m, d]` lie to each other."""

    precise: np.ndarray  # bool [n]: samples in a closed ball around a reference point
    recalled: np.ndarray  # bool [m]: reference points in a closed ball around a sample
    balls: np.ndarray  # int64 [n]: number of open balls around reference points that hold the sample
    covered: np.ndarray  # bool [m]: reference points whose open ball holds a sample


def _remember(function: Callable[..., R]) -> Callable[..., R]:
    """Keep the last results by the content of the arrays: an array that was changed in place is another one."""

    @wraps(function)
    def remembering(*arrays: np.ndarray) -> R:
        contents = [(a.shape, a.dtype.str, hashlib.sha256(np.ascontiguousarray(a).data).digest()) for a in arrays]
        key = (function, *contents)
        if key not in _results:
            while len(_results) >= REMEMBERED:
                del _results[next(iter(_results))]
            _results[key] = function(*arrays)
        return _results[key]

    return remembering


@_remember
def manifolds(gen: np.ndarray, ref: np.ndarray) -> Manifolds:
    """All four relations of `gen` `[n, d]` and `ref` `[m, d]`, exact."""
    n, m = len(gen), len(ref)
    found = Manifolds(np.zeros(n, bool), np.zeros(m, bool), np.zeros(n, np.int64), np.zeros(m, bool))
    of_gen, of_ref = _neighbours(gen), _neighbours(ref)
    around_ref, around_gen = of_ref[:, K_MANIFOLD - 1], of_gen[:, K_MANIFOLD - 1, None]
    opened = np.nextafter(of_ref[:, -1], -1.0)  # the largest distance that is less than that of the last neighbour
    for (i, _), (_, j), (i_open, j_open) in pairs_in_balls(gen, ref, around_ref, around_gen, opened):
        found.precise[i] = True
        found.recalled[j] = True
        found.balls[:] += np.bincount(i_open, minlength=n)
        found.covered[j_open] = True
    return found


@_remember
def _neighbours(x: np.ndarray) -> np.ndarray:
    """Distances of each point to its nearest others, `[n, 5]`; fewer where density is not defined anyway."""
    return knn_self(x, min(K_DENSITY, len(x) - 1))[0]
