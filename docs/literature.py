"""What the published boards say about claims of papers and lectures: a function per question, for docs/findings.md."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import front
from evidence import BETTER, Case, Finding, Table, cases, compare, judge

from ganbench.boards import leaderboard
from ganbench.display.text import number
from ganbench.errors import counted

TWINS = {
    "pacgan": "pacgan-1",
    "unrolled": "unrolled-0",
    "minibatch_discrimination": "plain-slow",
}  # the same without its idea
LOSSES = (
    "lsgan",
    "wgan",
    "wgan_gp",
    "dragan",
)  # of Lucic et al. 2018, in the networks of `plain`, the non-saturating loss


def of(board: str, every: Sequence[Table]) -> list[Table]:
    """The tables of a board."""
    return [table for table in every if table.board == board]


def ranking(table: Table) -> list[str]:
    """The ranking column, and the count of modes where there is one."""
    return [column for column in dict.fromkeys((table.rank, "modes")) if len(table.rows(column))]


def tricks(every: Sequence[Table]) -> Finding:
    """Each trick against the same GAN without a trick."""
    chosen = [
        case
        for table in of("tricks", every)
        for column in ranking(table)
        for case in cases(
            table, column, {f"`{r}`": (str(r), "plain") for r in table.rows(column).index if r != "plain"}
        )
    ]
    answer, lines = compare(chosen, "a trick")
    seen = {table.dataset: leaderboard.seen(table.compared(table.rank)) for table in of("tricks", every)}
    lines += "".join(
        f"\n- With a probability of 80 % the board sees on {data}: {text}." for data, text in seen.items() if text
    )
    return Finding("What do the tricks of lectures bring, against `plain` without a trick?", answer, lines, ["tricks"])


def steps(every: Sequence[Table]) -> Finding:
    """Each step of BigGAN's table 1 against the step before it."""
    chosen = [
        case
        for table in of("biggan-ablation", every)
        for case in cases(
            table, table.rank, {f"`{b}`": (str(b), str(a)) for a, b in pairwise(table.rows(table.rank).index)}
        )
    ]
    said = compare(chosen, "a step")
    return Finding("Does each step of BigGAN's table 1 help, against the step before it?", *said, ["biggan-ablation"])


def cures(every: Sequence[Table]) -> Finding:
    """Packing, unrolling and minibatch discrimination against the same GAN without them."""
    pairs = {f"`{row}` against `{other}`": (row, other) for row, other in TWINS.items()}
    chosen = [case for table in of("modes", every) for column in ranking(table) for case in cases(table, column, pairs)]
    answer, lines = compare(chosen, "the idea")
    told = [(case.name, word) for case, word in zip(chosen, judge(chosen), strict=True)]
    counts = [
        f"{name} in {told.count((name, BETTER))} of {sum(case.name == name for case in chosen)}" for name in pairs
    ]
    answer = f"A row stands against the same networks and rates without the idea. {answer} Clearly better: {', '.join(counts)}."
    question = "Do packing (PacGAN), unrolling and minibatch discrimination help, as their papers say?"
    return Finding(question, answer * bool(chosen), lines, ["modes"])


def losses(every: Sequence[Table]) -> Finding:
    """The losses of a large study against the non-saturating loss."""
    pairs = {f"`{row}`": (row, "plain") for row in LOSSES}
    chosen = [case for table in of("modes", every) for case in cases(table, table.rank, pairs)]
    answer, lines = compare(chosen, "the other loss")
    better = {(c.name, c.table.dataset) for c, word in zip(chosen, judge(chosen), strict=True) if word == BETTER}
    data = {case.table.dataset for case in chosen}
    always = [name for name in pairs if {(name, dataset) for dataset in data} <= better]
    answer += (
        f" Clearly better on each of the {counted(len(data), 'dataset')}: {', '.join(always) or 'none'}. This "
        f"{'contradicts' if always else 'does not contradict'} [Lucic et al. 2018](https://arxiv.org/abs/1711.10337): with "
        "equal search no loss was consistently better than the non-saturating loss."
    )
    question = "Is a loss better than the non-saturating loss (`plain`)?"
    return Finding(question, answer * bool(chosen), lines + costs(chosen, ("plain", *LOSSES)), ["modes"])


def r3gan(every: Sequence[Table]) -> Finding:
    """R3GAN against older losses; without a board, its single run."""
    question, older = "Is R3GAN better than older losses?", ("plain", "sngan", *LOSSES)
    pairs = {f"`{row}`": ("r3gan", row) for row in older}
    chosen = [case for table in every for case in cases(table, table.rank, pairs)]
    if chosen:
        answer, lines = compare(chosen, "R3GAN")
        boards = [case.table.board for case in chosen]
        return Finding(question, answer, lines + costs(chosen, ("r3gan", *older)), boards)
    fids = front.mnist()
    answer = (
        f"This is not known: no published board has the row `r3gan`. On MNIST, with one run of each of {len(fids)} baselines, "
        f"its FID of {number(fids['r3gan'])} has place {list(fids.index).index('r3gan') + 1}. One run has no interval over "
        "seeds, so it ranks nothing."
    )
    return Finding(question, answer, "", ["mnist"])


def costs(chosen: Sequence[Case], rows: Sequence[str]) -> str:
    """A line per table of the cases, with the seconds of a run of each of these rows."""
    lines = {}
    for table in (case.table for case in chosen):
        cost = table.cost()
        shown = ", ".join(f"`{row}` {number(cost[row])}" for row in rows if row in cost.index)
        lines[str(table)] = f"\n- Seconds of a run on {table}: {shown}."
    return "".join(lines.values())


def birthday(every: Sequence[Table]) -> Finding:
    """Repeats among samples, and the least number of different samples, against held-out data."""
    column = "support.lower_bound"
    shown = [t for t in every if len(t.rows(column)) and t.is_current("support")]
    chosen, runs, repeating = [], 0, 0
    for table in shown:
        real = table.rows(column, "control").loc["real"].to_numpy()
        chosen += [Case(table, column, f"`{row}`", v.to_numpy(), real) for row, v in table.rows(column).iterrows()]
        support = table.scores[(table.scores.metric == "support") & (table.scores.kind == "baseline")]
        runs, repeating = runs + len(support), repeating + int(support.value.notna().sum())
    answer, lines = compare(chosen, "the bound of a row")
    answer = (
        f"{repeating} of {counted(runs, 'run')} clearly repeat samples, by the birthday test of [Arora and Zhang "
        "2018](https://arxiv.org/abs/1706.08224). `support.lower_bound` is the least number of different samples that the "
        f"test allows. The bound of each row stands against the bound of held-out data. {answer}"
    )
    question = "Do GANs make few different samples, as Arora and Zhang say?"
    return Finding(question, answer * bool(chosen), lines, [table.board for table in shown])
