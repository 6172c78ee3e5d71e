"""Write what the published boards and studies say, in sentences that are computed from their tables alone.

`python docs/refresh.py` writes docs/findings.md. A function per question takes the tables and returns the answer. It chooses
the words from the numbers: another table gives another sentence. A question that no published table can answer is left out.
`literature` has the questions about papers, and `studies` the questions about single studies.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations

import literature
import numpy as np
import studies
from evidence import RESULTS, Case, Finding, Table, by, compare, grid, holm, named, percent, ranged, tables
from scipy.special import fdtri

from ganbench.boards import leaderboard
from ganbench.boards.leaderboard import NOISE
from ganbench.config import RECIPE
from ganbench.display.text import number
from ganbench.errors import counted
from ganbench.statistics import ALPHA, student
from ganbench.training.run import PARTS

ENDS = ["centre", "low", "high"]
EQUAL = 2.0  # costliest over cheapest row, up to which rows have about the same cost
INTRO = """# What the boards say

`python docs/refresh.py` computes every sentence of this page from the published tables in [results](../results/README.md). The
command below an answer makes the tables again.

- **Clearly**: Student's test of the difference, paired by seed, is significant at 5 % after Holm's correction for all
  comparisons of the section. **Clear only alone**: Student's 95 % interval of the difference leaves out 0, but the corrected
  test is not significant.
- **By the intervals of the board**: these intervals hold together for all pairs of rows of a table, and they make the brackets
  of its ranks. With fewer than five seeds they pool the spread of the rows, so they can see more. "Clear order" and "can be
  the best" follow from them.
- Square brackets hold a 95 % interval. A factor is a ratio of geometric means. A number with + or - is a difference of
  means. A count describes the published table alone, and it has no interval.
