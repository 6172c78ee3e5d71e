"""The board in a terminal: it fits, and its answers claim nothing that an interval does not."""

# mypy: disable-error-code="operator"

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ganbench import metrics
from ganbench.boards import answers, leaderboard
from ganbench.boards.board import Board
from ganbench.scoring import result
from ganbench.scoring.result import Result

Values = Mapping[str, list[float]]
FID: Values = {"gan": [5.0, 5.1, 5.2], "wgan": [9.0, 9.1, 9.2], "real": [1.0, 1.1, 1.2]}
CONTROLS = ("real", "copycat", "noise")
SHARE: dict[str, Any] = {"value": 0.0, "interval": [0.0, 0.005], "duplicates_train_ref": 0}


def board(metrics: list[str]) -> Board:
    track = {"images": 1, "samples": 400, "metrics": metrics, "rank": "fid", "rows": {}}
    return Board.model_validate({"about": "", "seeds": [0, 1, 2], "datasets": {"digits": track}})


def run(values: Mapping[str, dict[str, Any]], n: int = 400) -> Result:
    empty = {"interval": None, "n": n, "version": 1, "reason": None}
    identity = {"name": "x", "n": n, "sha256": "0" * 64}
    protocol = {"ganbench": "0", "features": {"id": "pixels", "sha256": None}, "seed": 0}
    return Result.model_validate(
        {
            "protocol": protocol | {"reference": identity, "train": identity},
            "samples": identity,
            "metrics": {name: empty | value for name, value in values.items()},
        }
    )


def shown(
    fid: Values = FID,
    memorisation: Mapping[str, list[dict[str, Any]]] | None = None,
    modes: Mapping[str, list[float]] | None = None,
    support: Mapping[str, list[str]] | None = None,
    columns: int = 80,
    n: int = 400,
    diversity: Mapping[str, Mapping[str, list[float]]] | None = None,
    second: Values | None = None,
) -> str:
    """The board of made-up rows, three seeds each."""
    lines, results = [], {}
    for row, values in fid.items():
        for seed, value in enumerate(values):
            metrics: dict[str, dict[str, Any]] = {"fid": {"value": value if np.isfinite(value) else None}}
            if memorisation is not None:
                metrics["memorisation"] = memorisation.get(row, [SHARE] * 3)[seed]
            if modes is not None:
                metrics["modes"] = {"value": modes.get(row, [8.0] * 3)[seed], "perfect": 8.0}
            if support is not None:
                said = support.get(row, ["no evidence of finite support"] * 3)[seed]
                metrics["support"] = {"value": None, "lower_bound": 9.0, "verdict": said}
            for name, of_rows in (diversity or {}).items():
                share = of_rows.get(row, [0.9] * 3)[seed]
                metrics[name] = {"value": share, "interval": [share - 0.05, share + 0.05], "perfect": 0.9}
            results[f"{row}-{seed}"] = run(metrics, n)
            kind = "control" if row in CONTROLS else "baseline"
            head = {
                "dataset": "digits",
                "row": row,
                "kind": kind,
                "seed": seed,
                "cpu_seconds": 1.0,
                "seconds": 1.0,
                "parameters": 2.0,
            }
            why = None if np.isfinite(value) else "diverged: D is NaN"
            by_second = {"second": second[row][seed]} if second is not None else {}
            lines.append(head | by_second | {"metric": "fid", "value": value, "reason": why, "run": f"{row}-{seed}"})
    scores, grid = pd.DataFrame(lines, columns=leaderboard.COLUMNS), board(["fid"])
    summary = leaderboard.summarise(scores).merge(leaderboard.ranks(scores, grid), on=["dataset", "row"], how="left")
    return answers.text("tiny", grid, summary, scores, results, columns)


def answer(text: str, question: str) -> str:
    """The answer to a question, on one line."""
    return " ".join(text[text.index(question) :].replace("\n  ", " ").splitlines()[0].split())


@cache
def rebuilt(name: str) -> tuple[Board, pd.DataFrame, pd.DataFrame, dict[str, Result]]:
    """A published board with its summary computed anew from its scores."""
    folder = Path("results") / name
    grid = Board.model_validate(json.loads((folder / "manifest.json").read_text())["grid"])
    scores = pd.read_csv(folder / "scores.csv").reindex(columns=leaderboard.COLUMNS)
    summary = leaderboard.summarise(scores).merge(leaderboard.ranks(scores, grid), on=["dataset", "row"], how="left")
    return grid, summary, scores, {path.stem: result.read(path) for path in (folder / "runs").glob("*.json")}


