"""Write the parts of the documents that a program prints: the plan, tests, findings, an example, scores, protocols.

    python docs/refresh.py           write them
    python docs/refresh.py --check   exit 1 and name the files that are stale

Run it after a change of imports, of a name in tests/test_pitfalls.py, of what `ganbench score` prints, of a file in results/,
or of a protocol.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import findings
import front
import plan
import protocols_page

from ganbench.boards.curve import converged
from ganbench.display.text import value
from ganbench.metrics import get
from ganbench.scoring import intervals

ROOT = Path(__file__).resolve().parents[1]
MARKS = "<!-- example: begin -->\n", "<!-- example: end -->"
EXAMPLE = (
    "ganbench control copycat --dataset digits --n 797 --out copies.npz",
    "ganbench score copies.npz --reference digits --metrics fid,coverage,memorisation,support",
)


def readme(text: str) -> str:
    """The README with the findings on its front, the example's commands, and what they print at 80 columns."""
    text = front.readme(text)
    before, begin, rest = text.partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    commands = "\n".join(EXAMPLE)
    return f"{before}{begin}```sh\n{commands}\n```\n\n```\n{printed()}\n```\n{end}{after}"


def printed() -> str:
    """What the example prints to stdout, run in an empty folder with the data of this checkout."""
    settings = os.environ | {"COLUMNS": "80", "PYTHONPATH": str(ROOT), "GANBENCH_DATA": str(ROOT / "data")}
    with tempfile.TemporaryDirectory() as folder:
        outputs = [
            subprocess.run(
                [sys.executable, "-m", *command.split()],
                cwd=folder,
                env=settings | {"GANBENCH_CACHE": folder},
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                check=True,
            ).stdout
            for command in EXAMPLE
        ]
    return "\n".join(line.rstrip() for line in "".join(outputs).strip().splitlines())


def pitfalls(text: str) -> str:
    """docs/pitfalls.md with the tests that tests/test_pitfalls.py names."""
    sys.path.insert(0, str(ROOT / "tests"))
    from test_pitfalls import PITFALLS

    def held(section: re.Match[str]) -> str:
        tests = PITFALLS[int(section[2])].tests
        return section[1] + "\n\nHeld by:\n\n" * bool(tests) + "\n".join(f"- `{test}`" for test in tests) + "\n\n"

    pattern = r"(^## (\d+)\. .*?)(?:\n\nHeld by:\n\n(?:- [^\n]*\n)+)?\s*(?=^## |\Z)"
    return re.sub(pattern, held, text, flags=re.MULTILINE | re.DOTALL).rstrip() + "\n"


def baselines(text: str) -> str:
    """docs/baselines.md with the scores of the records in results/mnist."""
    return "\n".join(_with_score(line) for line in text.split("\n"))


def _with_score(line: str) -> str:
    row = re.search(r"\(\.\./baselines/(\w+)\.py\)", line)
    record = ROOT / f"results/mnist/{row[1]}-s0.json" if row and line.startswith("| ") else None
    content = json.loads(record.read_text(encoding="utf-8")) if record and record.is_file() else {}
    if "curve" not in content:  # a record older than RECIPE 6
        return line
    run, curve, fid = content["samples"]["run"], content["curve"], content["scores"]["metrics"]["fid"]["value"]
    scores = ", ".join(value(number) for number in (curve["quarter"], curve["half"], fid))
    mark = "" if converged(curve["half"], fid, "fid") else " (*)"
    steps = run["seen"] // run["config"]["batch"]
    cells = line.split(" | ")
    cells[3] = f"{scores}{mark} ({steps:,} steps, {run['cpu_seconds']:,.0f} CPU s)"
    return " | ".join(cells)


def metrics(text: str) -> str:
    """docs/metrics.md with the intervals that hold the truth too rarely."""
    before, begin, rest = text.partition("<!-- intervals: begin -->\n")
    _, end, after = rest.partition("<!-- intervals: end -->")
    measured = [line for line in intervals.table() if line.version == get(line.metric).card.version]
    names = ", ".join(f"`{name}`" for name in dict.fromkeys(line.metric for line in measured)) or "none yet"
    short = [f"- {line}" for line in measured if line.short]
    lines = [f"Measured at the current version: {names}.", *short]
    return f"{before}{begin}{chr(10).join(lines)}\n{end}{after}"


def main() -> None:
    """Write or check every generated part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a file is stale")
    check = parser.parse_args().check
    arrows = plan.plan()
    parts: dict[Path, Callable[[str], str]] = {
        ROOT / "README.md": readme,
        ROOT / "docs/pitfalls.md": pitfalls,
        ROOT / "docs/baselines.md": baselines,
        ROOT / "docs/metrics.md": metrics,
        ROOT / "docs/plan.txt": lambda text: plan.listing(arrows),
        ROOT / "docs/protocols.md": lambda text: protocols_page.page(),
        ROOT / "docs/findings.md": lambda text: findings.page(),
    }
    texts = {path: path.read_text(encoding="utf-8") for path in parts}
    fresh = {path: parts[path](text) for path, text in texts.items()}
    stale = [path for path in parts if fresh[path] != texts[path]]
    if check and stale:
        sys.exit(f"stale: {', '.join(str(path.relative_to(ROOT)) for path in stale)}; run `python docs/refresh.py`")
    for path in stale:
        path.write_text(fresh[path], encoding="utf-8")
    if ROOT / "docs/plan.txt" in stale:
        plan.draw(arrows, ROOT / "docs/plan.png")
    if ROOT / "README.md" in stale:
        front.draw()


if __name__ == "__main__":
    main()
