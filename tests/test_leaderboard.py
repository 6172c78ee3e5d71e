"""Aggregation: intervals, ranks, and what an empty cell does to a row."""

# mypy: disable-error-code="operator"

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ganbench.boards import leaderboard
from ganbench.boards.board import Board
from ganbench.statistics import student

SEEDS = [0, 1, 2]


def track(rank: str = "fid") -> Board:
    one = {"images": 1, "samples": 2, "metrics": [rank], "rank": rank, "rows": {}}
    return Board.model_validate({"about": "", "seeds": SEEDS, "datasets": {"ring": one}})


def scores(values: dict[str, list[float | None]], kind: str = "baseline", metric: str = "fid") -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "dataset": "ring", "row": row, "kind": kind, "seed": seed, "metric": metric, "value": value, "low": None,
                "high": None, "reason": None if value is not None else "diverged: too bad",
                "quarter": 8.0, "half": 3.0, "cpu_seconds": 1.0, "seconds": 2.0, "parameters": 2.0,
            }
            for row, per_seed in values.items()
            for seed, value in zip(SEEDS, per_seed, strict=True)
        ],
        columns=leaderboard.COLUMNS,
    )  # fmt: skip


def test_interval_is_students() -> None:
    x = np.array([1.0, 2.0, 4.0])
    low, high = student(x)
    expected = stats.ttest_1samp(x, 0).confidence_interval(0.95)
    assert (low, high) == pytest.approx((expected.low, expected.high))


def test_interval_of_students_covers_95_percent() -> None:
    rng = np.random.default_rng(0)
    hits = [low <= 0 <= high for low, high in (student(rng.normal(size=3)) for _ in range(2000))]
    assert np.mean(hits) == pytest.approx(0.95, abs=0.015)


def test_summary_has_mean_spread_and_seeds() -> None:
    line = leaderboard.summarise(scores({"gan": [1.0, 2.0, 3.0]})).iloc[0]
    assert (line["mean"], line.sd, line.seeds) == (2.0, 1.0, 3)
    assert line.reason is None


def test_interval_of_a_row_stays_in_the_range_of_the_metric() -> None:
    line = leaderboard.summarise(scores({"gan": [0.9, 1.0, 0.8]}, metric="coverage")).iloc[0]
    assert (line.low, line.high) == (pytest.approx(0.6516, abs=1e-4), 1.0)
    line = leaderboard.summarise(scores({"gan": [0.1, 9.0, 0.2]}, metric="fid")).iloc[0]
    assert line.low == 0.0


@pytest.mark.parametrize(
    ("values", "words"),
    [([1.0, 2.0, 3.0], "+33 %, not converged"), ([2.9, 2.9, 2.9], "+3 %"), ([4.0, 4.0, 4.0], "-33 %")],
)
def test_row_says_what_the_last_doubling_gained(values: list[float | None], words: str) -> None:
    summary = leaderboard.summarise(scores({"gan": values})).assign(rank=1, rank_low=1, rank_high=1)
    ((line,), _) = leaderboard.tables(track(), summary)["ring"]
    assert line["last doubling"] == words  # the score at half of the budget is 3


def test_row_whose_half_is_unknown_has_no_mark() -> None:
    summary = leaderboard.summarise(scores({"gan": [1.0, 2.0, 3.0]}).assign(half=None))
    assert summary.converged.isna().all()


def test_row_with_a_diverged_seed_is_empty_and_says_which() -> None:
    line = leaderboard.summarise(scores({"gan": [1.0, None, 3.0]})).iloc[0]
    assert np.isnan(line["mean"])
    assert line.reason == "diverged: too bad (seed 1 of 3 seeds)"


def test_row_with_a_diverged_seed_is_not_ranked() -> None:
    ranked = leaderboard.ranks(scores({"gan": [1.0, None, 3.0], "wgan": [5.0, 5.1, 5.2]}), track())
    assert list(ranked.row) == ["wgan"]


