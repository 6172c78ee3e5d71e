"""The pairs of the field's own examination have the values of their papers' formulas, worked out point by point."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ganbench.metrics.robust import K_CLIPPED, clipped_curve, integrated
from ganbench.sanity import one_class, pairs
from ganbench.sanity.pairs import Reference

Points = tuple[np.ndarray, np.ndarray]
METRICS = [name for pair in pairs.PAIRS for name in pair]


def draw(d: int, n: int = 80, m: int = 70) -> Points:
    rng = np.random.default_rng([d, 1])
    return rng.standard_normal((n, d)), 0.9 * rng.standard_normal((m, d)) + 0.3


def scaled(real: np.ndarray, synthetic: np.ndarray) -> Points:
    return (real - real.mean(0)) / real.std(0), (synthetic - real.mean(0)) / real.std(0)


def radius(x: np.ndarray, i: int, k: int) -> float:
    return float(np.sort(np.linalg.norm(x - x[i], axis=1))[k])


def brute(real: np.ndarray, synthetic: np.ndarray) -> dict[str, float]:
    """Every formula but IAP and IBR, by loops."""
    x, y = scaled(real, synthetic)
    n, m = len(x), len(y)
    D = [[float(np.linalg.norm(a - b)) for b in y] for a in x]
    k, cover = pairs.least_k(n), pairs.cover_k(n)
    r = {j: [radius(x, i, j) for i in range(n)] for j in (3, 4, 5, k, 3 * cover)}
    s = {j: [radius(y, i, j) for i in range(m)] for j in (3, 4, 5, 3 * cover)}
    reals, fakes = range(n), range(m)
    median = np.median(r[5])
    X = [[float(np.linalg.norm(a - b)) for b in x] for a in x]

    def clipped(at: list[list[float]], points: range, own: int) -> float:
        counts = [sum(at[i][j] <= min(r[5][i], median) + 1e-9 for i in reals) - own for j in points]
        return float(np.mean([min(count / 5, 1) for count in counts]))

    def unsupported(distances: list[float], reach: float) -> float:
        return float(np.prod([min(d / reach, 1) for d in distances]))

    raw = np.mean([min(sum(D[i][j] < r[5][i] for j in fakes) / 5, 1) for i in reals])
    curve = clipped_curve(n, m)
    values: dict[str, Any] = {
        "I-Prec": np.mean([any(D[i][j] <= r[3][i] for i in reals) for j in fakes]),
        "I-Rec": np.mean([any(D[i][j] <= s[3][j] for j in fakes) for i in reals]),
        "Density": np.mean([sum(D[i][j] <= r[k][i] for i in reals) / k for j in fakes]),
        "Coverage": np.mean([any(D[i][j] <= r[k][i] for j in fakes) for i in reals]),
        "C-Prec": np.mean([sum(D[i][j] <= r[3 * cover][i] for j in fakes) >= cover for i in reals]),
        "C-Rec": np.mean([sum(D[i][j] <= s[3 * cover][j] for i in reals) >= cover for j in fakes]),
        "symPrec": min(
            np.mean([any(D[i][j] < r[5][i] for i in reals) for j in fakes]),
            np.mean([any(D[i][j] < s[5][j] for i in reals) for j in fakes]),
        ),
        "symRec": min(
            np.mean([any(D[i][j] < s[5][j] for j in fakes) for i in reals]),
            np.mean([any(D[i][j] < r[5][i] for j in fakes) for i in reals]),
        ),
        "P-Prec": 1 - np.mean([unsupported([D[i][j] for i in reals], 1.2 * float(np.mean(r[4]))) for j in fakes]),
        "P-Rec": 1 - np.mean([unsupported(D[i], 1.2 * float(np.mean(s[4]))) for i in reals]),
        "ClippedDensity": min(clipped(D, fakes, 0) / clipped(X, reals, 1), 1),
        "ClippedCoverage": float(np.interp(raw, curve, np.linspace(0, 1, m + 1))),
    }
    return {name: float(value) for name, value in values.items()}


@pytest.mark.parametrize("d", [1, 2, 7, 12])
def test_all_pairs_have_the_values_of_their_formulas(d: int) -> None:
    real, synthetic = draw(d)
    values = Reference(real, 0).scores(synthetic)
    assert {name: values[name] for name in brute(real, synthetic)} == pytest.approx(brute(real, synthetic), abs=1e-5)
    assert set(values) == set(METRICS)


def test_sets_in_several_blocks_have_the_same_values(monkeypatch: pytest.MonkeyPatch) -> None:
    real, synthetic = draw(3, 300, 200)
    at_once = Reference(real, 0).scores(synthetic)
    monkeypatch.setattr(pairs, "BLOCK", 200 * 16)
    assert Reference(real, 0).scores(synthetic) == pytest.approx(at_once, abs=1e-6)


def test_disjoint_sets_have_nothing_in_common() -> None:
    real, synthetic = draw(4)
    values = Reference(real, 0)._of_balls(synthetic + 100)
    assert values == dict.fromkeys(values, 0.0)


@pytest.mark.parametrize("d", [2, 20])
def test_a_copy_of_the_real_set_has_all_of_it(d: int) -> None:
    real, _ = draw(d)
    values = Reference(real, 0).scores(real)
    for name in ("I-Prec", "I-Rec", "Coverage", "C-Prec", "C-Rec", "symPrec", "symRec", "P-Prec", "P-Rec"):
        assert values[name] == pytest.approx(1, abs=1e-4), name
    assert values["ClippedDensity"] == 1
    assert values["IAP"] > 0.9


@pytest.mark.parametrize("name", METRICS)
def test_no_value_depends_on_the_unit_of_an_axis_or_the_order(name: str) -> None:
    real, synthetic = draw(3)
    unit, order = np.array([1e-3, 1.0, 1e4]), np.random.default_rng(0).permutation(len(synthetic))
    first, second = (
        Reference(real, 0).scores(synthetic),
        Reference(real * unit + 5, 0).scores((synthetic * unit + 5)[order]),
    )
    assert first[name] == pytest.approx(second[name], abs=2e-3)


def test_points_on_the_rim_of_a_closed_ball_are_inside() -> None:
    rng = np.random.default_rng(0)
    balanced = np.repeat(np.arange(200) % 2, 20).reshape(200, 20).astype(float)  # so that all axes have the same unit
    real, synthetic = rng.permuted(balanced, axis=0), rng.permuted(balanced, axis=0)
    x, y = scaled(real, synthetic)
    D = np.linalg.norm(x[:, None] - y, axis=2)
    r = np.array([radius(x, i, 3) for i in range(len(x))])
    assert Reference(real, 0)._of_balls(synthetic)["I-Prec"] == pytest.approx((r[:, None] + 1e-9 >= D).any(0).mean())


def test_the_k_of_density_covers_and_no_smaller_k_does() -> None:
    n, k = 1000, pairs.least_k(1000)
    covers: Callable[[int], float] = lambda k: float(1 - np.prod([(n - j) / (2 * n - j) for j in range(1, k + 1)]))  # noqa: E731
    assert k == 5
    assert covers(k - 1) <= 0.95 < covers(k)


def test_the_balls_of_the_cover_pair_hold_15_points_of_1000() -> None:
    assert 3 * pairs.cover_k(1000) == 15


def test_the_clipped_curve_is_the_mean_over_random_orders() -> None:
    n, m, good, k = 20, 30, 12, K_CLIPPED
    rng = np.random.default_rng(0)
    kinds = np.r_[
        np.zeros(n - 1), np.ones(good)
    ]  # by distance from a real point: other real points, good synthetic ones
    nearer = []
    for _ in range(4000):
        order = rng.permutation(kinds)
        nearer.append(min(int(order[: np.flatnonzero(order == 0)[k - 1]].sum()), k) / k)
    curve = clipped_curve(n, m)
    assert curve[good] == pytest.approx(np.mean(nearer), abs=0.02)
    assert curve[0] == pytest.approx(0, abs=1e-12)
    assert (np.diff(curve) > 0).all()


def test_clipped_density_and_coverage_read_junk_as_its_share() -> None:
    rng = np.random.default_rng(0)
    real, synthetic = rng.standard_normal((2, 1500, 3))
    synthetic[:450] += 50
    values = Reference(real, 0)._of_balls(synthetic)
    assert values["ClippedDensity"] == pytest.approx(0.7, abs=0.05)
    assert values["ClippedCoverage"] == pytest.approx(0.7, abs=0.05)


def test_the_network_pulls_the_real_points_to_its_centre() -> None:
    real = np.random.default_rng(0).standard_normal((400, 3))
    embedded = one_class.Embedding(real, 0).real
    assert np.linalg.norm(embedded - one_class.CENTRE, axis=1).mean() < 0.5 * np.sqrt(3)


def test_the_network_is_drawn_from_its_seed_alone() -> None:
    real = np.random.default_rng(0).standard_normal((100, 2))
    first, again, other = (one_class.Embedding(real, seed).real for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_alpha_precision_and_beta_recall_by_loops() -> None:
    rng = np.random.default_rng(0)
    real, synthetic = rng.standard_normal((40, 2)), rng.standard_normal((30, 2)) * 0.8
    nearest = np.array([radius(real, i, 1) for i in range(len(real))])
    levels = [step / 29 for step in range(30)]
    to_centre = [float(np.hypot(*(x - 1))) for x in real]
    mean = synthetic.mean(0)
    neighbour = [synthetic[np.argmin(np.linalg.norm(synthetic - x, axis=1))] for x in real]
    from_mean = [float(np.hypot(*(x - mean))) for x in neighbour]
    precision, recall = 0.0, 0.0
    for level in levels:
        inside = np.mean([np.hypot(*(y - 1)) <= np.quantile(to_centre, level) for y in synthetic])
        reached = np.mean(
            [
                np.hypot(*(x - near)) <= own and distance <= np.quantile(from_mean, level)
                for x, near, own, distance in zip(real, neighbour, nearest, from_mean, strict=True)
            ]
        )
        precision += abs(level - inside) / 29
        recall += abs(level - reached) / 29
    assert integrated(real, nearest, synthetic, one_class.CENTRE) == pytest.approx((1 - 2 * precision, 1 - 2 * recall))
