"""Aggregation: intervals, ranks, and what an empty cell does to a row."""

# mypy: disable-error-code="operator"

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ganbench import metrics
from ganbench.boards import leaderboard
from ganbench.boards.board import Board
from ganbench.statistics import detectable, range_level, simultaneous, student

SEEDS = [0, 1, 2]


def track(rank: str = "fid") -> Board:
    one = {"images": 1, "samples": 2, "metrics": [rank], "rank": rank, "rows": {}}
    return Board.model_validate({"about": "", "seeds": SEEDS, "datasets": {"ring": one}})


def scores(values: Mapping[str, Sequence[float | None]], kind: str = "baseline", metric: str = "fid") -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "dataset": "ring", "row": row, "kind": kind, "seed": seed, "metric": metric, "value": value, "low": None,
                "high": None, "perfect": None, "reason": None if value is not None else "diverged: too bad",
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


def cell(values: list[float | None], metric: str, own: tuple[float, float] | None = None) -> pd.Series:
    low, high = own or (None, None)
    return leaderboard.summarise(
        scores({"gan": values}, metric=metric).assign(low=low, high=high).astype({"low": float, "high": float})
    ).iloc[0]


def test_positive_numbers_are_averaged_on_the_logarithm() -> None:
    line = cell([1.0, 2.0, 4.0], "fid")
    expected = stats.ttest_1samp(np.log([1.0, 2.0, 4.0]), 0).confidence_interval(0.95)
    assert line.centre == pytest.approx(2.0)
    assert (line.low, line.high) == pytest.approx((np.exp(expected.low), np.exp(expected.high)))
    assert (line["mean"], line.level) == (pytest.approx(7 / 3), 0.95)


def test_shares_are_averaged_on_a_logit_that_0_and_1_do_not_leave() -> None:
    line = cell([0.0, 0.5, 1.0], "coverage")
    assert line.centre == pytest.approx(0.5)
    assert 0 <= line.low < line.high <= 1
    assert cell([1.0, 1.0, 1.0], "coverage").low == pytest.approx(1.0)


def test_a_zero_among_positive_numbers_has_half_of_the_least() -> None:
    y = np.log(np.array([0.0, 1.0, 3.0]) + 0.5)
    assert cell([0.0, 1.0, 3.0], "fid").centre == pytest.approx(np.exp(y.mean()) - 0.5)
    assert cell([0.0, 0.0, 0.0], "fid").high == 0


def test_numbers_of_either_sign_have_students_interval() -> None:
    line = cell([-1.0, 0.5, 2.0], "kid")
    assert (line.low, line.high) == pytest.approx(student(np.array([-1.0, 0.5, 2.0])))


def test_counts_are_shown_with_the_exact_level_of_their_range() -> None:
    line = cell([8.0, 4.0, 4.0], "modes")
    assert (line.centre, line.low, line.high, line.level) == (4, 4, 8, 0.75)
    assert leaderboard.cell_text(line.to_dict() | {"perfect": 8.0}) == "4, 4, 8 of 8"


def test_bounds_have_no_interval_of_their_mean() -> None:
    line = cell([193.0, 362.0, 132.0], "support.lower_bound")
    assert (line.low, line.level) == (132, 0.95)
    assert np.isnan(line.high)
    assert leaderboard.cell_text(line.to_dict()) == "≥ 132"


def test_the_least_of_bounds_bounds_every_run() -> None:
    """Bounds that each hold with 95 %: the least of them is above the smallest truth at most as often as one bound."""
    rng = np.random.default_rng(0)
    truth = rng.uniform(100, 1000, (4000, 3))
    bounds = truth * np.where(rng.random(truth.shape) < 0.05, 1.1, 0.9)
    assert np.mean(bounds.min(1) <= truth.min(1)) >= 0.945


def test_a_cell_is_not_narrower_than_its_runs_allow() -> None:
    """Three runs without a copy exclude what each of them excludes, over the root of 3; without the floor the width is 0."""
    line = cell([0.0, 0.0, 0.0], "memorisation", (0.0, 0.0092))
    assert line.low == 0
    assert 0.0031 < line.high < 0.0092
    assert cell([0.0, 0.0, 0.0], "memorisation").high == 0
    wide = cell([4.9, 5.0, 5.1], "fid", (4.0, 6.25))
    assert np.log(wide.high / wide.centre) == pytest.approx(np.log(1.25) / np.sqrt(3), rel=0.01)


def test_floor_does_not_widen_a_cell_whose_seeds_differ_more() -> None:
    assert cell([3.0, 5.0, 9.0], "fid", (2.9, 9.3)).high == cell([3.0, 5.0, 9.0], "fid").high


