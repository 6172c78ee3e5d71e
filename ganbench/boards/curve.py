"""How a row went on with its budget: the score of the GAN at a quarter, at half and at all of it.

The checkpoints are chosen by budget and never by score. A row whose second half of the budget still gained much had too little
of it: its score says how far it came, and not how good the GAN can get.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ganbench import files, metrics
from ganbench.errors import UserError
from ganbench.training.run import PARTS, Run

if TYPE_CHECKING:  # torch is imported only to measure
    from ganbench.scoring import Scorer

GAIN = 0.2  # share of the score that the second half of the budget may still gain


def measure(folder: Path, column: str, scorer: Scorer, n: int, seed: int, trust: bool = False) -> dict[str, Any]:
    """The scores of the GAN of a run after each part of its budget, for one column of a board.

    Args:
        folder: of the run.
        column: a metric, or METRIC.NUMBER.
        scorer: has this metric.
        n, seed: of the samples, as for the run's score.
        trust: see `checkpoint.load`.

    Returns:
        "column", and for each part its value. It is None if the run diverged, or if it was continued from a smaller budget
        and had passed this part before.
    """
    from ganbench.training.checkpoint import file_of
    from ganbench.training.sampling import Drawing, sample

    metric, _, number = column.partition(".")
    out: dict[str, Any] = {"column": column} | dict.fromkeys(PARTS)
    run = Run.read(folder)
    for part in PARTS:
        if run.diverged or not (folder / file_of(part)).is_file():
            continue
        drawn = sample(folder, Drawing(n, seed, part=part, trust=trust))
        if drawn.manifest["reason"]:
            continue
        measured = scorer(drawn).metrics[metric]
        if number and number not in measured.extra and measured.reason is None:
            raise UserError(f"{metric} has no number '{number}' here")
        out[part] = measured.extra.get(number) if number else measured.value
    return out


def write(curve: dict[str, Any], path: Path) -> None:
    """Write what `measure` returns, with its digest."""
    files.write(path, json.dumps(files.seal(curve), indent=1, allow_nan=False) + "\n")


def gain(half: float, whole: float, column: str) -> float:
    """The share of its score that a GAN gained in the second half of its budget; negative if it lost.

    >>> gain(10.0, 7.5, "fid"), gain(0.5, 0.75, "recall")
    (0.25, 0.5)
    """
    if not np.isfinite([half, whole]).all() or half == 0:
        return float("nan")
    lower = metrics.get(column.partition(".")[0]).card.better == "lower"
    return (half - whole) / half if lower else (whole - half) / half


def converged(half: float, whole: float, column: str) -> bool | None:
    """Whether the second half of the budget gained at most 20 % of the score; None if that is not known."""
    share = gain(half, whole, column)
    return None if np.isnan(share) else bool(share <= GAIN)
