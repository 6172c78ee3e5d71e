"""Verdicts of a calibration: what the card of a metric promises, against what was measured.

Promises of a card are signs: "+", "-" and "0" for a kind of damage. Planted truths are values ("="). Each promise of a card
gets two p-values: of the doubt that it is kept, and of the doubt that it is broken. Holm's rule (1979, Scand. J. Statist. 6)
corrects each of the two families for the number of promises. So all verdicts of one calibration are right together with a
probability of 95 %.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtr

from ganbench.boards.corruptions import CORRUPTIONS
from ganbench.boards.plants import PLANTS
from ganbench.display.text import number
from ganbench.metrics import Card
from ganbench.statistics import ALPHA, student

NULL = "real"  # the corruption that does nothing
MONOTONE = 0.6  # least rank correlation with the level: of four values, one pair of neighbours may be swapped
BLIND = 0.1  # a movement below this share of the metric's largest movement counts as none
SEEN = 3.0  # standard deviations of untouched sets: a level that moves a metric so far is seen
ROUNDING = 1e-6  # of a planted truth
# Without any effect, all movements of r repeats go into the promised direction with probability 2^-r. With fewer repeats
# than here, this probability is above 5 %: the repeats then prove nothing, however they come out (sign test).
LEAST_REPEATS = math.ceil(math.log2(1 / ALPHA))
SIGNS = {"+": 1.0, "-": -1.0}

LeftOut = Mapping[tuple[str, float | None], str]  # a kind of damage (None) or a level of it, and why


def judge(values: pd.DataFrame, cards: Mapping[str, Card], left_out: LeftOut) -> pd.DataFrame:
    """Compare each metric with its card.

    "+" and "-" are kept if the strongest level surely moves the metric in that direction (Student's t of the differences to the
    untouched sets of the same repeats) and the means follow the levels (rank correlation at least `MONOTONE`). They are broken
    if the strongest level surely moves it by less than one standard deviation of untouched sets, or if the values surely go
    back between more pairs of levels than `MONOTONE` allows. A step back below `BLIND` of the metric's largest movement does
    not count. "0" is kept if the metric surely moves by less than `BLIND` of its largest movement at every level, and broken
    if it surely moves by more at some level. The largest movement is taken at the strongest level of the damage with a
    promised "+" or "-". "Surely" is at the level `ALPHA` for all promises together. A small but sure movement keeps a "+".
    What is neither kept nor broken is not judged, and "not judged" is no pass. The same holds with fewer than
    `LEAST_REPEATS` repeats, and for damage that cannot be measured. If a metric has infinite values, -1 / value is judged
    instead, because it rises with the value.

    Columns: metric, version, corruption, promised, observed ("+", "-", "0", "~" for none of them, or empty), movement (at
    the strongest level, as a share of the metric's largest movement), seen_from (the least level that the metric sees: see
    `effects`), verdict (pass, fail, not judged, no promise), why.
    """
    lines = []
    for metric, card in cards.items():
        own = values[values.metric == metric]
        steps = _steps(own)
        complete = {c: s for c, s in steps.items() if not np.isnan(s).any()}
        moved = {c: abs((s[-1] - s[0]).mean()) for c, s in complete.items()}
        seen = [size for c, size in moved.items() if card.responds.get(c) in SIGNS]
        scale, largest = max(seen or moved.values(), default=0.0), max(moved.values(), default=0.0)
        for corruption in CORRUPTIONS:
            line = {"metric": metric, "version": card.version, "corruption": corruption}
            line["promised"] = promised = card.responds.get(corruption, "")
            if corruption in complete:
                line |= _observed(complete[corruption], promised, scale, largest)
            else:
                why = _reason(own, corruption) if corruption in steps else _left_out(corruption, left_out)
                line |= {"observed": "", "movement": np.nan, "why": why}
            lines.append(line)
    table = pd.DataFrame(lines)
    promises = table.promised != ""
    judged = promises & table.get("kept", pd.Series(np.nan, table.index)).notna()
    table["verdict"] = np.where(promises, "not judged", "no promise")
    if judged.any():
        kept, broken = (holm(table.loc[judged, doubt].to_numpy(float)) <= ALPHA for doubt in ("kept", "broken"))
        table.loc[judged, "verdict"] = np.where(kept, "pass", np.where(broken, "fail", "not judged"))
        open_ = judged & (table.verdict == "not judged")
        table.loc[open_, "why"] = "the repeats differ too much to say; " + table.why[open_]
    seen_first = effects(values, cards).query("first").set_index(["metric", "corruption"]).level
    places = pd.MultiIndex.from_frame(table[["metric", "corruption"]])
    table["seen_from"] = seen_first.reindex(places).to_numpy(float)
    return table[["metric", "version", "corruption", "promised", "observed", "movement", "seen_from", "verdict", "why"]]


def holm(doubts: np.ndarray) -> np.ndarray:
    """Holm's adjusted p-values of `doubts` `[k]`: those of at most ALPHA are right together with probability 1 - ALPHA."""
    order = np.argsort(doubts)
    steps = np.maximum.accumulate((len(doubts) - np.arange(len(doubts))) * doubts[order])
    adjusted = np.empty(len(doubts))
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted


def above(x: np.ndarray, bound: float) -> float:
    """The p-value of "the mean of `x` `[r]` is not above `bound`": Student's one-sided test; 0 or 1 if all values are equal."""
    gap, se = float(x.mean()) - bound, float(x.std(ddof=1)) / np.sqrt(len(x))
    if se <= 1e-12 * abs(bound):
        return 0.0 if gap > 0 else 1.0
    return float(stdtr(len(x) - 1, -gap / se))


def doubts(steps: np.ndarray, promised: str, scale: float) -> tuple[float, float]:
    """Two p-values for values `[1 + levels, repeats]`: of "not kept" and of "not broken"."""
    margin, sd = BLIND * scale, float(steps[0].std(ddof=1))
    if promised == "0":
        moved, least = steps[1:] - steps[0], max(margin, sd)
        kept = max(above(side, -least) for level in moved for side in (level, -level))
        broken = min(above(side, least) for level in moved for side in (level, -level))
        return kept, min(1.0, len(moved) * broken)
    steps = SIGNS[promised] * steps
    moved = steps[-1] - steps[0]
    kept = above(moved, 0.0) if order(steps) >= MONOTONE else 1.0
    least = sd or margin
    back = sorted(above(a - b, margin) for i, a in enumerate(steps) for b in steps[i + 1 :])
    allowed = int((1 - MONOTONE) / 2 * len(back) + 1e-9)  # swapped pairs that leave the rank correlation at MONOTONE
    reversed_ = (len(back) - allowed) * back[allowed]  # more than so many pairs are swapped (Benjamini & Heller 2008)
    return kept, min(1.0, 2 * min(above(-moved, -least), reversed_))


def order(steps: np.ndarray) -> float:
    """Goodman and Kruskal's gamma of the means and the levels.

    Ties do not count, so a value may stay at its bound. Two means are tied if they differ by less than `BLIND` of the range
    of all means.
    """
    means = steps.mean(1)
    differences = (means[None] - means[:, None])[np.triu_indices(len(means), 1)]
    signs = np.sign(differences) * (np.abs(differences) >= BLIND * np.ptp(means))
    return float(signs.sum() / max(np.abs(signs).sum(), 1))


def _steps(own: pd.DataFrame) -> dict[str, np.ndarray]:
    """One metric's values by kind of damage: `[1 + levels, repeats]`, untouched first, then mild to strong."""
    sign = -1 if np.isinf(own.value).any() else 1
    steps: dict[str, list[np.ndarray]] = {}
    for (corruption, _), value in own.groupby(["corruption", "level"], sort=False).value:
        steps.setdefault(str(corruption), []).append(value.to_numpy(float) ** sign * sign)
    (untouched,) = steps.pop(NULL, [np.empty(0)])
    return {corruption: np.stack([untouched, *levels]) for corruption, levels in steps.items()}


def _observed(steps: np.ndarray, promised: str, scale: float, largest: float) -> dict[str, Any]:
    """How a metric moves under a kind of damage, and the two doubts on its promise if there are repeats enough."""
    low, high = student(steps[-1] - steps[0])
    path = " → ".join(number(mean) for mean in steps.mean(1))
    shown = [response for response in ("0", "+", "-") if doubts(steps, response, scale)[0] <= ALPHA / 2]
    kept, broken = doubts(steps, promised, scale) if promised else (np.nan, np.nan)
    too_few = steps.shape[1] < LEAST_REPEATS
    few = f"{steps.shape[1]} repeats are too few, {LEAST_REPEATS} are needed; " if too_few else ""
    return {
        "observed": promised if promised in shown else next(iter(shown), "~"),
        "movement": (steps[-1] - steps[0]).mean() / largest if largest else 0.0,
        "kept": np.nan if too_few else kept,
        "broken": np.nan if too_few else broken,
        "why": f"{few}{path}; difference at the strongest level [{number(low)}, {number(high)}], "
        f"rank correlation {order(steps):.2g}",
    }


def _reason(own: pd.DataFrame, corruption: str) -> str:
    missing = own[own.corruption.isin([NULL, corruption]) & own.value.isna()]
    return str(missing.reason.iloc[0])


def _left_out(corruption: str, left_out: LeftOut) -> str:
    return next((why for (name, _), why in left_out.items() if name == corruption), "this damage was not measured")


