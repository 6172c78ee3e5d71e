"""What bf16 costs in score and gains in time: DCGAN on MNIST in either precision, with the same seeds and images.

\b
    python -m experiments precision [--quick] [--out results/precision]

The command uses one thread. The seconds are CPU seconds of the training alone. It writes runs.csv and README.md.
With --quick it trains a narrow DCGAN on few images of the digits.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import pandas as pd
import torch
import typer

from ganbench import Scorer, baseline, data
from ganbench.scoring.result import Result
from ganbench.statistics import student
from ganbench.training import loop, sampling

SEEDS = (0, 1, 2)


def run(
    dataset: str, images: int, n: int, settings: dict[str, object], seed: int, evaluate: Callable[..., Result]
) -> dict[str, float]:
    """The FID of `n` samples of one run, and the CPU seconds of its training."""
    path = baseline.folder() / "dcgan.py"
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        loop.train(path, dataset, Path(folder), seed=seed, images=images, overrides=settings, device="cpu")
        seconds = time.process_time() - start
        fid = evaluate(sampling.sample(Path(folder), sampling.Drawing(n, seed))).metrics["fid"].value
    assert fid is not None, "a diverged run has no FID to compare"
    return {"fid": fid, "seconds": seconds}


def page(out: Path) -> str:
    """The page of the table `runs.csv` in `out`."""
    runs = pd.read_csv(out / "runs.csv")
    fid = runs.pivot(index="seed", columns="precision", values="fid")
    low, high = student((fid.bf16 - fid.fp32).to_numpy())
    fastest = runs.groupby("precision").seconds.min()
    gain, change = fastest.fp32 / fastest.bf16, (fid.bf16 - fid.fp32).mean()
    width, dataset, images, n = runs.loc[0, ["width", "dataset", "images", "samples"]]
    return f"""# What bf16 costs and gains

`--set precision=bf16` changes FID by {change:+.1f} on the mean of {len(fid)} seeds. Student's 95 % interval of the paired
difference is {low:.1f} to {high:.1f}. bf16 trains {gain:.2f} times as fast as fp32 (shortest run of each).

{runs[["precision", "seed", "fid", "seconds"]].to_markdown(index=False, floatfmt=".2f")}

`python -m experiments precision` wrote this page: `dcgan` of width {width} on {dataset}, {images:,} images per run, FID of
{n:,} samples. The seconds are CPU seconds of one thread, and they hold for one machine.
"""


def main(
    quick: Annotated[bool, typer.Option("--quick", help="A small run, for a test of this command.")] = False,
    out: Annotated[Path, typer.Option(help="Folder of the table and the page.")] = Path("results/precision"),
) -> None:
    """Train in both precisions, and write the table and its page."""
    dataset, width, images, n = ("digits", 8, 1000, 300) if quick else ("mnist", 32, 60_000, 5000)
    data.obtain(dataset)
    torch.set_num_threads(1)
    evaluate = Scorer.of(f"{dataset}:test", metrics=["fid"], device="cpu")
    rows = [
        {"dataset": dataset, "width": width, "images": images, "samples": n, "precision": precision, "seed": seed}
        | run(dataset, images, n, {"width": width, "precision": precision}, seed, evaluate)
        for seed in SEEDS
        for precision in ("fp32", "bf16")
    ]
    out.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(out / "runs.csv", index=False)
    (out / "README.md").write_text(page(out), encoding="utf-8")