@pytest.mark.parametrize("k", [3, 5, 6])
def test_range_of_seeds_holds_the_median_with_its_level(k: int) -> None:
    draws = np.random.default_rng(k).exponential(size=(20_000, k))
    held = (draws.min(1) <= np.log(2)) & (np.log(2) <= draws.max(1))
    assert held.mean() == pytest.approx(range_level(k), abs=0.01)


BOARDS = sorted(path.parent.name for path in Path("results").glob("*/leaderboard.csv"))


def rebuilt(name: str) -> pd.DataFrame:
    """The summary of a published board, computed anew from its scores."""
    published = pd.read_csv(f"results/{name}/scores.csv").reindex(columns=leaderboard.COLUMNS)
    return leaderboard.summarise(published)


def impossible(summary: pd.DataFrame) -> pd.DataFrame:
    """The lines of a summary with an end that the number cannot be."""
    least, most = np.array([metrics.limits(column) for column in summary.metric]).T
    beyond: pd.DataFrame = summary[(summary.low < least) | (summary.high > most)]
    return beyond


@pytest.mark.parametrize("name", BOARDS)
def test_no_interval_of_a_board_ends_where_no_number_can_be(name: str) -> None:
    summary = rebuilt(name)
    assert summary.low.notna().sum() > 50
    assert impossible(summary).empty
    told = summary[summary["mean"].notna() & ~summary.quantity.isin(["bound", "count"])]
    assert ((told.low <= told.centre + 1e-12) & (told.centre <= told.high + 1e-12)).all()
    modes = summary[(summary.metric == "modes") & summary.high.notna()]
    assert (modes.high <= modes.dataset.map({"ring": 8, "grid": 25}).astype(float)).all()


@pytest.mark.parametrize("name", BOARDS)
def test_published_table_is_what_its_scores_make(name: str) -> None:
    published = pd.read_csv(f"results/{name}/leaderboard.csv")
    if "quantity" not in published:
        pytest.xfail(
            "published before intervals were taken on the logarithm and the logit; the board has to be built again"
        )
    summary = rebuilt(name)
    for column in ("centre", "low", "high"):
        np.testing.assert_allclose(summary[column].to_numpy(float), published[column].to_numpy(float), rtol=1e-9)


def test_further_numbers_on_boards_say_what_kind_they_are() -> None:
    columns = {
        c for board in Path("baselines/boards").glob("*.yaml") for c in re.findall(r"\w+\.[a-z_]+", board.read_text())
    }
    columns = {c for c in columns if c.partition(".")[0] in metrics.names()}
    assert columns
    unknown = {c for c in columns if c.partition(".")[2] not in metrics.get(c.partition(".")[0]).card.quantities}
    assert unknown == set()


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


def ranked(table: dict[str, list[float]], column: str = "fid", noise: list[float] | None = None) -> pd.DataFrame:
    rows = pd.DataFrame(table).T
    control = pd.DataFrame(
        [] if noise is None else [noise], index=[] if noise is None else ["noise"], columns=rows.columns
    )
    return leaderboard.rank(leaderboard.compare(column, rows, control))


def test_clearly_different_rows_have_one_rank_each() -> None:
    table = ranked({"a": [1.0, 1.1, 1.2], "b": [9.0, 9.1, 9.3], "c": [5.0, 5.1, 5.3]})
    assert table["rank"].to_dict() == {"a": 1, "b": 3, "c": 2}
    assert (table["rank"] == table.rank_low).all()
    assert (table["rank"] == table.rank_high).all()


def test_better_higher_turns_the_order_round() -> None:
    assert ranked({"a": [0.1, 0.11, 0.12], "b": [0.9, 0.91, 0.93]}, "coverage")["rank"].to_dict() == {"a": 2, "b": 1}


def test_rows_within_their_noise_share_a_rank_interval() -> None:
    table = ranked({"a": [1.0, 2.0, 3.0], "b": [1.1, 1.9, 3.2], "c": [90.0, 91.0, 93.0]})
    assert table.loc["a", ["rank_low", "rank_high"]].tolist() == [1, 2]
    assert table.loc["b", ["rank_low", "rank_high"]].tolist() == [1, 2]
    assert table.loc["c", ["rank_low", "rank_high"]].tolist() == [3, 3]


def test_seeds_are_blocks_so_a_hard_reference_does_not_hide_a_difference() -> None:
    shared = np.array([1.0, 50.0, 100.0])
    table = ranked({"a": list(shared), "b": list(1.5 * shared * [1, 1.01, 0.99]), "c": list(1.5 * shared)})
    assert table.rank_high["a"] == 1


