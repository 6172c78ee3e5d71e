"""The page, the table and the picture of the examination, from its verdicts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ganbench import files
from ganbench.display.pictures import write_figure
from ganbench.display.text import number
from ganbench.errors import UserError
from ganbench.sanity import contradictions
from ganbench.sanity import verdicts as judging
from ganbench.sanity.checks import HARD, PUBLISHED
from ganbench.sanity.distances import NAMES
from ganbench.sanity.pairs import HALF, PAIRS
from ganbench.sanity.published import LETTERS, PARTS
from ganbench.sanity.verdicts import DISTANCE, FAIL, PASS, UNDECIDED, Table

SIGNS = {PASS: "+", FAIL: "-", UNDECIDED: "?"}
COLOURS = {PASS: "#3b7fb6", FAIL: "#e08a2e", UNDECIDED: "#cfcfcf"}
ENOUGH = 20  # cells of 30 that a pair of ganbench's own would have to pass, on both sets
MANIFEST = "manifest.json"
FILES = ("README.md", "verdicts.csv", "sanity.png", MANIFEST)


def write(tables: Mapping[str, Table], settings: Mapping[str, Any], out: Path) -> pd.DataFrame:
    """Judge the values and write `FILES` into the folder `out`; returns the verdicts.

    Args:
        tables: the values of the checks, by name.
        settings: `n`, `repeats` and `seed`, and the versions, for the page and the manifest.
        out: made where it is missing.
    """
    verdicts = judging.judge(dict(tables))
    linearity = judging.linearity(dict(tables))
    files.write(out / "verdicts.csv", verdicts.to_csv(index=False, float_format="%.4g"))
    files.write(out / "README.md", markdown(verdicts, linearity, settings))
    draw(verdicts, out / "sanity.png")
    files.write(out / MANIFEST, json.dumps(settings, indent=1) + "\n")
    return verdicts


def refuse_to_replace(out: Path, n: int, repeats: int) -> None:
    """Raise a `UserError` if `out` holds an examination with more repeats or larger sets than the new one has."""
    try:
        old = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
        there = int(old["n"]), int(old["repeats"])
    except FileNotFoundError:
        return
    except (ValueError, TypeError, KeyError):
        raise UserError(f"{out / MANIFEST} is damaged; choose another --out, or add --replace") from None
    if n < there[0] or repeats < there[1]:
        raise UserError(
            f"{out} holds an examination with {there[1]} repeats of {there[0]:,} points, and the new one has {repeats} repeats "
            f"of {n:,} points: choose another --out, or add --replace"
        )


def markdown(verdicts: pd.DataFrame, linearity: pd.DataFrame, settings: Mapping[str, Any]) -> str:
    """The page."""
    compared = judging.compared(verdicts)
    agreement = compared.agreement.value_counts()
    counts = ", ".join(f"{agreement.get(word, 0)} {text}" for word, text in AGREEMENT.items())
    parts = [
        "# The field's own examination",
        INTRODUCTION,
        f"{settings['n']:,} points per set, {settings['repeats']} repeats, seed {settings['seed']}. The command: `ganbench "
        f"calibrate sanity --n {settings['n']} --repeats {settings['repeats']} --seed {settings['seed']}`.",
        "![all verdicts: a row per metric, two columns per check](sanity.png)",
        "## How to read it",
        HOW_TO_READ,
        "## Pairs of fidelity and diversity on the 15 checks",
        _table(grid(verdicts, [check.name for check in PUBLISHED], list(HALF))),
        f"Of the {len(compared)} cells with a published verdict: {counts}. The published run cannot be repeated, because its "
        "seeds were not fixed.",
        _list(_difference(row) for row in compared[compared.agreement == "differ"].to_dict("records"))
        or "No cell differs.",
        "## The same pairs on the harder set",
        HARDER,
        _table(grid(verdicts, [check.name for check in HARD], list(HALF))),
        "## How many of 30 cells each metric passes",
        "`turned` counts the 15 checks with 8r, 9r, 12r and 14r in the place of 8, 9, 12 and 14. An undecided cell is no pass.",
        _table(totals(verdicts)),
        own_pair(verdicts, linearity),
        "## Junk",
        "The share p of junk grows from 0 to 1. The table has the largest deviation from 1 - p, with its interval. A straight "
        "line is one possible wish for a diversity. A diversity that stays at 1 until few good samples are left is not wrong.",
        _table([{k: _junk(k, v) for k, v in row.items()} for row in _wide(linearity)]),
        "## ganbench's metrics, read as distances",
        DISTANCES,
        _table(grid(verdicts, [check.name for check in (*PUBLISHED, *HARD)], list(NAMES))),
        "## Cells that nobody passes",
        "No pair passes these cells, not even undecided: " + _nobody(verdicts) + ".",
        "## Which cells contradict each other",
        contradiction(),
    ]
    return "\n\n".join(parts) + "\n"


AGREEMENT = {"agree": "agree", "differ": "differ", UNDECIDED: "are undecided by our repeats"}

INTRODUCTION = """Räisä, van Breugel and van der Schaar (ICML 2025, [arXiv:2505.22450](https://arxiv.org/abs/2505.22450))
examined twelve metrics by 15 checks on drawn points. A check has a part on bounds (the value is 0 or 1 where it should be)
and a part on the shape of a curve. No metric passed all 30 cells. This page has the same examination from a recorded seed,
with an interval for every verdict, a harder set, the Clipped pair ([arXiv:2507.01761](https://arxiv.org/abs/2507.01761)), and
ganbench's own metrics."""

HOW_TO_READ = """- A cell has two signs: the bounds, then the shape. At checks 8 and 9 the first sign says whether the value
  settles, and the second sign whether it settles at the true overlap of 0.2.
- `+` is a pass, `-` is a fail. `?` is *undecided*: another draw of the repeats could change the verdict. `!` marks a verdict
  that differs from the published one.
- The verdict is on the mean over the repeats. Its margin is the distance from the nearest limit, in units of the metric, and
  negative for a fail. `verdicts.csv` has all margins with their 95 % intervals. The interval is a bootstrap over the repeats,
  stretched to Student's width. It reaches equally far to both sides.
- A cell passes only if all dimensions and cases of the check pass. So a margin belongs to the worst of them.
- A bootstrap sees only what the repeats show. A value that jumps once in 50 repeats can pass with a narrow interval."""

HARDER = """Checks 8, 9, 12 and 14 are parallel to the axes. A metric that looks at each axis alone can pass them and know
nothing of the data. So 8r, 9r, 12r and 14r are the same checks under a random rotation (8r and 9r without one dimension,
where a rotation does nothing). `tight`: a tight mode (sd 0.05) and a sparse mode (sd 1), and the generator drops one of them.
`binary`: 20 columns of zeros and ones, and a growing share of rows with numbers between. `junk`: a growing share of the
samples lies far away, and the score should fall in a straight line."""

DISTANCES = """A distance has other rules. First sign: the value is least where both sets have one law, and clearly higher at
the ends. Second sign: it does not fall on the way to the ends; at checks 8, 9, 10, 12 and 14, where the two laws stay as far
apart as they are, it does not change (by 5 % of its largest value). At check 15 the value shrinks as the grid becomes finer.
`memorisation` and `support` are detectors: their sign says whether they report nothing, since nothing is copied and no law is
finite. Only at check 15 `support` has to report the few values of coarsely rounded numbers (first sign). Sets larger than
3,000 points are left out. `precision`, `recall`, `density` and `coverage` are I-Prec, I-Rec, Density and Coverage above: the
definitions are the same, up to ties and to the choice of k. The other metrics of ganbench need images or labels."""


def grid(verdicts: pd.DataFrame, names: list[str], metrics: list[str]) -> list[dict[str, str]]:
    """A line per metric and a column per check, with two signs in each cell."""
    own = verdicts[verdicts.check.isin(names) & verdicts.metric.isin(metrics)]
    cells = {(row["metric"], row["check"], row["part"]): _sign(row) for row in own.to_dict("records")}
    there = [name for name in names if name in set(own.check)]
    lines = []
    for metric in metrics:
        signs = {name: "".join(cells.get((metric, name, part), "") for part in PARTS) for name in there}
        if any(signs.values()):
            lines.append({"metric": metric} | {name: sign and f"`{sign}`" for name, sign in signs.items()})
    return lines


def _sign(row: Mapping[Any, Any]) -> str:
    differs = row["published"] not in ("", row["verdict"]) and row["verdict"] != UNDECIDED
    return SIGNS[row["verdict"]] + ("!" if differs else "")


def totals(verdicts: pd.DataFrame) -> list[dict[str, str]]:
    """A line per metric of a pair: published passes, passes and undecided cells on the 15 checks, and with turned checks."""
    plain, turned = judging.scores(verdicts), judging.scores(verdicts, turned=True)
    said = verdicts[verdicts.published == PASS].groupby("metric").size()
    examined = set(verdicts[verdicts.published != ""].metric)
    return [
        {
            "metric": metric,
            "published": str(said.get(metric, 0)) if metric in examined else "",
            "passes": f"{plain.passes[metric]} of {plain.cells[metric]}",
            "undecided": str(plain.undecided[metric]),
            "passes, turned": f"{turned.passes[metric]} of {turned.cells[metric]}",
            "undecided, turned": str(turned.undecided[metric]),
        }
        for metric in HALF
        if metric in plain.index and metric in turned.index
    ]


def own_pair(verdicts: pd.DataFrame, linearity: pd.DataFrame) -> str:
    """Why ganbench ships no fidelity and diversity pair of its own, and which of the pairs above would fulfil its condition."""
    plain, turned = judging.scores(verdicts), judging.scores(verdicts, turned=True)
    good = [
        " and ".join(pair)
        for pair in PAIRS
        if set(pair) <= set(turned.index)
        and min(table.passes[name] for table in (plain, turned) for name in pair) >= ENOUGH
        and len(linearity)
        and (linearity[linearity.metric.isin(pair)].high <= 0.05).all()
    ]
    return (
        f"ganbench ships no pair of its own. A pair would have to pass at least {ENOUGH} of 30 cells on both sets with both "
        f"metrics, and read junk as a straight line within 0.05. Pairs of the table that do so: {', '.join(good) or 'none'}."
    )


def _difference(row: Mapping[Any, Any]) -> str:
    return (
        f"Check {row['check']} ({row['title']}), {row['part']}, {row['metric']}: {row['verdict']}, published: "
        f"{row['published']}; margin {number(row['margin'])} [{number(row['low'])}, {number(row['high'])}]."
    )


def _wide(linearity: pd.DataFrame) -> list[dict[str, Any]]:
    lines: dict[str, dict[str, Any]] = {}
    for row in linearity.to_dict("records"):
        lines.setdefault(row["metric"], {"metric": row["metric"], "half": row["half"]})[row["group"]] = row
    return list(lines.values())


def _junk(column: str, entry: Any) -> str:
    if column in ("metric", "half"):
        return str(entry)
    return f"{number(entry['deviation'])} [{number(entry['low'])}, {number(entry['high'])}]"


def _nobody(verdicts: pd.DataFrame) -> str:
    cells = judging.passed_by_nobody(verdicts)
    return "; ".join(f"{half} {check} {part}" for half, check, part in cells) or "there is none"


def contradiction() -> str:
    """Two pairs of cells that no metric of the density ratio can pass together, with their numbers."""
    f, d = contradictions.fidelity(), contradictions.diversity()
    return f"""Let p be the density of the data, and q the density of the generator. Many fidelities aim at the mean of g(p /
q) over generated samples, and many diversities at the mean of g(q / p) over the data. g rises from 0 to 1. Examples are a
classifier of the two sets, the overlap of the densities, and a point of a precision-recall curve. Two arguments show that no
such metric passes all cells. They are about exact means, so they need no draws. The command computes their numbers.

**Fidelity: check 3 contradicts check 1.** In {contradictions.DIMENSIONS} dimensions check 3 wants a fidelity of 1 for samples
that are narrower than the data (sd 0.316). There the median of log p / q is {f.narrow:.1f}. Check 1 wants a fidelity of 0 for
samples whose mean is moved by 1 on every axis. There the median is {f.moved:.1f}. At every level, the moved samples exceed
the level at least as often as the narrow samples, up to a share of {f.excess:.2g}. So a g with the mean 0.95 over the narrow
samples has at least the mean {f.least:.4f} over the moved samples. Such a metric sees how rarely q draws a sample, and check
3 asks only whether p would draw it.

**Diversity: check 3, read as high, contradicts check 4.** Check 3 may ask for a diversity of 1 for samples of sd 1,000 in one
dimension. The ratio q / p exceeds {d.faded:.4f} at a share of only {d.above:.2g} of the data. So g({d.faded:.4f}) must be at
least {d.needed:.4f}. In check 4 the faded modes have this ratio at the place where a fall of 0.1 is wanted. There the
diversity has fallen by {d.drop:.4f} at most.

**Diversity: read as low, check 6 is next to check 11.** Check 6 wants a diversity of 1 where q / p is {d.invented:g} at all
of the data. Check 11 wants a fall of 0.2 where q / p is {d.merged:.2f} at the two modes. So g has to rise between these two
ratios. The ratio of neighbour distances at 1,000 points is not exact enough to tell them apart. This is no contradiction, but
an obstacle.

**What is left.** A metric can look at p alone: whether a sample lies where the data are dense, whatever q is. The arguments
say nothing of such a metric. But it has to find the borders of the data. At checks 8, 9 and 14 these are the faces of a cube
in 64 dimensions, and one axis among a thousand. A metric that looks at each axis alone finds them, and the turned checks take
the axes away. Nothing here proves that no metric can pass the turned checks."""


def draw(verdicts: pd.DataFrame, path: Path) -> None:
    """A row per metric, two columns per check, coloured by the verdict. A dot: the verdict is not the published one."""
    checks = [check.name for check in (*PUBLISHED, *HARD) if check.name in set(verdicts.check)]
    names = [name for name in (*HALF, *NAMES) if name in set(verdicts.metric)]
    figure = Figure(figsize=(2.2 + 0.52 * len(checks), 1.4 + 0.27 * len(names)), layout="constrained")
    axes = figure.subplots()
    colours = np.ones((len(names), 2 * len(checks), 3))
    for row in verdicts.to_dict("records"):
        at = names.index(row["metric"]), 2 * checks.index(row["check"]) + PARTS.index(row["part"])
        colours[at] = [int(COLOURS[row["verdict"]][i : i + 2], 16) / 255 for i in (1, 3, 5)]
        if "!" in _sign(row):
            axes.plot(at[1], at[0], "o", color="black", markersize=4)
    axes.imshow(colours, aspect="auto", interpolation="nearest")
    axes.set_xticks(np.arange(len(checks)) * 2 + 0.5, checks)
    axes.xaxis.tick_top()
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(length=0)
    for column in range(1, len(checks)):
        axes.axvline(2 * column - 0.5, color="white", linewidth=3)
    for line in range(1, len(names)):
        axes.axhline(line - 0.5, color="white", linewidth=1)
    for line in [i for i in range(1, len(names)) if _kind(names[i]) != _kind(names[i - 1])]:
        axes.axhline(line - 0.5, color="black", linewidth=1)
    hard = [i for i, name in enumerate(checks) if name not in LETTERS]
    if hard and hard[0]:
        axes.axvline(2 * hard[0] - 0.5, color="black", linewidth=1)
    for spine in axes.spines.values():
        spine.set_visible(False)
    legend = [axes.scatter([], [], marker="s", s=60, color=colour, label=word) for word, colour in COLOURS.items()]
    legend.append(axes.scatter([], [], marker="o", s=16, color="black", label="differs from the published verdict"))
    figure.legend(handles=legend, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    write_figure(figure, path)


def _kind(metric: str) -> str:
    return "pair" if metric in HALF else DISTANCE


def _table(lines: list[dict[str, str]]) -> str:
    if not lines:
        return "Nothing was measured."
    return pd.DataFrame(lines).to_markdown(index=False, disable_numparse=True)


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
