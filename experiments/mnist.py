"""One run of every baseline on MNIST: the scores and pictures of docs/baselines.md.

\b
    python -m experiments mnist [ROW...]

The command trains seed 0 of the board `mnist` (an hour and a half of one core), draws the board's samples and scores them
against the whole test split. An interrupted run continues where it stopped. A finished run is not trained again.
The command writes results/mnist/ROW-s0.json and README.md, and docs/grids/ROW.png.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import torch
import typer

from ganbench import Scorer, samples
from ganbench.boards import controls, grid
from ganbench.display import pictures
from ganbench.display.text import interval, value
from ganbench.provenance import Work
from ganbench.training import loop
from ganbench.training.sampling import Drawing, write_samples

BOARD, SEED = "mnist", 0
METRICS = ["fid", "classifier_score", "precision", "recall"]
NOISE = "noise"


def make(run: grid.PlannedRun, runs: Path) -> Path:
    """Make the samples of a run of the board. A GAN is trained first, unless it is trained already."""
    folder = runs / run.run
    out = folder / f"samples-{run.n}.npz"
    if out.is_file():
        return out
    if run.kind == "control":
        controls.write(run.row, run.dataset, run.n, SEED, out)
        return out
    loop.train(Path(run.path), run.dataset, folder, seed=SEED, images=run.images, overrides=run.settings)
    write_samples(folder, Drawing(run.n, SEED), out)
    return out


def cells(row: str, record: dict[str, Any]) -> dict[str, str]:
    """A line of the table from a record."""
    run, scores = record["samples"].get("run"), record["scores"]
    about = {"row": row, "images": "", "D's steps": "", "seconds": ""}
    if run:
        steps = run["seen"] // run["config"]["batch"]
        about |= {"images": f"{run['seen']:,}", "D's steps": f"{steps:,}", "seconds": f"{run['seconds']:,.0f}"}
    metrics = {name: scores["metrics"][name] for name in METRICS}
    return about | {n: f"{value(m['value'])} {interval(m['interval'])}".strip() for n, m in metrics.items()}


def page(out: Path) -> str:
    """The records of a folder as a page."""
    records = {path.name.partition("-")[0]: json.loads(path.read_text()) for path in sorted(out.glob("*-s0.json"))}
    lines = [cells(row, record) for row, record in records.items()]
    first = next(iter(records.values()))["scores"]["metrics"]
    perfect = ", ".join(f"{value(first[name]['perfect'])} in {name}" for name in METRICS if first[name]["perfect"])
    return (
        f"# One run of every baseline on MNIST\n\nSeed {SEED} of the board [`{BOARD}`](../../baselines/boards/{BOARD}.yaml): "
        "narrow networks, and two and a half to eight\nminutes of a CPU core for each row. One seed is too few for a ranking. "
        "Some settings were chosen on this seed:\n[docs/baselines.md](../../docs/baselines.md) names them. "
        "The brackets hold the 95 % interval over samples.\n"
        f"A perfect generator would get {perfect}.\nPictures: [docs/grids](../../docs/grids).\n\n"
        f"{pd.DataFrame(lines).to_markdown(index=False, disable_numparse=True)}\n\n"
        "`python -m experiments mnist` wrote this page.\n"
    )


def main(
    rows: Annotated[list[str] | None, typer.Argument(metavar="[ROW...]", help="by default all of the board")] = None,
    runs: Annotated[Path, typer.Option(help="folder of the runs")] = Path("runs"),
    out: Annotated[Path, typer.Option(help="where the records go")] = Path("results/mnist"),
    grids: Annotated[Path, typer.Option(help="where the pictures go")] = Path("docs/grids"),
) -> None:
    """Train, draw and score the rows, and write their page."""
    torch.set_num_threads(1)  # as in the pipeline
    planned = [r for r in grid.runs(BOARD) if r.seed == SEED and (r.kind == "baseline" or r.row == NOISE)]
    score = Scorer.of(BOARD, metrics=METRICS)
    for run in planned:
        row = run.row
        if rows and row not in rows:
            continue
        path = make(run, runs)
        work = Work()
        result = score(path).model_copy(update={"provenance": work.record()})
        record = {"samples": json.loads(path.with_suffix(".json").read_text()), "scores": json.loads(result.to_json())}
        out.mkdir(parents=True, exist_ok=True)
        (out / f"{row}-s{SEED}.json").write_text(json.dumps(record, indent=1) + "\n")
        if row != NOISE:
            pictures.overview({row: samples.read(path)}, grids / f"{row}.png")
        (out / "README.md").write_text(page(out))
        print(cells(row, record))
