"""How far a number moves while the model stays the same: the same samples, scored under many protocols.

Each protocol differs from ganbench's own ("house") in one choice that papers make and seldom state: how many samples, which
split is the reference, how images are resized, which extractor, whether the balls around samples are closed or open, how many
splits the Inception Score is averaged over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.special import log_softmax

from ganbench import files
from ganbench.display import text
from ganbench.display.progress import progress
from ganbench.errors import UserError, plain
from ganbench.features import Extractor, require, resized_otherwise
from ganbench.metrics import check
from ganbench.metrics._manifolds import K_DENSITY, K_MANIFOLD, inside, opened, within
from ganbench.metrics._neighbours import knn_self
from ganbench.metrics.classifier_score import SPLITS, divergences
from ganbench.samples import SampleSet, alike
from ganbench.scoring.embedding import embed, identity
from ganbench.scoring.scorer import Scorer
from ganbench.scoring.sources import Source

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
    other_balls: bool = False  # open balls where the house has closed balls, and the reverse
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


def measure(samples: Source, scorer: Scorer, others: Sequence[str] = ("pixels",)) -> pd.DataFrame:
    """Score one sample set under every protocol.

    Args:
        samples: as for `ganbench.score`.
        scorer: the house's protocol: reference, training set, extractor and seed.
        others: further extractors. Extractors that differ from them only in the resize are added.

    Returns:
        One line per protocol and metric: varied, choice, metric, value, low, high, perfect, n, n_ref, extractor, reason.

    Raises:
        UserError: the samples cannot be scored under the house's protocol, or there is no such extractor.
        Unreachable: the weights of an extractor are not on this machine and cannot be downloaded.
    """
    for name in others:
        require(name)
    if scorer.reference.is_statistics:
        name = scorer.reference.manifest["name"]
        raise UserError(f"{name} has only statistics, but other protocols need the samples themselves")
    house = scorer.with_(metrics=METRICS)
    gen = house.open(samples)
    own = house.extractor._replace(device="cpu")  # `Scorer.with_` chooses the device of each extractor
    resized = resized_otherwise(own)
    apart = dict.fromkeys(extractor for name in others for extractor in (Extractor(name), *resized_otherwise(name)))
    protocols = [
        *PROTOCOLS,
        *(Protocol("resize", twin.name, features=twin) for twin in resized),
        *(Protocol("extractor", e.name, features=e) for e in apart if e not in (own, *resized)),
    ]
    lines: list[dict[str, Any]] = []
    with progress(f"spread of {gen.manifest['name']}", len(protocols), "protocols") as advance:
        for done, protocol in enumerate(protocols):
            advance(done, protocol.choice)
            lines += _lines(protocol, gen, house)
        advance(len(protocols))
    return pd.DataFrame(lines)


def _lines(protocol: Protocol, gen: SampleSet, house: Scorer) -> list[dict[str, Any]]:
    """The lines of one protocol, one per metric that it can move."""
    head: dict[str, Any] = {"varied": protocol.varied, "choice": protocol.choice}
    empty: dict[str, Any] = {"value": None, "low": None, "high": None, "perfect": None}
    if protocol.train and house.train is None:
        return [head | {"metric": m, **empty, "reason": "needs the training set: pass `train=`"} for m in METRICS]
    gen = _first(gen, protocol.share)
    try:
        scorer = house.with_(features=protocol.features, reference=house.train if protocol.train else None)
        result = scorer(gen)
    except UserError as error:
        if protocol.varied == HOUSE:
            raise
        return [head | {"metric": m, **empty, "reason": str(error)} for m in METRICS]
    head |= {"n": len(gen.x), "n_ref": len(scorer.reference.x), "extractor": result.protocol.features.id}
    lines = []
    for name, m in result.metrics.items():
        low, high = m.interval or (None, None)
        lines.append(
            head
            | {"metric": name, "value": m.value, "low": low, "high": high, "perfect": m.perfect, "reason": m.reason}
        )
    for name, other in _others(protocol, gen, scorer).items():
        (line,) = (line for line in lines if line["metric"] == name)
        line |= empty | {"value": other}
    touched = {"neighbours": {"precision", "recall", "density", "coverage"}, "splits": {"classifier_score"}}
    return [line for line in lines if line["metric"] in touched.get(protocol.varied, METRICS)]


def _first(samples: SampleSet, share: float) -> SampleSet:
    """The first samples of a set. If the set was drawn in order, a shorter draw gives the same samples."""
    n = round(len(samples.x) * share)
    manifest = {k: v for k, v in samples.manifest.items() if k != "sha256"} if share < 1 else samples.manifest
    features, logits = (None if array is None else array[:n] for array in (samples.features, samples.logits))
    y = None if samples.y is None else samples.y[:n]
    return SampleSet(samples.x[:n], y, manifest, features, logits)


def _others(protocol: Protocol, gen: SampleSet, scorer: Scorer) -> dict[str, float]:
    """The numbers of the metrics that a protocol computes by another rule."""
    if protocol.other_balls:
        sets = alike([gen, scorer.reference])
        g, r = (np.asarray(embed(given, scorer.extractor).features, np.float64) for given in sets)
        check({"gen": g, "ref": r})
        of_g, of_r = (knn_self(x, K_DENSITY)[0] for x in (g, r))
        manifold_r, manifold_g = (opened(distances[:, K_MANIFOLD - 1]) for distances in (of_r, of_g))
        counts = within(g, r, manifold_r, of_r[:, -1], np.ones(len(r)))
        return {
            "precision": float(counts.precise.mean()),
            "recall": float(inside(r, g, manifold_g).mean()),
            "density": float(counts.balls.mean() / K_DENSITY),
            "coverage": float(counts.covered.mean()),
        }
    if not protocol.splits:
        return {}
    logits = embed(alike([gen, scorer.reference])[0], scorer.extractor).logits
    if logits is None:
        return {}
    parts = np.array_split(log_softmax(np.asarray(logits, np.float64), axis=1), protocol.splits)
    return {"classifier_score": float(np.mean([np.exp(divergences(part).mean()) for part in parts]))}


def summary(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Per metric: the house's value with its interval, the smallest and the largest value, and the choices that gave them.

    Another extractor is another scale: its values stand apart, in `extractors`. `widths` is the distance of the farthest
    choice from the house's value, in half widths of the house's interval; None without an interval.
    """
    lines = []
    for metric in METRICS:
        lines_of: list[Any] = table[(table.metric == metric) & table.value.notna()].to_dict("records")
        others = [r for r in lines_of if r["varied"] != "extractor"]
        if not others or others[0]["varied"] != HOUSE:
            continue
        house = others[0]
        least, most = (extreme(others, key=lambda r: float(r["value"])) for extreme in (min, max))
        far = max(most["value"] - house["value"], house["value"] - least["value"])
        bounds = None if pd.isna(house["low"]) else (house["low"], house["high"])
        half = 0.0 if bounds is None else (bounds[1] - bounds[0]) / 2
        lines.append(
            {
                "metric": metric,
                "value": house["value"],
                "interval": None if pd.isna(house["low"]) else (house["low"], house["high"]),
            }
            | {"least": least["value"], "least_by": least["choice"], "most": most["value"], "most_by": most["choice"]}
            | {"widths": far / half if half > 0 else None}
            | {"extractors": {r["choice"]: r["value"] for r in lines_of if r["varied"] == "extractor"}}
        )
    return lines


