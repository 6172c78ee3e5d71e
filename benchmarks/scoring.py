"""Inception features: the same numbers as the peers', and how fast, from a folder of PNGs to the score.

    python benchmarks/scoring.py [--images 2000] [--quick] [--out benchmarks/results/scoring.md]

Everything is measured in one run, on the same images and with the same file of weights. The weights are random, with the
real architecture, so that it runs without a download; no time and no relative difference depends on their values. Each
command is a process of its own, its time that of the whole process, and the cache of features is empty before the first.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import pandas as pd
import torch
import typer
from PIL import Image
from torch import Tensor

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests"))

import random_weights  # noqa: E402

from ganbench import data, features  # noqa: E402
from ganbench.features import Extractor, _resize, inception  # noqa: E402

SIDE = 32
DIGITS = (2500, 5000, 10_000)
LATER = 3  # calls on the same samples, whose features are in the cache
PROMISED = {"fp32": 2.2, "bf16": 4.0}  # times torch-fidelity's throughput
PEER = """
import json, sys, torch_fidelity
one, other, weights = sys.argv[1:]
scores = torch_fidelity.calculate_metrics(
    input1=one, input2=other, fid=True, isc=True, cuda=False, cache=False, verbose=False, samples_find_deep=True,
    feature_extractor_weights_path=weights,
)
print(json.dumps({name: float(value) for name, value in scores.items()}))
"""
# Until a process has replaced itself by the command it counts as its parent does, and that stays in its peak. This large
# one, with torch and the images, therefore starts commands through a small one.
LAUNCH = """
import resource, subprocess, sys, time
start = time.perf_counter()
failed = subprocess.call(sys.argv[1:])
print(f"\\n{time.perf_counter() - start} {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss}")
sys.exit(failed)
"""


class Timed(NamedTuple):
    """What a command printed on stdout, the seconds that it took, and the peak of its memory in MiB."""

    stdout: str
    seconds: float
    peak: float


def timed(command: list[str], cache: Path) -> Timed:
    """Run a command as a process of its own."""
    env = os.environ | {"GANBENCH_CACHE": str(cache)}
    done = subprocess.run([sys.executable, "-c", LAUNCH, *command], stdout=subprocess.PIPE, text=True, env=env)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    stdout, _, measured = done.stdout.rstrip().rpartition("\n")
    seconds, peak = map(float, measured.split())
    return Timed(stdout, seconds, peak / 1024)


def photographs(n: int, noise: int, seed: int) -> np.ndarray:
    """n pieces of scikit-learn's two photographs, uint8 [n, 32, 32, 3], with uniform noise of +- `noise`."""
    from sklearn.datasets import load_sample_images

    rng = np.random.default_rng(seed)
    both = np.stack(load_sample_images().images)[:, ::3, ::3]
    rows, columns = (rng.integers(0, size - SIDE, n) for size in both.shape[1:3])
    pieces = [both[i % 2, r : r + SIDE, c : c + SIDE] for i, (r, c) in enumerate(zip(rows, columns, strict=True))]
    moved = np.stack(pieces) + rng.integers(-noise, noise + 1, (n, SIDE, SIDE, 3))
    return np.clip(moved, 0, 255).astype(np.uint8)


def write(folder: Path, images: np.ndarray) -> Path:
    """The images as a folder of PNGs."""
    folder.mkdir()
    for i, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{i:05}.png")
    return folder


def score(gen: Path, ref: Path, weights: str, precision: str, cache: Path) -> tuple[dict[str, Any], Timed]:
    """`ganbench score`: FID and classifier score in Inception."""
    options = ["--features", "inception", "--weights", weights, "--precision", precision, "--json", "-"]
    command = [sys.executable, "-m", "ganbench", "score", str(gen), "--reference", str(ref), *options]
    done = timed([*command, "--metrics", "fid,classifier_score"], cache)
    return json.loads(done.stdout)["metrics"], done


def relative(value: Any, truth: Any) -> float:
    """Largest difference, relative to the largest value of the truth."""
    return float(np.abs(np.asarray(value) - truth).max() / np.abs(truth).max())


def clean_fid(images: np.ndarray, weights: str) -> np.ndarray:
    """Features of clean-fid's own resize, then torch-fidelity's blocks as they are: neither folded nor channels last."""
    import warnings

    from cleanfid.resize import build_resizer

    network = random_weights.layers()
    network.load_state_dict(torch.load(weights.partition("#")[0], weights_only=True))
    network.eval().pop("fc")
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning), torch.inference_mode():
        resize = build_resizer("clean")
        x = torch.from_numpy(np.stack([resize(image) for image in images]).transpose(0, 3, 1, 2))
        features: Tensor = torch.nn.Sequential(*network.values())((x - 128) / 128).mean((2, 3))
        return features.numpy()


def batches(images: np.ndarray, weights: str) -> float:
    """Largest relative difference between features in batches of 1, 7 and 64."""
    run = inception.load(Extractor("inception", weights))
    one, seven, whole = (
        np.concatenate([run(images[i : i + size])[0] for i in range(0, len(images), size)]) for size in (1, 7, 64)
    )
    return max(relative(one, whole), relative(seven, whole))


def digits(n: int, scratch: Path) -> Timed:
    """`ganbench score` with all default metrics of n images 28 x 28 in MNIST's own classifier; its cache is empty."""
    data.obtain("mnist")
    samples = scratch / "digits.npy"
    np.save(samples, np.asarray(data.load("mnist", "train").x[-n:]))
    command = [sys.executable, "-m", "ganbench", "score", str(samples), "--reference", "mnist", "--json", "-"]
    return timed(command, scratch / f"cache-digits-{n}")


