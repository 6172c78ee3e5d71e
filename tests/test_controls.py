"""The controls: known truths that every board carries."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ganbench import data, samples
from ganbench.boards import controls
from ganbench.errors import UserError


def rows(x: np.ndarray) -> list[bytes]:
    return [row.tobytes() for row in np.asarray(x)]


@pytest.mark.parametrize("dataset", ["digits", "ring"])
def test_reference_and_real_are_disjoint_halves_of_the_held_out_split(dataset: str) -> None:
    n = len(data.load(dataset, "test").x) // 2
    for seed in (0, 1):
        reference, real = controls.reference(dataset, n, seed), controls.real(dataset, n, seed)
        held_out = sorted(rows(data.load(dataset, "test").x))
        both = sorted(rows(reference.x) + rows(real.x))
        assert len(both) == 2 * n
        assert set(both) <= set(held_out)
        assert len(held_out) - len(both) <= 1
    assert not np.array_equal(controls.real(dataset, n, 0).x, controls.real(dataset, n, 1).x)


def test_copycat_is_training_data_each_at_most_once() -> None:
    copies = rows(controls.copycat("ring", 500, 0).x)
    assert set(copies) <= set(rows(data.load("ring", "train").x))
    assert len(set(copies)) == 500


def test_noise_fills_the_range_of_the_data() -> None:
    images = controls.noise("digits", 300, 0).x
    assert images.dtype == np.uint8
    assert images.mean() == pytest.approx(127.5, abs=1.5)
    points, train = controls.noise("ring", 2000, 0).x, data.load("ring", "train").x
    assert (points.min(0) >= train.min(0)).all()
    assert (points.max(0) <= train.max(0)).all()
    assert points.std(0) == pytest.approx(np.ptp(train, axis=0) / np.sqrt(12), rel=0.05)


@pytest.mark.parametrize("kind", controls.KINDS)
def test_controls_repeat_with_the_seed(kind: str, tmp_path: Path) -> None:
    for name in "ab":
        controls.write(kind, "ring", 50, 3, tmp_path / f"{name}.npz")
    a, b = (samples.read(tmp_path / f"{name}.npz") for name in "ab")
    assert np.array_equal(a.x, b.x)
    assert a.manifest["dataset"] == "ring"


@pytest.mark.parametrize(("kind", "n"), [("real", 2501), ("reference", 2501), ("copycat", 20_001)])
def test_more_than_there_is_is_refused(kind: str, n: int) -> None:
    with pytest.raises(UserError, match="ring has"):
        controls.KINDS[kind]("ring", n, 0)
