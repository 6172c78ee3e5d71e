# mypy: no-strict-optional, disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np
import pytest

from ganbench.metrics import NotApplicable, Score
from ganbench.metrics.classifier_score import classifier_score


def score(logits: np.ndarray, seed: int = 0) -> Score:
    return classifier_score(np.asarray(logits, float), np.random.default_rng(seed))


def confident(classes: np.ndarray, k: int) -> np.ndarray:
    return 1000.0 * np.eye(k)[classes]


def plug_in(logits: np.ndarray) -> float:
    shifted = np.exp(logits - logits.max(1, keepdims=True))
    p = shifted / shifted.sum(1, keepdims=True)
    return np.exp((p * np.log(p / p.mean(0))).sum(1).mean())


def test_a_constant_prediction_scores_one() -> None:
    assert score(np.tile([1.0, 2, 3], (50, 1))).value == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("m", [2, 5, 10])
def test_m_confident_classes_of_ten_score_m(m: int) -> None:
    s = score(confident(np.arange(1000) % m, 10))
    assert s.value == pytest.approx(m * np.exp((m - 1) / 2000), rel=1e-4)


def test_score_is_finite_with_a_huge_logit_gap_and_an_unused_class() -> None:
    s = score(confident(np.arange(60) % 3, 10))
    assert np.isfinite([s.value, *s.interval, s.extra["classical"]]).all()


def test_bias_correction_recovers_the_classes_that_the_plug_in_misses() -> None:
    rng = np.random.default_rng(0)
    runs = [np.log(0.1 / 99 + (0.9 - 0.1 / 99) * np.eye(100)[rng.integers(0, 100, 200)]) for _ in range(40)]
    truth = 100 * np.exp(0.9 * np.log(0.9) + 0.1 * np.log(0.1 / 99))
    assert np.mean([score(r).value for r in runs]) == pytest.approx(truth, rel=0.02)
    assert np.mean([plug_in(r) for r in runs]) < 0.85 * truth


def test_sorted_and_shuffled_samples_score_the_same() -> None:
    rng = np.random.default_rng(0)
    logits = 5 * rng.standard_normal((200, 10))
    a, b = score(logits), score(logits[np.argsort(logits.argmax(1))])
    assert a.value == pytest.approx(b.value, rel=1e-12)
    assert a.extra["classical"] == pytest.approx(b.extra["classical"], rel=1e-12)


def test_classical_is_low_at_small_n_by_the_bias_of_ten_splits() -> None:
    s = score(confident(np.repeat(np.arange(10), 100), 10))
    assert s.extra["classical"] == pytest.approx(10 * np.exp(-9 / 200), rel=0.02)
    assert s.extra["split_std"] > 0


def test_interval_covers_the_expected_score() -> None:
    rng = np.random.default_rng(0)
    runs = [score(2 * rng.standard_normal((300, 5)) * [1, 1, 1, 2, 3]) for _ in range(200)]
    truth = plug_in(2 * rng.standard_normal((200_000, 5)) * [1, 1, 1, 2, 3])
    assert np.mean([r.interval[0] <= truth <= r.interval[1] for r in runs]) >= 0.9


def test_logits_of_stacked_digits_do_not_apply() -> None:
    with pytest.raises(NotApplicable):
        score(np.zeros((50, 3, 10)))