def published(name: str, columns: int, wide: bool = False) -> str:
    return answers.text(name, *rebuilt(name), columns, wide)


@pytest.mark.parametrize("columns", [60, 80, 120, 200])
@pytest.mark.parametrize("name", ["quick", "tricks", "modes"])
def test_published_boards_fit_every_terminal(name: str, columns: int) -> None:
    text = published(name, columns)
    assert max(map(len, text.splitlines())) <= columns
    heads = [line for line in text.splitlines() if line.startswith("rank ")]
    assert len(heads) == len(pd.read_csv(f"results/{name}/leaderboard.csv").dataset.unique())  # one table each
    assert all(line.endswith("verdict") for line in heads)


def head_of(text: str) -> str:
    return next(line for line in text.splitlines() if line.startswith("rank "))


def test_a_wider_terminal_shows_more_columns_and_wide_shows_all() -> None:
    metrics = list(pd.read_csv("results/quick/leaderboard.csv").query("dataset == 'digits'").metric.unique())
    counts = [
        sum(f" {metric}" in head_of(published("quick", columns)) for metric in metrics) for columns in (80, 120, 160)
    ]
    assert counts == sorted(set(counts))
    assert all(f" {metric}" in head_of(published("quick", 60, wide=True)) for metric in metrics)


def test_the_table_has_the_numbers_of_the_board() -> None:
    lines = published("quick", 80).splitlines()
    _, summary, _, _ = rebuilt("quick")
    row = summary[(summary.dataset == "digits") & (summary.row == "dcgan") & (summary.metric == "fid")].iloc[0]
    line = next(line for line in lines if " dcgan " in line)
    assert f"{row.centre:.2f} [{row.low:.2f}, {row.high:.2f}]" in line
    assert lines.index(line) < next(i for i, line in enumerate(lines) if " real " in line)


def test_a_clear_winner_is_certain() -> None:
    text = shown()
    assert answer(text, "Which is best?").startswith(
        "Which is best? gan. fid 5.10 [4.86, 5.35]; held-out real data has 1.10."
    )
    assert answer(text, "Is that").startswith("Is that certain? Yes. At 95 % gan is better than every other row")


def test_rows_that_are_not_clearly_worse_are_named() -> None:
    text = shown({"gan": [5.0, 5.1, 5.2], "wgan": [5.2, 5.0, 5.5], "plain": [9.0, 9.1, 9.2], "real": [1, 1, 1]})
    assert answer(text, "Is that").startswith("Is that certain? No. At 95 % wgan could be as good: 3 seeds")


def test_a_rival_that_a_third_row_beats_is_still_a_rival() -> None:
    """`c` is clearly worse than `b` and not clearly worse than the noisy leader `a`: the leader is not certain of it."""
    text = shown({"a": [1.0, 2.0, 9.0], "b": [5.0, 5.1, 5.2], "c": [6.0, 6.1, 6.2]})
    assert "1 (1–3)" in text
    assert "At 95 % b and c could be as good" in answer(text, "Is that")


def test_every_seed_is_a_dot_on_the_axis_of_the_table() -> None:
    lines = shown({"gan": [1.0, 10.0, 10.0], "wgan": [1.0, 1.0, 100.0], "real": [0.5, 0.5, 1.0]}).splitlines()
    gan, wgan, real = (next(line for line in lines if f" {name} " in line) for name in ("gan", "wgan", "real"))
    assert " •·····2·····  " in gan
    assert " 2··········•  " in wgan
    assert "<•···········  " in real
    assert "•" not in shown({"gan": [1.0, 10.0, 10.0]}, columns=60)


def test_board_says_what_it_could_have_seen() -> None:
    text = answer(shown(), "What could this board see?")
    assert text.startswith("What could this board see? With a probability of 80 %, a factor of 1.")
    assert text.endswith(" in fid between two rows.")