def test_equal_rows_are_tied() -> None:
    table = ranked({"a": [8.0, 8.0, 8.0], "b": [8.0, 8.0, 8.0]}, "modes")
    assert table["rank"].tolist() == [1, 1]
    assert table.rank_high.tolist() == [2, 2]


def test_rows_without_any_spread_are_not_told_apart() -> None:
    table = ranked({"a": [8.0, 8.0, 8.0], "b": [1.0, 1.0, 1.0]}, "modes")
    assert table.rank_high.tolist() == [2, 2]


def test_the_control_noise_has_no_rank_and_moves_none() -> None:
    rows = {"a": [1.0, 1.1, 1.2], "b": [1.3, 1.2, 1.5], "c": [5.0, 5.1, 5.3]}
    pd.testing.assert_frame_equal(ranked(rows), ranked(rows, noise=[7.0, 7.1, 7.0]))


def test_a_pair_of_rows_has_students_paired_interval() -> None:
    y = np.random.default_rng(0).normal(size=(2, 4))
    low, high = student(y[0] - y[1])
    assert simultaneous(y)[0, 1] == pytest.approx((high - low) / 2)


def test_width_is_tukeys_for_rows_and_blocks() -> None:
    y = np.random.default_rng(0).normal(size=(4, 3))
    residuals = y - y.mean(1, keepdims=True) - y.mean(0) + y.mean()
    q = stats.studentized_range.ppf(0.95, 4, 6)
    assert simultaneous(y) == pytest.approx(np.full((4, 4), q * np.sqrt((residuals**2).sum() / 6 / 3)))


def test_width_is_games_and_howells_where_spreads_differ() -> None:
    y = np.random.default_rng(0).normal(size=(3, 5)) * [[1], [1], [9]]
    v = y.var(1, ddof=1) / 5
    freedom = (v[0] + v[2]) ** 2 / ((v[0] ** 2 + v[2] ** 2) / 4)
    expected = stats.studentized_range.ppf(0.95, 3, np.floor(freedom)) * np.sqrt((v[0] + v[2]) / 2)
    assert simultaneous(y)[0, 2] == pytest.approx(expected)
    assert simultaneous(y)[0, 1] < simultaneous(y)[0, 2]


@pytest.mark.parametrize("rows", [4, 20])
@pytest.mark.parametrize("k", [3, 6])
def test_all_brackets_of_a_board_hold_together(rows: int, k: int) -> None:
    """2,000 boards whose rows are nearly tied: some true rank is outside of its bracket on at most 5 % of them."""
    rng = np.random.default_rng([rows, k])
    y = 0.02 * np.arange(rows)[:, None] + 0.5 * rng.normal(size=(2000, 1, k)) + rng.normal(size=(2000, rows, k))
    worse = y.mean(-1)[:, :, None] - y.mean(-1)[:, None, :]
    clear = worse > simultaneous(y)  # row a is clearly worse than row b
    low, high = 1 + clear.sum(2), rows - clear.sum(1)
    truth = 1 + np.arange(rows)
    assert ((truth < low) | (truth > high)).any(1).mean() <= 0.05


def test_power_is_the_difference_that_is_found_in_four_of_five_boards() -> None:
    y = np.random.default_rng(0).normal(size=(4, 4))
    y -= y.mean(1, keepdims=True)
    shift = detectable(y)
    sd = np.sqrt(((y - y.mean(0)) ** 2).sum() / 9)
    draws = sd * np.random.default_rng(1).normal(size=(4000, 4, 4))
    draws[:, 0] += shift
    assert np.mean(draws.mean(-1)[:, 0] - draws.mean(-1)[:, 1] > simultaneous(draws)[:, 0, 1]) == pytest.approx(
        0.8, abs=0.03
    )


def test_page_says_what_the_board_can_see() -> None:
    both = scores({"gan": [1.0, 2.0, 3.0], "wgan": [5.0, 5.1, 5.2]})
    assert "The smallest difference that this board can see (power 80 %): a factor of " in page(both)
    alone = scores({"gan": [1.0, 2.0, 3.0]})
    assert "smallest difference" not in page(alone)


def page(both: pd.DataFrame) -> str:
    summary = leaderboard.summarise(both).merge(leaderboard.ranks(both, track()), on=["dataset", "row"], how="left")
    return leaderboard.markdown("tiny", track(), summary, both)


