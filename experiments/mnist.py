"""One run of every baseline on MNIST: the scores and pictures of docs/baselines.md.

\b
    python -m experiments mnist [ROW...]

The command trains seed 0 of the board `mnist` (about two hours of one core), draws the board's samples and scores them
against the whole test split. The GAN is scored after a quarter and after half of its budget too. An interrupted run continues
where it stopped. A finished run is not trained again. The command writes results/mnist/ROW-s0.json and README.md, and
docs/grids/ROW.png.
"""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import torch
import typer

from ganbench import Scorer, samples
from ganbench.boards import controls, curve, grid
from ganbench.display import pictures
from ganbench.display.text import interval, value
from ganbench.training import loop
from ganbench.training.provenance import Work
from ganbench.training.sampling import Drawing, write_samples

BOARD, SEED = "mnist", 0
FEATURES = "mnist-cnn"  # as in the trials that chose the settings
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
    about = {"row": row, "images": "", "D's steps": "", "CPU s": "", "fid at 1/4": "", "at 1/2": ""}
    if run:
        steps, parts = run["seen"] // run["config"]["batch"], record["curve"]
        about |= {"images": f"{run['seen']:,}", "D's steps": f"{steps:,}", "CPU s": f"{run['cpu_seconds']:,.0f}"}
        about |= {"fid at 1/4": value(parts["quarter"]), "at 1/2": value(parts["half"])}
    metrics = {name: scores["metrics"][name] for name in METRICS}
    measured = {n: f"{value(m['value'])} {interval(m['interval'])}".strip() for n, m in metrics.items()}
    done = not run or curve.converged(record["curve"]["half"], metrics["fid"]["value"], "fid")
    return about | measured | {"converged": ("" if not run else "yes" if done else "no")}


def page(out: Path) -> str:
    """The records of a folder as a page."""
    records = {path.name.partition("-")[0]: json.loads(path.read_text()) for path in sorted(out.glob("*-s0.json"))}
    lines = [cells(row, record) for row, record in records.items() if "curve" in record]  # else older than RECIPE 6
    scores = next(iter(records.values()))["scores"]
    first, extractor = scores["metrics"], scores["protocol"]["features"]["id"]
    perfect = ", ".join(f"{value(first[name]['perfect'])} in {name}" for name in METRICS if first[name]["perfect"])
    return (
        f"# One run of every baseline on MNIST\n\nSeed {SEED} of the board [`{BOARD}`](../../baselines/boards/{BOARD}.yaml): "
        "narrow networks, and about five minutes of a CPU core\nfor each row. One seed is too few for a ranking. "
        "The settings were chosen by trials on other data and another seed:\n"
        "[experiments/tuning](../../experiments/tuning/README.md). The brackets hold the 95 % interval over samples.\n"
        "A row has not converged if the second half of its budget still gained over 20 % of its FID.\n"
        f"Features: `{extractor}`. A perfect generator would get {perfect}.\nPictures: [docs/grids](../../docs/grids).\n\n"
        f"{pd.DataFrame(lines).to_markdown(index=False, disable_numparse=True)}\n\n"
        "`python -m experiments mnist` wrote this page.\n"
    )


def measure(run: grid.PlannedRun, runs: Path, out: Path, grids: Path) -> dict[str, str]:
    """Train, draw and score a row, and write its record and its picture. Returns its line of the table."""
    torch.set_num_threads(1)  # as in the pipeline
    path, score, work = make(run, runs), Scorer.of(BOARD, features=FEATURES, metrics=METRICS, device="cpu"), Work()
    scores = score(path).model_copy(update={"provenance": work.record()})
    record = {
        "samples": json.loads(path.with_suffix(".json").read_text()),
        "scores": json.loads(scores.to_json()),
        "curve": None if run.row == NOISE else curve.measure(runs / run.run, "fid", score, run.n, SEED),
    }
    (out / f"{run.row}-s{SEED}.json").write_text(json.dumps(record, indent=1) + "\n")
    if run.row != NOISE:
        pictures.overview({run.row: samples.read(path)}, grids / f"{run.row}.png")
    return cells(run.row, record)


def main(
    rows: Annotated[list[str] | None, typer.Argument(metavar="[ROW...]", help="by default all of the board")] = None,
    runs: Annotated[Path, typer.Option(help="folder of the runs")] = Path("runs"),
    out: Annotated[Path, typer.Option(help="where the records go")] = Path("results/mnist"),
    grids: Annotated[Path, typer.Option(help="where the pictures go")] = Path("docs/grids"),
    jobs: Annotated[int, typer.Option(help="rows at a time")] = 1,
) -> None:
    """Train, draw and score the rows, and write their page."""
    planned = [r for r in grid.runs(BOARD) if r.seed == SEED and (r.kind == "baseline" or r.row == NOISE)]
    out.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        waiting = [pool.submit(measure, run, runs, out, grids) for run in planned if not rows or run.row in rows]
        for future in as_completed(waiting):
            print(future.result(), flush=True)
            (out / "README.md").write_text(page(out))