def test_rival_follows_from_the_intervals_of_the_ranks() -> None:
    """Paired by seed `b` is always 3 % worse than `a`: clear alone, not clear on a board whose other rows scatter."""
    text = shown({"a": [5.0, 5.1, 5.2], "b": [5.15, 5.25, 5.36], "c": [6.0, 9.0, 7.0], "d": [8.0, 7.5, 12.0]})
    assert "At 95 % b and c could be as good" in answer(text, "Is that")
    assert answer(shown({"a": [5.0, 5.1, 5.2], "b": [5.15, 5.25, 5.36]}), "Is that").startswith("Is that certain? Yes.")


def test_a_single_row_is_not_compared() -> None:
    assert "Is that certain?" not in shown({"gan": [5.0, 5.1, 5.2]})


def test_a_row_that_diverged_has_no_rank_and_says_why() -> None:
    text = shown({"gan": [5.0, np.nan, 5.2], "wgan": [9.0, 9.1, 9.2]})
    assert answer(text, "– fid of gan") == "– fid of gan: diverged: D is NaN (seed 1 of 3 seeds)."
    assert answer(text, "Which is best?").startswith("Which is best? wgan.")
    assert answer(shown({"gan": [5.0, np.nan, 5.2]}), "Which is best?").startswith("Which is best? Unknown.")


def test_copies_are_clear_over_seeds_or_told_by_seed() -> None:
    every = [{**SHARE, "value": v, "interval": [v - 0.05, v + 0.05]} for v in (0.30, 0.31, 0.32)]
    one = [{**SHARE, "value": 0.3, "interval": [0.2, 0.4]}, SHARE, SHARE]
    text = shown(FID | {"copycat": [1.0, 1.0, 1.0]}, {"gan": every, "wgan": one, "copycat": every})
    assert "✗ copies 31 %" in text
    assert "! copies in 1 of 3" in text
    expected = (
        "Which copies? gan and wgan. 2 rows were checked against the training set; the control copycat is caught."
    )
    assert answer(text, "Which copies?") == expected
    missed = shown(FID | {"copycat": [1.0, 1.0, 1.0]}, {})
    assert answer(missed, "Which copies?").endswith("None was seen. 2 rows were checked against the training set; "
                                                    "the control copycat is not caught.")  # fmt: skip


def test_what_a_board_does_not_measure_is_unknown_and_has_no_mark() -> None:
    text = shown()
    assert answer(text, "Which copies?") == "Which copies? Unknown. Memorisation is not measured on this board."
    assert "Which lose modes?" not in text
    assert "✓" not in text.partition("Which is best?")[0]


def test_lost_modes_are_named_with_their_number() -> None:
    text = shown(modes={"gan": [8.0, 8.0, 8.0], "wgan": [7.0, 8.0, 5.0]})
    assert "! 5–8 of 8 modes" in text
    expected = "Which lose modes? wgan (1 of 2 rows). Every seed of gan reaches all modes."
    assert answer(text, "Which lose modes?") == expected
    assert "✗ 5 of 8 modes" in shown(modes={"wgan": [5.0, 5.0, 5.0]})
    assert answer(shown(modes={}), "Which lose modes?").startswith("Which lose modes? None.")


def test_a_missed_mode_among_few_samples_may_be_chance() -> None:
    assert "of 8 modes" not in shown(modes={"wgan": [7.0, 7.0, 7.0]}, n=10)


def test_c_t_below_minus_three_takes_the_tick_of_a_row_away() -> None:
    close = SHARE | {"c_t": -4.0}
    text = shown(memorisation={"wgan": [SHARE, close, close]})
    assert "! near training in 2 of 3" in text
    assert answer(text, "Which copies?").startswith("Which copies? None was seen.")


def test_a_generator_that_repeats_itself_is_marked() -> None:
    text = shown(support={"wgan": ["discrete support", "density contraction", "discrete support"]}, columns=120)
    assert "! repeats in 2 of 3" in text
    assert "contracts in 1 of 3" in text
    assert "! contracts in 3 of 3" in shown(support={"wgan": ["density contraction"] * 3})
    assert "✗ repeats in 3 of 3" in shown(support={"wgan": ["discrete support"] * 3})


NOISE_ROW: Values = {"noise": [7.0, 7.1, 7.2]}


def test_row_that_is_worse_than_noise_is_not_called_best() -> None:
    text = shown({"gan": [9.0, 9.1, 9.2], "wgan": [9.5, 9.6, 9.9], "real": [1, 1, 1]} | NOISE_ROW)
    expected = (
        "Which is best? None. The first row, gan, has fid 9.10 [8.85, 9.35], and the control noise has 7.10 "
        "[6.86, 7.35]. No row is better than noise."
    )
    assert answer(text, "Which is best?") == expected
    assert "Is that certain?" not in text
    assert text.count("✗ worse than noise") == 2


