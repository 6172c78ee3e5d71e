"""The parts of a variance are those that were planted, and the experiment makes its page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments import lottery


def planted(rng: np.random.Generator, training: float, sampling: float, reference: float, t: int = 20) -> np.ndarray:
    """FIDs of t trainings, 5 samplings and 5 references with these standard deviations of the logarithm."""
    parts = (
        training * rng.normal(size=(t, 1, 1)),
        sampling * rng.normal(size=(t, 5, 1)),
        reference * rng.normal(size=(1, 1, 5)),
    )
    return np.asarray(np.exp(1.5 + parts[0] + parts[1] + parts[2]))


def test_planted_variances_are_estimated_without_bias() -> None:
    rng = np.random.default_rng(0)
    found = np.array([lottery.parts(planted(rng, 0.1, 0.05, 0.03))[:3] for _ in range(400)])
    assert found.mean(0) == pytest.approx([0.01, 0.0025, 0.0009], rel=0.1)


@pytest.mark.parametrize("training", [0.02, 0.1])
def test_interval_of_the_ratio_covers(training: float) -> None:
    rng = np.random.default_rng(1)
    intervals = np.array([lottery.parts(planted(rng, training, 0.05, 0.03)).interval for _ in range(600)])
    truth = (training / 0.05) ** 2
    assert np.mean((intervals[:, 0] <= truth) & (truth <= intervals[:, 1])) == pytest.approx(0.95, abs=0.025)


def test_experiment_trains_samples_scores_and_writes_its_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = replace(lottery.planned("wgan"), images=1280)
    monkeypatch.setattr(lottery, "planned", lambda gan: small)
    lottery.main(2, 2, 2, ["wgan"], tmp_path / "runs", tmp_path)
    table = pd.read_csv(tmp_path / "scores.csv")
    assert len(table) == table[lottery.KEY].drop_duplicates().shape[0] == 8
    assert table.value.nunique() == 8
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == lottery.page(tmp_path)
