"""Exact nearest neighbours and exact membership in balls, Euclidean, in float64.

Candidates are searched in float32, and float64 decides. The expansion |q|^2 + |x|^2 - 2 q.x makes all distances one matrix
product. This is fast, but digits cancel, so near-duplicates can come out of order. Therefore the data are centred first. A
bound on the rounding error says which points the search cannot order. Their distances are computed again from the differences.
Queries with too few candidates are searched again in float64, and then without any expansion. In few dimensions a k-d tree is
exact and faster. Memory grows linearly with the number of points.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from ganbench.errors import UserError

TREE_DIMENSIONS = 8  # up to this number of dimensions a k-d tree is faster than a flat scan
MARGIN = 8  # candidates beyond the k wanted ones
BLOCK = 2**22  # distances held at once, enough for a matrix product at full speed
CHUNK = 2**17  # coordinates held at once, few enough for the cache
FAR = 1e15  # in radii of the searched set: the square of a larger distance might overflow float32

Pairs = tuple[np.ndarray, np.ndarray]  # rows i and j, int64


def knn(q: np.ndarray, x: np.ndarray, k: int, own: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest points of `x` to each row of `q`.

    Args:
        q, x: float `[n, d]` and `[m, d]`.
        k: at most m, or m - 1 with `own`.
        own: int `[n]`, the row of `x` that each query is. That row is left out, by its number and not by its
            distance, so that exact copies of a point stay its neighbours.

    Returns:
        Distances (not squared), float64 `[n, k]`, ascending, and their rows in `x`, int64 `[n, k]`. Rows at equal
        distance are ordered by number. The distances are exact. If several points tie for the last place, any of them can be
        returned.

    Raises:
        UserError: values that are not finite.
        ValueError: k larger than the number of points.
    """
    q, x = (_float64(x),) * 2 if q is x else (_float64(q), _float64(x))
    wanted = k + (own is not None)
    if k < 1 or wanted > len(x):
        raise ValueError(f"{k} neighbours of {len(x)} points")
    own = np.full(len(q), -1) if own is None else np.asarray(own)
    if x.shape[1] <= TREE_DIMENSIONS:
        _, ids = cKDTree(x).query(q, k=wanted)
        return _rank(q, x, ids.reshape(len(q), wanted), own, k)
    near_q, near_x, radius = _scaled(q, x)
    near = bool(np.abs(near_q).max(initial=0) < FAR)
    distances, ids = np.empty((len(q), k)), np.empty((len(q), k), np.int64)
    todo = np.arange(len(q))
    count = min(wanted + MARGIN, len(x))
    for candidates in [*([_faiss_candidates] if near and _faiss() else []), _blas_candidates]:
        rows = slice(None) if len(todo) == len(q) else todo  # a slice copies nothing
        low, slack, nearest = candidates(near_q[rows], near_x, count)
        reaches = low <= low[:, wanted - 1 : wanted] + 2 * slack[:, None]  # all others are farther than k candidates
        distances[rows], ids[rows] = _rank(q[rows], x, np.where(reaches, nearest, own[rows, None]), own[rows], k)
        last = (distances[rows, -1] / radius) ** 2
        certain = (last == 0) | (last <= low[:, -1]) | (count == len(x))
        todo = todo[~certain]
        if not len(todo):
            return distances, ids
    everything = np.arange(len(x))[None]
    for i in todo:
        distances[i], ids[i] = _rank(q[i : i + 1], x, everything, own[i : i + 1], k)
    return distances, ids


