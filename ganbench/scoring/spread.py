"""How far one model's numbers move without the model changing: the same samples, scored under many protocols.

Each protocol differs from the house's in one choice that papers make and seldom state: how many samples, which split is the
reference, how images are resized, which extractor, whether a neighbour at the very radius counts, how many splits the
Inception Score is averaged over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.special import log_softmax

from ganbench import scoring
from ganbench.display.progress import progress
from ganbench.display.text import interval, number, value
from ganbench.errors import UserError
from ganbench.features import Extractor, resized_otherwise
from ganbench.metrics import check
from ganbench.metrics._manifolds import K_DENSITY, K_MANIFOLD, opened, within
from ganbench.metrics._neighbours import knn_self
from ganbench.metrics.classifier_score import SPLITS, divergences
from ganbench.samples import SampleSet, alike
from ganbench.scoring import sources

METRICS = ("fid", "kid", "classifier_score", "precision", "recall", "density", "coverage")
HOUSE = "house"
COLUMNS = 4  # of the picture
WIDE = 100  # times the least value: extractors with scales so far apart need a logarithm


class Protocol(NamedTuple):
    """One choice that differs from the house's."""

    varied: str
    choice: str
    share: float = 1.0  # of the samples
    train: bool = False  # the training split is the reference
    features: str | Extractor | None = None
    other_balls: bool = False  # open balls for closed ones and the reverse
    splits: int | None = None  # of the classifier score, without correction


PROTOCOLS = (
    Protocol(HOUSE, HOUSE),
    Protocol("n", "1/4 of the samples", share=1 / 4),
    Protocol("n", "1/2 of the samples", share=1 / 2),
    Protocol("reference", "training split", train=True),
    Protocol("neighbours", "< for <= in balls, and back", other_balls=True),
    Protocol("splits", "one split, uncorrected", splits=1),
    Protocol("splits", f"{SPLITS} splits, uncorrected", splits=SPLITS),
)


def measure(
    samples: scoring.Source,
    reference: scoring.Source,
    train: scoring.Source | None = None,
    *,
    features: str | Extractor | None = None,
    others: Sequence[str] = ("pixels",),
    seed: int = 0,
) -> pd.DataFrame:
    """Score one sample set under every protocol.

    Args:
        samples, reference, train, features, seed: as for `ganbench.score`.
        others: further extractors. Those that differ from one in the resize alone come with it.

    Returns:
        One line per protocol and metric: varied, choice, metric, value, low, high, perfect, n, n_ref, extractor, reason.

    Raises:
        UserError: the samples cannot be scored under the house's protocol, or there is no such extractor.
        Unreachable: the weights of one are neither here nor to be had.
    """
    sets = sources.open_sets(samples, reference, train)
    gen, ref, *rest = alike([one for one in sets if one is not None])
    house, _ = scoring.extractor_for([ref, gen], features)
    resized = resized_otherwise(house)
    apart = dict.fromkeys(one for name in others for one in (Extractor(name), *resized_otherwise(name)))
    protocols = [
        *PROTOCOLS,
        *(Protocol("resize", one.name, features=one) for one in resized),
        *(Protocol("extractor", one.name, features=one) for one in apart if one not in (house, *resized)),
    ]
    lines: list[dict[str, Any]] = []
    with progress(f"spread of {gen.manifest['name']}", len(protocols), "protocols") as advance:
        for done, one in enumerate(protocols):
            advance(done, one.choice)
            lines += _lines(one, gen, ref, rest[0] if rest else None, house, seed)
        advance(len(protocols))
    return pd.DataFrame(lines)


