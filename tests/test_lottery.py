"""The lottery of seeds: planted variances come out, and the interval of their ratio covers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from experiments import lottery


def planted(training: float, sampling: float, seeds: int, draws: int, rng: np.random.Generator) -> np.ndarray:
    return 5 + training * rng.standard_normal((seeds, 1)) + sampling * rng.standard_normal((seeds, draws))


def test_the_parts_of_the_spread_are_those_that_were_planted() -> None:
    parts = lottery.parts(planted(0.6, 0.2, 4000, 5, np.random.default_rng(0)))
    assert parts["training"] == pytest.approx(0.6, rel=0.03)
    assert parts["sampling"] == pytest.approx(0.2, rel=0.03)
    assert parts["low"] < parts["ratio"] < parts["high"]
    assert parts["ratio"] == pytest.approx(3.0, rel=0.05)


@pytest.mark.parametrize("training", [0.0, 0.1, 0.6])
def test_the_interval_of_the_ratio_covers_95_percent(training: float) -> None:
    rng = np.random.default_rng(1)
    runs = [lottery.parts(planted(training, 0.2, 20, 5, rng)) for _ in range(400)]
    assert np.mean([run["low"] <= training / 0.2 <= run["high"] for run in runs]) >= 0.92


def test_seeds_that_diverged_are_counted_and_left_out() -> None:
    lines = [
        {"gan": "gan", "seed": seed, "draw": draw, "CPU s": 1.0, "fid": None if seed == 3 else 4.0 + seed + 0.1 * draw}
        for seed in range(5)
        for draw in range(3)
    ]
    (line,) = lottery.summary(pd.DataFrame(lines)).to_dict("records")
    assert (line["seeds"], line["diverged"]) == (4, 1)
