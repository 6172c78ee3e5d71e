"""How often the intervals and the brackets of a board of few seeds hold, by simulation.

\b
    python -m experiments coverage --only boards

`seeds`: k values are drawn from a law, as the seeds of a row would be. Does the interval of the cell hold the law's median?
`ranks`: boards are drawn whose rows have a known order. Does every bracket of a board hold its row's true rank? A value is
row + seed + noise; the noise of a row has a standard deviation of 1 and the seeds, which all rows share, one of 0.5.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import beta

from ganbench.statistics import Quantity, Scale, paired, range_level, share, simultaneous

DRAWS = 20_000  # rows per law and number of seeds
BOARDS = 2_000
SHARED = 0.5  # standard deviation of the seeds

Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]


def _logarithmic(sd: float) -> Draw:
    return lambda rng, size: np.exp(sd * rng.normal(size=size))


def _beta(a: float, b: float) -> Draw:
    return lambda rng, size: rng.beta(a, b, size)


def _of(values: tuple[int, ...], p: tuple[float, ...]) -> Draw:
    return lambda rng, size: rng.choice(values, p=p, size=size).astype(float)


LAWS: dict[str, tuple[Quantity, Draw, float]] = {  # and the median
    "log-normal, sd 0.25": ("positive", _logarithmic(0.25), 1.0),
    "log-normal, sd 1": ("positive", _logarithmic(1.0), 1.0),
    "beta, mean 0.3, sd 0.15": ("share", _beta(2.5, 5.83), float(beta.median(2.5, 5.83))),
    "beta, mean 0.97, sd 0.03": ("share", _beta(38, 1.2), float(beta.median(38, 1.2))),
    "beta, mean 0.05, sd 0.03": ("share", _beta(2, 38), float(beta.median(2, 38))),
    "modes 4, 7, 8": ("count", _of((4, 7, 8), (0.3, 0.3, 0.4)), 7.0),
    "8 modes, or 1 with p = 0.2": ("count", _of((1, 8), (0.2, 0.8)), 8.0),
}


def of_seeds() -> Iterator[dict[str, Any]]:
    """One line per law, number of seeds and rule."""
    for (law, (quantity, draw, median)), k in product(LAWS.items(), (3, 5, 6, 10)):
        values = draw(_rng("seeds", law, k), (DRAWS, k))
        rules = {"range": (values.min(1), values.max(1), range_level(k))}
        if quantity != "count":
            scale = Scale.of(quantity, values)
            y = scale.to(values)
            low, high = (scale.back(y.mean(1) + sign * paired(y)) for sign in (-1, 1))
            rules = {f"Student on the {'logit' if quantity == 'share' else 'logarithm'}": (low, high, 0.95)} | rules
        half = paired(values)
        rules["Student"] = (values.mean(1) - half, values.mean(1) + half, 0.95)
        most = {"positive": np.inf, "share": 1.0, "count": 8.0}[quantity]
        for rule, (low, high, level) in rules.items():
            held = int(((low <= median) & (median <= high)).sum())
            beyond = float(((low < 0) | (high > most)).mean())
            yield (
                {"law": law, "k": k, "rule": rule, "level": level, "draws": DRAWS}
                | _covered(held, DRAWS)
                | {
                    "beyond": beyond,
                    "width": float(np.median(high - low)),
                }
            )


def of_ranks() -> Iterator[dict[str, Any]]:
    """One line per board, number of seeds and rule."""
    for rows, k, gap, uneven in product((4, 6, 20), (3, 5, 6), (0.0, 0.02, 0.5), (False, True)):
        rng = _rng("ranks", rows, k, gap, uneven)
        truth = gap * np.arange(rows)
        sd = np.exp(0.8 * rng.normal(size=(BOARDS, rows, 1))) if uneven else 1.0
        noise = sd * rng.normal(size=(BOARDS, rows, k))
        y = truth[:, None] + SHARED * rng.normal(size=(BOARDS, 1, k)) + noise
        pairs = y.mean(-1)[:, :, None] - y.mean(-1)[:, None, :]
        rules = {"board": simultaneous, "pointwise": _pointwise}
        for rule, half in rules.items():
            labels = {"rows": rows, "k": k, "gap": gap, "spreads": "unequal" if uneven else "equal", "rule": rule}
            yield labels | _judged(pairs > half(y), truth)


def _pointwise(y: np.ndarray) -> np.ndarray:
    """Half widths of Student's intervals of the paired differences `[b, r, r]`, row by row to save memory."""
    return np.stack([paired(y - y[:, [i]]) for i in range(y.shape[1])], 1)


