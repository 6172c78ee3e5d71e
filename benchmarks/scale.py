"""Time and memory of the metrics that compare all pairs, at n = 100,000 and d = 64, and of 100,000 images 32 x 32.

    python benchmarks/scale.py [--n 100000] [--quick] [--out benchmarks/results/scale.md]

Generated, held-out and training features are standard normal, the hardest case of a neighbour search: no set of points is far
from the others, so no pair can be left out. Every line is a process of its own. The libraries are compared at a smaller n, on
the same arrays in the same run, because prdc and the plain formula of KID hold matrices of n x n numbers. The images go through
`ganbench score` with an extractor of 64 features. With --quick the sets are small.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
import pandas as pd
import typer
from sklearn.neighbors import NearestNeighbors

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT))

from benchmarks.neighbours import FOUR, ours, prdc, resident  # noqa: E402
from benchmarks.scoring import timed  # noqa: E402
from ganbench import metrics  # noqa: E402
from ganbench.metrics._neighbours import knn  # noqa: E402

R = TypeVar("R")
Run = Callable[[np.ndarray, np.ndarray], Any]

D = 64
SIDE = 32
PROMISED = 60.0  # seconds of each metric
MEMORY = 2.0  # GB of the process that scores the images
SINGLE = (*FOUR, "memorisation", "support", "kid", "fid", "sliced_wasserstein", "vendi", "parzen")
LINES: dict[str, tuple[str, ...]] = {name: (name,) for name in SINGLE} | {f"{', '.join(FOUR)} in one call": FOUR}
IMAGES = ("fid", "kid", *FOUR, "memorisation", "support")
EXTRACTOR = """
import numpy as np
DIRECTIONS = np.random.default_rng(0).standard_normal((3072, 64), np.float32) / 3072**0.5


def extract(images):
    return images.reshape(len(images), -1).astype(np.float32) / 255 @ DIRECTIONS
