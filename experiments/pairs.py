"""How much an extractor sees: the share of emoji that it finds again in another vendor's drawing.

\b
    python -m experiments pairs

Twitter and Google draw the same emoji in two styles. For a drawing of one vendor, the nearest of 100 drawings of the other
vendor in the features should be the same emoji. Chance finds 1 in 100. The command tries every extractor for colour images
whose weights are on this machine, and writes pairs.csv and README.md to results/pairs/.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from scipy.spatial.distance import cdist

from ganbench import data, features
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


def measure(extractor: str) -> list[dict[str, Any]]:
    """The share that an extractor finds, for `DRAWS` random choices of `N` pairs of the held-out emoji."""
    x = np.asarray(features.embed(extractor, np.asarray(data.load(DATASET, "test").x)).features, np.float64)
    pairs = x.reshape(-1, 2, x.shape[1])
    lines = []
    for draw in range(DRAWS):
        chosen = pairs[np.random.default_rng(draw).choice(len(pairs), N, replace=False)]
        lines.append({"extractor": extractor, "draw": draw, "found": found(chosen[:, 0], chosen[:, 1])})
    return lines


def page(out: Path) -> str:
    """The page of the table `pairs.csv` in `out`."""
    table = pd.read_csv(out / "pairs.csv")
    shares = {name: group.found.to_numpy(float) for name, group in table.groupby("extractor")}
    lines = []
    for name in sorted(shares, key=lambda name: -shares[name].mean()):
        low, high = student(shares[name])
        lines.append({"extractor": name, "found": number(shares[name].mean()), "95 %": f"[{low:.3f}, {high:.3f}]"})
    return (
        "# How much an extractor sees\n\n"
        "Twitter and Google draw the same emoji in two styles. `found` is the share of drawings whose nearest drawing of the\n"
        f"other vendor, among {N}, is the same emoji. Chance finds {1 / N:g}. Each value is a mean of {DRAWS} random choices\n"
        f"of {N} held-out emoji. They share emoji, so the interval is about these emoji alone.\n\n"
        f"{pd.DataFrame(lines).to_markdown(index=False)}\n\n"
        "`python -m experiments pairs` wrote this page.\n"
    )


def main(out: Annotated[Path, typer.Option(help="where the result goes")] = Path("results/pairs")) -> None:
    """Try every extractor, and write the page."""
    out.mkdir(parents=True, exist_ok=True)
    lines = [line for extractor in extractors() for line in measure(extractor)]
    pd.DataFrame(lines).to_csv(out / "pairs.csv", index=False, float_format="%.6g")
    (out / "README.md").write_text(page(out), encoding="utf-8")
