"""Exact nearest neighbours and exact membership in balls, Euclidean, in float64.

Candidates are searched in float32, and float64 decides. The expansion |q|^2 + |x|^2 - 2 q.x makes all distances one matrix
product. This is fast, but digits cancel, so near-duplicates can come out of order. Therefore the data are centred first. A
bound on the rounding error says which points the search cannot order. Their distances are computed again from the differences.
Queries with too few candidates are searched again in float64, and then without any expansion. In few dimensions a k-d tree is
exact and faster.

Both sets are read in blocks of rows. So memory grows linearly with the number of points, and vectors that are made row by row,
as `Pixels` are, never have to be held all at once.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from functools import cache, reduce
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from ganbench.errors import UserError
from ganbench.metrics._parallel import blocks, in_order
from ganbench.metrics._shared import remembered
from ganbench.samples import Pixels

TREE_DIMENSIONS = 8  # up to this number of dimensions a k-d tree is faster than a flat scan
MARGIN = 8  # candidates beyond the k wanted ones
QUERIES = 2**11  # rows that a thread searches together
BLOCK = 2**22  # distances that a block of pairs has at most, unless that is too few rows for a fast matrix product
TILE = 512  # side of the square of distances that a thread holds: few enough for its cache
CHUNK = 2**17  # coordinates held at once, few enough for the cache
HELD = 2**26  # coordinates of a searched set that are held in float32; a larger set is searched part by part
PART = 2**22  # coordinates of such a part
FAR = 1e15  # in radii of the searched set: the square of a larger distance might overflow float32
NEAREST = 20  # neighbours that one search finds for all metrics

Pairs = tuple[np.ndarray, np.ndarray]  # rows i and j, int64
Candidates = tuple[np.ndarray, np.ndarray, np.ndarray]  # lower bounds `[n, count]`, slack `[n]`, rows `[n, count]`


def knn(q: Any, x: Any, k: int, own: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest points of `x` to each row of `q`.

    Args:
        q, x: float `[n, d]` and `[m, d]`: arrays, or `Pixels`.
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
        points = np.asarray(x)
        _, ids = cKDTree(points).query(np.asarray(q), k=wanted)
        return _rank(np.asarray(q), points, ids.reshape(len(q), wanted), own, k)
    space = _space_of_pixels(x) if isinstance(x, Pixels) else _Space(x)
    space.hold()
    distances, ids = np.empty((len(q), k)), np.empty((len(q), k), np.int64)
    size = len(q) if _faiss() and _faiss().get_num_gpus() else min(QUERIES, PART // x.shape[1])
    searched = in_order(
        "nearest neighbours", lambda rows: _search(q[rows], space, own[rows], k, wanted), len(q), size, len(q) * len(x)
    )
    for rows, result in searched:
        distances[rows], ids[rows] = result
    return distances, ids


def knn_self(x: Any, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest other points of each point of `x` `[n, d]`; see `knn`."""
    return knn(x, x, k, own=np.arange(len(x)))


@remembered
def nearest(x: Any) -> tuple[np.ndarray, np.ndarray]:
    """The `NEAREST` nearest other points of each point of `x` `[n, d]`, or all others if there are fewer: see `knn`.

    This is the search that metrics share.
    """
    return knn_self(x, min(NEAREST, len(x) - 1))


def pairs_in_balls(q: Any, x: Any, *radii: np.ndarray) -> Iterator[list[Pairs]]:
    """For each of `radii`, the pairs with |q_i - x_j| <= r_ij, block after block of rows of `q`; exact.

    Args:
        q, x: float `[n, d]` and `[m, d]`: arrays, or `Pixels`.
        radii: each of a shape that broadcasts to `[n, m]`: `[m]` for closed balls around the points of `x`, `[n, 1]`
            around those of `q`. For open balls pass `np.nextafter(r, -1)`: a distance is at most the number before r
            exactly if it is less than r.

    Raises:
        UserError: values that are not finite.
    """
    q, x = (_float64(x),) * 2 if q is x else (_float64(q), _float64(x))
    return _pairs(q, x, radii, later=False)


def pairs_within(x: Any, r: float) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """All pairs of rows i < j of `x` at distance r or less, block after block: i, j (int64) and distance, exact."""
    x = _float64(x)
    for [(i, j)] in _pairs(x, x, (np.array(r),), later=True):
        yield i, j, distances_of(x, x, i, j)


