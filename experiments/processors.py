"""What another processor changes: cells of the board `quick`, made anew by a processor that lacks instructions.

\b
    python -m experiments processors [--quick] [--out results/processors]

The switches of torch, oneDNN, MKL, NumPy and OpenBLAS hide instructions from this process. The same source then runs other
code, which adds in another order, as on an older processor. The command trains the cells anew, draws their samples and scores
the samples. It writes `cells.csv` and `README.md`. With --quick it makes the controls of one seed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

from ganbench import data
from ganbench.boards import verification
from ganbench.display.progress import progress
from ganbench.display.text import number
from ganbench.statistics import student
from ganbench.training.provenance import processor

BOARD, DATASET, METRIC = Path("results/quick"), "digits", "fid"
CONTROLS, GANS = ("real", "copycat", "noise"), ("gan", "gan-minimax", "dcgan", "wgan")
WITHOUT = {  # the instructions that are hidden, and the switches that hide them
    "AVX-512": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
        "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL",
    },
    "AVX2": {
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
        "OPENBLAS_CORETYPE": "Nehalem",
        "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3 AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL",
    },
}


def remake(row: str, seed: int) -> list[dict[str, Any]]:
    """Make a cell of the board anew: a line for each number of its scores, published and now."""
    board = verification.Records.read(BOARD)
    (run,) = board.choose(row, DATASET, seed)
    with TemporaryDirectory(prefix="ganbench-") as folder:
        path, _ = verification.remake(board, run, Path(folder))
        result = verification.score(board, run, path, Path(folder))
    same = result.samples.sha256 == run.record["samples"]["sha256"]
    published = run.record["scores"]["metrics"]
    return [
        {
            "row": row,
            "seed": seed,
            "metric": name,
            "same": same,
            "published": published[name]["value"],
            "now": score.value,
        }
        for name, score in result.metrics.items()
    ]


def hidden(switches: Mapping[str, str], cache: str) -> ProcessPoolExecutor:
    """A process with a new cache of features; its libraries read the switches when they are loaded."""
    os.environ.update(switches, GANBENCH_CACHE=cache)
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"))


def percent(change: float) -> str:
    """A change of a logarithm, in percent.

    >>> percent(0.0953), percent(-1e-9)
    ('+10.0', '+0.0')
    """
    return f"{round(100 * np.expm1(change), 1) + 0.0:+.1f}"


def page(out: Path) -> str:
    """The page of `cells.csv`."""
    table = pd.read_csv(out / "cells.csv").dropna(subset=["published", "now"])
    lines, farthest = [], 0.0
    for (instructions, row), cells in table.groupby(["without", "row"], sort=False):
        scores = cells[cells.metric == METRIC]
        if row in CONTROLS:
            farthest = max(farthest, float((cells.now / cells.published - 1).abs().max()))
            continue
        change = np.log(scores.now.to_numpy() / scores.published.to_numpy())
        low, high = student(change)
        lines.append(
            {
                "without": instructions,
                "row": row,
                "cells": len(scores),
                "with the same bits": int(scores.same.sum()),
                f"mean {METRIC}, published": number(scores.published.mean()),
                "now": number(scores.now.mean()),
                "change, %": f"{percent(change.mean())} [{percent(low)}, {percent(high)}]",
            }
        )
    shown = pd.DataFrame(lines).to_markdown(index=False, disable_numparse=True)
    machine = pd.read_csv(out / "cells.csv").processor.iloc[0]
    return (
        "# What another processor changes\n\n"
        f"Cells of the board `quick` on {DATASET} were trained anew by the same processor ({machine}), with some of its\n"
        "instructions hidden from the libraries. A processor without these instructions runs the same code.\n\n"
        f"{shown}\n\n"
        "The change is that of the geometric mean over the seeds, with Student's 95 % interval. Each row is judged alone.\n\n"
        f"The samples of the controls {', '.join(f'`{row}`' for row in CONTROLS)} are drawn without a network, so they keep\n"
        "their bits. Their scores show what the metrics round: the largest relative difference of a number is\n"
        f"{farthest:.1e}.\n\n"
        "`python -m experiments processors` wrote this page.\n"
    )


def main(
    quick: Annotated[bool, typer.Option("--quick", help="A small run, for a test of this command.")] = False,
    out: Annotated[Path, typer.Option(help="Folder of the table and the page.")] = Path("results/processors"),
) -> None:
    """Make the cells anew with instructions hidden, and write the table and its page."""
    data.obtain(DATASET)
    seeds = [0] if quick else verification.Records.read(BOARD).board.seeds
    cells = [(row, seed) for row in (CONTROLS if quick else (*CONTROLS, *GANS)) for seed in seeds]
    lines = []
    with progress("processors", len(WITHOUT) * len(cells), "cells") as advance:
        for i, (instructions, switches) in enumerate(WITHOUT.items()):
            with TemporaryDirectory(prefix="ganbench-") as cache, hidden(switches, cache) as process:
                for j, cell in enumerate(cells):
                    facts = {"processor": processor(), "without": instructions}
                    lines += [facts | line for line in process.submit(remake, *cell).result()]
                    advance(i * len(cells) + j + 1, f"without {instructions}, {cell[0]}")
    out.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(lines).to_csv(out / "cells.csv", index=False)
    (out / "README.md").write_text(page(out), encoding="utf-8")