def orders(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Per metric: the sets ordered by the house's values, and the choices that order them in another way."""
    both = pd.concat(table.assign(samples=name) for name, table in tables.items()).dropna(subset="value")
    lines = []
    for metric in METRICS:
        order = {
            choice: " < ".join(group.sort_values("value").samples)
            for choice, group in both[both.metric == metric].groupby("choice", sort=False)
        }
        if HOUSE in order:
            others = [f"{choice!s}: {sets}" for choice, sets in order.items() if sets != order[HOUSE]]
            lines.append({"metric": metric, HOUSE: order[HOUSE], "otherwise by": "; ".join(others) or "none"})
    return pd.DataFrame(lines)


def draw(tables: Mapping[str, pd.DataFrame], path: Path) -> None:
    """A panel per metric, with a dot per protocol and sample set. A set has one colour, its bar is the house's interval."""
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
            valid = table[(table.metric == metric) & table.value.notna()]
            y = np.array([choices.index(c) for c in valid.choice]) + 0.2 * (i - (len(tables) - 1) / 2)
            panel.plot(valid.value, y, "o", ms=5, color=f"C{i}", label=name)
            house = valid[valid.varied == HOUSE]
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
    with files.replacing(path) as file:
        figure.savefig(file, format="png", dpi=110, metadata={"Software": None})


def write(sets: Mapping[str, SampleSet], tables: Mapping[str, pd.DataFrame], out: Path) -> None:
    """Write `README.md`, `spread.csv` and `spread.png`: what was measured, on which samples."""
    lines = pd.concat(table.assign(samples=name) for name, table in tables.items())
    files.write(out / "spread.csv", lines.to_csv(index=False))
    draw(tables, out / "spread.png")
    parts = ["# How far a number moves without the model changing", ABOUT, "![every protocol](spread.png)"]
    for name, samples in sets.items():
        about, table = identity(samples), tables[name]
        parts += [
            f"## {name}",
            f"`{samples.manifest.get('source', about['name'])}`, {about['n']:,} samples, SHA-256 `{about['sha256']}`; "
            f"the house's extractor is `{table.extractor[table.varied == HOUSE].iloc[0]}`.",
            pd.DataFrame(summary_text(table)).to_markdown(index=False, disable_numparse=True),
        ]
        reasons = table[table.value.isna() & table.reason.notna()].drop_duplicates(["choice", "reason"])
        parts += [f"- {line.choice}: {line.reason}" for line in reasons.itertuples()]
    if len(tables) > 1:
        parts += ["## Which sample set has the higher value", orders(tables).to_markdown(index=False)]
    files.write(out / "README.md", "\n\n".join(parts) + "\n")


def summary_text(table: pd.DataFrame) -> list[dict[str, str]]:
    """`summary` as text, for a table."""
    return [
        {
            "metric": line["metric"],
            "house": text.number(line["value"]),
            "95 % interval": text.interval(line["interval"]),
            "least": f"{text.number(line['least'])} ({line['least_by']})",
            "most": f"{text.number(line['most'])} ({line['most_by']})",
            "farthest": text.value(line["widths"]),
            "extractors": ", ".join(f"{text.number(x)} ({name})" for name, x in line["extractors"].items()),
        }
        for line in summary(table)
    ]


LEGEND = (
    "house: ganbench's own protocol",
    "least, most: the extremes over all protocols with this extractor",
    "farthest: how far the farther extreme is from the house's value, in half widths of the house's 95 % interval; above 1 "
    "the protocol moves the number by more than sampling does",
)


def report(table: pd.DataFrame, title: str, columns: int) -> str:
    """The spread of one sample set for a terminal: the numbers, the protocols of the extremes, and how to read both.

    Args:
        table: from `measure`.
        title: name of the set.
        columns: the width of the terminal.
    """
    lines = summary(table)
    numbers = [
        {
            "metric": line["metric"],
            "house": text.number(line["value"]),
            "95 % interval": text.interval(line["interval"]),
            "least": text.number(line["least"]),
            "most": text.number(line["most"]),
            "farthest": text.value(line["widths"]),
        }
        for line in lines
    ]
    parts = [text.wrap(plain(title), "  ", columns)]
    if numbers:
        parts += ["\n".join(text.fitted(numbers, list(numbers[0]), columns))]
        parts += ["\n".join(text.wrap(plain(_extremes(line)), "  ", columns) for line in lines)]
    reasons = table[table.value.isna() & table.reason.notna()].drop_duplicates(["choice", "reason"])
    notes = [*LEGEND, *(f"not computed: {line.choice} ({line.reason})" for line in reasons.itertuples())]
    return "\n\n".join([*parts, "\n".join(text.wrap(plain(note), "  ", columns) for note in notes)])


def _extremes(line: Mapping[str, Any]) -> str:
    """Which protocols give the least and the most, and the values in other extractors."""
    others = "".join(f"; with {name}: {text.number(x)}" for name, x in line["extractors"].items())
    return f"{line['metric']}: least by {line['least_by']}, most by {line['most_by']}{others}"


ABOUT = """The same samples are scored under many protocols. Each protocol differs in one choice from ganbench's own protocol,
called the house's. The house's protocol: all samples against the held-out split, the extractor named below, precision and
recall with closed balls to the third neighbour, density and coverage with open balls to the fifth, the classifier score on
one split with its bias removed.
`least` and `most` are the extremes over the choices. `farthest` is the distance of the farther extreme from the house's
value, in half widths of the house's 95 % interval. If it is above 1, a choice that papers seldom state moves the number by
more than sampling does. Another resize before the house's network is such a choice. Another network has another scale, so
its values are shown apart. Every number is in `spread.csv`; the bars of the picture are the house's intervals."""