def _lines(
    one: Protocol, gen: SampleSet, ref: SampleSet, known: SampleSet | None, house: Extractor, seed: int
) -> list[dict[str, Any]]:
    head: dict[str, Any] = {"varied": one.varied, "choice": one.choice}
    empty: dict[str, Any] = {"value": None, "low": None, "high": None, "perfect": None}
    if one.train and known is None:
        return [head | {"metric": m, **empty, "reason": "needs the training set: pass --train"} for m in METRICS]
    gen, ref = _first(gen, one.share), known if one.train and known is not None else ref
    try:
        result = scoring.score(gen, ref, known, features=one.features or house, metrics=METRICS, seed=seed)
    except UserError as error:
        if one.varied == HOUSE:
            raise
        return [head | {"metric": m, **empty, "reason": str(error)} for m in METRICS]
    head |= {"n": len(gen.x), "n_ref": len(ref.x), "extractor": result.protocol.features.id}
    lines = []
    for name, m in result.metrics.items():
        low, high = m.interval or (None, None)
        lines.append(
            head
            | {"metric": name, "value": m.value, "low": low, "high": high, "perfect": m.perfect, "reason": m.reason}
        )
    for name, other in _others(one, gen, ref, house).items():
        (line,) = (line for line in lines if line["metric"] == name)
        line |= empty | {"value": other}
    touched = {"neighbours": {"precision", "recall", "density", "coverage"}, "splits": {"classifier_score"}}
    return [line for line in lines if line["metric"] in touched.get(one.varied, METRICS)]


def _first(one: SampleSet, share: float) -> SampleSet:
    """The first of the samples: a set that is drawn in order is what a shorter draw would have been."""
    n = round(len(one.x) * share)
    manifest = {k: v for k, v in one.manifest.items() if k != "sha256"} if share < 1 else one.manifest
    features, logits = (None if a is None else a[:n] for a in (one.features, one.logits))
    y = None if one.y is None else one.y[:n]
    return SampleSet(one.x[:n], y, manifest, features, logits)


def _others(one: Protocol, gen: SampleSet, ref: SampleSet, extractor: Extractor) -> dict[str, float]:
    """The numbers of the metrics that a protocol computes by another rule."""
    if one.other_balls:
        g, r = (np.asarray(scoring.embed(s, extractor).features, np.float64) for s in (gen, ref))
        check({"gen": g, "ref": r})
        of_g, of_r = (knn_self(x, K_DENSITY)[0] for x in (g, r))
        found = within(g, r, opened(of_r[:, K_MANIFOLD - 1]), opened(of_g[:, K_MANIFOLD - 1]), of_r[:, -1])
        return {
            "precision": float(found.precise.mean()),
            "recall": float(found.recalled.mean()),
            "density": float(found.balls.mean() / K_DENSITY),
            "coverage": float(found.covered.mean()),
        }
    logits = scoring.embed(gen, extractor).logits if one.splits else None
    if one.splits and logits is not None:
        parts = np.array_split(log_softmax(np.asarray(logits, np.float64), axis=1), one.splits)
        return {"classifier_score": float(np.mean([np.exp(divergences(p).mean()) for p in parts]))}
    return {}


