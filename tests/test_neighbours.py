"""Neighbours and counts equal brute force in float64, with and without FAISS, and where float32 fails."""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from ganbench.errors import UserError
from ganbench.metrics import _neighbours as neighbours
from ganbench.metrics import _parallel as parallel
from ganbench.metrics._neighbours import knn, knn_self, pairs_in_balls, pairs_within
from ganbench.samples import Pixels


def brute(q: np.ndarray, x: np.ndarray, k: int, own: np.ndarray | None = None) -> np.ndarray:
    distances = cdist(q, x)
    if own is not None:
        distances[np.arange(len(q)), own] = np.inf
    return np.sort(distances, 1)[:, :k]


def inside(q: np.ndarray, x: np.ndarray, radius: np.ndarray) -> np.ndarray:
    found = np.zeros((len(q), len(x)), bool)
    for [(i, j)] in pairs_in_balls(q, x, radius):
        assert not found[i, j].any()
        found[i, j] = True
    return found


CASES = {
    "gaussian": lambda rng, n, d: rng.standard_normal((n, d)),
    "far from the origin": lambda rng, n, d: 1e4 + rng.standard_normal((n, d)),
    "near-duplicates": lambda rng, n, d: (
        rng.standard_normal((n // 10, d))[rng.integers(0, n // 10, n)] + 1e-6 * rng.standard_normal((n, d))
    ),
    "exact duplicates": lambda rng, n, d: rng.standard_normal((n // 50, d))[rng.integers(0, n // 50, n)],
    "one point": lambda rng, n, d: np.ones((n, d)),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("d", [1, 2, 9, 64])
@pytest.mark.parametrize("search", ["faiss", "numpy"])
def test_knn_equals_brute_force(name: str, d: int, search: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if search == "numpy":
        monkeypatch.setattr(neighbours, "_faiss", lambda: None)
    else:
        pytest.importorskip("faiss", reason="faiss is an extra")
    rng = np.random.default_rng(d)
    x = CASES[name](rng, 400, d)
    q = np.concatenate([x[:50], CASES[name](rng, 50, d)])
    np.testing.assert_allclose(knn(q, x, 6)[0], brute(q, x, 6), rtol=1e-12, atol=1e-15)
    distances, ids = knn_self(x, 6)
    np.testing.assert_allclose(distances, brute(x, x, 6, np.arange(400)), rtol=1e-12, atol=1e-15)
    assert (ids != np.arange(400)[:, None]).all()
    np.testing.assert_array_equal(
        neighbours.distances_of(x, x, np.repeat(np.arange(400), 6), ids.ravel()), distances.ravel()
    )


def test_float32_search_alone_would_be_wrong() -> None:
    faiss = pytest.importorskip("faiss", reason="faiss is an extra")
    x = CASES["near-duplicates"](np.random.default_rng(0), 400, 64)
    squared, _ = faiss.knn(x.astype(np.float32), x.astype(np.float32), 6)
    assert not np.allclose(np.sqrt(np.maximum(squared, 0)), brute(x, x, 6), rtol=1e-2, atol=1e-9)
    np.testing.assert_allclose(knn(x, x, 6)[0], brute(x, x, 6), rtol=1e-12, atol=1e-15)


def test_ties_are_ordered_by_number() -> None:
    x = np.array([[0.0], [1.0], [-1.0], [1.0], [5.0]])
    assert knn(np.zeros((1, 1)), x, 4)[1].tolist() == [[0, 1, 2, 3]]
    assert knn(np.zeros((1, 9)), np.repeat(x, 9, 1), 4)[1].tolist() == [[0, 1, 2, 3]]


def test_self_is_removed_by_number_and_copies_stay() -> None:
    distances, ids = knn_self(np.array([[0.0, 0], [0, 0], [0, 0], [3, 4]]), 2)
    assert distances.tolist() == [[0, 0], [0, 0], [0, 0], [5, 5]]
    assert ids[:3].tolist() == [[1, 2], [0, 2], [0, 1]]
    assert set(ids[3]) < {0, 1, 2}


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([1, 3, 12]), st.integers(1, 4))
def test_counts_equal_brute_force_on_a_lattice_of_ties(seed: int, d: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    q, x = rng.integers(0, levels + 1, (30, d)) / 3 + 7, rng.integers(0, levels + 1, (40, d)) / 3 + 7
    of_x, of_q = knn_self(x, 3)[0][:, -1], knn_self(q, 3)[0][:, -1, None]
    i, j = np.divmod(np.arange(30 * 40), 40)
    exact = neighbours.distances_of(q, x, i, j).reshape(30, 40)
    for radius in (of_x, of_q):
        np.testing.assert_array_equal(inside(q, x, radius), exact <= radius)
        np.testing.assert_array_equal(inside(q, x, np.nextafter(radius, -1)), exact < radius)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("d", [2, 64])
def test_pairs_in_balls_equal_brute_force(name: str, d: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "BLOCK", 3000)
    rng = np.random.default_rng(d)
    x = CASES[name](rng, 200, d)
    q = np.concatenate([x[:50], CASES[name](rng, 50, d)])
    i, j = np.divmod(np.arange(100 * 200), 200)
    exact = neighbours.distances_of(q, x, i, j).reshape(100, 200)
    wide = np.quantile(exact, 0.5, axis=1)[:, None]  # half of all pairs, each radius being one of the distances
    for radius in (knn_self(x, 5)[0][:, -1], wide, np.nextafter(wide, -1), np.zeros(200)):
        np.testing.assert_array_equal(inside(q, x, radius), exact <= radius)


@pytest.mark.parametrize("scale", [1e-100, 1e-30, 1e30, 1e100])
def test_neither_scale_nor_a_distant_query_leaves_the_range_of_the_search(scale: float) -> None:
    x = np.random.default_rng(0).standard_normal((60, 12))
    q = np.concatenate([x, x[:1] + 1e40])
    np.testing.assert_allclose(knn(q * scale, x * scale, 4)[0], brute(q, x, 4) * scale, rtol=1e-10)
    radius = knn_self(x, 3)[0][:, -1]
    np.testing.assert_array_equal(inside(q * scale, x * scale, 1.01 * radius * scale), inside(q, x, 1.01 * radius))


@pytest.mark.parametrize("block", [64, 2**20])
def test_pairs_within_equal_brute_force(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "BLOCK", block)
    x = np.round(np.random.default_rng(0).standard_normal((150, 3)), 1)
    i, j, d = (np.concatenate(parts) for parts in zip(*pairs_within(x, 0.5), strict=True))
    all_i, all_j = np.triu_indices(150, 1)
    distance = neighbours.distances_of(x, x, all_i, all_j)
    assert list(zip(i, j, strict=True)) == list(zip(all_i[distance <= 0.5], all_j[distance <= 0.5], strict=True))
    np.testing.assert_array_equal(d, distance[distance <= 0.5])


def test_nan_is_refused() -> None:
    x = np.ones((5, 2))
    with pytest.raises(UserError, match="NaN"):
        knn(np.full((1, 2), np.nan), x, 1)
    with pytest.raises(UserError, match="NaN"):
        next(pairs_in_balls(x, np.full((5, 2), np.inf), np.ones(5)))


def test_more_neighbours_than_points_are_refused() -> None:
    with pytest.raises(ValueError, match="5 neighbours of 5 points"):
        knn_self(np.ones((5, 2)), 5)


def test_missing_faiss_is_said_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(__import__("sys").modules, "faiss", None)
    neighbours._faiss.cache_clear()
    try:
        x = np.random.default_rng(0).standard_normal((60, 20))
        assert knn_self(x, 3)[0].shape == knn_self(x, 3)[0].shape
        assert capsys.readouterr().err.count("no faiss") == 1
    finally:
        neighbours._faiss.cache_clear()


@pytest.mark.parametrize("search", ["faiss", "numpy"])
def test_blocks_parts_and_threads_change_no_neighbour_and_no_pair(search: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if search == "numpy":
        monkeypatch.setattr(neighbours, "_faiss", lambda: None)
    else:
        pytest.importorskip("faiss", reason="faiss is an extra")
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (300, 4, 4, 1), dtype=np.uint8)
    images[200:] = images[rng.integers(0, 200, 100)]
    x = np.asarray(Pixels(images))
    radius = knn_self(x, 3)[0][:, -1]

    def everything(points: Any) -> list[np.ndarray]:
        balls = zip(*pairs_in_balls(points, points, radius, radius[:, None]), strict=True)
        pairs = [np.concatenate([np.stack(pair) for pair in blocks], 1) for blocks in balls]
        within = [np.stack(block) for block in pairs_within(points, float(radius.max()))]
        return [*knn_self(points, 6), *pairs, np.concatenate(within, 1)]

    whole = everything(x)
    for name, small in {"HELD": 0, "PART": 500, "QUERIES": 32, "TILE": 16, "BLOCK": 300}.items():
        monkeypatch.setattr(neighbours, name, small)
    monkeypatch.setattr(parallel, "ALONE", 0)
    for threads in (1, 3):
        monkeypatch.setattr(parallel, "_threads", lambda threads=threads: threads)
        for points in (x, Pixels(images)):
            for before, after in zip(whole, everything(points), strict=True):
                np.testing.assert_array_equal(before, after)


def test_memory_does_not_hold_all_distances() -> None:
    n = 4000  # all distances are 64 MB in float32
    x = np.random.default_rng(0).standard_normal((n, 16))
    radius = knn_self(x, 3)[0][:, -1]
    assert peak(lambda: knn_self(x, 20)) < 30e6
    assert peak(lambda: list(pairs_in_balls(x, x, radius, radius[:, None]))) < 30e6
    assert peak(lambda: list(pairs_within(x, 1.0))) < 30e6


def test_memory_does_not_hold_all_pixels_as_floats(monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.random.default_rng(0).integers(0, 256, (1500, 32, 32, 3), dtype=np.uint8)  # 37 MB as float64
    for name, small in {"HELD": 2**20, "PART": 2**18, "QUERIES": 64, "TILE": 64}.items():
        monkeypatch.setattr(neighbours, name, small)
    assert peak(lambda: knn(Pixels(images[:100]), Pixels(images), 5)) < 18e6
    assert peak(lambda: list(pairs_in_balls(Pixels(images[:100]), Pixels(images), np.array(1.0)))) < 18e6


def peak(call: Callable[[], object]) -> int:
    """The most bytes that a call holds."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