- A row is compared only if every seed has a value. All numbers are for the settings and the small budgets of the boards."""


def boards(every: Sequence[Table]) -> list[str]:
    """The boards of tables."""
    return [table.board for table in every]


def collapse(every: Sequence[Table]) -> Finding:
    """The modes that rows reach."""
    counting = [table for table in every if len(table.rows("modes")) and len(table.rows("modes", "control"))]
    lines, whole, rows = [], 0, 0
    for table in counting:
        reached, fair, shown = table.rows("modes"), table.rows("modes.modes_fair"), table.rows("modes", "control")
        total, fewest = int(shown.loc[["real"]].to_numpy().max()), str(reached.mean(axis=1).idxmin())
        seeds = reached.loc[[fewest]].to_numpy()
        kept, even = (values.index[(values == total).all(axis=1)] for values in (reached, fair))
        whole, rows = whole + len(kept), rows + len(reached)
        lines.append(
            {
                "data": table,
                "modes": total,
                "rows that reach all modes with every seed": f"{len(kept)} of {len(reached)}: {named(kept)}",
                "with a tenth of the fair share in each": named(even) if len(fair) else "not counted",
                "fewest modes": f"`{fewest}`: {number(seeds.mean())} ({seeds.min():.0f} to {seeds.max():.0f})",
                "modes that uniform noise hits": number(shown.loc[[NOISE]].to_numpy().mean()),
            }
        )
    answer = (
        f"{whole} of {counted(rows, 'row')} reach all modes with every seed, and {rows - whole} do not. A mode is reached if "
        "one sample is near it, and uniform noise is near many modes. So the column with the fair share says more."
    )
    return Finding("Which GANs collapse?", answer * bool(lines), grid(lines), boards(counting))


def distance(every: Sequence[Table]) -> Finding:
    """How far the first and the last row of `modes` are from the truth, and which rows are no better than noise."""
    lines, lost, rows = [], 0, 0
    for table in literature.of("modes", every):
        cells, compared = table.cells(table.rank), table.compared(table.rank)
        order = [name for _, name in sorted(zip(compared.mean, compared.names, strict=True)) if name != NOISE]
        worse = [row for row in order if not compared.beats_noise(row)]
        lost, rows = lost + len(worse), rows + len(order)
        first, last, real = (ranged(*cells.loc[row, ENDS]) for row in (order[0], order[-1], "real"))
        lines.append(
            {
                "data": table,
                "measured by": by(table.rank),
                "first row": f"`{order[0]}` {first}",
                "last row": f"`{order[-1]}` {last}",
                "held-out data": real,
                "no better than noise": named(worse),
                "clearly worse than noise": named(row for row in worse if compared.interval(row, NOISE)[0] > 0),
            }
        )
    answer = f"The mean of {lost} of {counted(rows, 'row')} of `modes` is no better than the mean of uniform noise."
    question = "How far from the data are the rows, and are they better than noise?"
    return Finding(question, answer * bool(lines), grid(lines), ["modes"])


def copies(every: Sequence[Table]) -> Finding:
    """The rows that copy training data."""
    question, column = "Which GANs copy their training data?", "memorisation.unclipped"
    checked = [t for t in every if len(t.rows(column)) and t.is_current("memorisation")]
    older = {t.board for t in every if len(t.rows("memorisation"))} - {t.board for t in checked}
    rows = [(t, str(row), values.to_numpy()) for t in checked for row, values in t.rows(column).iterrows()]
    if not rows:
        return Finding(question, "", "", [])
    signs = holm([values for _, _, values in rows])
    caught = [
        f"`{r}` on {t}: {percent(v.mean(), student(v))}" for (t, r, v), s in zip(rows, signs, strict=True) if s > 0
    ]
    runs = [t.scores[(t.scores.metric == column) & (t.scores.kind == "baseline")].high.max() for t in checked]
    control = min(float(t.rows(column, "control").loc[["copycat"]].to_numpy().min()) for t in checked)
    answer = (
        f"{len(caught)} of {counted(len(rows), 'row')} clearly copy. No interval of a single run reaches beyond "
        f"{number(100 * max(runs))} % of its samples. The control `copycat` copies all of its samples, and the least share "
        f"that was seen is {number(100 * control)} %."
    )
    missing = "Left out, because their tables lack the unclipped share of the present version of the metric"
    lines = [f"- {line}" for line in (*caught, *[f"{missing}: {named(sorted(older))}."] * bool(older))]
    return Finding(question, answer, "\n".join(lines), boards(checked))


def orders(every: Sequence[Table]) -> Finding:
    """How many orders of two rows are clear, and how many rows can still be the best."""
    lines, best, equal = [], [], []
    for table in every:
        compared, cost = table.compared(table.rank), table.cost()
        ranks = leaderboard.rank(compared)
        first = ranks.index[ranks.rank_low == 1]
        best.append(len(first) == 1)
        equal.append(bool(cost.max() <= EQUAL * cost.min()))
        lines.append(
            {
                "data": table,
                "measured by": f"`{table.rank}`",
                "pairs with a clear order": f"{len(compared.clear())} of {len(ranks) * (len(ranks) - 1) // 2}",
                "rows that can be the best": f"{len(first)} of {len(ranks)}: {named(first)}",
                "seconds of a run": f"{number(cost.min())} to {number(cost.max())}",
            }
        )
    both = sum(a and b for a, b in zip(best, equal, strict=True))
    answer = (
        f"In {sum(best)} of {counted(len(best), 'table')} one row alone can be the best. In {counted(sum(equal), 'table')} all "
        f"rows have about the same cost (at most a factor of {number(EQUAL)}), and in {both} of these tables one row alone can "
        "be the best."
    )
    return Finding("Is one GAN clearly the best?", answer * bool(lines), grid(lines), boards(every))


def luck(every: Sequence[Table]) -> Finding:
    """The part of the variance of a single run that is its seed."""
    lines, parts = [], []
    chosen = [table for table in every if len(table.rows(table.rank)) > 2]
    for table in chosen:
        y = table.compared(table.rank).scale.to(table.rows(table.rank).to_numpy())
        r, k = y.shape
        ratio = k * y.mean(1).var(ddof=1) / y.var(1, ddof=1).mean()
        ends = [ratio / fdtri(r - 1, r * (k - 1), level) for level in (1 - ALPHA / 2, ALPHA / 2)]
        part, high, low = (k / (max(f, 1) - 1 + k) for f in (ratio, *ends))
        turned = [
            (y[i, s] > y[j, s]) != (np.delete(y[i], s).mean() > np.delete(y[j], s).mean())
            for i, j in combinations(range(r), 2)
            for s in range(k)
        ]
        parts.append(part)
        lines.append(
            {
                "data": table,
                "measured by": f"`{table.rank}`",
                "share of the seed": percent(part, (low, high)),
                "pairs that one seed orders otherwise than the other seeds": f"{sum(turned)} of {len(turned)}",
            }
        )
    least, most = (f"{100 * end(parts, default=0):.0f}" for end in (min, max))
    answer = (
        f"Of the variance of a single run, its seed makes {least} to {most} %, by table, and its row makes the rest. The "
        "intervals are those of one-way random effects, which take all rows as equally spread."
    )
    return Finding("How much luck is a seed?", answer * bool(lines), grid(lines), boards(chosen))


def best_seed(every: Sequence[Table]) -> Finding:
    """What the best seed of a row alone would show."""
    lines, passed = [], 0
    for table in every:
        sign, cells, values = leaderboard.sign(table.rank), table.cells(table.rank), table.rows(table.rank)
        best, centre = sign * (sign * values).min(axis=1), cells.centre[values.index]
        first = str((sign * centre).idxmin())
        past = [str(row) for row in values.index if row != first and sign * best[row] < sign * centre[first]]
        passed += bool(past)
        lines.append(
            {
                "data": table,
                "measured by": f"`{table.rank}`",
                "first row": f"`{first}` {ranged(*cells.loc[first, ENDS])}",
                "its best seed": f"{number(best[first])} (of {values.shape[1]})",
                "best seed passes that mean": f"{len(past)} of {len(values) - 1}: {named(past)}",
            }
        )
    answer = (
        f"In {passed} of {len(lines)} tables the best seed of another row is better than the mean of the first row."
    )
    return Finding("What does the best of several seeds hide?", answer * bool(lines), grid(lines), boards(every))


def checkpoints(every: Sequence[Table]) -> Finding:
    """The scores at parts of the budget, and what a choice by the score would gain."""
    parts, lines, chosen, early, runs = [*PARTS, "value"], [], [], 0, 0
    for table in every:
        ranked = table.scores[table.scores.metric == table.rank].groupby("row", sort=False)
        scored = ranked.filter(lambda group: bool(group[parts].notna().to_numpy().all()))
        if scored.empty:
            continue
        sign, values = leaderboard.sign(table.rank), scored[parts].astype(float)
        best = sign * (sign * values).min(axis=1)
        means = values.assign(best=best).groupby(scored.row, sort=False).mean()
        gain = (means.best - means.value).abs()
        row, earlier = str(gain.idxmax()), int((best != values.value).sum())
        early, runs = early + earlier, runs + len(values)
        gained = f"`{row}`: {number(means.value[row])} to {number(means.best[row])}"
        lines.append(
            {
                "data": table,
                "measured by": f"`{table.rank}`",
                "first at 1/4, 1/2 and all of the budget": ", ".join(f"`{(sign * means[p]).idxmin()}`" for p in parts),
                "runs with a better earlier checkpoint": f"{earlier} of {len(values)}",
                "largest gain of a mean by the choice": gained if gain[row] else "none",
            }
        )
        for name, group in scored.groupby("row", sort=False):
            end, half = (group[part].to_numpy(float) for part in ("value", "half"))
            chosen.append(Case(table, table.rank, f"`{name}`", end, half))
    answer, compared = compare(chosen, "the end of the budget")
    answer = (
        f"In {early} of {counted(runs, 'run')} a checkpoint at a quarter or half of the budget is better than the last one. "
        f"The list compares the end of the budget with half of it. {answer}"
    )
    sources = [case.table.board for case in chosen]
    details = f"{grid(lines)}\n\n{compared}"
    return Finding("What does the choice of a checkpoint hide?", answer * bool(chosen), details, sources)


def surprises(every: Sequence[Table]) -> Finding:
    """Expectations about the boards, and whether the tables meet them."""
    rows, lost, past, opposite, agreed, example = 0, 0, 0, 0, 0, ""
    for table in every:
        compared, means = table.compared(table.rank), leaderboard.sign(table.rank) * table.cells(table.rank)["mean"]
        names = [name for name in compared.names if name != NOISE]
        rows, lost = rows + len(names), lost + sum(not compared.beats_noise(name) for name in names)
        past += int((means[names] < means["real"]).sum())
        if table.rank != "fid" and len(table.rows("fid")) > 1:
            clear, fids = compared.clear(), table.compared("fid").clear()
            other = sorted((a, b) for a, b in clear if (b, a) in fids)
            opposite, agreed = opposite + len(other), agreed + len(clear & fids)
            example = example or "".join(f" ({table}: `{a}` and `{b}`, for example)" for a, b in other[:1])
    pairs = counted(opposite + agreed, "pair")
    expected = {
        f"each trained row is better than uniform noise. Measured: the mean of {lost} of {rows} is not better.": not lost,
        f"no row is better than held-out data. Measured: the mean of {past} of {rows} is better.": not past,
        "FID orders points as the ranking column does, wherever both orders are clear. Measured: the orders are opposite in "
        f"{opposite} of {pairs}{example}.": not opposite,
    }
    lines = [
        f"- Expected: {text} {'As expected.' if met else '**Not as expected.**'}" for text, met in expected.items()
    ]
    answer = f"The tables do not meet {sum(not met for met in expected.values())} of {len(expected)} expectations."
    return Finding("What surprised?", answer * bool(rows), "\n".join(lines), boards(every))


QUESTIONS = (
    *(
        surprises,
        collapse,
        distance,
        literature.cures,
        literature.birthday,
        copies,
        literature.tricks,
        literature.steps,
    ),
    *(orders, literature.losses, literature.r3gan, luck, best_seed, checkpoints),
)


def page() -> str:
    """docs/findings.md."""
    every = tables()
    index = (RESULTS / "README.md").read_text(encoding="utf-8")
    commands = dict(re.findall(r"^\| \[`([\w-]+)`\].*?\| `([^`]+)` \|", index, re.MULTILINE))
    recipes = {table.board: table.recipe for table in every}
    old = [f"`{board}` ({recipe})" for board, recipe in recipes.items() if recipe < RECIPE]
    badge = (
        f"Older than the program, whose `RECIPE` is {RECIPE}: {', '.join(old)}. Built today, they have other numbers."
    )
    parts = [INTRO, *[badge] * bool(old)]
    for question, answer, details, sources in [*(ask(every) for ask in QUESTIONS), *studies.findings()]:
        if answer:
            names = dict.fromkeys(sources)
            board = next(iter(names)) if len(names) == 1 else "BOARD"
            made = (
                f"ganbench run {board} && ganbench publish {board}"
                if names.keys() <= recipes.keys()
                else commands[board]
            )
            links = ", ".join(f"[`{name}`](../results/{name}/README.md)" for name in names)
            parts += [f"## {question}", answer, details, f"`{made}` · {links}"]
    return "\n\n".join(filter(None, parts)) + "\n"
