"""One run of every baseline on MNIST: the scores and pictures of docs/baselines.md.

    python benchmarks/rows.py [ROW...]

Trains seed 0 of the board `mnist` (an hour and a half of one core; its three seeds take three times as long), draws the board's
samples and scores them against the whole test split. An interrupted run goes on where it was, and one that is there is not
trained again. Writes results/mnist/ROW-s0.json and README.md, and docs/grids/ROW.png.
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
from ganbench.training import loop as train
from ganbench.training.drawing import draw

BOARD, SEED = "mnist", 0
METRICS = ["fid", "classifier_score", "precision", "recall"]
NOISE = "noise"
ROOT = Path(__file__).parents[1]


def made(line: dict[str, Any], runs: Path) -> Path:
    """The samples of a line of the grid: of a GAN, which is trained if it is not, or of a control."""
    folder = runs / line["run"]
    out = folder / f"samples-{line['n']}.npz"
    if out.is_file():
        return out
    if line["kind"] == "control":
        controls.write(line["row"], line["dataset"], line["n"], SEED, out)
        return out
    settings = json.loads(line["set"])
    train.train(Path(line["path"]), line["dataset"], folder, seed=SEED, images=int(line["images"]), overrides=settings)
    draw(folder, line["n"], SEED, out)
    return out


def cells(row: str, record: dict[str, Any]) -> dict[str, str]:
    """A line of the table from a record."""
    run, scores = record["samples"].get("run"), record["scores"]
    about = {"row": row, "images": "", "D's steps": "", "seconds": ""}
    if run:
        steps = run["seen"] // run["config"]["batch"]
        about |= {"images": f"{run['seen']:,}", "D's steps": f"{steps:,}", "seconds": f"{run['seconds']:,.0f}"}
    found = {name: scores["metrics"][name] for name in METRICS}
    return about | {n: f"{value(m['value'])} {interval(m['interval'])}".strip() for n, m in found.items()}


def page(out: Path) -> str:
    """The records of a folder as a page."""
    records = {path.name.partition("-")[0]: json.loads(path.read_text()) for path in sorted(out.glob("*-s0.json"))}
    lines = [cells(row, record) for row, record in records.items()]
    first = next(iter(records.values()))["scores"]["metrics"]
    perfect = ", ".join(f"{value(first[name]['perfect'])} in {name}" for name in METRICS if first[name]["perfect"])
    return (
        f"# One run of every baseline on MNIST\n\nSeed {SEED} of the board [`{BOARD}`](../../baselines/boards/{BOARD}.yaml): "
        "narrow networks and two and a half to eight\nminutes of a CPU core each. One seed ranks nothing; some settings were "
        "chosen on it ([docs/baselines.md](../../docs/baselines.md)\nsays which). A score has its 95 % interval over samples. "
        f"A perfect generator would get\n{perfect}. Pictures: [docs/grids](../../docs/grids).\n\n"
        f"{pd.DataFrame(lines).to_markdown(index=False, disable_numparse=True)}\n\nWritten by `python benchmarks/rows.py`.\n"
    )


def main(
    rows: Annotated[list[str] | None, typer.Argument(metavar="[ROW...]", help="by default all of the board")] = None,
    runs: Annotated[Path, typer.Option(help="folder of the runs")] = ROOT / "runs",
    out: Annotated[Path, typer.Option(help="where the records go")] = ROOT / "results" / BOARD,
    grids: Annotated[Path, typer.Option(help="where the pictures go")] = ROOT / "docs" / "grids",
) -> None:
    torch.set_num_threads(1)  # as in the pipeline
    lines = grid.runs(BOARD)
    lines = lines[(lines.seed == SEED) & ((lines.kind == "baseline") | (lines.row == NOISE))].to_dict("records")
    score = Scorer.of(BOARD, metrics=METRICS)
    for line in lines:
        row = str(line["row"])
        if rows and row not in rows:
            continue
        path = made(line, runs)
        result = score(path)
        record = {"samples": json.loads(path.with_suffix(".json").read_text()), "scores": json.loads(result.to_json())}
        out.mkdir(parents=True, exist_ok=True)
        (out / f"{row}-s{SEED}.json").write_text(json.dumps(record, indent=1) + "\n")
        if row != NOISE:
            pictures.overview({row: samples.read(path)}, grids / f"{row}.png")
        (out / "README.md").write_text(page(out))
        print(cells(row, record))


if __name__ == "__main__":
    typer.run(main)
