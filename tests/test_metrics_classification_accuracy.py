# mypy: no-strict-optional

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from ganbench.metrics import NotApplicable, Score
from ganbench.metrics.classification_accuracy import classification_accuracy


def labelled(n: int, seed: int, classes: int = 3, distance: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, n)
    return distance / np.sqrt(2) * np.eye(classes, 6)[y] + rng.standard_normal((n, 6)), y


def accuracy(
    gen: np.ndarray, gen_labels: np.ndarray, ref: np.ndarray, ref_labels: np.ndarray, *train: np.ndarray
) -> Score:
    return classification_accuracy(gen, gen_labels, ref, ref_labels, np.random.default_rng(0), *train)


REF = labelled(3000, 1)


def test_two_gaussians_are_told_apart_as_often_as_theory_says() -> None:
    score = accuracy(*labelled(2000, 0, 2), *labelled(10_000, 1, 2))
    assert score.value == pytest.approx(ndtr(1.5), abs=0.012)


def test_training_data_as_samples_score_the_accuracy_of_real_data() -> None:
    train = labelled(600, 2)
    score = accuracy(*train, *REF, *train)
    assert score.perfect == score.value > 0.8
    assert accuracy(*train, *REF, *labelled(5000, 3)).perfect == pytest.approx(score.value, abs=0.03)


def test_perfect_needs_as_many_labelled_training_samples() -> None:
    train, y = labelled(600, 2)
    gen = labelled(200, 0)
    assert accuracy(*gen, *REF, train[:199], y[:199]).perfect is None
    assert accuracy(*gen, *REF, train, np.full(600, -1)).perfect is None
    assert accuracy(*gen, *REF, train).perfect is None


def test_shuffled_labels_score_chance_on_average() -> None:
    x, y = labelled(300, 0)
    values = [accuracy(x, np.random.default_rng(s).permutation(y), *REF).value for s in range(20)]
    assert abs(np.mean(values) - 1 / 3) < 3 * np.std(values) / np.sqrt(20)


def test_swapped_labels_score_far_below_chance() -> None:
    x, y = labelled(600, 0)
    assert accuracy(x, (y + 1) % 3, *REF).value < 0.15


def test_missing_class_costs_its_share() -> None:
    x, y = labelled(1200, 0, distance=12)
    ref, ref_y = labelled(2000, 1, distance=12)
    assert accuracy(x, y, ref, ref_y).value == 1
    assert accuracy(x[y != 2], y[y != 2], ref, ref_y).value == pytest.approx((ref_y != 2).mean(), abs=1e-12)


def test_one_generated_class_is_a_constant_prediction() -> None:
    x, _ = labelled(50, 0)
    score = accuracy(x, np.full(50, 2), *REF)
    assert score.value == (REF[1] == 2).mean()
    assert score.interval[0] < score.value < score.interval[1]


def test_scale_and_offset_of_the_features_do_not_matter() -> None:
    gen, y = labelled(500, 0)
    score = accuracy(gen, y, *REF)
    assert accuracy(1e4 * gen + 1e6, y, 1e4 * REF[0] + 1e6, REF[1]).value == pytest.approx(score.value, abs=1e-3)


def test_constant_features_and_fits_that_do_not_converge_warn_nobody() -> None:
    x, y = labelled(100, 0)
    assert 0 <= accuracy(np.zeros_like(x), y, *REF).value <= 1
    outlying = np.concatenate([1e8 * x[:50], x[50:]])
    assert 0 <= accuracy(outlying, y, *REF).value <= 1


@pytest.mark.parametrize(
    ("gen_label", "ref_label", "message"),
    [(-1, 0, "labelled samples"), (0, -1, "labelled reference"), (0, 0, "2 to 100 classes")],
)
def test_unlabelled_sets_and_a_single_class_are_a_reason(gen_label: int, ref_label: int, message: str) -> None:
    x = np.zeros((30, 2))
    with pytest.raises(NotApplicable, match=message):
        accuracy(x, np.full(30, gen_label), x, np.full(30, ref_label))


def test_more_classes_than_a_fit_takes_are_a_reason() -> None:
    x, y = np.zeros((101, 2)), np.arange(101)
    with pytest.raises(NotApplicable, match="2 to 100 classes"):
        accuracy(x, y, x, y)
