"""A small part of `experiments/coverage.py`: the intervals hold what they promise, within the noise of few repetitions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from experiments import coverage
from ganbench import metrics, samples, scoring
from ganbench.boards import leaderboard
from ganbench.boards.board import Board
from ganbench.errors import UserError
from ganbench.scoring import intervals, page, report


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


def test_every_metric_with_an_interval_has_a_study_or_a_reason() -> None:
    without = {"equality", "missing", "modes", "wasserstein_1d"}  # these have no interval
    excused = {name for names in coverage.NO_STUDY.values() for name in names}
    assert excused | without | set(coverage.STUDIES) == set(metrics.names())
    assert len(excused) + len(without) + len(coverage.STUDIES) == len(metrics.names())


@pytest.mark.parametrize("study", ["kid", "total_variation", "intra_recall"])
def test_a_trial_measures_the_small_settings_of_drawn_laws(tmp_path: Path, study: Any) -> None:
    coverage.main(out=tmp_path, only=study, quick=True)
    table = pd.read_csv(tmp_path / f"{study}.csv")
    assert set(table.law) == {"ring"} if study == "total_variation" else {"Gaussian", "t, 4 degrees", "10 clusters"}
    assert set(table.n) == {400}
    assert f"`{study}`" in (tmp_path / "README.md").read_text()
    with pytest.raises(UserError, match="--out FOLDER"):
        coverage.main(only=study, quick=True)


def test_the_digest_that_ganbench_brings_is_that_of_the_tables() -> None:
    assert intervals.FILE.read_text() == coverage.digest(coverage.RESULTS), "run `python -m experiments pages`"


LINES = (
    intervals.Covered("kid", 1, "Gaussian", 2, 500, 0.90, 0.92),
    intervals.Covered("kid", 1, "clusters", 16, 400, 0.99, 1.0),
    intervals.Covered("kid", 1, intervals.REAL, 0, 1600, 0.91, 0.93),
    intervals.Covered("fid", 1, "Gaussian", 2, 500, 0.92, 0.96),  # may be chance
)


@pytest.mark.parametrize(
    ("metric", "version", "shape", "percent"),
    [
        ("kid", 1, (2,), "90 %"),
        ("kid", 1, (16,), None),
        ("kid", 1, (28, 28, 1), "91 %"),
        ("kid", 2, (2,), None),
        ("kid", 1, None, None),
        ("fid", 1, (2,), None),
        ("fid", 1, (28, 28, 1), None),
    ],
)
def test_the_kind_of_features_at_hand_decides(
    metric: str, version: int, shape: Any, percent: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intervals, "table", lambda: LINES)
    worst = intervals.worst(metric, version, shape)
    assert (None if worst is None else worst.percent) == percent


def test_a_report_says_beside_the_interval_how_rarely_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intervals, "table", lambda: LINES)
    rng = np.random.default_rng(0)
    gen, ref = rng.standard_normal((2, 200, 2))
    scorer = scoring.Scorer.of(ref, metrics=["kid", "fid"])
    result = scorer(gen)
    said = "these intervals held the truth in less than 93 %: kid 90 % (Gaussian, 2 dimensions, 500 samples)."
    lines = report.text(result, columns=120).splitlines()
    assert sum("] (90 %)" in line for line in lines) == 1
    assert any(said in line for line in lines)
    html = page.render(result, samples.read(gen), scorer.reference, None)
    assert html.count("] (90 %)") == 1
    assert said in html


def test_a_board_says_which_intervals_hold_too_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intervals, "table", lambda: LINES)
    track = {"images": 1, "samples": 2, "metrics": ["kid"], "rank": "kid", "rows": {}}
    grid = Board.model_validate({"about": "", "seeds": [0, 1, 2], "datasets": {"ring": track}})
    head = {"dataset": "ring", "row": "gan", "kind": "baseline", "metric": "kid"}
    lines = pd.DataFrame([head | {"seed": s, "value": s} for s in range(3)], columns=leaderboard.COLUMNS)
    text = leaderboard.markdown("x", grid, leaderboard.aggregate(lines, grid), lines)
    assert "Intervals of single runs: In simulations these intervals held the truth in less than 93 %: kid 90 %" in text