def distances_of(q: Any, x: Any, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """|q_i - x_j| of chosen rows i of `q` and j of `x`, from the differences: d(a, b) = d(b, a) to the last bit."""
    result = np.empty(len(i))
    for part in blocks(len(i), CHUNK // q.shape[1]):
        difference = np.subtract(q[i[part]], x[j[part]], dtype=np.float64)
        result[part] = np.sqrt(np.square(difference, out=difference).sum(1))
    return result


class _Space:
    """A searched set `[m, d]`, moved and divided so that its mean is at 0 and its farthest point at 1."""

    def __init__(self, x: Any) -> None:
        self.x = x
        self.parts = blocks(len(x), PART // x.shape[1])
        self.centre = reduce(np.add, (x[part].sum(0) for part in self.parts)) / len(x)
        self.radius = float(np.sqrt(max(_square_norms(x[part] - self.centre).max() for part in self.parts))) or 1.0
        self._held: np.ndarray | None = None

    def near(self, q: np.ndarray) -> np.ndarray:
        """Points `[b, d]`, moved and divided like the set."""
        moved: np.ndarray = (q - self.centre) / self.radius
        return moved

    def in_parts(self, dtype: type[np.floating]) -> Iterator[tuple[int, np.ndarray]]:
        """The set in parts: the first row of a part, and the part `[b, d]` as `dtype`."""
        if dtype is np.float32 and self._held is not None:
            yield 0, self._held
            return
        for part in self.parts:
            yield part.start, self.near(self.x[part]).astype(dtype, copy=False)

    def hold(self) -> None:
        """Keep the set in float32 if it is not too large, so that its parts are computed once."""
        if self._held is None and len(self.x) * self.x.shape[1] <= HELD:
            held = np.empty((len(self.x), self.x.shape[1]), np.float32)
            for part in self.parts:
                held[part] = self.near(self.x[part])
            self._held = held

    def slack(self, q: np.ndarray, dtype: type[np.floating]) -> np.ndarray:
        """Bound on the error of |q_i - x_j|^2 by expansion in `dtype`, for each i of `q`, which are `near`.

        It is twice the worst case of a dot product of d + 2 terms and of rounding its arguments.
        """
        reach = np.sqrt(_square_norms(q)) + 1
        slack: np.ndarray = (q.shape[1] + 8) * float(np.finfo(dtype).eps) * reach**2
        return slack


@remembered
def _space_of_pixels(x: Pixels) -> _Space:
    """The vectors are made and moved once for all searches of one set of images."""
    return _Space(x)


def _search(q: np.ndarray, space: _Space, own: np.ndarray, k: int, wanted: int) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest points of a set to each of `q` `[b, d]`: see `knn`. `wanted` is k, and one more for each row's own."""
    x, near = space.x, space.near(q)
    distances, ids = np.empty((len(q), k)), np.empty((len(q), k), np.int64)
    todo = np.arange(len(q))
    count = min(wanted + MARGIN, len(x))
    single = bool(np.abs(near).max(initial=0) < FAR) and _faiss()
    for candidates in [*([_faiss_candidates] if single else []), _blas_candidates]:
        rows = slice(None) if len(todo) == len(q) else todo  # a slice copies nothing
        low, slack, first = candidates(near[rows], space, count)
        reaches = low <= low[:, wanted - 1 : wanted] + 2 * slack[:, None]  # all others are farther than k candidates
        distances[rows], ids[rows] = _rank(q[rows], x, np.where(reaches, first, own[rows, None]), own[rows], k)
        last = (distances[rows, -1] / space.radius) ** 2
        certain = (last == 0) | (last <= low[:, -1]) | (count == len(x))
        todo = todo[~certain]
        if not len(todo):
            return distances, ids
    everything = np.arange(len(x))[None]
    for i in todo:
        distances[i], ids[i] = _rank(q[i : i + 1], x, everything, own[i : i + 1], k)
    return distances, ids


def _faiss_candidates(q: np.ndarray, space: _Space, count: int) -> Candidates:
    """Rows of the `count` nearest points of a set, with ascending lower bounds on their squares, and the slack; in float32."""
    faiss, slack = _faiss(), space.slack(q, np.float32)
    q = q.astype(np.float32)
    parts = []
    for start, part in space.in_parts(np.float32):
        k = min(count, len(part))
        if faiss.get_num_gpus():
            squared, ids = faiss.knn_gpu(faiss.StandardGpuResources(), q, part, k)
        else:
            squared, ids = faiss.knn(q, part, k)
        parts.append((squared - slack[:, None], ids + start))
    low, ids = _first(parts, count)
    return low, slack, ids


def _blas_candidates(q: np.ndarray, space: _Space, count: int) -> Candidates:
    """As `_faiss_candidates`, in float64."""
    slack, parts = space.slack(q, np.float64), []
    left = _left(q, slack, np.float64)
    for start, part in space.in_parts(np.float64):
        right, k = _right(part, np.float64), min(count, len(part))
        low, ids = np.empty((len(q), k)), np.empty((len(q), k), np.int64)
        for rows in blocks(len(q), BLOCK // len(part)):
            block = left[rows] @ right.T
            ids[rows] = np.argpartition(block, k - 1, axis=1)[:, :k]
            low[rows] = np.take_along_axis(block, ids[rows], 1)
        parts.append((low, ids + start))
    low, ids = _first(parts, count)
    return low, slack, ids


def _first(parts: Sequence[tuple[np.ndarray, np.ndarray]], count: int) -> tuple[np.ndarray, np.ndarray]:
    """The `count` lowest numbers of each row of several tables, in order, and what stands beside them."""
    low, ids = (np.concatenate(tables, 1) for tables in zip(*parts, strict=True))
    order = np.argsort(low, 1, kind="stable")[:, :count]
    return np.take_along_axis(low, order, 1), np.take_along_axis(ids, order, 1)


def _rank(q: np.ndarray, x: Any, ids: np.ndarray, own: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest of the candidates `ids`, without `own`, by distance and then by number."""
    ids = np.broadcast_to(ids, (len(q), ids.shape[1]))
    distances = np.full(ids.shape, np.inf)
    i, column = np.nonzero(ids != own[:, None])
    distances[i, column] = distances_of(q, x, i, ids[i, column])
    order = np.lexsort((ids, distances), axis=1)[:, :k]
    return np.take_along_axis(distances, order, 1), np.take_along_axis(ids, order, 1)


def _pairs(q: Any, x: Any, radii: Sequence[np.ndarray], later: bool) -> Iterator[list[Pairs]]:
    """See `pairs_in_balls`. With `later`, only the pairs with i < j."""
    space = _Space(x)
    n, m = len(q), len(x)
    far = max(np.abs(space.near(q[part])).max() for part in blocks(n, QUERIES)) if n else 0.0
    dtype = np.float64 if far >= FAR or max(np.max(r) for r in radii) >= FAR * space.radius else np.float32
    balls: list[list[np.ndarray]] = []
    widest: dict[tuple[int, ...], np.ndarray] = {}
    for r in radii:
        square = r / space.radius * np.abs(r / space.radius)
        shown = np.nextafter(square.astype(dtype), dtype(np.inf))  # not less than the square after it was rounded
        balls.append([np.broadcast_to(a, (n, m)) for a in (r, square, shown)])
        widest[shown.shape] = np.maximum(shown, widest.get(shown.shape, shown))
    limits = [np.broadcast_to(limit, (n, m)) for limit in widest.values()]
    held = None
    if m * x.shape[1] <= HELD:
        held = np.empty((m, x.shape[1] + 2), dtype)
        for start, part in space.in_parts(np.float64):
            held[start : start + len(part)] = _right(part, dtype)

    def block(rows: slice) -> list[Pairs]:
        near = space.near(q[rows])
        slack = space.slack(near, dtype)
        left, close = _left(near, slack, dtype), []
        for columns in blocks(m, TILE):
            if later and columns.stop <= rows.start + 1:
                continue
            right = _right(space.near(x[columns]), dtype) if held is None else held[columns]
            for tile in blocks(len(left), TILE):
                low = left[tile] @ right.T
                inner = slice(rows.start + tile.start, rows.start + tile.stop)
                at = np.flatnonzero(reduce(np.logical_or, [low <= limit[inner, columns] for limit in limits]))
                i, j = np.divmod(at, low.shape[1])
                close.append((i + inner.start, j + columns.start, low.ravel()[at]))
        i, j, bound = (np.concatenate(parts) for parts in zip(*close, strict=True))
        order = np.lexsort((j, i))
        order = order[i[order] < j[order]] if later else order
        i, j, bound = i[order], j[order], bound[order]
        pairs: list[Pairs] = []
        for r, square, shown in balls:
            inside = bound <= shown[i, j]
            open_ = np.flatnonzero(inside & ~(bound + 2 * slack[i - rows.start] < square[i, j]))
            inside[open_] = distances_of(q, x, i[open_], j[open_]) <= r[i[open_], j[open_]]
            pairs.append((i[inside], j[inside]))
        return pairs

    size = max(TILE, BLOCK // m) if held is not None else min(QUERIES, PART // x.shape[1])
    yield from (pairs for _, pairs in in_order("pairs of samples", block, n, size, n * m))


def _left(q: np.ndarray, slack: np.ndarray, dtype: type[np.floating]) -> np.ndarray:
    """`[n, d + 2]`: its product with `_right` is `low`, with low_ij <= |q_i - x_j|^2 <= low_ij + 2 slack_i."""
    left = np.ones((len(q), q.shape[1] + 2), dtype)
    left[:, :-2], left[:, -2] = q, _square_norms(q) - slack
    left[:, :-2] *= -2
    return left


def _right(x: np.ndarray, dtype: type[np.floating]) -> np.ndarray:
    """See `_left`."""
    right = np.ones((len(x), x.shape[1] + 2), dtype)
    right[:, :-2], right[:, -1] = x, _square_norms(x)
    return right


def _float64(x: Any) -> Any:
    """An array in float64, or `Pixels` as they are.

    Raises:
        UserError: values that are not finite.
    """
    if isinstance(x, Pixels):
        return x
    x = np.ascontiguousarray(x, dtype=np.float64)
    # FAISS would answer a NaN with row -1, and numpy would read that as the last row.
    if not all(np.isfinite(x[part]).all() for part in blocks(len(x), PART // x.shape[1])):
        raise UserError("features have NaN or infinite values; no neighbour is defined for them")
    return x


def _square_norms(x: np.ndarray) -> np.ndarray:
    norms: np.ndarray = np.einsum("ij,ij->i", x, x)
    return norms


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
