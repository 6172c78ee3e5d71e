"""What a result says in words, gate by gate: copying, collapse, lost modes, too few samples, an unfair protocol.

Every sentence follows from a number and its interval; where a metric was not computed there is no verdict, and the sentence
says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from ganbench.display.text import number, value
from ganbench.scoring.result import Identity, Measured, Result
from ganbench.statistics import share

Level = Literal["good", "caution", "bad", "unknown"]
MARKS: dict[Level, str] = {"good": "✓", "caution": "!", "bad": "✗", "unknown": "?"}
NO_BREAK = "\u00a0"  # a space that no line ends at
CHANCE = 0.05  # that a perfect generator misses a mode; above it a missed one tells nothing


class Verdict(NamedTuple):
    """One sentence on one gate."""

    gate: str
    level: Level
    text: str


def verdicts(result: Result) -> list[Verdict]:
    """The verdicts on every gate, in the order in which they should be read."""
    return [
        Verdict(gate, level, text.replace(" %", NO_BREAK + "%"))
        for gate, judge in GATES.items()
        for level, text in judge(result)
    ]


Said = Iterator[tuple[Level, str]]


def copying(result: Result) -> Said:
    """Does it copy the training set? `memorisation` and its interval."""
    m = result.metrics.get("memorisation")
    if m is None or m.value is None or m.interval is None:
        yield "unknown", _missing("memorisation", m)
        return
    what = _kind(result.samples)
    unseen = share(0, m.n)[1]  # a share that n samples can miss; the interval may end below it, at 0
    low, high = _percent(m.interval[0]), _percent(max(m.interval[1], unseen))
    if m.interval[0] > 0:
        yield "bad", f"about {_percent(m.value)} of the samples are copies of training {what} (95 %: {low} to {high})"
    else:
        yield "good", f"no copies of training {what} found; at most {high} of the samples are (95 %)"
    if twice := m.extra["duplicates_train_ref"]:
        found = (
            f"{twice:,} of the {result.protocol.reference.n:,} held-out samples are near-duplicates of training samples"
        )
        yield "caution", f"{found}: left out here, they flatter whatever copies in every other metric"


def collapse(result: Result) -> Said:
    """Does it repeat itself? `support`, its verdict and its bounds."""
    m = result.metrics.get("support")
    if m is None or "verdict" not in m.extra:
        yield "unknown", _missing("support", m)
        return
    bound = f"at least {number(round(m.extra['lower_bound']))} different samples (95 %)"
    if m.extra["verdict"] == "duplicate rule too strict":
        yield "caution", "lightly disturbed copies pass unseen here, so the number of different samples is uncertain"
    elif m.value is None or m.interval is None:
        yield "good", f"samples repeat no more often than real ones: it makes {bound}"
    elif m.extra["verdict"] == "discrete support":
        value, low, high = (number(round(x)) for x in (m.value, *m.interval))
        yield (
            "bad",
            f"it repeats itself: about {value} different samples (95 %: {low} to {high}), as counted by repeats",
        )
    else:
        why = "as blurred or shrunken ones do, without repeating"
        yield "caution", f"its samples lie closer together than real ones, {why}: {bound}"


def diversity(result: Result) -> Said:
    """Does it leave out a part of the data? `modes` where they are known, and `coverage` against its `perfect`."""
    modes, coverage = (result.metrics.get(name) for name in ("modes", "coverage"))
    known = modes is not None and modes.value is not None
    if modes is not None and known:
        yield _modes(modes)
    if coverage is None or coverage.value is None or coverage.interval is None or coverage.perfect is None:
        if not known:
            yield "unknown", _missing("coverage", coverage)
        return
    covered = f"it covers {_percent(coverage.value)} of the real neighbourhoods"
    if coverage.interval[1] < coverage.perfect:
        level: Level = "bad" if coverage.value < coverage.perfect / 2 else "caution"
        yield level, f"parts of the data are missing: {covered}, a perfect generator {_percent(coverage.perfect)}"
    else:
        yield "good", f"no part of the data is seen to be missing: {covered}"


def _modes(m: Measured) -> tuple[Level, str]:
    assert m.value is not None
    assert m.perfect is not None
    reached = f"it reaches {m.value:,.0f} of the {m.perfect:,.0f} modes that a perfect generator would at this n"
    if m.value >= m.perfect - 0.5:
        return "good", reached
    missed = m.perfect * (1 - 1 / m.perfect) ** m.n  # of equally likely ones, by a perfect generator on average
    return ("caution", f"{reached}; with so few samples that may be chance") if missed > CHANCE else ("bad", reached)


def sample_size(result: Result) -> Said:
    """Are there enough samples? FID's bias, which is `perfect`, against its value and interval."""
    m = result.metrics.get("fid")
    if m is None or m.value is None or m.perfect is None:
        yield "unknown", _missing("fid", m)
        return
    floor = f"the FID of a perfect generator at this n is {number(m.perfect)}, here it is {number(m.value)}"
    if m.interval is None:
        yield "bad", f"{floor}; with fewer than twice as many samples as features it has no interval"
    elif m.interval[0] <= m.perfect:
        yield "caution", f"{floor}: no clear difference, which more samples could show"
    elif m.perfect > m.value / 2:
        yield "caution", f"{floor}: most of it is the bias of a finite n, and falls with more samples"
    else:
        yield "good", f"{floor}: the difference is clear, and most of it is no bias of a finite n"


