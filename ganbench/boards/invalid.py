"""The invalidation list of a published board, `results/BOARD/invalid.yaml`: rows and runs that are struck, and why.

    - row: my-gan
      dataset: digits                # without it, the row of every dataset
      reason: the samples are training images that were turned
      date: "2026-02-01"
    - run: wgan-digits-89cca4d4-s3   # one run; its row then has no mean, as after a divergence
      reason: trained on another machine than the other runs
      date: "2026-02-01"

The scores of a struck run stay in `scores.csv` and in its record. The tables have empty cells with the reason, and no rank.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ganbench.boards.document import Document
from ganbench.errors import UserError

FILE = "invalid.yaml"
EMPTIED = ("value", "low", "high", "quarter", "half", "second")  # columns of a struck run


class Invalid(BaseModel):
    """An entry of the list."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    row: str | None = None
    run: str | None = None
    dataset: str | None = None
    reason: str = Field(min_length=1, max_length=300)
    date: str

    @field_validator("date")
    @classmethod
    def _is_a_day(cls, value: str) -> str:
        datetime.date.fromisoformat(value)
        return value

    @model_validator(mode="after")
    def _names_what(self) -> Invalid:
        if (self.row is None) == (self.run is None):
            raise ValueError("an entry names a row or a run, not both")
        if self.run is not None and self.dataset is not None:
            raise ValueError("a run belongs to one dataset, so `dataset` goes with a row only")
        return self

    @property
    def text(self) -> str:
        """Why and since when, for an empty cell."""
        return f"struck on {self.date}: {self.reason}"

    def names(self, dataset: str, row: str, run: str = "") -> bool:
        """Whether this entry strikes a row of a dataset, or the run."""
        if self.run is not None:
            return self.run == run
        return self.row == row and self.dataset in (None, dataset)


def read(folder: Path) -> tuple[Invalid, ...]:
    """The list of the published board in `folder`; empty without a list.

    Raises:
        UserError: the file is no such list; the message names its line.
    """
    path = folder / FILE
    if not path.exists():
        return ()
    document = Document.read(path)
    if not isinstance(document.content, list):
        raise UserError(f"{path}:1: the file is a list of entries, each with `row` or `run`, `reason` and `date`")
    return tuple(_entry(document, i, content) for i, content in enumerate(document.content))


def _entry(document: Document, i: int, content: Any) -> Invalid:
    try:
        return Invalid.model_validate(content)
    except ValidationError as error:
        fault = error.errors()[0]
        field = ".".join(map(str, fault["loc"]))
        line = document.line((i, *fault["loc"]))
        said = fault["msg"].removeprefix("Value error, ")
        raise UserError(f"{document.path}:{line}: {f'{field}: ' if field else ''}{said}") from None


def unknown(entries: Sequence[Invalid], rows: Iterable[str], runs: Iterable[str]) -> list[str]:
    """The rows and runs of the list that a board does not have."""
    there = {*rows, *runs}
    return [name for entry in entries if (name := entry.row or entry.run or "") not in there]


def strike(scores: pd.DataFrame, entries: Iterable[Invalid]) -> pd.DataFrame:
    """The scores of a board, one line per run and column, in which the struck runs have no values, but the reason."""
    out = scores.astype({"reason": object})
    for entry in entries:
        struck = [entry.names(*key) for key in zip(out.dataset, out.row, out.run, strict=True)]
        out.loc[struck, [column for column in EMPTIED if column in out]] = np.nan
        out.loc[struck, "reason"] = entry.text
    return out
