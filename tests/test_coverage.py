"""A small part of `experiments/coverage.py`: the intervals hold what they promise, within the noise of few repetitions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from experiments import coverage


def rows(make: str, reps: int, **labels: Any) -> dict[Any, Any]:
    settings = [s for s in getattr(coverage, make)(reps) if labels.items() <= s.labels.items()]
    assert settings
    return {(tuple(s.labels.values()), r["interval"]): r for s in settings for r in coverage.measure(s)}


@pytest.mark.parametrize("law", ["uniform", "zipf", "atom"])
def test_the_interval_of_the_effective_support_covers(law: str) -> None:
    found = rows("exact_duplicates", 80, law=law, N=1000)
    assert {row["reps"] for row in found.values()} == {400}
    assert all(row["coverage"] >= 0.9 for (_, name), row in found.items() if name == "support")


def test_a_poisson_interval_does_not_cover_where_outputs_are_unequal() -> None:
    found = rows("exact_duplicates", 80, law="zipf", N=1000)
    assert all(row["coverage"] < 0.9 for (_, name), row in found.items() if name == "Poisson")


@pytest.mark.parametrize(("law", "reps", "least"), [("uniform ratios", 80, 0.92), ("ring", 30, 0.86)])
def test_the_interval_of_the_copied_share_covers(law: str, reps: int, least: float) -> None:
    found = rows("planted_copies", reps, law=law)
    assert len(found) == 6
    assert all(row["coverage"] >= least for row in found.values())


def test_the_interval_of_the_expected_fid_covers_for_a_moved_generator() -> None:
    found = rows("frechet", 100, law="Gaussian", d=2, generator="moved")
    assert all(row["coverage"] >= 0.88 for (labels, _), row in found.items() if labels[3] >= 500)


def test_a_truth_outside_of_every_interval_is_not_covered() -> None:
    setting = coverage.Setting("memorisation", {"law": "none"}, lambda rng: {"x": (0.5, (0.4, 0.6))}, {"x": 0.7}, 10)
    (row,) = coverage.measure(setting)
    assert row["coverage"] == 0
    assert row["width"] == pytest.approx(0.2)


def test_a_cut_study_goes_on_after_the_settings_that_are_done(tmp_path: Path) -> None:
    settings = list(coverage.exact_duplicates(1))
    done = pd.DataFrame(coverage.measure(settings[0]))
    done.to_csv(tmp_path / "support.csv", index=False)
    table = pd.read_csv(tmp_path / "support.csv")
    assert [coverage.pending(s, table) for s in settings[:2]] == [False, True]
    assert coverage.pending(settings[0]._replace(reps=7), table)


def test_the_page_marks_what_does_not_cover(tmp_path: Path) -> None:
    row = {"law": "x", "interval": "support", "reps": 10, "version": 2, "coverage_low": 0.1, "coverage_high": 1.0}
    lines = [row | {"coverage": 0.2}, row | {"coverage": 0.5}, row | {"law": "y", "coverage": 0.96}]
    pd.DataFrame(lines).to_csv(tmp_path / "support.csv", index=False)
    page = coverage.page(tmp_path)
    assert "1 of 2 intervals" in page
    assert "**0.500** [" in page
    assert "**0.960**" not in page
    assert "0.200" not in page  # replaced by the later row of the same setting


def test_settings_do_not_depend_on_their_order() -> None:
    one = next(coverage.exact_duplicates(2))
    assert coverage.measure(one) == coverage.measure(one)
    assert np.isfinite([r["coverage"] for r in coverage.measure(one)]).all()
