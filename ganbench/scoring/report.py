"""Results as text for a terminal: one result with its verdicts and its protocol, or several results side by side."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from ganbench.display.text import chosen, fitted, interval, listed, value, wrap
from ganbench.errors import counted, plain
from ganbench.scoring import intervals, verdict
from ganbench.scoring.comparison import alike
from ganbench.scoring.result import Measured, Result

SERIOUS = ("copying", "collapse", "protocol")  # gates without which "better" would mislead
NOISE = {  # whose noise the interval of a metric contains, and what that means for the difference of two results
    "right for this reference": (
        "fid",
        "sfid",
        "fd_dinov2",
        "classifier_score",
        "vendi",
        "ms_ssim",
        "lpips",
        "intra_fid",
        "label_accuracy",
    ),
    "too wide: it counts the noise of the shared reference twice": (
        "kid",
        "kd_dinov2",
        "cmmd",
        "mind",
        "precision",
        "recall",
        "density",
        "coverage",
        "memorisation",
        "support",
        "sliced_wasserstein",
        "intra_precision",
        "intra_recall",
        "invented",
        *("clipped_density", "clipped_coverage", "symmetric_precision", "symmetric_recall"),
        *("probabilistic_precision", "probabilistic_recall", "alpha_precision", "beta_recall"),
    ),
    "only about these samples: it ignores that other samples of the same generator differ": (
        "classification_accuracy",
        "network_accuracy",
        "parzen",
    ),
}


def text(result: Result, asked: Collection[str] = (), columns: int = 80, given: str | None = None) -> str:
    """The report on a result, in lines of at most `columns` characters where the names of metrics allow it.

    Args:
        result: the scores of one sample set.
        asked: metrics that the user named. They stand in the table even if they were not computed; all others that were
            not computed are named in one line.
        columns: the width of the terminal.
        given: what the user called the samples; by default their name in the result.
    """
    names = [name for name, m in result.metrics.items() if m.answered or name in asked]
    reference = result.protocol.reference
    against = f"{reference.name} ({counted(reference.n, 'sample')})" if reference.n else reference.name
    about = f"{called(result, given)} ({counted(result.samples.n, 'sample')})"
    parts = [wrap(plain(f"{about} against {against}"), "  ", columns)]
    if names:
        parts.append("\n".join(_table(result, names, columns)))
    parts.append("\n".join(wrap(note, "  ", columns) for note in _notes(result, names)))
    sentences = [f"{verdict.MARKS[v.level]} {v.gate}: {v.text}." for v in verdict.verdicts(result)]
    sentences.append(f"protocol: {plain(verdict.protocol_line(result))}")
    parts.append("\n".join(wrap(sentence, "  ", columns) for sentence in sentences))
    return "\n\n".join(filter(None, parts))


def called(result: Result, given: str | None) -> str:
    """The samples as the user called them, and their own name if it is another: a file may hold the samples of a run."""
    name = result.samples.name
    if given is None or given == name:
        return name
    return given if Path(given).resolve().name == name else f"{given}, samples of {name}"


def _table(result: Result, names: list[str], columns: int) -> list[str]:
    """The table, a line with the question above its metrics."""
    lines, short = [], intervals.of(result)
    for question, answers in verdict.questions(names).items():
        lines.append(dict.fromkeys(("metric", "value", "95 % interval", "perfect"), "") | {"metric": question})
        lines += [_line(result, name, result.metrics[name], short.get(name)) for name in answers]
    shown = [{name: plain(cell) for name, cell in line.items()} for line in lines]
    return fitted(shown, list(shown[0]), columns)


def _line(result: Result, name: str, m: Measured, short: intervals.Covered | None) -> dict[str, str]:
    held = "" if short is None else f" ({short.percent})"
    return {
        "metric": f"  {verdict.label(name, result.protocol.features.id)}{verdict.sign(name)}",
        "value": m.shown or "–",
        "95 % interval": f"{interval(m.interval)}{held}",
        "perfect": verdict.floor(m),
    }


def _notes(result: Result, names: list[str]) -> list[str]:
    """The notes below the table: what its signs mean, and why a number is missing."""
    measured = [result.metrics[name] for name in names]
    signs = verdict.legend(names)
    notes = [signs] if signs else []
    if any(verdict.floor(m).startswith("~") for m in measured):
        notes.append(verdict.HALVES)
    if any(m.bound is not None for m in measured):
        notes.append(f"≥ {verdict.BOUND}")
    notes += [*headline(result), *filter(None, [intervals.note(intervals.of(result).values())])]
    missing = [name for name, m in result.metrics.items() if not m.answered]
    if missing:
        notes.append(f"not computed: {plain(verdict.not_computed(result, missing))}")
    return notes


def headline(result: Result) -> list[str]:
    """What the interval of FID is about, and FID without the bias of both sets. Empty without FID or without its interval."""
    fid = result.metrics.get("fid")
    if fid is None or fid.interval is None:
        return []
    free = fid.extra.get("unbiased")
    about = f"fid: the interval is for {counted(fid.n, 'sample')} against this reference."
    if free is None:
        return [about]
    return [f"{about} Without the bias of both sets: {value(free)} {interval(fid.extra['unbiased_interval'])}."]


def comparison(lines: Sequence[Mapping[str, Any]], results: Mapping[str, Result], columns: int = 80) -> str:
    """The comparison of `results` as text: a table for each result after the first, then how to read the tables.

    Args:
        lines: from `comparison.compare`.
        results: the results under the same names, the first one first.
        columns: the width of the terminal.
    """
    first, *others = results
    features = results[first].protocol.features.id
    parts, compared, shown = [], [], []
    for other in others:
        title = wrap(plain(f"a: {first}, b: {other}, features {features}"), "  ", columns)
        if alike(results[first], results[other]):
            parts.append(
                f"{title}\n{wrap('a and b are the same samples, so there is nothing to compare.', '  ', columns)}"
            )
            continue
        pairs = [line for line in lines if line["b"] == other]
        compared += [line["metric"] for line in pairs if line["interval"] is not None]
        shown += [line["metric"] for line in pairs]
        parts.append("\n\n".join([title, *_pairs(pairs, results[first], results[other], columns)]))
    warnings = [
        wrap(f"{verdict.MARKS[v.level]} {plain(name)}: {v.gate}: {v.text}.", "  ", columns)
        for name, result in results.items()
        for v in verdict.verdicts(result)
        if v.level == "bad" and v.gate in SERIOUS
    ]
    parts += ["\n".join(warnings)] if warnings else []
    notes = [verdict.legend(shown), *(how_to_read(compared) if compared else [])]
    parts.append("\n".join(wrap(line, "    ", columns) for line in notes if line))
    return "\n\n".join(filter(None, parts))


def _pairs(lines: Sequence[Mapping[str, Any]], a: Result, b: Result, columns: int) -> list[str]:
    """The table of one pair of results, and the reasons of its empty cells."""
    rows: list[dict[str, str]] = []
    reasons: list[str] = []
    for name in (name for names in verdict.questions(line["metric"] for line in lines).values() for name in names):
        (line,) = (line for line in lines if line["metric"] == name)
        pair = a.metrics[name], b.metrics[name]
        bounded = any(m.bound is not None for m in pair)
        reason = verdict.BOUND if bounded else line["reason"]
        if reason and reason not in reasons:
            reasons.append(reason)
        rows.append(
            {
                "metric": plain(f"{name}{verdict.sign(name)}"),
                "a": pair[0].shown,
                "b": pair[1].shown,
                "a - b": value(line["difference"]),
                "a - b, 95 %": interval(line["interval"]),
                "verdict": f"– ({reasons.index(reason) + 1})" if reason else line["verdict"],
            }
        )
    needed = [name for name in rows[0] if name != "a - b"]
    names = [name for name in rows[0] if name in chosen(rows, needed, ["a - b"], columns)]
    notes = [wrap(plain(f"({i}) {reason}"), "    ", columns) for i, reason in enumerate(reasons, 1)]
    return ["\n".join(fitted(rows, names, columns)), *(["\n".join(notes)] if notes else [])]


def how_to_read(metrics: Sequence[str]) -> list[str]:
    """How far to trust the intervals of these metrics: one line per kind, then what no interval covers."""
    lines = ["How far to trust the interval of a difference (docs/scoring.md):"]
    for meaning, names in NOISE.items():
        present = [name for name in names if name in metrics]
        lines += [f"  {listed(present, len(names))}: {meaning}."] if present else []
    return [*lines, "No interval covers another training run: for that, compare several training seeds."]