"""


def features(n: int) -> dict[str, np.ndarray]:
    """Standard normal features `[n, 64]` of each set."""
    rng = np.random.default_rng(0)
    return {name: rng.standard_normal((n, D)) for name in metrics.SETS}


def measured(run: Callable[[], Any]) -> tuple[float, float]:
    """Seconds of a call, and the most memory in MB that it takes beyond what was there before."""
    before = most = resident()
    with ThreadPoolExecutor(1) as pool:
        start = time.perf_counter()
        done = pool.submit(run)
        while not done.done():
            most = max(most, resident())
            time.sleep(1e-2)
        done.result()
        return time.perf_counter() - start, (most - before) / 1e6


def plain_kid(gen: np.ndarray, ref: np.ndarray) -> float:
    """The U-statistic from three whole matrices of kernel values."""
    scale = D / (ref**2).sum(1).mean()
    within = [((x @ x.T * scale / D + 1) ** 3, len(x)) for x in (gen, ref)]
    own = sum((k.sum() - np.trace(k)) / (n * (n - 1)) for k, n in within)
    return float(own - 2 * ((gen @ ref.T * scale / D + 1) ** 3).mean())


def line(names: tuple[str, ...], n: int) -> tuple[float, float]:
    """Seconds and memory of metrics at n samples in each set."""
    metrics.compute(names, features(300))  # the first call imports
    inputs = features(n)
    return measured(lambda: metrics.compute(names, inputs))


def nearest(gen: np.ndarray, ref: np.ndarray) -> Any:
    """The 50 nearest neighbours, by scikit-learn."""
    return NearestNeighbors(n_neighbors=50, algorithm="brute").fit(ref).kneighbors(gen)


CONTESTS: dict[str, tuple[Run, str, Run]] = {
    ", ".join(FOUR): (partial(ours, FOUR), "prdc, without errors", prdc),
    "kid": (partial(ours, ("kid",)), "three kernel matrices", plain_kid),
    "50 nearest neighbours": (partial(knn, k=50), "scikit-learn, brute force", nearest),
}


def contest(what: str, n: int) -> dict[str, Any]:
    """Seconds and memory of ganbench and of another way to the same numbers, at n samples in each set."""
    inputs = features(n)
    mine, other, theirs = CONTESTS[what]
    for run in (mine, theirs):
        run(inputs["gen"][:100], inputs["ref"][:100])  # the first call imports
    (a, memory), (b, their_memory) = (measured(partial(run, inputs["gen"], inputs["ref"])) for run in (mine, theirs))
    row = {"what": what, "ganbench, s": a, "other way": other, "other way, s": b, "ratio": b / a}
    return row | {"ganbench, MB": memory, "other way, MB": their_memory}


def alone(function: Callable[..., R], *arguments: Any) -> R:
    """The result of a function in a process of its own: no other call has left memory there."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def patches(n: int, rng: np.random.Generator) -> np.ndarray:
    """Images of 4 x 4 random squares, with noise, uint8 `[n, 32, 32, 3]`: images with near pixels have near features."""
    coarse = rng.integers(20, 236, (n, 4, 4, 3), np.uint8).repeat(SIDE // 4, 1).repeat(SIDE // 4, 2)
    coarse += rng.integers(0, 20, coarse.shape, np.uint8)
    return coarse


def images(n: int, scratch: Path) -> tuple[float, float]:
    """Seconds and peak memory in GB of `ganbench score` on three files of n colour images 32 x 32."""
    rng = np.random.default_rng(0)
    for name in metrics.SETS:
        np.savez(scratch / f"{name}.npz", patches(n, rng))
    (scratch / "extractor.py").write_text(EXTRACTOR, encoding="utf-8")
    options = ["--reference", f"{scratch}/ref.npz", "--train", f"{scratch}/train.npz", "--json", "-"]
    command = [sys.executable, "-m", "ganbench", "score", f"{scratch}/gen.npz", *options]
    done = timed([*command, "--features", f"{scratch}/extractor.py", "--metrics", ",".join(IMAGES)], scratch / "cache")
    assert json.loads(done.stdout)["metrics"].keys() == set(IMAGES)
    return done.seconds, done.peak * 2**20 / 1e9


def main(
    n: Annotated[int, typer.Option(help="Samples in each set.", min=400)] = 100_000,
    quick: Annotated[bool, typer.Option("--quick", help="Small sets, for a test of this command.")] = False,
    out: Annotated[Path, typer.Option(help="Page to write.")] = Path("benchmarks/results/scale.md"),
) -> None:
    """Measure."""
    n, few = (400, 200) if quick else (n, min(n, 10_000))
    measures = {title: alone(line, names, n) for title, names in LINES.items()}
    table = pd.DataFrame(
        {"metric": title, "seconds": seconds, "memory, MB": memory} for title, (seconds, memory) in measures.items()
    )
    slowest = max(measures[name][0] for name in SINGLE)
    beside = pd.DataFrame(alone(contest, what, few) for what in CONTESTS)
    with tempfile.TemporaryDirectory() as name:
        pictures = few if quick else n
        seconds, peak = images(pictures, Path(name))
    page = f"""# Scale: metrics of {n:,} samples

Written by `python benchmarks/scale.py{" --quick" * quick}{f" --n {n}" * (not quick)}` on {platform.machine()} with \
{os.cpu_count()} cores, numpy {np.__version__}.

## {n:,} samples in each of three sets, {D} features

Promised: {PROMISED:g} s for each metric at n = 100,000 on two cores. The slowest metric here took {slowest:.0f} s: \
{"held" if slowest <= PROMISED else "not held"}.
All values are exact: no line looks at a part of the pairs. Memory is what a call needs beyond the features.

{table.to_markdown(index=False, floatfmt=".3g")}

## Beside other ways to the same numbers, {few:,} samples in each set

{beside.to_markdown(index=False, floatfmt=".3g")}

## {pictures:,} colour images {SIDE} x {SIDE}

`ganbench score` with {", ".join(IMAGES)}, on files of uint8 images, with an extractor of {D} features: {seconds:.0f} s, and
{peak:.2f} GB at the peak, of the whole process. Promised: {MEMORY:g} GB; {"held" if peak <= MEMORY else "not held"} here.
"""
    print(page)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