def test_controls_are_not_ranked() -> None:
    both = pd.concat([scores({"gan": [1.0, 2.0, 3.0]}), scores({"real": [0.0, 0.0, 0.0]}, "control")])
    assert list(leaderboard.ranks(both, track()).row) == ["gan"]


def values(table: dict[str, list[float]]) -> pd.DataFrame:
    return pd.DataFrame(table, index=SEEDS).T


def test_clearly_different_rows_have_one_rank_each() -> None:
    ranked = leaderboard.rank(values({"a": [1.0, 1.1, 1.2], "b": [9.0, 9.1, 9.3], "c": [5.0, 5.1, 5.3]}), "lower")
    assert ranked["rank"].to_dict() == {"a": 1, "b": 3, "c": 2}
    assert (ranked["rank"] == ranked.rank_low).all()
    assert (ranked["rank"] == ranked.rank_high).all()


def test_better_higher_turns_the_order_round() -> None:
    ranked = leaderboard.rank(values({"a": [1.0, 1.1, 1.2], "b": [9.0, 9.1, 9.3]}), "higher")
    assert ranked["rank"].to_dict() == {"a": 2, "b": 1}


def test_rows_within_their_noise_share_a_rank_interval() -> None:
    ranked = leaderboard.rank(values({"a": [1.0, 2.0, 3.0], "b": [1.1, 1.9, 3.2], "c": [90.0, 91.0, 93.0]}), "lower")
    assert ranked.loc["a", ["rank_low", "rank_high"]].tolist() == [1, 2]
    assert ranked.loc["b", ["rank_low", "rank_high"]].tolist() == [1, 2]
    assert ranked.loc["c", ["rank_low", "rank_high"]].tolist() == [3, 3]


def test_differences_are_paired_by_seed() -> None:
    shared = np.array([0.0, 50.0, 100.0])  # a reference that is hard on every row alike
    ranked = leaderboard.rank(
        values({"a": list(shared + np.array([1, 1.1, 1.2])), "b": list(shared + np.array([3, 3.2, 3.1]))}), "lower"
    )
    assert ranked.rank_high["a"] == 1


def test_equal_rows_are_tied() -> None:
    ranked = leaderboard.rank(values({"a": [8.0, 8.0, 8.0], "b": [8.0, 8.0, 8.0]}), "higher")
    assert ranked["rank"].tolist() == [1, 1]
    assert ranked.rank_high.tolist() == [2, 2]


def test_page_shows_empty_cells_with_their_reason() -> None:
    both = pd.concat([scores({"gan": [1.0, None, 3.0], "wgan": [5.0, 5.1, 5.2]})])
    result = leaderboard.summarise(both).merge(leaderboard.ranks(both, track()), on=["dataset", "row"], how="left")
    page = leaderboard.markdown("tiny", track(), result)
    assert "– (1)" in page
    assert "(1) diverged: too bad (seed 1 of 3 seeds)" in page
    assert "5.1 ± 0.1 [4.85, 5.35]" in page


def test_column_may_be_a_further_number_of_a_metric() -> None:
    results = json.loads('{"modes": {"value": 8, "interval": null, "reason": null, "high_quality": 0.9, "kl": null}}')
    assert leaderboard._cell(results, "modes")["value"] == 8
    assert leaderboard._cell(results, "modes.high_quality")["value"] == 0.9
    assert leaderboard._cell(results, "modes.kl")["reason"] == "modes has no kl here"


def test_page_names_the_rows_that_are_no_better_than_noise() -> None:
    controls = scores({"noise": [4.0, 4.0, 4.0], "real": [0.0, 0.0, 0.0]}, "control")
    both = pd.concat([scores({"gan": [1.0, 2.0, 3.0], "wgan": [5.0, 5.1, 5.2]}), controls])
    result = leaderboard.summarise(both).merge(leaderboard.ranks(both, track()), on=["dataset", "row"], how="left")
    assert "\nNo better than the control `noise` by `fid`: wgan.\n" in leaderboard.markdown("tiny", track(), result)
    better = result[result.row != "wgan"]
    assert "No better than" not in leaderboard.markdown("tiny", track(), better)
