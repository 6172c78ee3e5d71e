"""How long the Frechet distance takes from the same moments, by three methods, and how it streams.

    python benchmarks/fid.py [--quick] [--out benchmarks/results/fid.md]

The peers' methods are written out here: `eigvals` is torch-fidelity's and torchmetrics', `sqrtm` that of pytorch-fid and
clean-fid. Each method's seconds are the least of its repetitions, and the methods take turns. Moments are new to every
run, since those of a reference keep their factor for the next generator.
"""

from __future__ import annotations

import os
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import scipy
import typer
from scipy.linalg import sqrtm

from ganbench.metrics.fid import Moments, fid, frechet, moments

BLOCK = 5000


def by_eigvals(g: Moments, r: Moments) -> float:
    """The trace from the eigenvalues of the product."""
    roots = np.sqrt(np.linalg.eigvals(g.covariance @ r.covariance).astype(complex))
    return rest(g, r) - 2 * float(roots.real.sum())


def by_sqrtm(g: Moments, r: Moments) -> float:
    """The trace of the product's matrix square root."""
    return rest(g, r) - 2 * float(np.trace(sqrtm(g.covariance @ r.covariance)).real)


def rest(g: Moments, r: Moments) -> float:
    """The Frechet distance without the trace of the root."""
    return float(((g.mean - r.mean) ** 2).sum() + np.trace(g.covariance) + np.trace(r.covariance))


METHODS: dict[str, Callable[[Moments, Moments], float]] = {"frechet": frechet, "eigvals": by_eigvals, "sqrtm": by_sqrtm}
GOALS = {"eigvals": 5, "sqrtm": 10}  # `frechet` is to be so many times as fast


def timed(f: Callable[[], float]) -> tuple[float, float]:
    """Seconds, and the result."""
    start = time.perf_counter()
    result = f()
    return time.perf_counter() - start, result


def on_new(method: Callable[[Moments, Moments], float], g: Moments, r: Moments) -> tuple[float, float]:
    """Seconds and result of a method on moments of which nothing was worked out before."""
    g, r = replace(g), replace(r)
    return timed(lambda: method(g, r))


def methods(n: int, d: int, repetitions: int) -> tuple[pd.DataFrame, float]:
    """Every method on the moments of the same two sets; and seconds of all that `fid` does with the sets."""
    rng = np.random.default_rng(0)
    spectrum = np.arange(1, d + 1) ** -0.5
    gen, ref = 1.1 * rng.standard_normal((n, d)) * spectrum + 0.01, rng.standard_normal((n, d)) * spectrum
    g, r = moments([gen]), moments([ref])
    runs = [{name: on_new(f, g, r) for name, f in METHODS.items()} for _ in range(repetitions)]
    seconds = {name: min(run[name][0] for run in runs) for name in METHODS}
    rows = [
        {
            "method": name,
            "seconds": seconds[name],
            "times as long as `frechet`": seconds[name] / seconds["frechet"],
            "goal": GOALS.get(name, ""),
            "relative difference": abs(runs[0][name][1] / runs[0]["frechet"][1] - 1),
        }
        for name in METHODS
    ]
    return pd.DataFrame(rows), timed(lambda: float(fid(gen, ref).value or 0))[0]


def blocks(n: int, d: int) -> Iterator[np.ndarray]:
    """n samples, drawn a block at a time."""
    rng = np.random.default_rng(1)
    return (rng.standard_normal((min(BLOCK, n - start), d)) for start in range(0, n, BLOCK))


def streamed(n: int, d: int) -> dict[str, float]:
    """Seconds and the peak of numpy's memory while the FID of n samples is taken, drawing them included."""
    tracemalloc.start()
    seconds = timed(lambda: frechet(moments(blocks(n, d)), moments(blocks(n, d))))[0]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {"samples in each set": n, "seconds": seconds, "peak memory, MiB": peak / 2**20}


def main(
    quick: Annotated[bool, typer.Option("--quick", help="Small sizes, for a test of this command.")] = False,
    out: Annotated[Path, typer.Option(help="Page to write.")] = Path("benchmarks/results/fid.md"),
) -> None:
    """Measure."""
    n, d, repetitions, sizes = (500, 64, 1, [2000, 20_000]) if quick else (10_000, 2048, 3, [100_000, 1_000_000])
    speed, complete = methods(n, d, repetitions)
    memory = pd.DataFrame([streamed(size, 64) for size in sizes])
    page = f"""# Frechet distance: speed and memory

Written by `python benchmarks/fid.py{" --quick" * quick}` on {os.cpu_count()} cores, numpy {np.__version__}, scipy \
{scipy.__version__}, each with the threads that it takes by default.

## The same moments, d = {d}, n = {n} in each set

{speed.to_markdown(index=False, floatfmt=".3g")}

The whole metric `fid`, from the samples and with its interval, took {complete:.3g} s.

## Streamed in blocks of {BLOCK}, d = 64

{memory.to_markdown(index=False, floatfmt=",.3g", intfmt=",")}
"""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    typer.run(main)