def effects(values: pd.DataFrame, cards: Mapping[str, Card]) -> pd.DataFrame:
    """How far each level moves each metric, in standard deviations of untouched sets.

    Columns: metric, corruption, level, mean, sd (over repeats), d (the mean less the untouched sets' mean, divided by the
    untouched sets' standard deviation), first (whether this is the least level that the metric sees). A level is seen if d
    is at least `SEEN` in the promised direction and the movement is sure (95 %). Without a promised direction it is the
    direction of worse values, or either direction if the metric has a target. A metric with infinite values is taken as -1 /
    value.
    """
    lines = []
    for metric, card in cards.items():
        own = values[values.metric == metric]
        for corruption, steps in _steps(own).items():
            if np.isnan(steps).any():
                continue
            worse = {"lower": 1.0, "higher": -1.0, "target": 0.0}[card.better]
            direction = SIGNS.get(card.responds.get(corruption, ""), worse)
            levels, seen = own[own.corruption == corruption].level.unique(), False
            for level, value in zip(levels, steps[1:], strict=True):
                d = _in_sd((value - steps[0]).mean(), steps[0].std(ddof=1))
                low, high = student(value - steps[0])
                first = not seen and (direction * d if direction else abs(d)) >= SEEN and not low <= 0 <= high
                seen |= first
                lines.append(
                    {"metric": metric, "corruption": corruption, "level": level, "mean": value.mean()}
                    | {"sd": value.std(ddof=1), "d": d, "first": first}
                )
    return pd.DataFrame(lines, columns=["metric", "corruption", "level", "mean", "sd", "d", "first"])


def _in_sd(movement: float, sd: float) -> float:
    if sd > 0:
        return movement / sd
    return math.copysign(math.inf, movement) if movement else 0.0


def judge_plants(planted: pd.DataFrame, cards: Mapping[str, Card]) -> pd.DataFrame:
    """Compare planted truths with the intervals of the metrics.

    Args:
        planted: columns plant, metric (of a further number: `fid.unbiased`), repeat, truth, value, low, high, reason.
        cards: of the metrics that are judged.

    A truth is held in a repeat if it lies in the interval of the metric, or if it equals a value without an interval, up to
    rounding. The plant passes if the truth is held in at least four of five repeats. With 20 repeats, an interval of 95 %
    fails in 0.3 % of the calibrations. A metric without any value is not judged.

    Columns: as `judge`, with the name of the plant as corruption, "=" as promised, and "19 of 20" as observed.
    """
    lines = []
    for (plant, number_of), group in planted.groupby(["plant", "metric"], sort=False):
        metric = str(number_of).partition(".")[0]
        if metric not in cards:
            continue
        room = ROUNDING * group.truth.abs() + 1e-12
        held = int(((group.low - room <= group.truth) & (group.truth <= group.high + room)).sum())
        repeats, measured = len(group), group.low.notna()
        verdict = "pass" if held >= most(repeats) else "fail"
        why = f"{number_of} is {number(group.truth.mean())}; the median of its values is {number(group.value.median())}"
        if not measured.any():
            verdict, why = "not judged", str(group.reason.iloc[0])
        elif repeats < LEAST_REPEATS:
            verdict = "not judged"
        lines.append(
            {"metric": metric, "version": cards[metric].version, "corruption": plant, "promised": "="}
            | {
                "observed": f"{held} of {repeats}",
                "movement": np.nan,
                "seen_from": np.nan,
                "verdict": verdict,
                "why": why,
            }
        )
    columns = ["metric", "version", "corruption", "promised", "observed", "movement", "seen_from", "verdict", "why"]
    return pd.DataFrame(lines, columns=columns)


def combined(by_seed: Mapping[int, pd.DataFrame]) -> pd.DataFrame:
    """The promises of the first seed, with the verdict of all seeds.

    A promise passes if it passes with at least four of five seeds. It fails if it fails with more than one of five. The
    column `seeds` says how often it passes.
    """
    first = next(iter(by_seed.values())).copy()
    verdicts = np.stack([table.verdict.to_numpy(str) for table in by_seed.values()])
    passed, failed = (verdicts == "pass").sum(0), (verdicts == "fail").sum(0)
    enough = most(len(by_seed))
    verdict = np.where(failed > len(by_seed) - enough, "fail", np.where(passed >= enough, "pass", "not judged"))
    first["verdict"] = np.where(first.promised != "", verdict, "no promise")
    first["seeds"] = np.where(first.promised != "", [f"{k} of {len(by_seed)}" for k in passed], "")
    return first


def most(count: int) -> int:
    """Four fifths of a number of repeats or seeds, rounded up.

    >>> most(20), most(5), most(1)
    (16, 4, 1)
    """
    return -(-4 * count // 5)


def damage_of(promises: pd.DataFrame) -> pd.DataFrame:
    """The lines of a table of promises that are about damage, and not about planted truths."""
    return promises[~promises.corruption.isin(PLANTS)]
