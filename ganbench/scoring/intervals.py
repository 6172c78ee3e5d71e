"""How often the intervals of metrics held the truth in simulations, and what reports say where that was too rare.

`intervals.csv` is a digest of `results/coverage/`, written by `python -m experiments pages`. A line has the worst setting of a
metric's version on one kind of features: Gaussian features, features with heavy tails, clusters, or real features of images.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from ganbench.metrics import get
from ganbench.scoring.result import Result
from ganbench.statistics import ALPHA

FILE = Path(__file__).with_name("intervals.csv")
PROMISED = 0.93  # the share of simulations below which a report speaks; the interval is called one of 95 %
REAL = "real features"


class Covered(NamedTuple):
    """The worst setting of a metric on one kind of features."""

    metric: str
    version: int
    kind: str
    d: int  # features; 0 where the kind has one dimension only
    n: int
    coverage: float  # share of the simulations in which the interval held the truth
    upper: float  # the upper end of the 95 % interval of this share

    @property
    def short(self) -> bool:
        """Whether the interval holds the truth too rarely, and not by chance."""
        return self.coverage < PROMISED and self.upper < 1 - ALPHA

    @property
    def percent(self) -> str:
        """The share as people read it."""
        return f"{100 * self.coverage:.0f} %"

    def __str__(self) -> str:
        """The metric, the share and the setting, as a part of a sentence."""
        size = f"{self.kind}, {self.d} dimensions" if self.d else self.kind
        return f"{self.metric} {self.percent} ({size}, {self.n:,} samples)"


@cache
def table() -> tuple[Covered, ...]:
    """All lines of `intervals.csv`."""
    with FILE.open(encoding="utf-8", newline="") as file:
        return tuple(read(line) for line in csv.DictReader(file))


def read(line: dict[str, str]) -> Covered:
    """A line of the file."""
    version, d, n = (int(line[name]) for name in ("version", "d", "n"))
    return Covered(line["metric"], version, line["kind"], d, n, float(line["coverage"]), float(line["upper"]))


def worst(metric: str, version: int, shape: Sequence[int] | None) -> Covered | None:
    """The worst setting like the data at hand, if the interval of a metric holds the truth there too rarely; else None.

    Args:
        metric: its name.
        version: of the metric; a simulation of another version says nothing.
        shape: of a sample. For images the real features count. For points the drawn features count, of the simulated
            dimensions the nearest one to their own. None if it is unknown.
    """
    own = [line for line in table() if (line.metric, line.version) == (metric, version)]
    if shape is None:
        return None
    if len(shape) == 3:
        near = [line for line in own if line.kind == REAL]
    else:
        drawn = [line for line in own if line.kind != REAL]
        apart = {line.d: abs(math.log(max(line.d, 1) / math.prod(shape))) for line in drawn}
        near = [line for line in drawn if apart[line.d] == min(apart.values())]
    least = min(near, key=lambda line: line.coverage, default=None)
    return least if least is not None and least.short else None


def of(result: Result) -> dict[str, Covered]:
    """The metrics of a result whose interval holds the truth too rarely on such data."""
    shape = result.samples.shape
    lines = {name: worst(name, m.version, shape) for name, m in result.metrics.items() if m.interval is not None}
    return {name: line for name, line in lines.items() if line is not None}


def of_metrics(names: Iterable[str], shape: Sequence[int]) -> list[Covered]:
    """The same for metrics of today's versions, and samples of one shape."""
    lines = (worst(name, get(name).card.version, shape) for name in names)
    return [line for line in lines if line is not None]


def note(lines: Iterable[Covered]) -> str:
    """The sentence of a report on such intervals; empty without one."""
    shown = "; ".join(map(str, lines))
    return (
        f"In simulations these intervals held the truth in less than {100 * PROMISED:.0f} %: {shown}." if shown else ""
    )