def test_noise_is_a_rival_of_a_row_that_is_not_clearly_better() -> None:
    text = shown({"gan": [1.0, 5.0, 9.0]} | NOISE_ROW)
    assert answer(text, "Which is best?").startswith("Which is best? gan.")
    assert "At 95 % the control noise could be as good" in answer(text, "Is that")
    assert "no better than noise" not in text
    assert "! no better than noise" in shown({"gan": [4.0, 9.0, 14.0]} | NOISE_ROW)


def test_row_that_beats_noise_has_no_mark_for_it() -> None:
    text = shown(FID | {"noise": [50.0, 50.1, 50.2]})
    assert "noise" not in text.partition("Which is best?")[0].replace(" noise ", "")
    assert answer(text, "Is that").startswith("Is that certain? Yes.")


def test_higher_is_better_turns_the_comparison_with_noise_round(monkeypatch: pytest.MonkeyPatch) -> None:
    card = metrics.get("fid").card
    monkeypatch.setattr(leaderboard.metrics, "get", lambda name: SimpleNamespace(card=replace(card, better="higher")))
    text = shown({"gan": [9.0, 9.1, 9.2], "wgan": [5.0, 5.1, 5.3]} | NOISE_ROW)
    assert answer(text, "Which is best?").startswith("Which is best? gan.")
    assert text.count("✗ worse than noise") == 1


@pytest.mark.parametrize("metric", ["coverage", "recall"])
def test_row_that_leaves_out_most_of_the_data_is_marked(metric: str) -> None:
    text = shown(diversity={metric: {"gan": [0.02, 0.03, 0.01], "wgan": [0.5, 0.3, 0.6]}})
    assert f"✗ {metric} 2 %" in text
    assert f"! {metric} 47 %" in text
    assert answer(text, "Which lack").startswith("Which lack diversity? gan and wgan (2 of 2 rows).")
    assert "✓" in text.partition("Which is best?")[0]  # the control real


def test_diversity_is_asked_for_only_where_it_is_measured() -> None:
    assert "Which lack diversity?" not in shown()
    assert answer(shown(diversity={"recall": {}}), "Which lack") == (
        "Which lack diversity? None was seen. 2 rows were checked."
    )


def test_verdict_of_a_row_that_nothing_checks_is_no_empty_cell() -> None:
    text = shown()
    assert text.count("? not checked") == 3
    assert "Verdict ?: this board allows none of these checks." in " ".join(text.split())


QUESTION = "Does a second ruler agree?"
CLOSE = [2.0, 2.1, 2.2]
THREE: Values = {"gan": [5.0, 5.1, 5.2], "wgan": [9.0, 9.1, 9.2], "dcgan": [20.0, 20.1, 20.3]}


def test_an_opposite_clear_order_is_said_and_marked() -> None:
    text = shown(THREE, second={"gan": [5.0, 5.1, 5.2], "wgan": CLOSE, "dcgan": [20.0, 20.1, 20.3]})
    assert answer(text, QUESTION) == f"{QUESTION} No. By fid (pixels), wgan is better than gan; by fid, gan is better."
    marked = [line.split()[1] for line in text.splitlines() if line.endswith("! ⇅ fid (pixels)")]
    assert marked == ["gan", "wgan"]


def test_an_order_that_both_rulers_share_is_counted() -> None:
    text = shown(THREE, second={"gan": CLOSE, "wgan": [9.0, 9.1, 9.2], "dcgan": [9.1, 9.0, 9.2]})
    assert answer(text, QUESTION).endswith(
        "Yes. 2 pairs of rows have a clear order by fid and by fid (pixels), and the order is the same."
    )
    assert "! ⇅" not in text


def test_a_second_ruler_that_tells_nothing_apart_answers_nothing() -> None:
    noisy = {"gan": [1.0, 9.0, 3.0], "wgan": [9.0, 1.0, 3.0], "dcgan": [3.0, 4.0, 9.0]}
    assert answer(shown(THREE, second=noisy), QUESTION).startswith(f"{QUESTION} Unknown.")
    assert QUESTION not in shown(THREE)
