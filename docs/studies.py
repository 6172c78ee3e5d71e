"""What the published studies say, beside the boards: a function per study, for docs/findings.md."""

from __future__ import annotations

import re
from itertools import combinations

import numpy as np
import pandas as pd
from evidence import RESULTS, Finding, holm, named, percent, ranged

from ganbench.display.text import number
from ganbench.statistics import difference, share, student

PAPER = 0.93  # % of wrong test images, Salimans et al. 2016


def findings() -> list[Finding]:
    """The findings of all studies."""
    return [
        protocols(pd.read_csv(RESULTS / "spread/spread.csv")),
        extractors({path.stem: pd.read_csv(path) for path in sorted((RESULTS / "extractors").glob("*.csv"))}),
        pictures(pd.read_csv(RESULTS / "pairs/pairs.csv")),
        half_precision(pd.read_csv(RESULTS / "precision/runs.csv")),
        semi_supervised(pd.read_csv(RESULTS / "semi_supervised/splits.csv")),
        kills((RESULTS / "kills/README.md").read_text(encoding="utf-8")),
    ]


def protocols(table: pd.DataFrame) -> Finding:
    """One set of samples under many protocols."""
    measured = table[table.value.notna()]
    lines = []
    for name, fids in measured[measured.metric == "fid"].groupby("samples", sort=False):
        house, is_other = fids[fids.choice == "house"].iloc[0], fids.varied == "extractor"
        own, others = fids.value[~is_other], fids.value[is_other]
        lines.append(
            f"- `{name}`, {house.n:,} samples: FID {ranged(house.value, house.low, house.high)}; with other choices and the "
            f"same extractor {number(own.min())} to {number(own.max())}; with other extractors {number(others.min())} to "
            f"{number(others.max())}."
        )
    changes = turned(measured)
    clear = [f"`{metric}` with {choice} (`{a}` and `{b}`)" for metric, choice, a, b, sure in changes if sure]
    answer = (
        "The samples of one model have many FIDs. Orders of two GANs that change with the protocol, by any metric: "
        f"{len(changes)}. Of them, {len(clear)} are clear by both protocols, each judged alone: {', '.join(clear) or 'none'}."
    )
    return Finding("How far does the FID of one model move with the protocol?", answer, "\n".join(lines), ["spread"])


def turned(measured: pd.DataFrame) -> list[tuple[str, str, str, str, bool]]:
    """Metric, protocol and two sample sets whose order is not that of the house, and whether both orders are clear at 95 %."""
    out = []
    for (metric, choice), group in measured.groupby(["metric", "choice"], sort=False):
        house = measured[(measured.metric == metric) & (measured.choice == "house")].set_index("samples")
        there = group.set_index("samples")
        for a, b in combinations(there.index, 2):
            if (house.value[a] > house.value[b]) != (there.value[a] > there.value[b]):
                ends = [
                    difference(t.value[a], (t.low[a], t.high[a]), t.value[b], (t.low[b], t.high[b]))
                    for t in (house, there)
                ]
                out.append((str(metric), str(choice), str(a), str(b), all(low > 0 or high < 0 for low, high in ends)))
    return out


def extractors(tables: dict[str, pd.DataFrame]) -> Finding:
    """What a classifier of a dataset sees that was trained with damaged images, and one that was not."""
    answers, lines = zip(*(exposure(dataset, table) for dataset, table in tables.items()), strict=True)
    return Finding("What does an extractor see?", "\n\n".join(answers), "\n".join(lines), ["extractors"])


