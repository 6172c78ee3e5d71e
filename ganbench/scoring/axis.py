"""Where the numbers of a metric stand on an axis: values, intervals and the value of a perfect generator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ganbench.display.text import interval, number
from ganbench.scoring import protocols, verdict
from ganbench.scoring.result import Measured

ROOM = 1.08  # the axis ends this much beyond the largest number
MOST = 100.0  # per cent


class Mark(NamedTuple):
    """One result on an axis. Places are in per cent of the axis; None for what is not known."""

    name: str
    shown: str  # the value as people read it
    interval: str
    value: float | None
    span: tuple[float, float] | None  # the start and the length of the interval
    bound: bool  # whether only a lower bound is known


class Axis(NamedTuple):
    """The axis of a metric, with one mark or more."""

    low: str
    high: str
    marks: tuple[Mark, ...]
    perfect: float | None
    perfect_text: str

    @property
    def words(self) -> str:
        """The axis for a reader who does not see it."""
        parts = [f"{mark.name} {mark.shown} {mark.interval}".strip() for mark in self.marks]
        parts += [f"perfect {self.perfect_text}"] if self.perfect_text else []
        return f"{'; '.join(parts)}; axis from {self.low} to {self.high}"


def axis(metric: str, measured: Mapping[str, Measured]) -> Axis:
    """The axis of a metric for one result or several, which are named. Each of them has a value or a bound.

    It starts at the least value that the metric can have; or, if there is none, at the least number shown or at 0. It ends a
    little beyond the largest number shown, or at the largest value that the metric can have.
    """
    first = next(iter(measured.values()))
    perfect = _perfect(first)
    numbers = [perfect] if perfect is not None else []
    for m in measured.values():
        numbers += [x for x in (m.value, m.bound, *(m.interval or ())) if x is not None]
    card = protocols.card(metric)  # a result of another origin may have numbers that ganbench does not know
    least, most = (float("-inf"), float("inf")) if card is None else card.range
    low = least if least > float("-inf") else min(*numbers, 0.0) * ROOM
    high = min(low + (max(*numbers, low) - low) * ROOM, most)
    high = high if high > low else low + 1

    def place(x: float) -> float:
        return round(MOST * (min(max(x, low), high) - low) / (high - low), 2)

    def mark(name: str, m: Measured) -> Mark:
        value = m.value if m.bound is None else m.bound
        span = None
        if m.interval is not None:
            span = place(m.interval[0]), round(place(m.interval[1]) - place(m.interval[0]), 2)
        return Mark(
            name, m.shown, interval(m.interval), None if value is None else place(value), span, m.bound is not None
        )

    marks = tuple(mark(name, m) for name, m in measured.items())
    at = None if perfect is None else place(perfect)
    return Axis(number(low), number(high), marks, at, verdict.floor(first))


def _perfect(m: Measured) -> float | None:
    halves: dict[str, Any] = m.extra.get("halves") or {}
    return halves.get("value") if m.perfect is None else m.perfect


def sections(names: Sequence[str], said: Sequence[verdict.Verdict]) -> list[dict[str, Any]]:
    """The questions in their order, each with the metrics and the verdicts that answer it. Others are left out.

    Verdicts that could not be given, and those about the protocol, belong to no question.
    """
    out = []
    metrics = verdict.questions(names)
    for question in (*verdict.QUESTIONS, verdict.FURTHER):
        gates = verdict.GATES_OF.get(question, ())
        answers = [v for v in said if v.gate in gates and v.level != "unknown"]
        if metrics.get(question) or answers:
            out.append({"question": question, "metrics": metrics.get(question, []), "verdicts": answers})
    return out
