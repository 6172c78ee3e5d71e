"""CMMD: the authors' number, what a perfect generator scores, and an interval that covers."""

# mypy: no-strict-optional

from __future__ import annotations

import numpy as np
import peers
import pytest

from ganbench import metrics
from ganbench.metrics.cmmd import cmmd


def unit(n: int, d: int, seed: int = 0, towards: float = 0.0) -> np.ndarray:
    """Random points of the sphere, drawn towards its first axis."""
    x = np.random.default_rng(seed).standard_normal((n, d))
    x[:, 0] += towards
    return np.asarray(x / np.linalg.norm(x, axis=1)[:, None])


def test_it_is_the_authors_number_to_their_precision() -> None:
    x, y = unit(120, 32, towards=2.0), unit(90, 32, 1)
    assert cmmd(x, y).value == pytest.approx(peers.cmmd(x, y, np.float64), rel=1e-9)
    assert cmmd(x, y).value == pytest.approx(peers.cmmd(x, y), abs=1e-3)  # they compute in float32


def test_opposite_points_are_closed_form() -> None:
    x, y = (np.repeat([[sign, 0.0]], 5, 0) for sign in (1.0, -1.0))
    assert cmmd(x, y).value == pytest.approx(2000 * (1 - np.exp(-4 / 200)), rel=1e-12)
    assert cmmd(x, x).value == pytest.approx(0, abs=1e-12)


def test_without_own_pairs_the_mean_of_a_perfect_generator_is_zero() -> None:
    scores = [cmmd(unit(40, 8, s), unit(60, 8, s + 1000)) for s in range(200)]
    free = np.array([s.extra["unbiased"] for s in scores])
    values = np.array([s.value for s in scores])
    assert abs(free.mean()) < 3 * free.std() / np.sqrt(len(free))
    assert (free < 0).mean() > 0.3
    assert np.mean([s.perfect for s in scores]) == pytest.approx(
        values.mean(), abs=3 * values.std() / np.sqrt(len(values))
    )
    assert np.std([s.perfect for s in scores]) < 0.1 * values.std()


@pytest.mark.parametrize("towards", [0.0, 1.0])
def test_interval_covers_the_expected_value_at_these_sizes(towards: float) -> None:
    scores = [cmmd(unit(100, 8, s, towards), unit(80, 8, s + 10**6)) for s in range(100)]
    values = np.array([s.value for s in scores])
    low, high = np.array([s.interval for s in scores]).T
    assert ((low <= values.mean()) & (values.mean() <= high)).mean() >= 0.88
    if towards:  # not at the null, where it is too wide
        assert (high - values).mean() / 1.959964 == pytest.approx(values.std(ddof=1), rel=0.25)


def test_features_of_other_lengths_are_a_reason_that_names_the_extractor() -> None:
    rng = np.random.default_rng(0)
    result = metrics.compute(["cmmd"], {"gen": rng.standard_normal((9, 4)), "ref": unit(9, 4)})["cmmd"]
    assert result["value"] is None
    assert "length 1" in result["reason"]
    assert "clip-l14@336" in result["reason"]
