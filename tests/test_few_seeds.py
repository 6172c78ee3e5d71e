"""A small part of `experiments/few_seeds.py`: cells hold the median, and brackets hold together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments import coverage, few_seeds


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(few_seeds, "DRAWS", 2000)
        patch.setattr(few_seeds, "BOARDS", 100)
        return {name: pd.DataFrame(lines()) for name, lines in few_seeds.TABLES.items()}


def test_cells_hold_the_median_and_end_where_a_number_can_be(tables: dict[str, pd.DataFrame]) -> None:
    shown = tables["seeds"][tables["seeds"].rule != "Student"]
    assert (shown.coverage_high >= np.minimum(shown.level, 0.93)).all()
    assert (shown.beyond == 0).all()
    assert (tables["seeds"][tables["seeds"].rule == "Student"].beyond > 0.5).any()


def test_brackets_of_a_board_hold_together_and_pointwise_ones_do_not(tables: dict[str, pd.DataFrame]) -> None:
    near = tables["ranks"].query("gap == 0.02 and spreads == 'equal'").set_index(["rows", "k", "rule"])
    assert (near.xs("board", level="rule").misplaced_low <= 0.05).all()
    assert (near.xs("pointwise", level="rule").loc[20].misplaced_low > 0.05).all()


def test_a_board_is_judged_as_counted_by_hand() -> None:
    """Three boards of the truth a < b < c: right, one pair turned round, nothing told apart."""
    right = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0]], bool)
    turned = np.array([[0, 1, 0], [0, 0, 0], [1, 1, 0]], bool)
    judged = few_seeds._judged(np.stack([right, turned, np.zeros_like(right)]), np.arange(3.0))
    assert judged["misplaced"] == pytest.approx(1 / 3)
    assert judged["false_better"] == pytest.approx(1 / 3)
    assert judged["told_apart"] == pytest.approx(5 / 9)


def test_page_has_the_tables_of_boards_once_they_are_measured(tmp_path: Path, tables: dict[str, pd.DataFrame]) -> None:
    assert few_seeds.sections(tmp_path) == []
    for name, table in tables.items():
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    page = coverage.page(tmp_path)
    assert "## A cell of a board: " in page
    assert "with equal spreads a row is misplaced on at most " in page