def test_page_shows_empty_cells_with_their_reason() -> None:
    text = page(scores({"gan": [1.0, None, 3.0], "wgan": [5.0, 5.1, 5.2]}))
    assert "| 1, 3, – " in text
    assert "– (1)" in text
    assert "(1) diverged: too bad (seed 1 of 3 seeds)" in text
    assert "| 5, 5.1, 5.2 " in text
    assert "5.1 [4.86, 5.35]" in text


def test_column_may_be_a_further_number_of_a_metric() -> None:
    results = json.loads('{"modes": {"value": 8, "interval": null, "reason": null, "high_quality": 0.9, "kl": null}}')
    assert leaderboard.cell_of(results, "modes")["value"] == 8
    assert leaderboard.cell_of(results, "modes.high_quality")["value"] == 0.9
    assert leaderboard.cell_of(results, "modes.kl")["reason"] == "modes has no kl here"


def test_page_names_the_rows_that_are_no_better_than_noise() -> None:
    controls = scores({"noise": [4.0, 4.0, 4.1], "real": [0.5, 0.6, 0.5]}, "control")
    both = pd.concat([scores({"gan": [1.0, 2.0, 3.0], "wgan": [5.0, 5.1, 5.2]}), controls])
    assert "\nNo better than the control `noise` by `fid`: wgan.\n" in page(both)
    assert "No better than" not in page(both[both.row != "wgan"])


def test_table_without_a_single_whole_row_is_still_made() -> None:
    gaps = scores({"gan": [1.0, None, 3.0], "wgan": [None, None, None]})
    assert "smallest difference" not in page(gaps)
    with_noise = pd.concat([gaps, scores({"noise": [4.0, 4.0, 4.1]}, "control")])
    assert "No better than" not in page(with_noise)
    assert leaderboard.ranks(with_noise, track()).empty


FIRST = {"a": [1.0, 1.1, 1.05], "b": [9.0, 9.1, 9.2], "c": [20.0, 20.2, 20.1]}
SECOND = {"a": [0.5, 0.5, 0.51], "b": [0.2, 0.21, 0.2], "c": [0.9, 0.91, 0.9]}  # a and b change places


def by_two_rulers(first: Mapping[str, list[float]], second: Mapping[str, list[float]]) -> pd.DataFrame:
    lines = scores({row: list(values) for row, values in first.items()})
    return lines.assign(second=[value for row in first for value in second[row]])


def column_of_the_second_ruler(lines: pd.DataFrame) -> dict[str, str]:
    table = leaderboard.aggregate(lines, track())
    compared = leaderboard.by_rulers(lines, "ring", track().datasets["ring"])
    shown, _ = leaderboard.tables(track(), table, {"ring": compared})["ring"]
    return {line["row"]: line.get("total_variation", "none") for line in shown}


def test_an_order_that_is_clear_by_both_rulers_and_opposite_is_marked() -> None:
    lines = by_two_rulers(FIRST, SECOND)
    assert column_of_the_second_ruler(lines) == {"a": "0.503 ⇅", "b": "0.203 ⇅", "c": "0.903"}
    compared = leaderboard.by_rulers(lines, "ring", track().datasets["ring"])
    assert compared.turned() == [("a", "b")]
    assert compared.agreed() == {("a", "c"), ("b", "c")}


@pytest.mark.parametrize("unclear", ["first", "second"])
def test_an_order_that_one_ruler_leaves_open_is_not_marked(unclear: str) -> None:
    noisy = {"a": [0.1, 0.8, 0.2], "b": [0.2, 0.1, 0.91], "c": [0.95, 0.96, 0.95]}
    lines = by_two_rulers(noisy, SECOND) if unclear == "first" else by_two_rulers(FIRST, noisy)
    assert leaderboard.by_rulers(lines, "ring", track().datasets["ring"]).turned() == []
    assert "⇅" not in "".join(column_of_the_second_ruler(lines).values())


def test_records_without_a_second_ruler_give_no_column_and_no_rank() -> None:
    lines = scores(FIRST)
    assert leaderboard.ranks(lines, track()).rank_second.isna().all()
    assert set(column_of_the_second_ruler(lines).values()) == {"none"}


def test_points_have_another_distance_as_the_second_ruler() -> None:
    lines = scores(FIRST, metric="total_variation").assign(second=lambda d: d.value, value=lambda d: d.value / 100)
    table = track("total_variation")
    assert leaderboard.ranks(lines, table).rank_second.tolist() == [1, 2, 3]
    compared = leaderboard.by_rulers(lines, "ring", table.datasets["ring"])
    assert compared.second is not None
    assert (compared.second.column, compared.second.label) == ("sliced_wasserstein", "sliced_wasserstein")
