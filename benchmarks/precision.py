"""What bf16 costs in score and gains in time: DCGAN on MNIST in either precision, the same seeds and images.

    python benchmarks/precision.py [--quick] [--out benchmarks/results/precision.md]

One thread. Seconds are of the CPU, for the training alone. With --quick: a narrow DCGAN on the digits, few images.
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

from ganbench import Scorer, data
from ganbench.scoring.result import Result
from ganbench.statistics import student
from ganbench.training import drawing as sample
from ganbench.training import loop as train

SEEDS = (0, 1, 2)


def run(
    dataset: str, images: int, n: int, settings: dict[str, object], seed: int, evaluate: Callable[..., Result]
) -> dict[str, float]:
    """The FID of `n` samples of one run, and the CPU seconds of its training."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        train.train(
            Path("baselines/dcgan.py"),
            dataset,
            Path(folder),
            seed=seed,
            images=images,
            overrides=settings,
            device="cpu",
        )
        seconds = time.process_time() - start
        found = evaluate(sample.drawn(Path(folder), n, seed)).metrics["fid"].value
    assert found is not None, "a diverged run has no FID to compare"
    return {"fid": found, "seconds": seconds}


def main(
    quick: Annotated[bool, typer.Option("--quick", help="A small run, for a test of this command.")] = False,
    out: Annotated[Path, typer.Option(help="Page to write.")] = Path("benchmarks/results/precision.md"),
) -> None:
    """Measure."""
    dataset, width, images, n = ("digits", 8, 1000, 300) if quick else ("mnist", 32, 60_000, 5000)
    data.obtain(dataset)
    torch.set_num_threads(1)
    evaluate = Scorer.of(f"{dataset}:test", metrics=["fid"])
    rows = [
        {"precision": precision, "seed": seed}
        | run(dataset, images, n, {"width": width, "precision": precision}, seed, evaluate)
        for seed in SEEDS
        for precision in ("fp32", "bf16")
    ]
    runs = pd.DataFrame(rows)
    fid = runs.pivot(index="seed", columns="precision", values="fid")
    low, high = student((fid.bf16 - fid.fp32).to_numpy())
    fastest = runs.groupby("precision").seconds.min()
    gain, change = fastest.fp32 / fastest.bf16, (fid.bf16 - fid.fp32).mean()
    page = f"""# What bf16 costs and gains

Written by `python benchmarks/precision.py{" --quick" * quick}`: `dcgan` of width {width} on {dataset}, {images:,} images,
on one thread of this CPU; FID of {n:,} samples. `--set precision=bf16` changes FID by {change:+.3g} on the mean of {len(SEEDS)}
seeds (Student's 95 % interval of the paired difference: {low:.3g} to {high:.3g}) and trains {gain:.2f} times as fast
(shortest run of each).

{runs.to_markdown(index=False, floatfmt=".2f")}
"""
    print(page)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
