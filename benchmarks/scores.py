"""CPU time of every metric of the board `quick`, at that board's sizes, on one thread.

    python benchmarks/scores.py [--quick] [--out benchmarks/results/scores.md]

Promised: all metrics of one run within two seconds. The sets are the controls: `real` is scored, and `train` is the
whole training set. With --quick there are fewer samples.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
import yaml
from threadpoolctl import threadpool_limits

from ganbench import data, features, scoring
from ganbench.boards import controls
from ganbench.samples import SampleSet

ROOT = Path(__file__).parents[1]
PROMISED = 2.0  # seconds for all metrics of one run


def sets(dataset: str, n: int) -> list[SampleSet]:
    """`real`, the reference and the training set, embedded."""
    data.obtain(dataset)
    splits = {
        "real": controls.real(dataset, n, 0),
        "reference": controls.reference(dataset, n, 0),
        "train": data.load(dataset, "train"),
    }
    named = [SampleSet(*split, {"name": name, "dataset": dataset}) for name, split in splits.items()]
    return [scoring.embed(samples, features.default(dataset)) for samples in named]


def seconds(dataset: str, columns: list[str], n: int) -> pd.DataFrame:
    """CPU time of each metric of a board's columns, and of all."""
    given = sets(dataset, n)
    rows: list[dict[str, Any]] = []
    for name in dict.fromkeys(column.partition(".")[0] for column in columns):
        start = time.process_time()
        scoring.score(*given, metrics=[name])
        rows.append({"dataset": dataset, "n": n, "metric": name, "seconds": time.process_time() - start})
    total = {"dataset": dataset, "n": n, "metric": "all", "seconds": sum(row["seconds"] for row in rows)}
    return pd.DataFrame([*rows, total])


def main(
    quick: Annotated[bool, typer.Option("--quick", help="Few samples, for a test of this command.")] = False,
    out: Annotated[Path, typer.Option(help="Page to write.")] = Path("benchmarks/results/scores.md"),
) -> None:
    """Measure."""
    tracks = yaml.safe_load((ROOT / "baselines/boards/quick.yaml").read_text(encoding="utf-8"))["datasets"]
    for name, track in tracks.items():
        seconds(name, track["metrics"], 300)  # the first call imports
    with threadpool_limits(1):
        parts = [seconds(name, t["metrics"], 300 if quick else t["samples"]) for name, t in tracks.items()]
    table = pd.concat(parts)
    slowest = table[table.metric == "all"].seconds.max()
    page = f"""# Time to score one run

Written by `python benchmarks/scores.py{" --quick" * quick}`: CPU seconds on one thread per metric of the board `quick`.
Promised: {PROMISED:g} s for all of a run. The slowest dataset took {slowest:.2f} s.

{table.to_markdown(index=False, floatfmt=".3f")}
"""
    print(page)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