def resized(side: int) -> float:
    """Times that torch-fidelity's TF1 resize takes as long as ours."""
    from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x as theirs

    x = photographs(16, 0, 0)
    planes = torch.from_numpy(x.transpose(0, 3, 1, 2).copy()).float()

    def least(run: Any) -> float:
        seconds = []
        for _ in range(5):
            start = time.perf_counter()
            run()
            seconds.append(time.perf_counter() - start)
        return min(seconds)

    return least(lambda: theirs(planes, (side, side), align_corners=False)) / least(lambda: _resize.tf1(x, side))


def main(
    images: Annotated[int, typer.Option(help="Images in both sets together.", min=8)] = 2000,
    quick: Annotated[bool, typer.Option("--quick", help="Eight images, for a test of this command.")] = False,
    out: Annotated[Path, typer.Option(help="Page to write.")] = Path("benchmarks/results/scoring.md"),
) -> None:
    """Measure."""
    from torch_fidelity.metric_isc import isc_features_to_metric

    n, few = (8, 4) if quick else (images, 64)
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        weights = random_weights.inception(scratch / "random.pth")
        x = photographs(n // 2, 30, 0)
        gen, ref = write(scratch / "gen", x), write(scratch / "ref", photographs(n // 2, 0, 1))
        peer = timed([sys.executable, "-c", PEER, str(gen), str(ref), weights.partition("#")[0]], scratch)
        theirs = json.loads(peer.stdout.splitlines()[-1])
        ours, again, scores = {}, {}, {}
        for precision in PROMISED:
            scores[precision], ours[precision] = score(gen, ref, weights, precision, scratch / precision)
            repeats = [score(gen, ref, weights, precision, scratch / precision) for _ in range(1 if quick else LATER)]
            assert all(result == scores[precision] for result, _ in repeats)
            again[precision] = min((timing for _, timing in repeats), key=lambda timing: timing.seconds)
        os.environ["GANBENCH_CACHE"] = str(scratch / "fp32")
        logits = features.embed(Extractor("inception", weights), x).logits
        isc = isc_features_to_metric(torch.from_numpy(logits), splits=10, shuffle=True, rng_seed=2020)
        clean = features.embed(Extractor("inception-clean", weights), x[:few]).features
        parity = {
            "FID, fp32, against `torch_fidelity.calculate_metrics`": (
                abs(scores["fp32"]["fid"]["value"] / theirs["frechet_inception_distance"] - 1), 1e-4
            ),
            "Inception Score of 10 splits, same shuffle, against the same call": (
                abs(isc["inception_score_mean"] / theirs["inception_score_mean"] - 1), 1e-3
            ),
            f"`inception-clean`, features of {few} images, against clean-fid's resize before torch-fidelity's blocks": (
                relative(clean, clean_fid(x[:few], weights)), 1e-5
            ),
            f"features of {few} images in batches of 1, 7 and 64": (batches(x[:few], weights), 1e-5),
        }  # fmt: skip
        mnist = {} if quick else {n: digits(n, scratch) for n in DIGITS}
    rate = {"torch-fidelity": n / peer.seconds} | {f"ganbench, {p}": n / ours[p].seconds for p in ours}
    speed = pd.DataFrame(
        {
            "command": name,
            "seconds": seconds.seconds,
            "images / s": rate[name],
            "times torch-fidelity": rate[name] / rate["torch-fidelity"],
            "promised": promised,
            f"shortest of {LATER} later calls, s": None if later is None else later.seconds,
            "peak memory, MiB": seconds.peak,
        }
        for name, seconds, later, promised in [
            ("torch-fidelity", peer, None, None),
            *((f"ganbench, {p}", ours[p], again[p], PROMISED[p]) for p in PROMISED),
        ]
    )
    differences = pd.DataFrame(
        {"what": what, "relative difference": value, "promised": promised} for what, (value, promised) in parity.items()
    )
    exact, rough = (scores[p]["fid"]["value"] for p in PROMISED)
    grey = pd.DataFrame(
        {
            "images": f"{n:,}",
            "seconds": d.seconds,
            "promised": 60 if n == DIGITS[-1] else None,
            "peak memory, MiB": d.peak,
        }
        for n, d in mnist.items()
    )
    last = (
        f"""
## All metrics of digits 28 x 28 against MNIST, with its own classifier, nothing cached

{grey.to_markdown(index=False, floatfmt=".4g")}
"""
        if mnist
        else ""
    )
    page = f"""# Scoring: parity and speed of Inception

Written by `python benchmarks/scoring.py{" --quick" * quick}{f" --images {n}" * (not quick)}` on {platform.machine()} with \
{os.cpu_count()} cores, torch {torch.__version__}: {n:,} images {SIDE} x {SIDE} as PNGs in two folders, FID and Inception \
Score, random weights in the real architecture.

## Speed, whole processes from start to end

{speed.to_markdown(index=False, floatfmt=".3g")}

The TF1 resize of 16 images takes torch-fidelity {resized(inception.SIDE):.1f} times as long as ours.
{last}
## Parity

{differences.to_markdown(index=False, floatfmt=".2g")}

bf16 moves the FID of these two sets from {exact:.4f} to {rough:.4f}, by {abs(rough / exact - 1):.2%}. That is with random \
weights; with the published ones it was not measured, and `--precision` stands in the id of the features, so the two never mix.
"""
    print(page)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
