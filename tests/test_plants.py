"""Planted truths: the true metrics hold them, and no metric of ganbench is without one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ganbench import metrics
from ganbench.boards.corruptions import Unfit
from ganbench.boards.plants import PLANTS, planted
from ganbench.data.mixture import Mixture

STATISTICAL = (
    "untouched",
    "spheres",
    "poles",
    "few",
    "many",
    "paired",
    "window",
    "uncopied",
    "copied",
    "damaged",
    "unmoved",
    "coded",
    "two greys",
    "meaningless",
)  # held by most intervals, not by all


def real(d: int, n: int = 240) -> dict[str, Any]:
    """Samples of a Gaussian in d dimensions: untouched, a reference and a training set, with pixels, labels and known modes."""
    rng = np.random.default_rng(d)
    mixture = Mixture(np.stack([np.zeros(d), np.full(d, 40.0)]), 1.0)
    inputs: dict[str, Any] = {"mixture": mixture}
    for name, size in (("gen", n), ("ref", n + 1), ("train", 2000)):
        labels = rng.integers(0, 2, size)
        points = rng.normal(size=(size, d))
        inputs |= {name: points, f"{name}_labels": labels, f"{name}_pixels": np.tanh(points)}
    return inputs


REAL = {d: real(d) for d in (1, 2, 5)}


@pytest.mark.parametrize("d", REAL)
@pytest.mark.parametrize("name", [name for name in PLANTS if name not in STATISTICAL])
def test_true_metric_has_exactly_the_planted_value(name: str, d: int) -> None:
    try:
        inputs, truths = planted(PLANTS[name], REAL[d], np.random.default_rng(1))
    except Unfit:
        assert (name, d) == ("orthogonal", 1)
        return
    for metric, truth in truths.items():
        assert metrics.compute([metric], inputs)[metric]["value"] == pytest.approx(truth, rel=1e-6), metric


@pytest.mark.parametrize("name", STATISTICAL)
def test_interval_of_the_true_metric_holds_the_planted_value(name: str) -> None:
    """12 of 15 intervals of 95 % hold the truth with probability 0.995. The margin of density and coverage is given the reference."""
    held: dict[str, int] = {}
    for repeat in range(15):
        inputs, truths = planted(PLANTS[name], real_again(repeat), np.random.default_rng(repeat))
        for metric, truth in truths.items():
            if metric in ("fid.unbiased", "density", "coverage"):
                continue
            result = metrics.compute([metric], inputs, repeat)[metric]
            low, high = result["interval"] or (result["lower_bound"], np.inf)
            held[metric] = held.get(metric, 0) + (low <= truth <= high)
    assert min(held.values()) >= 12, held


def real_again(repeat: int) -> dict[str, Any]:
    """Two dimensions, with other samples in the untouched set and the reference."""
    rng, base = np.random.default_rng([7, repeat]), REAL[2]
    rows = rng.permutation(2000)
    fresh = {
        name: base[f"train{name[3:]}"][rows[:240] if name.startswith("gen") else rows[240:480]]
        for name in base
        if name[:3] in ("gen", "ref")
    }
    kept = rows[480:]
    return base | fresh | {name: base[name][kept] for name in base if name.startswith("train")}


def test_coverage_of_real_samples_is_free_of_their_distribution() -> None:
    truth = planted(PLANTS["untouched"], REAL[2], np.random.default_rng(0))[1]["coverage"]
    values = [metrics.compute(["coverage"], real_again(repeat))["coverage"]["value"] for repeat in range(30)]
    n, m = 240, 240
    j = np.arange(1, 6)
    assert truth == pytest.approx(1 - np.prod((m + 1 - j) / (m + 1 + n - j)))
    assert np.mean(values) == pytest.approx(truth, abs=3 * np.std(values) / np.sqrt(30))


def test_every_metric_of_ganbench_has_a_planted_truth() -> None:
    covered = set()
    for inputs in REAL.values():
        for plant in PLANTS.values():
            try:
                covered |= {name.partition(".")[0] for name in planted(plant, inputs, np.random.default_rng(0))[1]}
            except Unfit:
                continue
    own = {name for name in metrics.names() if metrics.get(name).function.__module__.startswith("ganbench.metrics.")}
    assert covered == own, "a new metric of ganbench needs a plant; a metric of another package needs none"


def test_plant_sorts_its_generated_rows_and_keeps_them_together() -> None:
    inputs, _ = planted(PLANTS["few"], REAL[2], np.random.default_rng(0))
    assert len(np.unique(inputs["gen"], axis=0)) <= 12
    rows = {row.tobytes(): pixels.tobytes() for row, pixels in zip(REAL[2]["gen"], REAL[2]["gen_pixels"], strict=True)}
    assert all(
        rows[row.tobytes()] == pixels.tobytes() for row, pixels in zip(inputs["gen"], inputs["gen_pixels"], strict=True)
    )
    half = len(inputs["gen"]) // 2
    gap = inputs["gen"][:half].mean(0) - inputs["gen"][half:].mean(0)
    assert np.linalg.norm(gap) > 1, "the halves of a sorted set differ"