def summary(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Per metric: the house's value with its interval, the smallest and the largest that a choice makes of it, and which.

    Another extractor is another scale: its values are apart, in `extractors`. `widths`: how many half widths of the house's
    interval the farthest choice is away; None without an interval.
    """
    lines = []
    for metric in METRICS:
        found: list[Any] = table[(table.metric == metric) & table.value.notna()].to_dict("records")
        others = [r for r in found if r["varied"] != "extractor"]
        if not others or others[0]["varied"] != HOUSE:
            continue
        house = others[0]
        least, most = (pick(others, key=lambda r: float(r["value"])) for pick in (min, max))
        far, half = (
            max(most["value"] - house["value"], house["value"] - least["value"]),
            (house["high"] - house["low"]) / 2,
        )
        lines.append(
            {"metric": metric, "value": house["value"], "interval": (house["low"], house["high"])}
            | {"least": least["value"], "least_by": least["choice"], "most": most["value"], "most_by": most["choice"]}
            | {"widths": far / half if half > 0 else None}
            | {"extractors": {r["choice"]: r["value"] for r in found if r["varied"] == "extractor"}}
        )
    return lines


def orders(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Per metric the sets from the smallest value to the largest, as the house has them, and the choices that differ."""
    both = pd.concat(table.assign(samples=name) for name, table in tables.items()).dropna(subset="value")
    lines = []
    for metric in METRICS:
        order = {
            choice: " < ".join(group.sort_values("value").samples)
            for choice, group in both[both.metric == metric].groupby("choice", sort=False)
        }
        if HOUSE in order:
            others = [f"{choice!s}: {found}" for choice, found in order.items() if found != order[HOUSE]]
            lines.append({"metric": metric, HOUSE: order[HOUSE], "otherwise by": "; ".join(others) or "none"})
    return pd.DataFrame(lines)


def draw(tables: Mapping[str, pd.DataFrame], path: Path) -> None:
    """A dot per protocol and sample set, a panel per metric, each set in its colour; the bar is the house's 95 % interval."""
    valued = pd.concat(tables.values()).dropna(subset="value")
    metrics = [m for m in METRICS if (valued.metric == m).any()]
    choices = list(dict.fromkeys(c for t in tables.values() for c in t.choice))
    rows = -(-len(metrics) // COLUMNS)
    figure = Figure(figsize=(12, rows * (0.3 * len(choices) + 1) + 0.4), layout="constrained")
    panels = figure.subplots(rows, COLUMNS, sharey=True, squeeze=False).ravel()
    for unused in panels[len(metrics) :]:
        unused.set_visible(False)
    for panel, metric in zip(panels, metrics, strict=False):
        for i, (name, table) in enumerate(tables.items()):
            here = table[(table.metric == metric) & table.value.notna()]
            y = np.array([choices.index(c) for c in here.choice]) + 0.2 * (i - (len(tables) - 1) / 2)
            panel.plot(here.value, y, "o", ms=5, color=f"C{i}", label=name)
            house = here[here.varied == HOUSE]
            if len(house) and house.low.notna().all():
                panel.axvspan(house.low.iloc[0], house.high.iloc[0], color=f"C{i}", alpha=0.15, linewidth=0)
        values = valued[valued.metric == metric].value
        if 0 < WIDE * values.min() < values.max():
            panel.set_xscale("log")
        panel.set_title(metric)
        panel.grid(axis="x", alpha=0.3)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_yticks(range(len(choices)), choices)
    panels[0].invert_yaxis()
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(tables), frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def write(sets: Mapping[str, SampleSet], tables: Mapping[str, pd.DataFrame], out: Path) -> None:
    """Write `README.md`, `spread.csv` and `spread.png`: what was measured, on which samples."""
    out.mkdir(parents=True, exist_ok=True)
    pd.concat(table.assign(samples=name) for name, table in tables.items()).to_csv(out / "spread.csv", index=False)
    draw(tables, out / "spread.png")
    parts = ["# How far a number moves without the model changing", ABOUT, "![every protocol](spread.png)"]
    for name, one in sets.items():
        found, table = scoring.identity(one), tables[name]
        parts += [
            f"## {name}",
            f"`{one.manifest.get('source', found['name'])}`, {found['n']:,} samples, SHA-256 `{found['sha256']}`; "
            f"the house's extractor is `{table.extractor[table.varied == HOUSE].iloc[0]}`.",
            pd.DataFrame(summary_text(table)).to_markdown(index=False, disable_numparse=True),
        ]
        reasons = table[table.value.isna() & table.reason.notna()].drop_duplicates(["choice", "reason"])
        parts += [f"- {line.choice}: {line.reason}" for line in reasons.itertuples()]
    if len(tables) > 1:
        parts += ["## Who has more", orders(tables).to_markdown(index=False)]
    (out / "README.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def summary_text(table: pd.DataFrame) -> list[dict[str, str]]:
    """`summary` as people read it."""
    return [
        {
            "metric": line["metric"],
            "house": number(line["value"]),
            "95 % interval": interval(line["interval"]),
            "least": f"{number(line['least'])} ({line['least_by']})",
            "most": f"{number(line['most'])} ({line['most_by']})",
            "farthest": value(line["widths"]),
            "extractors": ", ".join(f"{number(x)} ({name})" for name, x in line["extractors"].items()),
        }
        for line in summary(table)
    ]


ABOUT = """The same samples, scored under protocols that differ in one choice from the house's: all samples against the held-out
split, the extractor named below, precision and recall with closed balls to the third neighbour, density and coverage with
open ones to the fifth, the classifier score on one split with its bias removed. `least` and `most` are the extremes over these
choices, `farthest` is how far the farther one is from the house's value, in half widths of the house's 95 % interval: above
1, a choice that papers seldom state moves the number by more than sampling does. Another resize before the house's network is
such a choice; another network is another scale, and stands apart. Every number is in `spread.csv`; the bars of the picture are
the house's intervals."""
