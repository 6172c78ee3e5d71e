"""From the values of all repeats to verdicts: pass, fail, or undecided where the margin's interval contains 0."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from ganbench.sanity import criteria, published
from ganbench.sanity.checks import CHECKS, PUBLISHED, TURNED, Check
from ganbench.sanity.distances import DETECTORS, NAMES
from ganbench.sanity.pairs import HALF
from ganbench.sanity.published import BOUNDS, PARTS, SHAPE
from ganbench.statistics import ALPHA, Z

PASS, FAIL, UNDECIDED = "pass", "fail", "undecided"
DISTANCE = "distance"
DRAWS = 400  # of the bootstrap over repeats
TOLERANCE = 1e-9  # of a margin: 1.05 - 1 is not 0.05 in float64
ROUNDED = ("15", "synthetic rounded")  # the only sweep with a finite support, at its start


class Table(NamedTuple):
    """What all repeats of a check gave."""

    groups: np.ndarray  # str `[points]`
    x: np.ndarray  # float64 `[points]`
    values: dict[str, np.ndarray]  # by metric, float64 `[repeats, points]`; NaN where a metric was not computed


def redrawn(values: np.ndarray, draws: int = DRAWS) -> np.ndarray:
    """Means over repeats: of `values` `[r, k]` itself, and of `draws` bootstrap samples of its rows, float64 `[1 + draws, k]`.

    A bootstrap of r values is too narrow by the share (1 - 1 / r)^(1/2), and its ends are normal. So the deviations are
    stretched to the width of Student's interval of a mean.
    """
    r = len(values)
    mean = values.mean(0)
    rng = np.random.default_rng(0)
    stretch = stdtrit(r - 1, 1 - ALPHA / 2) / Z * np.sqrt(r / (r - 1))
    samples = values[rng.integers(0, r, (draws, r))].mean(1)
    return np.concatenate([mean[None], mean + stretch * (samples - mean)])


def interval(margins: np.ndarray) -> tuple[float, float, float]:
    """The margin of the mean, and the ends of its 95 % interval, from the margins of `redrawn` means `[1 + draws]`.

    The interval reaches equally far to both sides, as far as the farther end of the bootstrap. A margin is often the worst of
    many places. Redrawn means have the noise twice, so their worst place is worse, and the bootstrap alone would lie too low.
    """
    margin = float(margins[0])
    half = float(np.abs(np.quantile(margins[1:], [ALPHA / 2, 1 - ALPHA / 2]) - margin).max())
    return margin, margin - half, margin + half


def verdict(low: float, high: float) -> str:
    """Pass if the whole interval of the margin is at least 0, fail if it is below 0, else undecided."""
    return PASS if low >= -TOLERANCE else FAIL if high < -TOLERANCE else UNDECIDED


def curves(table: Table, metric: str) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """The sweeps of a metric: the group, the places `[k]`, and the redrawn means `[1 + draws, k]`. Gaps are left out."""
    values = table.values[metric]
    measured = np.isfinite(values).all(0)
    for group in dict.fromkeys(table.groups.tolist()):
        rows = (table.groups == group) & measured
        if rows.any():
            yield group, table.x[rows], redrawn(values[:, rows])


def margins(check: Check, metric: str, table: Table) -> dict[str, np.ndarray]:
    """The redrawn margins of a metric in the parts of a check that apply to it, each `[1 + draws]`."""
    sweeps = list(curves(table, metric))
    if not sweeps:
        return {}
    if metric in HALF:
        judged = [check.criterion(HALF[metric], *sweep) for sweep in sweeps]
        # Every sweep must pass, and all of them under one reading of diversity.
        return {
            part: np.max([criteria.worst(*(getattr(m, part)[reading] for m in judged)) for reading in (0, 1)], axis=0)
            for part in PARTS
        }
    if metric in DETECTORS:
        return _detected(check, metric, sweeps)
    ruled = [check.rule(*sweep) for sweep in sweeps]
    least = [margin for margin, _ in ruled if margin is not None]
    parts = {BOUNDS: criteria.worst(*least)} if least else {}
    return parts | {SHAPE: criteria.worst(*(margin for _, margin in ruled))}


def _detected(check: Check, metric: str, sweeps: list[tuple[str, np.ndarray, np.ndarray]]) -> dict[str, np.ndarray]:
    """A detector is silent where there is nothing to detect. `support` must see that coarse rounding leaves few values."""
    quiet = [y for group, _, y in sweeps if metric != "support" or (check.name, group) != ROUNDED]
    parts = {SHAPE: criteria.worst(*(criteria.silent(y) for y in quiet))}
    if metric == "support" and check.name == ROUNDED[0]:
        parts[BOUNDS] = criteria.worst(
            *(criteria.value_is(y[:, 0], 1) for group, _, y in sweeps if group == ROUNDED[1])
        )
    return parts


def judge(tables: dict[str, Table]) -> pd.DataFrame:
    """One line per metric, check and part.

    Columns: check, title, metric, half (fidelity, diversity or distance), part (bounds, shape), verdict, margin, low, high,
    published (pass, fail or empty).
    """
    lines = []
    for name, table in tables.items():
        check = CHECKS[name]
        for metric in (*HALF, *NAMES):
            for part, redrawn_margins in margins(check, metric, table).items():
                margin, low, high = interval(redrawn_margins)
                said = published.passed(name, metric, part)
                lines.append(
                    {
                        "check": name,
                        "title": check.title,
                        "metric": metric,
                        "half": HALF.get(metric, DISTANCE),
                        "part": part,
                    }
                    | {"verdict": verdict(low, high), "margin": margin, "low": low, "high": high}
                    | {"published": "" if said is None else PASS if said else FAIL}
                )
    return pd.DataFrame(lines)


def scores(verdicts: pd.DataFrame, turned: bool = False) -> pd.DataFrame:
    """Passes, undecided cells and cells of every metric on the 15 checks; with `turned`, checks 8, 9, 12 and 14 are rotated."""
    names = [TURNED.get(check.name, check.name) if turned else check.name for check in PUBLISHED]
    own = verdicts[verdicts.check.isin(names)]
    grouped = own.groupby("metric", sort=False).verdict
    return pd.DataFrame(
        {
            "passes": grouped.apply(lambda v: int((v == PASS).sum())),
            "undecided": grouped.apply(lambda v: int((v == UNDECIDED).sum())),
            "cells": grouped.size(),
        }
    )


def compared(verdicts: pd.DataFrame) -> pd.DataFrame:
    """The cells with a published verdict, with the column `agreement`: agree, differ, or undecided."""
    own = verdicts[verdicts.published != ""].copy()
    own["agreement"] = np.where(own.verdict == own.published, "agree", "differ")
    own.loc[own.verdict == UNDECIDED, "agreement"] = UNDECIDED
    return own


def linearity(tables: dict[str, Table]) -> pd.DataFrame:
    """Largest deviation from 1 - p as the share p of junk grows. Columns: metric, half, group, deviation, low, high."""
    lines = []
    if "junk" in tables:
        for metric, half in HALF.items():
            for group, x, y in curves(tables["junk"], metric):
                value, low, high = interval(criteria.deviation(x, y))
                lines.append(
                    {"metric": metric, "half": half, "group": group, "deviation": value, "low": low, "high": high}
                )
    return pd.DataFrame(lines)


def passed_by_nobody(verdicts: pd.DataFrame) -> list[tuple[str, str, str]]:
    """The cells (half, check, part) of fidelity and diversity that no pair passes."""
    own = verdicts[verdicts.half != DISTANCE]
    left = own[own.verdict != FAIL]
    passed = set(zip(left.half, left.check, left.part, strict=True))
    return [cell for cell in dict.fromkeys(zip(own.half, own.check, own.part, strict=True)) if cell not in passed]
