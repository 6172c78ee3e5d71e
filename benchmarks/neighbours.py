"""Time and memory of precision, recall, density and coverage, beside prdc and torch-fidelity on the same arrays.

    python benchmarks/neighbours.py [--quick] [--out benchmarks/results/neighbours.md]

Both sets are standard normal, so about half of the points are in the other set's manifold. The libraries take turns,
and the shortest of their runs counts. Memory is what a run needs beyond what was there before. Two searches and the pass
over the pairs need a matrix product each, so three products in float32 are the least that our method can take.
With --quick the sets are small.
"""

from __future__ import annotations

import contextlib
import io
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import torch
import typer
from prdc import compute_prdc
from torch_fidelity.metric_prc import prc_features_to_metric

from ganbench import metrics

D = 512
GOAL = 3  # times as fast as either library
FOUR = ("precision", "recall", "density", "coverage")

Run = Callable[[np.ndarray, np.ndarray], Mapping[str, float]]


def ours(names: tuple[str, ...], gen: np.ndarray, ref: np.ndarray) -> dict[str, float]:
    """The values of our metrics, by name."""
    return {name: result["value"] for name, result in metrics.compute(names, {"gen": gen, "ref": ref}).items()}


def prdc(gen: np.ndarray, ref: np.ndarray) -> dict[str, float]:
    """All four at k = 5, which for precision and recall is not the paper's k."""
    with contextlib.redirect_stdout(io.StringIO()):
        scores: dict[str, float] = compute_prdc(real_features=ref, fake_features=gen, nearest_k=5)
    return scores


def torch_fidelity(gen: np.ndarray, ref: np.ndarray) -> dict[str, float]:
    """Precision and recall at k = 3."""
    scores: dict[str, float] = prc_features_to_metric(
        torch.from_numpy(gen), torch.from_numpy(ref),
        prc_neighborhood=3, prc_batch_size=10_000, save_cpu_ram=False, verbose=False,
    )  # fmt: skip
    return scores


MATCHES: dict[str, tuple[tuple[str, ...], Run]] = {
    "prdc": (FOUR, prdc),
    "torch-fidelity": (("precision", "recall"), torch_fidelity),
}


def arrays(n: int, dtype: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Generated and reference features `[n, 512]`."""
    gen, ref = np.random.default_rng(seed).standard_normal((2, n, D)).astype(np.float32).astype(dtype)
    return gen, ref


def seconds(n: int, runs: int) -> pd.DataFrame:
    """Shortest wall times. Every run has new arrays, because our search keeps its results on the last arrays."""
    rows = []
    for row, (dtype, (peer, (names, theirs))) in enumerate(product(("float64", "float32"), MATCHES.items())):
        clocks = (time.perf_counter, time.process_time)
        times: dict[str, list[list[float]]] = {"ganbench": [], peer: []}
        for run in range(runs):
            given = arrays(n, dtype, row * runs + run)
            contest: dict[str, Run] = {"ganbench": partial(ours, names), peer: theirs}
            for name, function in contest.items():
                start = [clock() for clock in clocks]
                function(*given)
                times[name].append([clock() - s for clock, s in zip(clocks, start, strict=True)])
        (a, a_cpu), (b, b_cpu) = (np.min(times[name], axis=0) for name in ("ganbench", peer))
        rows.append(
            {
                "features": dtype,
                "metrics": ", ".join(names),
                "ganbench, s": a,
                "peer": peer,
                "peer, s": b,
                "ratio": b / a,
                "ratio of CPU time": b_cpu / a_cpu,
            }
        )
    return pd.DataFrame(rows)


def products(n: int, runs: int) -> float:
    """Shortest seconds of three matrix products in float32 of the size of all distances."""
    gen, ref = arrays(n, "float32", 0)
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        for _ in range(3):
            gen @ ref.T
        times.append(time.perf_counter() - start)
    return min(times)


def peak(run: Run, n: int) -> float:
    """Peak resident memory during one run in megabytes, beyond what was there before."""
    given = arrays(n, "float64", 0)
    before = most = resident()
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(run, *given)
        while not done.done():
            most = max(most, resident())
            time.sleep(1e-3)
        done.result()
    return (most - before) / 2**20


def resident() -> int:
    """Bytes of memory that this process has, as Linux counts them."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def megabytes(sizes: list[int]) -> pd.DataFrame:
    """Peak memory of each library, by n."""
    runs: dict[str, Run] = {
        "ganbench, all four": partial(ours, FOUR),
        **{peer: theirs for peer, (_, theirs) in MATCHES.items()},
    }
    return pd.DataFrame([{"library": name} | {f"n = {n}": peak(run, n) for n in sizes} for name, run in runs.items()])


def main(
    quick: Annotated[bool, typer.Option("--quick", help="Small sets, for a test of this command.")] = False,
    out: Annotated[Path, typer.Option(help="Page to write.")] = Path("benchmarks/results/neighbours.md"),
) -> None:
    """Measure."""
    n, runs = (500, 1) if quick else (10_000, 3)
    speed = seconds(n, runs)
    met = (speed[speed.features == "float64"].ratio >= GOAL).all()
    page = f"""# Precision, recall, density and coverage: speed and memory

Written by `python benchmarks/neighbours.py{" --quick" * quick}` on {os.cpu_count()} cores: n = m = {n} standard normal
features, d = {D}, shortest of {runs} runs, each library with the threads that it takes by default. The goal is
{GOAL} times as fast as either library on float64 features, which is what metrics receive: {"held" if met else "not held"} here.
On float32 features torch-fidelity computes in float32; our method needs three float32 products of this size, which
alone take {products(n, runs):.2f} s.

{speed.to_markdown(index=False, floatfmt=".2f")}

Peak memory of one run beyond the features, in megabytes, float64:

{megabytes([n // 4, n // 2, n]).to_markdown(index=False, floatfmt=".0f")}
"""
    print(page)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
