"""How much of a board's time is not training.

    python benchmarks/startup.py [--before FOLDER] [--quick] [--out benchmarks/results/startup.md]

Builds the board `quick` from nothing with `snakemake --cores 8 leaderboard`, in a scratch folder with an empty cache of
features, and counts the CPU seconds of all its processes. Then it trains the same runs once more, two at a time, each in a
fork of a process that has imported everything. The CPU seconds of these forks are the training. `--before` measures a
checkout of an older commit too. With --quick there is one small row.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Annotated, NamedTuple

os.environ["OMP_NUM_THREADS"] = "1"  # a fork of a process with a pool of threads hangs

import pandas as pd
import typer
import yaml

ROOT = Path(__file__).parents[1]
CORES = 2  # of the machine that the promise is about
PROMISED = 30  # per cent
COPIED = ("Snakefile", "dvc.lock", "dvc.yaml", "baselines", "profiles", "results/calibration", "data")
SMALL = {
    "about": "One small row.",
    "seeds": [0, 1, 2],
    "datasets": {
        "ring": {
            "images": 20_000,
            "samples": 300,
            "metrics": ["fid"],
            "rank": "fid",
            "rows": {"gan": {"set": {"width_g": 8, "width_d": 8}}},
        }
    },
}


class Cost(NamedTuple):
    """What building a board takes."""

    wall: float  # seconds
    cpu: float  # seconds, of all processes


def scratch(tree: Path, folder: Path, quick: bool) -> str:
    """Copy what a pipeline reads from a checkout into an empty folder; returns the board's name."""
    for name in COPIED:
        source, target = tree / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy(source, target)
    if not quick:
        return "quick"
    (folder / "baselines/boards/small.yaml").write_text(yaml.safe_dump(SMALL), encoding="utf-8")
    return "small"


def cpu_of_children() -> float:
    """CPU seconds of all processes that this process has started and that have ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def build(tree: Path, folder: Path, board: str) -> Cost:
    """Build a board with the code of a checkout.

    Raises:
        subprocess.CalledProcessError: a job failed; the log is `folder`/log.
    """
    environment = os.environ | {"PYTHONPATH": str(tree), "GANBENCH_CACHE": str(folder / "cache")}
    command = [sys.executable, "-m", "snakemake", "--cores", "8", "leaderboard", "--config", f"board={board}"]
    cpu, begun = cpu_of_children(), time.monotonic()
    with (folder / "log").open("w") as log:
        subprocess.run(command, cwd=folder, env=environment, stdout=log, stderr=log, check=True)
    return Cost(time.monotonic() - begun, cpu_of_children() - cpu)


def training(folder: Path, board: str) -> float:
    """CPU seconds of all trainings of a board, two at a time.

    Raises:
        RuntimeError: a training failed.
    """
    import torch
    import torch._dynamo  # an optimiser imports it in its first step

    from ganbench.boards import grid
    from ganbench.training import loop

    torch.set_num_threads(1)
    os.chdir(folder)
    seconds, running = 0.0, 0
    planned = [run for run in grid.runs(board) if run.kind == "baseline"]
    for run in [*planned, *[None] * CORES]:
        if running == CORES or run is None:
            _, status, used = os.wait3(0)
            if status:
                raise RuntimeError("a training failed")
            seconds += used.ru_utime + used.ru_stime
            running -= 1
        if run is not None:
            if os.fork() == 0:
                try:
                    loop.train(
                        Path(run.path),
                        run.dataset,
                        folder / "again" / run.run,
                        seed=run.seed,
                        images=run.images,
                        overrides=run.settings,
                    )
                except BaseException:
                    traceback.print_exc()
                    os._exit(1)
                os._exit(0)
            running += 1
    os.chdir(ROOT)
    return seconds


def main(
    before: Annotated[Path | None, typer.Option(help="checkout of an older commit")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="One small row, for a test of this command.")] = False,
    out: Annotated[Path, typer.Option(help="Page to write.")] = Path("benchmarks/results/startup.md"),
) -> None:
    """Measure."""
    trees = {"before": before.resolve()} if before else {}
    lines = []
    for name, tree in (trees | {"now": ROOT}).items():
        with tempfile.TemporaryDirectory() as scratch_folder:
            folder = Path(scratch_folder)
            board = scratch(tree, folder, quick)
            cost = build(tree, folder, board)
            if name == "now":
                trained = training(folder, board)
        lines.append({"code": name, "wall, s": cost.wall, "CPU, s": cost.cpu})
    table = pd.DataFrame(lines)
    table["training, CPU s"] = trained
    table["not training, share of the CPU seconds, %"] = 100 * (1 - trained / table["CPU, s"])
    table["not training, share of the wall time, %"] = 100 * (1 - trained / (CORES * table["wall, s"]))
    page = f"""# How much of a board's time is not training

Written by `python benchmarks/startup.py{" --before FOLDER" * (before is not None)}{" --quick" * quick}`
on {os.cpu_count()} cores. The board is `{board}`, built from nothing.

- The training is the CPU seconds of the board's trainings alone: without the start of Python, without imports.
- The share of the wall time is 1 - training / ({CORES} cores x wall time). It holds only on a machine that does nothing else.
- The share of the CPU seconds is 1 - training / CPU seconds of all processes of the command. It leaves out idle cores.
- Promised: less than {PROMISED} % of the wall time.

{table.to_markdown(index=False, floatfmt=("", ".0f", ".0f", ".0f", ".0f", ".0f"))}
"""
    print(page)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
