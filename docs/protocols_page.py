"""docs/protocols.md: the table of protocols as a page, with the measured agreement.

    python docs/protocols_page.py    measure the agreement, and write docs/agreement.csv
    python docs/refresh.py           write the page

The agreement is measured on arrays of features. Of the evaluators that are installed the own functions run; of the others a
reading of their public arithmetic runs, tests/peers.py.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np

from ganbench import features, metrics
from ganbench.scoring.protocols import TABLE, Number, Protocol, Source

ROOT = Path(__file__).resolve().parents[1]
AGREEMENT = ROOT / "docs/agreement.csv"
N, D = 2000, 64  # of the arrays
COLUMNS = ("protocol", "number", "ganbench", "evaluator")
HEAD = f"""# Protocols of other evaluators

`ganbench score SAMPLES --reference REFERENCE --protocol NAME` scores as another evaluator does. From Python it is
`score(samples, reference, protocol="adm")`. A protocol pins the extractor with its weights and its resize, the rule of each
number, the neighbours, the splits, the subsets and the seeds. What contradicts it is refused. `ganbench compare` does not rank
results of different protocols. `python docs/refresh.py` writes this page from the table in
[`ganbench/scoring/protocols.py`](../ganbench/scoring/protocols.py).

Interval and `perfect` of a number are ganbench's own additions. A number has no interval where no interval is known for its
rule.

The published weights are not a part of ganbench. So the agreement is measured in two steps. First, the tests hold each
extractor to the evaluator's own network or resize, on the real architecture with seeded random weights. Second, the tables
below have each number on two arrays of {N:,} x {D} features and of {N:,} x 20 logits. torch-fidelity, clean-fid and prdc
run their own functions there, but for the random KID. The arithmetic of the others is read from their public code
(`tests/peers.py`). `python docs/protocols_page.py` measures it again.

`ganbench score ... --check-with torch-fidelity,clean-fid` runs these two evaluators on the same decoded images. It prints their
values beside the values of ganbench, with the cause of each difference.

`cmmd` and `mind` need no protocol: `--features clip-l14@336 --metrics cmmd`, and `--features inception --metrics mind`.
"""


def agreement() -> list[dict[str, str]]:
    """The measured rows: protocol, number, and both values in full."""
    with AGREEMENT.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def page() -> str:
    """The page in Markdown."""
    rows = {(row["protocol"], row["number"]): row for row in agreement()}
    return "\n".join([HEAD, *(_section(protocol, rows) for protocol in TABLE)]).rstrip() + "\n"


def _section(protocol: Protocol, rows: dict[tuple[str, str], dict[str, str]]) -> str:
    head = ("number", "extractor and resize", "rule", "ganbench", "the evaluator", "relative difference")
    papers = f"Papers use {protocol.n:,} samples. The reference in papers is {protocol.reference}."
    lines = [
        f"## `{protocol.name}`\n\n{protocol.about}. {papers}\n",
        f"| {' | '.join(head)} |\n{'|---' * len(head)}|",
        *(_row(number, rows[protocol.name, number.name]) for number in protocol.numbers),
        "\nWhere the evaluator's own number can differ:\n",
        *(f"- {line}" for line in protocol.apart),
        f"\nRead in: {'; '.join(map(_link, protocol.sources))}.\n",
    ]
    return "\n".join(lines)


def _row(number: Number, row: dict[str, str]) -> str:
    facts = features.describe(number.features)
    ours, theirs = float(row["ganbench"]), float(row["evaluator"])
    apart = abs(ours - theirs) / abs(theirs)
    most = "" if number.most is None else f"; at most {number.most:,} samples of each set"
    rule = f"{number.states}{most}".replace("|", "\\|")
    return (
        f"| `{number.name}` | `{facts['id']}`, {facts['resize']} | {rule} | {ours:.7g} | {theirs:.7g} | {apart:.1g} |"
    )


def _link(source: Source) -> str:
    return f"[{source.repository}: `{source.file}`](https://github.com/{source.repository}/blob/{source.commit}/{source.file})"


def measure() -> None:
    """Compute each number on the arrays, by ganbench and by the evaluator, and write the table."""
    sys.path.insert(0, str(ROOT / "tests"))
    import peers

    sets = peers.sets(N, D)
    with AGREEMENT.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        table.writeheader()
        for protocol in TABLE:
            results = metrics.compute([number.measure for number in protocol.numbers], sets)
            for number in protocol.numbers:
                values = results[number.name]["value"], peers.SAID[protocol.name][number.name](sets)
                table.writerow(
                    dict(
                        zip(
                            COLUMNS, (protocol.name, number.name, *map(np.format_float_positional, values)), strict=True
                        )
                    )
                )


if __name__ == "__main__":
    measure()