def _judged(worse: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
    """What a rule made of boards: `worse` `[b, r, r]`, where row a was called worse than row b."""
    boards, rows, _ = worse.shape
    behind = truth[:, None] > truth[None, :]
    low, high = 1 + worse.sum(2), rows - worse.sum(1)
    first, last = 1 + behind.sum(1), rows - behind.sum(0)  # tied rows may have any of these ranks
    misplaced = int(((low > first) | (high < last)).any(1).sum())
    false = int((worse & ~behind).any((1, 2)).sum())
    return {
        "boards": boards,
        "misplaced": misplaced / boards,
        **dict(zip(("misplaced_low", "misplaced_high"), share(misplaced, boards), strict=True)),
        "false_better": false / boards,
        "told_apart": float((worse & behind).sum() / (boards * behind.sum())) if behind.any() else np.nan,
    }


def _rng(*labels: Any) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(repr(labels).encode()))


def _covered(held: int, of: int) -> dict[str, float]:
    low, high = share(held, of)
    return {"coverage": held / of, "coverage_low": low, "coverage_high": high}


TABLES = {"seeds": of_seeds, "ranks": of_ranks}


def measure(out: Path) -> None:
    """Write `seeds.csv` and `ranks.csv`."""
    for name, lines in TABLES.items():
        pd.DataFrame(lines()).to_csv(out / f"{name}.csv", index=False, float_format="%.6g")


def sections(out: Path) -> list[str]:
    """The parts of the page that follow from these tables; empty if they are not there."""
    if not all((out / f"{name}.csv").is_file() for name in TABLES):
        return []
    seeds, ranks = (pd.read_csv(out / f"{name}.csv") for name in TABLES)
    nominal = seeds[~((seeds.rule == "Student") | (seeds.rule == "range"))]
    even = ranks[(ranks.rule == "board") & (ranks.spreads == "equal")]
    different, equal = (100 * even[(even.gap > 0) == apart].misplaced.max() for apart in (True, False))
    return [
        f"## A cell of a board: {int((nominal.coverage >= 0.93).sum())} of {len(nominal)} intervals cover at least 0.93",
        "k seeds are drawn from a law. `coverage`: how often the interval holds the law's median. `beyond`: how often an end\n"
        "is a number that cannot be. `level`: what the rule promises; the range of discrete counts holds at least this level.\n"
        "Boards show the interval on the logarithm or the logit, and the range of a count. Student's interval of the values\n"
        "themselves is shown beside them.",
        seeds.drop(columns=["coverage_low", "coverage_high", "draws"]).to_markdown(index=False, floatfmt=".3g"),
        f"## The ranks of a board: with equal spreads a row is misplaced on at most {different:.1f} % of boards",
        f"{BOARDS:,} boards each, with rows that are `gap` apart, in standard deviations of a row's noise.\n\n"
        "- `misplaced`: the share of boards on which the true rank of some row is outside of its bracket.\n"
        f"  The title is for rows that differ. For rows that are all equal the share is at most {equal:.1f} %; Tukey's rule\n"
        "  allows 5 % there.\n"
        "- `false_better`: the share of boards on which some row is called better than a row that is not worse.\n"
        "- `told_apart`: the share of truly different pairs that are told apart.\n"
        "- The rule `board` makes the brackets of the tables, the rule `pointwise` those of the columns `..._pointwise`.\n"
        "- With unequal spreads the logarithms of the rows' standard deviations have a standard deviation of 0.8. With fewer\n"
        "  than 5 seeds no rule was found that knows which rows are noisy, so there the brackets promise too much.",
        ranks.drop(columns=["misplaced_low", "misplaced_high", "boards"]).to_markdown(index=False, floatfmt=".3g"),
    ]
