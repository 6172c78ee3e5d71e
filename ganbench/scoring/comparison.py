"""Which of two results is better, and whether the difference is clear at 95 %. Unlike protocols are refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ganbench.errors import UserError
from ganbench.scoring import protocols
from ganbench.scoring.result import Measured, Result
from ganbench.statistics import difference

# These may differ: metrics have their own versions, a set's hash covers its shape and dtype, and names are free.
FREE = ("ganbench", *(f"{role}.{field}" for role in ("reference", "train") for field in ("name", "shape", "dtype")))


def compare(results: Mapping[str, Result]) -> list[dict[str, Any]]:
    """Compare every result with the first one, metric by metric.

    The interval of a difference a - b is MOVER's (Zou & Donner 2008), from the two intervals, for independent samples. Both
    results have the same reference, so the interval depends on what a metric's own interval covers:

    - only the noise of the generated samples (`fid`, `precision`, `density`): the interval is right for this reference;
    - also the noise of the reference (`kid`, `memorisation`): the noise cancels and is counted twice, so the interval is
      too wide;
    - only the noise of the reference (`recall`, `coverage`, `classification_accuracy`): the interval does not cover
      another draw of the samples, and can be too narrow.

    Args:
        results: two or more results by name.

    Returns:
        Per metric and further result: `metric`, `a` and `b` (names), `value_a`, `value_b`, `difference` = a - b,
        `interval`, and `verdict`: "a better", "b better", "unclear", or "a higher", "b higher" for metrics with a
        target. Without an interval the verdict is None, and `reason` says why.

    Raises:
        UserError: fewer than two results, or protocols that differ; the message names the fields.
    """
    if len(results) < 2:
        raise UserError("compare at least two results")
    (first, a), *others = results.items()
    for name, b in others:
        if fields := unlike(a, b):
            raise UserError(f"{first} and {name} cannot be ranked: their protocols differ in {'; '.join(fields)}")
    return [
        _line(metric, first, a.metrics[metric], name, b.metrics[metric])
        for metric in a.metrics
        for name, b in others
        if metric in b.metrics
    ]


def alike(a: Result, b: Result) -> bool:
    """Whether two results are of the same samples with the same labels, as far as their values show."""
    same = a.samples.sha256 == b.samples.sha256
    return same and all(a.metrics[name].value == b.metrics[name].value for name in a.metrics if name in b.metrics)


def unlike(a: Result, b: Result) -> list[str]:
    """The fields in which two protocols differ, with both values. The version of a metric counts as a field."""
    both = [name for name in a.metrics if name in b.metrics]
    if not both:
        return ["metrics (they have none in common)"]
    first, second = (
        _flat(r.protocol.model_dump())
        | {"n": r.samples.n}
        | {f"{name}.version": r.metrics[name].version for name in both}
        for r in (a, b)
    )
    fields = [k for k in first | second if k not in FREE and first.get(k) != second.get(k)]
    return [f"{k} ({_short(first.get(k))} and {_short(second.get(k))})" for k in fields]


def _short(value: Any) -> str:
    """A value as text; a hash is cut to its first eight digits."""
    text = str(value)
    return text[:8] if len(text) == 64 else text


def _flat(tree: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """The leaves of a tree under dotted names."""
    out: dict[str, Any] = {}
    for key, value in tree.items():
        out |= _flat(value, f"{above}{key}.") if isinstance(value, Mapping) else {above + key: value}
    return out


def _line(metric: str, first: str, a: Measured, name: str, b: Measured) -> dict[str, Any]:
    line = {"metric": metric, "a": first, "b": name, "value_a": a.value, "value_b": b.value}
    empty = {"difference": None, "interval": None, "verdict": None}
    if a.value is None or b.value is None:
        return line | empty | {"reason": a.reason or b.reason}
    line |= {"difference": a.value - b.value}
    if a.interval is None or b.interval is None:
        return empty | line | {"reason": f"{metric} has no interval here; compare several training seeds"}
    low, high = difference(a.value, a.interval, b.value, b.interval)
    return line | {"interval": (low, high), "verdict": _verdict(metric, low, high), "reason": None}


def _verdict(metric: str, low: float, high: float) -> str:
    if low <= 0 <= high:
        return "unclear"
    more, less = ("a", "b") if low > 0 else ("b", "a")
    better = protocols.better(metric) or "target"
    return {"higher": f"{more} better", "lower": f"{less} better", "target": f"{more} higher"}[better]


def names_of(paths: Sequence[Path]) -> list[str]:
    """Names for files: their stems. If two stems are equal, the whole paths."""
    stems = [p.stem for p in paths]
    return stems if len(set(stems)) == len(stems) else [p.as_posix() for p in paths]
