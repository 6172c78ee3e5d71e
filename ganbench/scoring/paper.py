"""A result for a paper: a table in LaTeX or Markdown whose caption says how it was measured, and a sentence to paste."""

from __future__ import annotations

import re

from ganbench.display import paper
from ganbench.display.text import interval
from ganbench.errors import counted
from ganbench.scoring import verdict
from ganbench.scoring.report import called
from ganbench.scoring.result import Identity, Result

HEADS = ("metric", "value", "95 % interval", "perfect")


def latex(result: Result, given: str | None = None) -> str:
    """The scores as a booktabs table, and the sentence on the protocol. `given` is what the user called the samples."""
    label = re.sub(r"[^A-Za-z0-9]+", "-", called(result, given)).strip("-")
    table = paper.latex(HEADS, _rows(result), _caption(result, given), f"tab:{label or 'scores'}")
    return f"{table}\n{paper.in_latex(sentence(result))}\n"


def markdown(result: Result, given: str | None = None) -> str:
    """The same in Markdown."""
    return f"{paper.markdown(HEADS, _rows(result), _caption(result, given))}\n{paper.in_markdown(sentence(result))}\n"


def sentence(result: Result) -> str:
    """The protocol in one sentence: all that another person needs to compute the same numbers."""
    about = result.protocol
    name = "" if about.name is None else f", under the protocol of {about.name}"
    train = "" if about.train is None else f", with the training set {_set(about.train)}"
    extractors = [m.extra["extractor"] for m in result.metrics.values() if "extractor" in m.extra]
    used = " and ".join(dict.fromkeys([about.features.id, *extractors]))
    versions = ", ".join(f"{metric} {m.version}" for metric, m in result.metrics.items() if m.answered)
    return (
        f"We scored {counted(result.samples.n, 'generated sample')} (SHA-256 {result.samples.sha256[:16]}) against the "
        f"reference {_set(about.reference)}{train} with ganbench {about.ganbench}{name}, in the features of {used}, with seed "
        f"{about.seed} (versions of the metrics: {versions or 'none'})."
    )


def _set(samples: Identity) -> str:
    size = f"n = {samples.n:,}, " if samples.n else ""
    return f"{samples.name} ({size}SHA-256 {samples.sha256[:16]})"


def _caption(result: Result, given: str | None) -> str:
    names = [name for name, m in result.metrics.items() if m.answered]
    halves = any(verdict.floor(result.metrics[name]).startswith("~") for name in names)
    bounded = any(result.metrics[name].bound is not None for name in names)
    reference = result.protocol.reference
    against = f"{reference.name} (n = {reference.n:,})" if reference.n else reference.name
    about = f"Scores of {called(result, given)} (n = {result.samples.n:,}) against {against}"
    parts = [
        f"{about}, extractor {result.protocol.features.id}.",
        "Intervals are 95 % intervals for one set of samples; they do not cover another training run.",
        "“perfect” is the average score of a perfect generator with as many samples.",
        *([f"{verdict.HALVES}."] if halves else []),
        *([f"≥ {verdict.BOUND}."] if bounded else []),
        f"{verdict.legend(names)}." if verdict.legend(names) else "",
    ]
    return " ".join(filter(None, parts))


def _rows(result: Result) -> list[list[str]]:
    """A row for each metric with a value or a bound, in the order of the questions."""
    names = [name for name, m in result.metrics.items() if m.answered]
    ordered = [name for answers in verdict.questions(names).values() for name in answers]
    return [
        [f"{name}{verdict.sign(name)}", m.shown, interval(m.interval), verdict.floor(m)]
        for name, m in ((name, result.metrics[name]) for name in ordered)
    ]
