# mypy: no-strict-optional

from __future__ import annotations

import numpy as np
import pytest

from ganbench.data.mixture import Mixture
from ganbench.metrics import NotApplicable
from ganbench.metrics.modes import modes

ANGLES = np.arange(8) * np.pi / 4
RING = Mixture(np.stack([np.cos(ANGLES), np.sin(ANGLES)], 1), 0.01)
GRID = Mixture(np.stack(np.meshgrid(*[np.arange(-4.0, 5, 2)] * 2), -1).reshape(-1, 2), 0.05)


def draw(mixture: Mixture, n: int, rng: np.random.Generator, only: int | None = None) -> np.ndarray:
    which = rng.choice(len(mixture.means) if only is None else only, n)
    return mixture.means[which] + mixture.sd * rng.standard_normal((n, mixture.means.shape[1]))


@pytest.mark.parametrize("mixture", [RING, GRID], ids=["ring", "grid"])
def test_a_perfect_generator_has_all_modes_and_the_exact_share(mixture: Mixture) -> None:
    s = modes(draw(mixture, 20_000, np.random.default_rng(0)), mixture)
    assert s.value == s.extra["modes_fair"] == len(mixture.means)
    assert s.extra["high_quality"] == pytest.approx(1 - np.exp(-4.5), abs=0.003)
    low, high = s.extra["high_quality_interval"]
    assert low < s.extra["high_quality_perfect"] < high
    assert s.extra["spread"] == pytest.approx(1, abs=0.02)
    assert s.extra["kl"] == pytest.approx(s.extra["kl_perfect"], rel=1.5)


@pytest.mark.parametrize("d", [1, 3, 10, 100])
def test_a_perfect_generator_passes_in_any_dimension(d: int) -> None:
    rng = np.random.default_rng(d)
    mixture = Mixture(100 * np.arange(4)[:, None] * np.ones((4, d)), 0.5)
    s = modes(draw(mixture, 5000, rng), mixture)
    assert s.value == 4
    assert s.extra["high_quality"] == pytest.approx(s.extra["high_quality_perfect"], abs=0.006)
    assert s.extra["spread"] == pytest.approx(1, abs=0.03)


def test_dropped_modes_are_counted_and_measured() -> None:
    s = modes(draw(RING, 4000, np.random.default_rng(0), only=4), RING)
    assert s.value == 4
    assert s.extra["kl"] == pytest.approx(np.log(2), abs=0.01)
    assert s.extra["jsd"] == pytest.approx(0.5 * (np.log(4 / 3) + 0.5 * np.log(2 / 3) + 0.5 * np.log(2)), abs=0.01)


def test_a_mode_hit_once_is_captured_and_has_no_fair_share() -> None:
    gen = draw(RING, 2500, np.random.default_rng(0), only=7)
    gen[0] = RING.means[7]
    s = modes(gen, RING)
    assert (s.value, s.extra["modes_fair"]) == (8, 7)


def test_a_generator_collapsed_within_its_modes_has_no_spread() -> None:
    s = modes(RING.means[np.arange(800) % 8] + 1e-5 * np.random.default_rng(0).standard_normal((800, 2)), RING)
    assert s.extra["high_quality"] == 1
    assert s.extra["spread"] < 0.01


def test_samples_far_from_all_modes_capture_none() -> None:
    s = modes(np.full((100, 2), 50.0), RING)
    assert s.value == 0
    assert s.extra["high_quality"] == 0
    assert s.extra["kl"] is s.extra["spread"] is None


def classify(digits: np.ndarray, rng: np.random.Generator, accuracy: float = 0.99) -> np.ndarray:
    wrong = rng.random(digits.shape) > accuracy
    seen = np.where(wrong, (digits + rng.integers(1, 10, digits.shape)) % 10, digits)
    return 10 * np.eye(10)[seen] + rng.random((*digits.shape, 10))


def stacks(labels: np.ndarray) -> np.ndarray:
    return np.stack([labels // 100, labels // 10 % 10, labels % 10], 1)


@pytest.mark.parametrize("planted", [100, 500, 900, 1000])
def test_planted_stacked_modes_are_recovered_despite_wrong_classes(planted: int) -> None:
    rng = np.random.default_rng(planted)
    ref_labels = rng.integers(0, 1000, 10_000)
    ref_logits = classify(stacks(ref_labels), rng)
    gen = classify(stacks(rng.choice(rng.permutation(1000)[:planted], 26_000)), rng)
    s = modes(np.zeros((26_000, 1)), None, gen, ref_logits, ref_labels)
    assert s.value == pytest.approx(planted, rel=0.02)
    assert s.perfect > 999
    if planted == 500:
        assert s.extra["modes_uncorrected"] > 600
    if planted == 1000:
        assert s.extra["kl"] == pytest.approx(s.extra["kl_perfect"], rel=0.15)
        assert s.extra["kl_perfect"] == pytest.approx(999 / 52_000)


def test_too_few_stacks_are_said_to_be_too_few() -> None:
    rng = np.random.default_rng(0)
    ref_labels = rng.integers(0, 1000, 5000)
    ref_logits = classify(stacks(ref_labels), rng)
    runs = [
        modes(np.zeros((3000, 1)), None, classify(stacks(rng.integers(0, 1000, 3000)), rng), ref_logits, ref_labels)
        for _ in range(5)
    ]
    assert runs[0].perfect < 900
    assert np.mean([r.value for r in runs]) == pytest.approx(runs[0].perfect, rel=0.05)


def test_stacks_without_labels_do_not_apply() -> None:
    with pytest.raises(NotApplicable, match="labelled reference"):
        modes(np.zeros((100, 1)), None, np.zeros((100, 3, 10)))