def protocol(result: Result) -> Said:
    """Is the comparison a fair one? The sets' sizes and hashes."""
    samples, reference, train = result.samples, result.protocol.reference, result.protocol.train
    if samples.sha256 == reference.sha256:
        yield "bad", "the samples are the reference itself: every distance is 0 and tells nothing"
    if train is None:
        yield "caution", "without a training set (--train) nothing here can tell a copy from a new sample"
    elif reference.sha256 == train.sha256:
        yield "bad", "the reference is the training set: copies of it score best"
    if samples.n != reference.n:
        sizes = f"n = {samples.n:,} samples against {reference.n:,}"
        yield "caution", f"{sizes}: compare only with results of the same two sizes"


GATES: dict[str, Callable[[Result], Said]] = {
    "copying": copying,
    "collapse": collapse,
    "diversity": diversity,
    "sample size": sample_size,
    "protocol": protocol,
}


HALVES = "~ is one half of the held-out samples against the other, where what a perfect generator scores is not known"


def floor(m: Measured) -> str:
    """What real data score: `perfect`, or after a ~ one half of the reference against the other; empty if neither is known."""
    if m.perfect is None and (halves := m.extra.get("halves")):
        return f"~{number(halves['value'])}"
    return value(m.perfect)


def protocol_line(result: Result) -> str:
    """The protocol in one line: everything that must be equal before two numbers are compared."""
    about = result.protocol
    train = "none" if about.train is None else _identity(about.train)
    return (
        f"samples {_identity(result.samples)}, reference {_identity(about.reference)}, train {train}, "
        f"features {about.features.id}, seed {about.seed}, ganbench {about.ganbench}"
    )


def _identity(one: Identity) -> str:
    return f"{one.name} (n = {one.n:,}, {one.sha256[:8]})"


def _missing(name: str, m: Measured | None) -> str:
    return f"no verdict: {f'{name} was not asked for' if m is None else m.reason}"


def _kind(samples: Identity) -> str:
    return "images" if samples.shape is not None and len(samples.shape) == 3 else "samples"


def _percent(part: float) -> str:
    """A share in per cent, two digits.

    >>> [_percent(x) for x in (0.0, 0.1234, 0.0052, 0.999)]
    ['0 %', '12 %', '0.52 %', '99.9 %']
    """
    return f"{100 * part:.{2 if part < 0.985 else 3}g} %"
