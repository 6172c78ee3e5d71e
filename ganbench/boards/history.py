"""What each publication of a board said in its ranking column: `history.csv`, which later publications of the board continue.

A publication is named by the hash of its `scores.csv`. The file needs no version control, so it goes with a copy of `results/`.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from ganbench import files
from ganbench.boards import brief
from ganbench.boards.brief import Table
from ganbench.training.provenance import sha256

FILE = "history.csv"
NAMED = 12  # hexadecimal digits of the name of a publication
PLACES = {"publication": str, "date": str, "recipe": int, "dataset": str, "row": str, "metric": str, "version": int}
NUMBERS = ("rank", "centre", "low", "high")
COLUMNS = (*PLACES, *NUMBERS)


def read(folder: Path) -> pd.DataFrame:
    """The history of a published board, the oldest publication first; empty if the board has none.

    Columns: `COLUMNS`. `date` is the day of the last score, and empty if no record has a day. A row without a rank has NaN.
    `centre`, `low` and `high` are the mean and its interval, as the program computed them that wrote the line.
    """
    path = folder / FILE
    return (
        pd.read_csv(path, dtype=PLACES, keep_default_na=False, na_values=dict.fromkeys(NUMBERS, ""))
        if path.is_file()
        else EMPTY
    )


EMPTY = pd.DataFrame(columns=list(COLUMNS))


def carry_over(old: Path, new: Path) -> None:
    """Bring the history in the folder `old` into the folder of the board that replaces it."""
    if (old / FILE).is_file():
        shutil.copyfile(old / FILE, new / FILE)


def write(folder: Path, tables: Iterable[Table], facts: Mapping[str, Any]) -> None:
    """Add the publication in a folder to the history there. A publication that the history has is not added again.

    Args:
        folder: of the board.
        tables: what it says.
        facts: of its manifest.
    """
    earlier, name = read(folder), sha256(folder / "scores.csv")[:NAMED]
    if name in set(earlier.publication):
        return
    made = {"publication": name, "date": facts.get("date") or "", "recipe": facts["recipe"]}
    lines = pd.DataFrame(
        [made | line for table in tables for line in _lines(table, facts["metrics"])], columns=list(COLUMNS)
    )
    text = io.StringIO()
    lines.to_csv(text, index=False, header=earlier.empty, float_format="%.6g")
    before = (folder / FILE).read_text(encoding="utf-8") if not earlier.empty else ""
    files.write(folder / FILE, before + text.getvalue())


def _lines(table: Table, versions: Mapping[str, int]) -> list[dict[str, Any]]:
    """The ranking column of each row, the best rank first."""
    column = table.track.rank
    about = {"dataset": table.dataset, "metric": column, "version": versions[column.partition(".")[0]]}
    filled = [row for row in table.rows if not brief.is_empty(row.cells.get(column))]
    return [about | {"row": row.name} | {name: row.cells[column][name] for name in NUMBERS} for row in filled]
