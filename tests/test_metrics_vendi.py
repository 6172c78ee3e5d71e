# mypy: no-strict-optional

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganbench.metrics import NotApplicable, Score
from ganbench.metrics.vendi import entropy, vendi


def score(x: np.ndarray, ref: np.ndarray | None = None) -> Score:
    return vendi(x, x if ref is None else ref)


def normal(n: int, d: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d))


@pytest.mark.parametrize(("n", "d"), [(5, 5), (5, 20), (30, 30)])
def test_n_orthogonal_samples_score_n(n: int, d: int) -> None:
    lengths = np.arange(1, n + 1)[:, None]
    assert score(lengths * np.eye(n, d)).value == pytest.approx(n, rel=1e-9)


@pytest.mark.parametrize(("n", "d"), [(40, 6), (4, 6)])
def test_equal_samples_score_1(n: int, d: int) -> None:
    assert score(np.tile(normal(1, d), (n, 1))).value == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(("each", "d"), [(2, 100), (50, 10)])
def test_m_equal_clusters_score_m(each: int, d: int) -> None:
    assert score(np.repeat(np.eye(7, d), each, 0)).value == pytest.approx(7, rel=1e-9)


def test_unequal_clusters_score_the_exponential_of_their_entropy() -> None:
    p = np.array([0.5, 0.3, 0.2])
    assert score(np.repeat(np.eye(3, 8), [50, 30, 20], 0)).value == pytest.approx(np.exp(-(p @ np.log(p))), rel=1e-9)


@pytest.mark.parametrize(("n", "d"), [(60, 7), (20, 40)])
def test_either_side_gives_the_eigenvalues_of_the_kernel(n: int, d: int) -> None:
    x = normal(n, d) + 0.5
    u = x / np.linalg.norm(x, axis=1, keepdims=True)
    l = np.linalg.eigvalsh(u @ u.T / n)  # noqa: E741
    l = l[l > 1e-12]  # noqa: E741
    value, terms = entropy(x)
    assert value == pytest.approx(-(l @ np.log(l)), rel=1e-9)
    assert terms.shape == (n,)


def test_rows_of_zeros_are_one_more_kind() -> None:
    x = np.repeat(np.eye(3, 8), 10, 0)
    assert score(np.concatenate([x, np.zeros((10, 8))])).value == pytest.approx(4, rel=1e-9)
    assert score(np.zeros((10, 8))).value == 1


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_lengths_of_the_features_do_not_matter(seed: int) -> None:
    x = normal(30, 5, seed)
    lengths = np.random.default_rng(seed).uniform(0.1, 10, (30, 1))
    assert score(lengths * x).value == pytest.approx(score(x).value, rel=1e-9)


def test_score_falls_with_the_number_of_distinct_samples() -> None:
    x = normal(400, 10)
    values = [score(np.resize(x[:k], x.shape)).value for k in (400, 100, 20, 4)]
    assert values == sorted(values, reverse=True)
    assert values[-1] < 4.0001


def test_perfect_is_the_score_of_as_many_held_out_samples() -> None:
    ref = normal(300, 6, 1) + 1
    assert score(ref, ref).perfect == pytest.approx(score(ref).value, rel=1e-12)
    assert score(ref[:100], ref).perfect == pytest.approx(score(ref[:100]).value, rel=0.15)
    assert score(normal(301, 6), ref).perfect is None


@pytest.mark.parametrize(("n", "d"), [(80, 20), (300, 8)])
def test_interval_covers_the_expected_score_at_this_n(n: int, d: int) -> None:
    scores = [score(normal(n, d, s) + 0.7) for s in range(200)]
    expected = np.mean([s.value for s in scores])
    assert np.mean([s.interval[0] <= expected <= s.interval[1] for s in scores]) >= 0.9


def test_too_few_samples_for_their_dimension_have_no_interval() -> None:
    assert score(normal(31, 8)).interval is None
    assert score(normal(32, 8)).interval is not None


def test_line_is_a_reason() -> None:
    with pytest.raises(NotApplicable, match="more than one dimension"):
        score(normal(20, 1))
