"""How much an extractor sees: the share of emoji that it finds again in another vendor's drawing, and the FID of a resize.

\b
    python -m experiments pairs

Twitter and Google draw the same emoji in two styles. For a drawing of one vendor, the nearest of 100 drawings of the other
vendor in the features should be the same emoji. Chance finds 1 in 100. The command tries every extractor for colour images
whose weights are on this machine. For the extractors that resize, it also measures the FID between the held-out drawings and
the same drawings at half their size. It writes pairs.csv, sizes.csv and README.md to results/pairs/.
"""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from scipy.spatial.distance import cdist

from ganbench import data, features, metrics
from ganbench.display.text import number
from ganbench.features import efficientnet
from ganbench.statistics import student

DATASET, N, DRAWS = "emoji-64", 100, 20


def extractors() -> list[str]:
    """The extractors for colour images that can run on this machine."""
    from ganbench.features import _weights

    networks = list(efficientnet.NAMES) if efficientnet.locate() else []
    published = {name: features.published(name) for name in features.names()}
    here = [name for name, weights in published.items() if weights is not None and _weights.locate(weights) is not None]
    return ["pixels", *networks, *here]


def found(x: np.ndarray, y: np.ndarray) -> float:
    """The share of rows of `x` `[n, d]` whose nearest row of `y` `[n, d]` is their partner, and the other way round.

    >>> found(np.array([[0.0], [1.0]]), np.array([[0.1], [0.2]]))
    0.5
    """
    distances = cdist(x, y)
    own = np.arange(len(x))
    return float(np.mean([distances.argmin(1) == own, distances.argmin(0) == own]))


def embedded(extractor: str, images: np.ndarray) -> np.ndarray:
    """The features of images, float64 `[n, d]`."""
    return np.asarray(features.embed(extractor, images).features, np.float64)


def halved(images: np.ndarray) -> dict[str, np.ndarray]:
    """Images uint8 `[n, H, W, C]` at half their size, by two filters: uint8 `[n, H/2, W/2, C]`."""
    blocks = images.reshape(len(images), images.shape[1] // 2, 2, images.shape[2] // 2, 2, images.shape[3])
    return {
        "mean of 2 x 2 pixels": blocks.mean((2, 4)).round().astype(np.uint8),
        "one of 2 x 2 pixels": blocks[:, :, 0, :, 0],
    }


def frechet(x: np.ndarray, y: np.ndarray) -> float:
    """FID of the features `x` against the features `y`."""
    return float(metrics.compute(("fid",), {"gen": x, "ref": y})["fid"]["value"])


def measure(extractor: str, images: np.ndarray) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What an extractor sees in drawings whose vendors alternate: shares found again, and FIDs.

    Returns:
        A line for each of `DRAWS` random choices of `N` pairs, and a line for each FID of two sets of drawings. An extractor
        that does not resize has no FIDs.
    """
    x = embedded(extractor, images)
    pairs = x.reshape(-1, 2, x.shape[1])
    lines = []
    for draw in range(DRAWS):
        chosen = pairs[np.random.default_rng(draw).choice(len(pairs), N, replace=False)]
        lines.append({"extractor": extractor, "draw": draw, "found": found(chosen[:, 0], chosen[:, 1])})
    if "resize" not in features.describe(extractor):
        return lines, []
    other = {"one vendor against the other": frechet(pairs[:, 0], pairs[:, 1])}
    fids = {way: frechet(embedded(extractor, small), x) for way, small in halved(images).items()} | other
    return lines, [{"extractor": extractor, "sets": sets, "fid": value} for sets, value in fids.items()]


def page(out: Path) -> str:
    """The page of the table `pairs.csv` in `out`."""
    table = pd.read_csv(out / "pairs.csv")
    shares = {name: group.found.to_numpy(float) for name, group in table.groupby("extractor")}
    lines = []
    for name in sorted(shares, key=lambda name: -shares[name].mean()):
        low, high = student(shares[name])
        lines.append({"extractor": name, "found": number(shares[name].mean()), "95 %": f"[{low:.3f}, {high:.3f}]"})
    fids = pd.read_csv(out / "sizes.csv").pivot(index="sets", columns="extractor", values="fid")[
        lambda table: sorted(table)
    ]
    return (
        "# How much an extractor sees\n\n"
        "Twitter and Google draw the same emoji in two styles. `found` is the share of drawings whose nearest drawing of the\n"
        f"other vendor, among {N}, is the same emoji. Chance finds {1 / N:g}. Each value is a mean of {DRAWS} random choices\n"
        f"of {N} held-out emoji. They share emoji, so the interval is about these emoji alone.\n\n"
        f"{pd.DataFrame(lines).to_markdown(index=False)}\n\n"
        "## The same drawings at another size\n\n"
        "Each network resizes its input to one size. So it can compare drawings of 32 x 32 pixels with drawings of 64 x 64\n"
        "pixels. The table has the FID between the held-out drawings and the same drawings at half their size, by the filter\n"
        "that made them smaller. The FID would be 0 if the size made no difference. The last row gives the scale: the FID\n"
        "between the drawings of the two vendors.\n\n"
        f"{fids.map(number).sort_index().reset_index().to_markdown(index=False)}\n\n"
        "`python -m experiments pairs` wrote this page.\n"
    )


def main(out: Annotated[Path, typer.Option(help="where the result goes")] = Path("results/pairs")) -> None:
    """Try every extractor, and write the page."""
    out.mkdir(parents=True, exist_ok=True)
    images = np.asarray(data.load(DATASET, "test").x)
    shares, fids = zip(*(measure(extractor, images) for extractor in extractors()), strict=True)
    for name, lines in (("pairs", shares), ("sizes", fids)):
        pd.DataFrame(chain.from_iterable(lines)).to_csv(out / f"{name}.csv", index=False, float_format="%.6g")
    (out / "README.md").write_text(page(out), encoding="utf-8")
