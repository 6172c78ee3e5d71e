"""The budgets of a board's rows in images: how many real images each row sees in so many minutes of a processor core.

\b
    python -m experiments rates emoji-32 --minutes 20

Each row of the grid trains for some seconds with the settings of the grid. The seconds are those of the process, not of the
clock, because other programs may use the same processor. Stages whose length is a setting in images (`images_...`) are
shortened like the budget, so that a short run has the same share of each stage as a whole run. The command writes rates.csv,
a line for each row, and prints the budgets. A row that rates.csv has is not measured again.
"""

from __future__ import annotations

import math
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import pandas as pd
import torch
import typer

from ganbench import baseline
from ganbench.boards import grid
from ganbench.boards.board import Row
from ganbench.training import loop

FILE = Path("experiments/tuning/rates.csv")
KEYS = ["board", "dataset", "row"]
SEED = 1000  # no board has it
PROBE = 4  # steps of the first run: they say about how many images the seconds of a measurement hold
STAGE = "images_"  # begins the name of a setting that is the length of a stage


def shortened(settings: dict[str, Any], share: float) -> dict[str, Any]:
    """Settings of a run with a share of the budget: the lengths of its stages are shortened too.

    >>> shortened({"batch": 16, "images_per_phase": 4000}, 0.01)
    {'batch': 16, 'images_per_phase': 40}
    """
    return {key: max(1, round(share * value)) if key.startswith(STAGE) else value for key, value in settings.items()}


def budget(rate: float, minutes: float) -> int:
    """The images of so many minutes at a rate in images per second, to two digits.

    >>> budget(12.34, 20)
    15000
    """
    images = 60 * minutes * rate
    return int(round(images, 1 - math.floor(math.log10(images))))


def measure(name: str, row: Row, dataset: str, whole: int, seconds: float) -> dict[str, Any]:
    """Train a row for some seconds of a core: images, seconds of the process, and images per second.

    Args:
        name: of the row.
        row: its baseline and settings.
        dataset: that it trains on.
        whole: the budget of the grid in images.
        seconds: of the measurement.
    """
    torch.set_num_threads(1)  # as in the pipeline
    path = baseline.resolve(row.baseline or name, grid.folder())
    every = baseline.config(path).model_validate(row.set)
    stages = {key: value for key, value in every.model_dump(mode="json").items() if key.startswith(STAGE)}
    images = PROBE * every.batch * every.n_critic
    for _ in range(2):  # the first steps of a process are slow, so the first run only says how long the second one is
        settings = shortened(stages | row.set, images / whole)
        with TemporaryDirectory() as folder:
            out = Path(folder, "run")
            run = loop.train(path, dataset, out, seed=SEED, images=images, overrides=settings, device="cpu")
        images = max(3 * images, int(seconds * run.seen / run.cpu_seconds))
    rate = run.seen / run.cpu_seconds
    return {"measured": run.seen, "CPU s": round(run.cpu_seconds, 1), "images per s": float(f"{rate:.3g}")}


def main(
    board: Annotated[str, typer.Argument(help="name of a board")],
    minutes: Annotated[float, typer.Option(help="of a core, for each row")] = 10.0,
    seconds: Annotated[float, typer.Option(help="of each measurement")] = 20.0,
    rows: Annotated[str | None, typer.Option(help="rows, with commas between them; by default all")] = None,
    file: Annotated[Path, typer.Option(help="table of the rates")] = FILE,
) -> None:
    """Measure the rows that the table does not have yet, and write their budgets."""
    table = pd.read_csv(file) if file.is_file() else pd.DataFrame(columns=KEYS)
    done = set(table[KEYS].itertuples(index=False, name=None))
    for dataset, track in grid.board(board).datasets.items():
        for name, row in track.rows.items():
            if (board, dataset, name) in done or name not in (rows or name).split(","):
                continue
            measured = measure(name, row, dataset, row.images or track.images, seconds)
            images = budget(measured["images per s"], minutes)
            line = (
                dict(zip(KEYS, (board, dataset, name), strict=True)) | measured | {"minutes": minutes, "images": images}
            )
            table = pd.concat([table, pd.DataFrame([line])], ignore_index=True)
            table.astype({"measured": int, "images": int}).sort_values(KEYS).to_csv(file, index=False)
            print(line, flush=True)