def knn_self(x: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest other points of each point of `x` `[n, d]`; see `knn`."""
    return knn(x, x, k, own=np.arange(len(x)))


def pairs_in_balls(q: np.ndarray, x: np.ndarray, *radii: np.ndarray) -> Iterator[list[Pairs]]:
    """For each of `radii`, the pairs with |q_i - x_j| <= r_ij, block after block of rows of `q`; exact.

    Args:
        q, x: float `[n, d]` and `[m, d]`.
        radii: each of a shape that broadcasts to `[n, m]`: `[m]` for closed balls around the points of `x`, `[n, 1]`
            around those of `q`. For open balls pass `np.nextafter(r, -1)`: a distance is at most the number before r
            exactly if it is less than r.

    Raises:
        UserError: values that are not finite.
    """
    q, x = _float64(q), _float64(x)
    near_q, near_x, radius = _scaled(q, x)
    far = np.abs(near_q).max(initial=0) >= FAR or max(np.max(r) for r in radii) >= FAR * radius
    dtype = np.float64 if far else np.float32
    balls = []
    for r in radii:
        square = r / radius * np.abs(r / radius)
        shown = np.nextafter(square.astype(dtype), dtype(np.inf))  # not less than the square after it was rounded
        balls.append([np.broadcast_to(a, (len(q), len(x))) for a in (r, square, shown)])
    for rows, low, slack in _lower_bounds(near_q, near_x, dtype):
        pairs: list[Pairs] = []
        for r, square, shown in balls:
            i, j = np.divmod(np.flatnonzero(low <= shown[rows]), len(x))
            inside = low[i, j] + 2 * slack[i] < square[rows][i, j]
            i += rows.start
            open_ = np.flatnonzero(~inside)
            inside[open_] = distances_of(q, x, i[open_], j[open_]) <= r[i[open_], j[open_]]
            pairs.append((i[inside], j[inside]))
        yield pairs


def pairs_within(x: np.ndarray, r: float) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """All pairs of rows i < j of `x` at distance r or less, block after block: i, j (int64) and distance, exact."""
    x = _float64(x)
    for [(i, j)] in pairs_in_balls(x, x, np.array(r)):
        i, j = i[i < j], j[i < j]
        yield i, j, distances_of(x, x, i, j)


def distances_of(q: np.ndarray, x: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """|q_i - x_j| of chosen rows i of `q` and j of `x`, from the differences: d(a, b) = d(b, a) to the last bit."""
    result = np.empty(len(i))
    step = max(1, CHUNK // q.shape[1])
    for start in range(0, len(i), step):
        part = slice(start, start + step)
        difference = np.subtract(q[i[part]], x[j[part]], dtype=np.float64)
        result[part] = np.sqrt(np.square(difference, out=difference).sum(1))
    return result


def _float64(x: np.ndarray) -> np.ndarray:
    x = np.ascontiguousarray(x, dtype=np.float64)
    if not np.isfinite(x).all():  # FAISS would answer a NaN with row -1, and numpy would read that as the last row
        raise UserError("features have NaN or infinite values; no neighbour is defined for them")
    return x


def _scaled(q: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Both sets moved and divided so that `x` has its mean at 0 and its farthest point at 1; and the divisor."""
    centre = x.mean(0)
    near_x = x - centre
    radius = float(np.sqrt(_square_norms(near_x).max())) or 1.0
    near_x /= radius
    return near_x if q is x else (q - centre) / radius, near_x, radius


def _square_norms(x: np.ndarray) -> np.ndarray:
    norms: np.ndarray = np.einsum("ij,ij->i", x, x)
    return norms


def _rank(q: np.ndarray, x: np.ndarray, ids: np.ndarray, own: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest of the candidates `ids`, without `own`, by distance and then by number."""
    ids = np.broadcast_to(ids, (len(q), ids.shape[1]))
    distances = np.full(ids.shape, np.inf)
    i, column = np.nonzero(ids != own[:, None])
    distances[i, column] = distances_of(q, x, i, ids[i, column])
    order = np.lexsort((ids, distances), axis=1)[:, :k]
    return np.take_along_axis(distances, order, 1), np.take_along_axis(ids, order, 1)


def _slack(q: np.ndarray, x: np.ndarray, dtype: type[np.floating]) -> np.ndarray:
    """Bound on the error of |q_i - x_j|^2 by expansion in `dtype`, for each i.

    It is twice the worst case of a dot product of d + 2 terms and of rounding its arguments.
    """
    reach = np.sqrt(_square_norms(q)) + np.sqrt(_square_norms(x).max())
    slack: np.ndarray = (q.shape[1] + 8) * float(np.finfo(dtype).eps) * reach**2
    return slack


def _lower_bounds(
    q: np.ndarray, x: np.ndarray, dtype: type[np.floating]
) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Blocks of rows, `low` `[b, m]` and `slack` `[b]`, with low_ij <= |q_i - x_j|^2 <= low_ij + 2 slack_i."""
    slack = _slack(q, x, dtype)
    left, right = np.ones((len(q), q.shape[1] + 2), dtype), np.ones((len(x), q.shape[1] + 2), dtype)
    left[:, :-2], left[:, -2] = q, _square_norms(q) - slack
    left[:, :-2] *= -2
    right[:, :-2], right[:, -1] = x, _square_norms(x)
    step = max(1, BLOCK // len(x))
    for start in range(0, len(q), step):
        rows = slice(start, min(start + step, len(q)))
        yield rows, left[rows] @ right.T, slack[rows]


def _blas_candidates(q: np.ndarray, x: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of the `count` nearest points of `x`, with ascending lower bounds on their squares, and the slack."""
    low, ids = np.empty((len(q), count)), np.empty((len(q), count), np.int64)
    for rows, block, _ in _lower_bounds(q, x, np.float64):
        ids[rows] = np.argpartition(block, count - 1, axis=1)[:, :count]
        low[rows] = np.take_along_axis(block, ids[rows], 1)
    order = np.argsort(low, axis=1)
    return np.take_along_axis(low, order, 1), _slack(q, x, np.float64), np.take_along_axis(ids, order, 1)


def _faiss_candidates(q: np.ndarray, x: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `_blas_candidates`, in float32."""
    faiss = _faiss()
    slack = _slack(q, x, np.float32)
    q, x = q.astype(np.float32), x.astype(np.float32)
    if faiss.get_num_gpus():
        squared, ids = faiss.knn_gpu(faiss.StandardGpuResources(), q, x, count)
    else:
        squared, ids = faiss.knn(q, x, count)
    return squared - slack[:, None], slack, ids


@cache
def _faiss() -> Any:
    """The module faiss, or None: then numpy searches, with the same result."""
    try:
        import faiss
    except ImportError:
        print(
            "ganbench: no faiss, so neighbours are searched with numpy; for speed: pip install 'ganbench[cpu]'",
            file=sys.stderr,
        )
        return None
    return faiss