def exposure(dataset: str, table: pd.DataFrame) -> tuple[str, str]:
    """The answer about the classifiers of a dataset, and a line with the comparisons."""
    strongest = table[table.level == table.groupby("damage")["level"].transform("max")]
    kinds = {
        str(kind): part.pivot(index="damage", columns="seed", values="precision")
        for kind, part in strongest.groupby("kind")
    }
    damages = [name for name in kinds["control"].index if name not in ("untouched", "dropped")]
    signs = holm([(kinds["exposed"].loc[name] - kinds["control"].loc[name]).to_numpy() for name in damages])
    lower, higher, same = ([name for name, s in zip(damages, signs, strict=True) if s == sign] for sign in (-1, 1, 0))
    before, after = (
        ranged(values.mean(), *np.clip(student(values), 0, 1))
        for values in (kinds[kind].loc["outliers"].to_numpy() for kind in ("control", "exposed"))
    )
    right = table[table.damage == "untouched"].pivot(index="seed", columns="kind", values="accuracy")
    change = 100 * (right.exposed - right.control).to_numpy()
    low, high = student(change)
    answer = (
        f"Uniform noise in the place of `{dataset}` has a precision of {before} in the features of a classifier that was "
        f"trained with these data alone, and of {after} if damaged images had a part in the training. The share of right "
        f"answers differs by {change.mean():+.2f} points [{low:+.2f}, {high:+.2f}], which is "
        f"{'clear' if low > 0 or high < 0 else 'not clear'}."
    )
    line = (
        f"- `{dataset}`: the precision of the strongest damage, with damage in training against without it "
        f"({len(damages)} comparisons, "
        f"{len(right)} training seeds): clearly lower: {named(lower)}; clearly higher: {named(higher)}; not clear: "
        f"{named(same)}."
    )
    return answer, line


def pictures(table: pd.DataFrame) -> Finding:
    """Which extractor sees the same emoji in two styles."""
    shares = table.pivot(index="extractor", columns="draw", values="found")
    first, *others = shares.mean(axis=1).sort_values(ascending=False).index
    signs = holm([(shares.loc[first] - shares.loc[other]).to_numpy() for other in others])
    behind = [other for other, sign in zip(others, signs, strict=True) if sign > 0]
    said = [
        f"`{name}` {percent(shares.loc[name].mean(), student(shares.loc[name].to_numpy()))}"
        for name in (first, *others)
    ]
    answer = (
        f"`{first}` sees most. Clearly behind it: {named(behind)} ({len(signs)} comparisons, paired by draw). The draws share "
        "emoji, so the intervals are about these emoji alone."
    )
    lines = (
        f"- The nearest drawing of another vendor is the same emoji for this share of the drawings: {', '.join(said)}."
    )
    return Finding("Which extractor sees more than pixels?", answer, lines, ["pairs"])


def half_precision(table: pd.DataFrame) -> Finding:
    """bf16 against fp32."""
    fid, seconds = (table.pivot(index="seed", columns="precision", values=column) for column in ("fid", "seconds"))
    change, speed = (fid.bf16 - fid.fp32).to_numpy(), np.log((seconds.fp32 / seconds.bf16).to_numpy())
    low, high = student(change)
    word = "clearly raises" if low > 0 else "clearly lowers" if high < 0 else "does not clearly change"
    answer = (
        f"bf16 {word} the FID of `dcgan` on MNIST: {change.mean():+.3g} [{low:+.3g}, {high:+.3g}] with {len(change)} seeds, "
        f"where fp32 has {number(fid.fp32.mean())}. The speed changes by a factor of "
        f"{ranged(*np.exp([speed.mean(), *student(speed)]))}."
    )
    return Finding("What does bf16 cost?", answer, "", ["precision"])


def semi_supervised(table: pd.DataFrame) -> Finding:
    """The error with 100 labels against the paper's."""
    wrong = table[table.labels == 100].error_percent.to_numpy()
    low, high = student(wrong)
    word = "clearly more than" if low > PAPER else "clearly less than" if high < PAPER else "not clearly different from"
    answer = (
        f"{ranged(wrong.mean(), low, high)} % of MNIST's test images are classified wrong, the mean of {len(wrong)} splits. "
        f"This is {word} the {PAPER} % of the [paper](https://arxiv.org/abs/1606.03498), whose networks are wider and train "
        "longer."
    )
    return Finding("How well does the semi-supervised GAN classify with 100 labels?", answer, "", ["semi_supervised"])


def kills(page: str) -> Finding:
    """The killed commands that ended in other bits."""
    cells = re.findall(r"^\| `\w+` \| (\d+) \| (\d+) \| (\d+) \|$", page, re.MULTILINE)
    killed, same, left = np.array(cells, int).sum(0)
    answer = (
        f"{same} of {killed} killed commands gave the same bits after the same command was started again: "
        f"{percent(same / killed, share(same, killed))}. They left {left} temporary files."
    )
    return Finding("Does a killed command lose anything?", answer, "", ["kills"])
