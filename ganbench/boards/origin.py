"""What the page of a board says about its origin: recipe, versions, date, code, and whether it is older than the program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ganbench import metrics
from ganbench.config import RECIPE
from ganbench.display.text import listed
from ganbench.errors import counted

SHORT = 12  # digits of a commit
BEGIN, END = "<!-- origin: begin -->\n", "<!-- origin: end -->\n\n"


def facts(records: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What the records of a board, by the names of their runs, say about their origin.

    Returns:
        `recipe`: the oldest recipe of a training. `metrics`: the oldest version of each metric. `date`: of the last score, None
        if no record has a date. `commits` and `processors`: all that made a record. `uncommitted`: the runs that uncommitted
        code had a part in.
    """
    recipes, dates, versions = [RECIPE], [""], dict[str, int]()
    commits, processors, uncommitted = set[str](), set[str](), set[str]()
    for name, record in records.items():
        recipes += [run["recipe"] for run in _trainings(record)]
        processors |= {run["processor"] for run in _trainings(record) if "processor" in run}
        for metric, measured in record["scores"]["metrics"].items():
            versions[metric] = min(measured["version"], versions.get(metric, measured["version"]))
        for work in _works(record):
            dates.append(work["date"])
            commits |= {work["commit"]} - {None}
            if work["dirty"]:
                uncommitted.add(name)
    return {
        "recipe": min(recipes),
        "metrics": dict(sorted(versions.items())),
        "date": max(dates) or None,
        "commits": sorted(commits),
        "processors": sorted(processors),
        "uncommitted": sorted(uncommitted),
    }


def _trainings(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [record["samples"]["run"]] if "run" in record["samples"] else []


def _works(record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The provenance of each piece of work behind a record."""
    for part in (*_trainings(record), record["samples"], record["scores"], record.get("second", {})):
        if part.get("provenance"):
            yield part["provenance"]


def stamp(page: str, facts: Mapping[str, Any]) -> str:
    """The page of a board with `sentences` below its title, in the place of those that it has."""
    paragraphs = "\n\n".join(sentences(facts))
    return with_block(page, f"{BEGIN}{paragraphs}\n{END}")


def block(page: str) -> str:
    """What `stamp` has written on a page; empty if it has not."""
    rest = page.partition("\n\n")[2]
    return rest[: rest.index(END) + len(END)] if rest.startswith(BEGIN) and END in rest else ""


def with_block(page: str, text: str) -> str:
    """The page with another `block`, or with none."""
    title, _, rest = page.partition("\n\n")
    return f"{title}\n\n{text}{rest[len(block(page)) :]}"


def sentences(facts: Mapping[str, Any]) -> list[str]:
    """The paragraphs about the origin. The first one is a badge if the board is older than the program."""
    named = ", ".join(f"`{name}` {version}" for name, version in facts["metrics"].items())
    date, commits, processors = (facts.get(name) for name in ("date", "commits", "processors"))
    made = [
        f"Made with `RECIPE` {facts['recipe']}; the last score is of {date or 'an unknown day'}.",
        f"Versions of the metrics: {named}.",
        f"Commit: {listed([commit[:SHORT] for commit in commits])}." if commits else "The records name no commit.",
        *([f"Processor: {listed(processors)}."] if processors else []),
    ]
    return [*_badges(facts), " ".join(made)]


def _badges(facts: Mapping[str, Any]) -> list[str]:
    out = []
    older = [
        f"`{name}` {version} (now {metrics.get(name).card.version})"
        for name, version in facts["metrics"].items()
        if name in metrics.names() and version < metrics.get(name).card.version
    ]
    reasons = [f"`RECIPE` {facts['recipe']} (now {RECIPE})"] if facts["recipe"] < RECIPE else []
    if reasons + older:
        out.append(
            f"> **Older than the program**: {listed(reasons + older, 20)}. A board that is built today has other numbers."
        )
    if runs := facts.get("uncommitted"):
        out.append(
            f"> **Uncommitted code**: it had a part in {counted(len(runs), 'run')} of this board ({listed(runs)}). Nobody else "
            "can get this code by the commit."
        )
    if facts.get("dirty"):
        out.append("> **Uncommitted code** made this table from the records.")
    return out
