"""The page of findings chooses its words from the numbers: another table gives another sentence, and it is still right."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "docs"))
import evidence  # they lie beside the documents
import findings
import literature
import studies
from evidence import Case, Finding, Table

from ganbench import metrics
from ganbench.boards import leaderboard

NEAR, MIDDLE, FAR = (np.array([10.0, 10.2, 9.9, 10.1, 10.3]) * factor for factor in (1.0, 1.02, 3.0))
WIDE = np.array([4.0, 30.0, 9.0, 11.0, 10.0])
Ask = Callable[[Sequence[Table]], Finding]


def table(board: str, values: dict[str, np.ndarray], column: str = "fid", **further: dict[str, np.ndarray]) -> Table:
    """A board of baselines with three controls in the ranking column; `further` has columns by name, `.` written as `__`."""
    seeds = slice(len(next(iter(values.values()))))
    controls = {"real": NEAR[seeds] / 10, "copycat": NEAR[seeds] / 10, "noise": NEAR[seeds] * 20}
    lines: list[dict[str, Any]] = []
    for metric, rows in {
        column: values | controls,
        **{name.replace("__", "."): rows for name, rows in further.items()},
    }.items():
        for row, of_seeds in rows.items():
            about = {"row": row, "kind": "control" if row in controls else "baseline", "metric": metric}
            lines += [
                about | {"dataset": "ring", "seed": seed, "value": value, "high": value, "seconds": 9.0}
                for seed, value in enumerate(of_seeds)
            ]
    scores = pd.DataFrame(lines).reindex(columns=leaderboard.COLUMNS)
    versions = {name: metrics.get(name).card.version for name in ("memorisation", "support")}
    return Table(board, "ring", column, scores, versions=versions)


def told(ask: Ask, *tables: Table) -> str:
    finding = ask(tables)
    return f"{finding.answer}\n{finding.details}"


def test_holm_is_stricter_than_each_comparison_alone() -> None:
    strong, weak, none = np.array([3.0, 3.1, 2.9]), np.array([1.0, 1.3, 0.6]), np.array([1.0, -1.0, 0.1])
    assert evidence.holm([strong]) == evidence.holm([weak]) == [1]
    assert evidence.holm([-strong, weak, none]) == [-1, 0, 0]


def test_differences_without_a_spread_are_clear_unless_they_are_zero() -> None:
    assert evidence.holm([np.full(3, -2.0), np.zeros(3)]) == [-1, 0]


@pytest.mark.parametrize(
    ("trick", "plain", "answer"),
    [
        (NEAR, FAR, "In 1 of 1 comparisons a trick is clearly better, and in 0 it is clearly worse."),
        (FAR, NEAR, "In 0 of 1 comparisons a trick is clearly better, and in 1 it is clearly worse."),
        (WIDE, NEAR, "In 0 of 1 comparisons a trick is clearly better, and in 0 it is clearly worse."),
    ],
)
def test_words_of_a_comparison_follow_its_interval(trick: np.ndarray, plain: np.ndarray, answer: str) -> None:
    assert answer in told(literature.tricks, table("tricks", {"plain": plain, "flip": trick}))


def test_factor_of_a_comparison_is_the_ratio_with_its_interval() -> None:
    (case,) = evidence.cases(table("tricks", {"a": FAR, "b": NEAR}), "fid", {"`a`": ("a", "b"), "`c`": ("c", "b")})
    assert str(case) == "`a` (factor 3 [3, 3])"


def test_direction_of_the_metric_turns_better_and_worse() -> None:
    one = table("tricks", {"a": NEAR, "b": NEAR})
    more = Case(one, "coverage", "a", np.array([0.8, 0.81, 0.79]), np.array([0.3, 0.3, 0.31]))
    assert evidence.judge([more, more._replace(column="fid")]) == [evidence.BETTER, evidence.WORSE]


def test_difference_that_is_clear_only_alone_is_named_so() -> None:
    weak = table(
        "tricks",
        {"plain": NEAR, "a": NEAR * np.array([0.9, 0.95, 0.97, 0.93, 0.99]), **{f"x{i}": WIDE for i in range(9)}},
    )
    assert "clear only alone: `a` (factor" in told(literature.tricks, weak)


def test_row_with_a_missing_seed_is_compared_with_nothing() -> None:
    broken = np.array([1.0, np.nan, 1.0, 1.0, 1.0])
    assert "`flip`" not in told(literature.tricks, table("tricks", {"plain": NEAR, "smoothing": FAR, "flip": broken}))


def test_rows_that_keep_all_modes_are_those_with_all_in_every_seed() -> None:
    full, most = np.full(5, 8.0), np.array([8.0, 8, 8, 7, 8])
    modes = {"a": full, "b": most, "real": full, "noise": np.full(5, 6.0)}
    before = told(findings.collapse, table("modes", {"a": NEAR, "b": FAR}, modes=modes))
    after = told(findings.collapse, table("modes", {"a": NEAR, "b": FAR}, modes=modes | {"a": most, "b": full}))
    assert "1 of 2: `a`" in before
    assert "`b`: 7.8 (7 to 8)" in before
    assert "not counted" in before
    assert "1 of 2: `b`" in after
    assert "`a`: 7.8 (7 to 8)" in after


@pytest.mark.parametrize(("far", "words"), [(FAR, "The mean of 0 of 2 rows"), (FAR * 100, "The mean of 1 of 2 rows")])
def test_rows_beyond_noise_are_counted(far: np.ndarray, words: str) -> None:
    assert words in told(findings.distance, table("modes", {"a": NEAR, "b": far}))


@pytest.mark.parametrize(("share", "words"), [(0.3, "1 of 2 rows clearly copy"), (0.0, "0 of 2 rows clearly copy")])
def test_row_with_a_clear_share_of_copies_is_named(share: float, words: str) -> None:
    shares = {"a": share + (NEAR - 10) / 100, "b": (NEAR - 10.1) / 100, "copycat": np.ones(5)}
    text = told(findings.copies, table("x", {"a": NEAR, "b": FAR}, memorisation__unclipped=shares))
    assert words in text
    assert ("`a` on ring of `x`: 30.1 %" in text) == bool(share)


def test_older_memorisation_is_left_out_and_named() -> None:
    old = table("old", {"a": NEAR, "b": FAR}, memorisation={"a": NEAR / 100})
    new = table("new", {"a": NEAR, "b": FAR}, memorisation__unclipped={"a": NEAR - 10, "copycat": np.ones(5)})
    assert "`old`" in told(findings.copies, old, new)
    assert not findings.copies([old]).answer


def test_single_best_row_is_claimed_only_where_the_brackets_allow_it() -> None:
    assert "In 1 of 1 table one row alone" in told(findings.orders, table("x", {"a": NEAR, "b": FAR}))
    assert "In 0 of 1 table one row alone" in told(findings.orders, table("x", {"a": NEAR, "b": WIDE}))


@pytest.mark.parametrize(
    ("loss", "words"), [(NEAR, "`dragan`. This contradicts"), (WIDE * 3, "none. This does not contradict")]
)
def test_large_study_is_contradicted_only_by_a_clear_loss(loss: np.ndarray, words: str) -> None:
    assert words in told(literature.losses, table("modes", {"plain": FAR, "dragan": loss}))


def test_r3gan_is_unknown_without_a_board_that_has_it() -> None:
    without = table("modes", {"plain": NEAR, "lsgan": FAR})
    assert "This is not known" in told(literature.r3gan, without)
    assert "In 1 of 1 comparisons R3GAN is clearly better" in told(
        literature.r3gan, table("x", {"r3gan": NEAR, "lsgan": FAR})
    )
    assert "and in 1 it is clearly worse" in told(literature.r3gan, table("x", {"r3gan": FAR, "lsgan": NEAR}))


def test_step_stands_against_the_step_before_it() -> None:
    text = told(literature.steps, table("biggan-ablation", {"none": FAR, "batch": NEAR, "ortho": FAR}))
    assert "clearly better: `batch`" in text
    assert "clearly worse: `ortho`" in text


def test_cure_stands_against_its_twin() -> None:
    text = told(literature.cures, table("modes", {"pacgan-1": FAR, "pacgan": NEAR}))
    assert "`pacgan` against `pacgan-1` in 1 of 1" in text


def test_few_different_samples_are_claimed_against_real_data() -> None:
    bounds = {"a": NEAR, "b": NEAR * 50, "real": FAR}
    repeats = {"a": NEAR, "b": np.full(5, np.nan)}
    text = told(literature.birthday, table("x", {"a": NEAR, "b": FAR}, support__lower_bound=bounds, support=repeats))
    assert text.startswith("5 of 10 runs clearly repeat")
    assert "clearly better: `b`" in text
    assert "clearly worse: `a`" in text


def test_luck_is_little_where_rows_differ_and_much_where_they_do_not() -> None:
    apart = told(findings.luck, table("x", {"a": NEAR, "b": FAR, "c": FAR * 3}))
    alike = told(findings.luck, table("x", {"a": NEAR, "b": NEAR[::-1], "c": NEAR[[1, 0, 3, 2, 4]]}))
    assert "makes 0 to 0 %" in apart
    assert "0 of 15" in apart
    assert "makes 100 to 100 %" in alike


def test_best_seed_that_passes_the_first_row_is_named() -> None:
    assert "1 of 1: `b`" in told(findings.best_seed, table("x", {"a": NEAR, "b": FAR - [0, 25, 0, 0, 0]}))
    assert "0 of 1: none" in told(findings.best_seed, table("x", {"a": NEAR, "b": FAR}))


def test_better_earlier_checkpoint_is_counted() -> None:
    one = table("x", {"a": NEAR, "b": FAR})
    baseline = (one.scores.kind == "baseline") & (one.scores.metric == "fid")
    later = one.scores.assign(
        quarter=one.scores.value.where(baseline) * 3,
        half=one.scores.value.where(baseline & (one.scores.row == "a")) * 2,
    )
    later["half"] = later.half.fillna(later.value.where(baseline) / 2)
    text = told(findings.checkpoints, one._replace(scores=later))
    assert "In 5 of 10 runs a checkpoint" in text
    assert "clearly better: `a`" in text
    assert "clearly worse: `b`" in text
    assert "largest gain" in text
    assert "`b`: 30.3 to 15.2" in text


def test_expectations_that_are_met_are_said_to_be_met() -> None:
    assert "do not meet 0 of 3 expectations" in told(findings.surprises, table("x", {"a": NEAR, "b": FAR}))
    points = table("x", {"a": NEAR, "b": FAR}, "wasserstein_1d", fid={"a": FAR, "b": NEAR})
    assert "opposite in 1 of 1 pair (ring of `x`: `a` and `b`, for example). **Not as expected.**" in told(
        findings.surprises, points
    )


@pytest.mark.parametrize(
    ("change", "words"), [(5.0, "clearly raises"), (-5.0, "clearly lowers"), (0.0, "does not clearly change")]
)
def test_words_about_bf16_follow_the_interval(change: float, words: str) -> None:
    lines = [
        {
            "seed": seed,
            "precision": kind,
            "fid": 20 + seed + added + (0.3 * seed if kind == "bf16" else 0) - 0.3,
            "seconds": 9.0 - seed,
        }
        for seed in range(3)
        for kind, added in (("fp32", 0.0), ("bf16", change))
    ]
    assert words in studies.half_precision(pd.DataFrame(lines)).answer


@pytest.mark.parametrize(
    ("wrong", "words"),
    [(1.7, "clearly more than"), (0.3, "clearly less than"), (0.93, "not clearly different from")],
)
def test_error_is_compared_with_the_paper_by_its_interval(wrong: float, words: str) -> None:
    assert (
        words
        in studies.semi_supervised(
            pd.DataFrame({"labels": 100, "error_percent": [wrong - 0.1, wrong, wrong + 0.1]})
        ).answer
    )


def test_order_that_a_protocol_turns_is_counted_as_clear_or_not() -> None:
    lines = [
        {
            "metric": "fid",
            "choice": choice,
            "varied": choice,
            "samples": name,
            "value": value,
            "low": value - 1,
            "high": value + 1,
            "n": 9,
        }
        for choice, values in (("house", (2, 9)), ("extractor", (9, 2)), ("split", (4.5, 4.4)))
        for name, value in zip("ab", values, strict=True)
    ]
    changed = studies.turned(pd.DataFrame(lines))
    assert changed == [("fid", "extractor", "a", "b", True), ("fid", "split", "a", "b", False)]


def test_every_question_of_the_page_names_a_table_and_a_command() -> None:
    page = (REPOSITORY / "docs/findings.md").read_text(encoding="utf-8")
    sections = page.split("\n## ")[1:]
    assert len(sections) >= len(findings.QUESTIONS)
    for section in sections:
        last = section.strip().splitlines()[-1]
        assert last.startswith("`")
        assert "](../results/" in last


def test_intervals_of_the_board_are_told_beside_holm() -> None:
    few = {"plain": FAR[:3], "flip": NEAR[:3], "replay": FAR[[1, 2, 0]]}
    chosen = evidence.cases(table("x", few), "fid", {"`flip`": ("flip", "plain"), "`replay`": ("replay", "plain")})
    assert evidence.compare(chosen, "a trick")[1].endswith("by the intervals of the board, clear: `flip`.")
