"""A board whose runs are partly missing, because a job failed: it has all rows, and the cells of missing runs say so."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ganbench.boards import controls
from ganbench.boards.board import Board
from ganbench.display.text import listed
from ganbench.errors import counted

MISSING = "the run is missing"  # the reason of an empty cell
KEYS = ["dataset", "row", "kind", "seed", "metric"]


def fill(scores: pd.DataFrame, board: Board) -> pd.DataFrame:
    """The scores of a board with an empty line for each column of a missing run, in the order of the grid.

    A row is averaged over all of its seeds or not at all. So a missing run leaves the row's cells empty, like a run that
    diverged.

    Args:
        scores: as `leaderboard.collect` makes them from the runs that are there.
        board: the grid. It says which runs there must be.
    """
    planned = pd.DataFrame(
        [
            (dataset, row, "control" if row in controls.ORDER else "baseline", seed, column)
            for dataset, track in board.datasets.items()
            for seed in board.seeds
            for row in (*controls.rows(dataset), *track.rows)
            for column in track.metrics
        ],
        columns=KEYS,
    )
    if len(planned) == len(scores):
        return scores
    filled = planned.merge(scores, "left", KEYS)[scores.columns]
    filled["reason"] = filled.reason.astype(object)
    filled.loc[filled.run.isna(), "reason"] = MISSING
    return filled


def missing(scores: pd.DataFrame) -> list[str]:
    """The missing runs of a board, as ROW-DATASET-sSEED."""
    runs = scores.loc[scores.reason == MISSING, ["row", "dataset", "seed"]].drop_duplicates()
    return [f"{row}-{dataset}-s{seed}" for row, dataset, seed in runs.itertuples(index=False)]


def note(scores: pd.DataFrame) -> str:
    """The sentences that mark a board as partial; empty for a whole board."""
    gone = missing(scores)
    total = len(scores[["row", "dataset", "seed"]].drop_duplicates())
    return f"This board is partial. {_of(gone, total)}. Their rows have empty cells and no rank." if gone else ""


def _of(gone: Sequence[str], total: int) -> str:
    """How many runs are missing, and which.

    >>> _of(["gan-ring-s0"], 12)
    '1 of 12 runs is missing: gan-ring-s0'
    """
    verb = "is" if len(gone) == 1 else "are"
    return f"{len(gone):,} of {counted(total, 'run')} {verb} missing: {listed(gone, 20)}"
