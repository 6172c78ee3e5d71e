"""A result in words, gate by gate: copying, collapse, lost modes, too few samples, an unfair protocol.

Each sentence follows from a number and its interval. If a metric was not computed, there is no verdict. The sentence
then says so.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NamedTuple

from ganbench import metrics
from ganbench.display.text import NO_BREAK, number, value
from ganbench.errors import counted
from ganbench.features import inception
from ganbench.scoring.protocols import better
from ganbench.scoring.result import Identity, Measured, Result
from ganbench.statistics import share

Level = Literal["good", "caution", "bad", "unknown"]
MARKS: dict[Level, str] = {"good": "✓", "caution": "!", "bad": "✗", "unknown": "?"}
MODEST = 0.3  # share of the data; a test that sees only larger losses says little
NAMED = 6  # groups that a sentence names
CHANCE = 0.05  # a perfect generator may miss a mode with this probability; above it, a missed mode tells nothing

ARROWS = {"lower": " ↓", "higher": " ↑", "target": ""}
TARGET = " →"
SIGNS = {
    " ↑": "higher is better",
    " ↓": "lower is better",
    TARGET: "best near the value of a perfect generator, neither above nor below",
}
QUESTIONS: dict[str, tuple[str, ...]] = {
    "Do the samples look real?": (
        *(
            "fid",
            "sfid",
            "fd_dinov2",
            "kid",
            "kd_dinov2",
            "cmmd",
            "mind",
            "precision",
            "density",
            "invented",
            "rejected",
        ),
        *("clipped_density", "symmetric_precision", "probabilistic_precision", "alpha_precision", "equality"),
        *("classifier_score", "inception_score"),
    ),
    "Are they diverse?": (
        *(
            "recall",
            "coverage",
            "clipped_coverage",
            "symmetric_recall",
            "probabilistic_recall",
            "beta_recall",
            "missing",
        ),
        *("modes", "support", "vendi", "rke", "ms_ssim", "lpips"),
    ),
    "Do they obey their labels?": (
        *(
            "label_accuracy",
            "classification_accuracy",
            "network_accuracy",
            "intra_fid",
            "intra_precision",
            "intra_recall",
        ),
    ),
    "Are they copies?": ("memorisation",),
}
FURTHER = "Further metrics"
ON_PIXELS = ("parzen",)  # measures the pixels of images, whatever the extractor is
WAVES = "spectrogram@"  # waves have no pixels, so each metric measures the features
FEATURES = {
    "gen",
    "ref",
    "train",
    "gen_logits",
    "ref_logits",
    "gen_kinds",
    "ref_kinds",
}  # inputs of a metric that follow from the extractor
ELSEWHERE = {  # extractors with Inception's weights, and the evaluator whose FIDs they give
    "inception-clean": "clean-fid",
    "inception-studiogan": "StudioGAN",
    "inception-spatial": "sFID",
}

GATES_OF = {  # the gates that answer each question; all others are about the numbers themselves
    "Do the samples look real?": ("damage", "few samples", "sample size", "literature"),
    "Are they diverse?": ("collapse", "diversity", "gaps"),
    "Are they copies?": ("copying",),
}


def questions(names: Iterable[str]) -> dict[str, list[str]]:
    """Metrics under the question that each answers, in the order in which a reader should ask.

    >>> questions(["parzen", "recall", "kid", "fid"])
    {'Do the samples look real?': ['fid', 'kid'], 'Are they diverse?': ['recall'], 'Further metrics': ['parzen']}
    """
    asked = list(names)
    out = {question: [name for name in answers if name in asked] for question, answers in QUESTIONS.items()}
    out[FURTHER] = [name for name in asked if not any(name in answers for answers in QUESTIONS.values())]
    return {question: answers for question, answers in out.items() if answers}


def network(extractor: str) -> str:
    """The name of an extractor: its id without the hash of its weights.

    >>> network("inception@6726825d/bf16"), network("efficientnet-lite0@112@57934424")
    ('inception/bf16', 'efficientnet-lite0@112')
    """
    return re.sub("@[0-9a-f]{8}(?=/|$)", "", extractor)


def label(metric: str, extractor: str) -> str:
    """The name of a number: the metric, and the extractor (by its id) in whose features it was measured.

    `identity` needs no mention: its features are the points themselves.

    >>> label("parzen", "mnist-cnn@0f0f0f0f"), label("parzen", "spectrogram@1")
    ('parzen (pixels)', 'parzen (spectrogram@1)')
    """
    if metric not in metrics.names() or extractor == "identity":
        return metric
    pixels = metric in ON_PIXELS and not extractor.startswith(WAVES)
    space = "pixels" if pixels else network(extractor)
    measured = FEATURES & set(inspect.signature(metrics.get(metric).function).parameters)
    return f"{metric} ({space})" if measured else metric


def arrow(metric: str) -> str:
    """An arrow in the better direction; empty if no direction is better."""
    return ARROWS.get(better(metric) or "", "")


def sign(metric: str) -> str:
    """The arrow of a metric, or the sign for a metric that is best near `perfect`."""
    return TARGET if better(metric) == "target" else arrow(metric)


def legend(names: Iterable[str]) -> str:
    """What the signs of these metrics mean; empty if none has a sign.

    >>> legend(["fid", "kid", "recall"])
    '↓ lower is better; → best near the value of a perfect generator, neither above nor below'
    """
    used = {sign(name) for name in names}
    return "; ".join(f"{mark.strip()} {meaning}" for mark, meaning in SIGNS.items() if mark in used)


def why_not(metric: str, m: Measured) -> str:
    """Why a metric was not computed, as a part of a sentence.

    >>> why_not("modes", Measured(value=None, interval=None, n=9, version=1, reason="modes is for datasets with modes"))
    'for datasets with modes'
    """
    return (m.reason or "").removeprefix(f"{metric} ").removeprefix("is ")


def not_computed(result: Result, names: Iterable[str]) -> str:
    """One sentence that names the metrics which were not computed, with their reasons; empty if there are none."""
    reasons: dict[str, list[str]] = {}
    for name in names:
        reasons.setdefault(why_not(name, result.metrics[name]), []).append(name)
    return "; ".join(f"{', '.join(sharing)} ({reason})" for reason, sharing in reasons.items())


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


COPIED = -3.0  # C_T below this number means copies (Meehan et al. 2020)

# Verdicts of `support`: on a generator that repeats itself, on samples that lie close together, and on too few duplicates.
SELF_REPEATING, CONTRACTING, UNDECIDED = "discrete support", "density contraction", "repeats or contraction"
WORDS = {SELF_REPEATING: "repeats", CONTRACTING: "contracts", UNDECIDED: "repeats or contracts"}


def copying(result: Result) -> Said:
    """Does it copy the training set? `memorisation`, its interval, and the numbers that may disagree with it."""
    m = result.metrics.get("memorisation")
    if m is None or m.value is None or m.interval is None:
        yield "unknown", _missing("memorisation", m)
        return
    what = _kind(result.samples)
    unseen = share(0, m.n)[1]  # n samples can miss a share of this size; the intervals of old results may end at 0
    low, high = _percent(m.interval[0]), _percent(max(m.interval[1], unseen))
    against = signs_of_copies(m)
    if m.interval[0] > 0:
        apart = f"; exact copies: {m.extra['exact']:,}, near copies: {m.extra['near']:,}" if "exact" in m.extra else ""
        share_of = f"about {_percent(m.value)} of the samples are copies of training {what} (95 %: {low} to {high})"
        yield "bad", f"{share_of}{apart}"
    elif against:
        few = f"few samples look like copies of training {what} (at most {high}, 95 %)"
        yield (
            "caution",
            f"{few}, but {' and '.join(against)}; look at the gallery of the page (`--html`){_seen(m, what)}",
        )
    else:
        most = f"no copies of training {what} were seen; at most {high} of the samples look like copies (95 %)"
        yield "good", f"{most}{_seen(m, what)}"
    if twice := m.extra.get("duplicates_train_ref"):
        both = f"near-duplicates of training samples: {twice:,} of the {result.protocol.reference.n:,} held-out samples"
        yield (
            "caution",
            f"{both}; memorisation leaves them out, but in every other metric they favour a generator that copies",
        )


def signs_of_copies(m: Measured) -> list[str]:
    """What says that samples are copies although few were flagged: parts of a sentence, from a result of `memorisation`."""
    signs = []
    if (c_t := m.extra.get("c_t")) is not None and c_t < COPIED:
        signs.append(f"the samples lie closer to the training set than held-out samples do (C_T {number(c_t)})")
    if (m.extra.get("authenticity_interval") or [0.0])[0] > 0:
        more = f"by {_percent(m.extra['authenticity_difference'])}"
        signs.append(
            f"more samples than held-out samples are nearest to a training sample as its own neighbours are ({more})"
        )
    return signs


def _seen(m: Measured, what: str) -> str:
    """Which kinds of copies the search sees, measured on changed training samples: the end of a sentence."""
    measured = m.extra.get("sensitivity")  # a file of another origin may have a number here
    kinds = measured.items() if isinstance(measured, dict) else ()
    shares = ", ".join(f"{kind} {_percent(seen)}" for kind, seen in kinds)
    return f"; the search sees this share of copied training {what}, by kind of copy: {shares}" if shares else ""


def collapse(result: Result) -> Said:
    """Does it repeat itself? `support`, its verdict and its bounds."""
    m = result.metrics.get("support")
    if m is None or "verdict" not in m.extra:
        yield "unknown", _missing("support", m)
        return
    least = f"the generator can make at least {counted(round(m.extra['lower_bound']), 'different sample')} (95 %)"
    verdict = m.extra["verdict"]
    if verdict == "duplicate rule too strict":
        yield (
            "caution",
            "support does not recognise slightly changed copies here, so the number of different samples is uncertain",
        )
    elif verdict == SELF_REPEATING and m.value is not None and m.interval is not None:
        low, high = (number(round(x)) for x in m.interval)
        about = counted(round(m.value), "different sample")
        yield "bad", f"the generator repeats itself; it can make about {about} (95 %: {low} to {high})"
    elif verdict == CONTRACTING:
        why = "like blurred or shrunken samples, but they do not repeat"
        yield "caution", f"the samples lie closer together than real samples, {why}; {least}"
    elif verdict == UNDECIDED:
        why = "there are too few such pairs to tell whether the samples repeat"
        yield "caution", f"more pairs of samples are alike than pairs of real samples; {why}; {least}"
    else:
        yield "good", f"the samples repeat no more often than real samples; {least}"


def diversity(result: Result) -> Said:
    """Does the generator leave out a part of the data? `modes` if they are known, and `coverage` against its `perfect`."""
    modes, coverage = (result.metrics.get(name) for name in ("modes", "coverage"))
    has_modes = modes is not None and modes.value is not None
    if modes is not None and has_modes:
        yield reached(modes)
    if coverage is None or coverage.value is None or coverage.interval is None or coverage.perfect is None:
        if not has_modes:
            yield "unknown", _missing("coverage", coverage)
        return
    covered = f"the samples cover {_percent(coverage.value)} of the neighbourhoods of real data"
    if coverage.interval[1] < coverage.perfect:
        level: Level = "bad" if coverage.value < coverage.perfect / 2 else "caution"
        perfect = f"the samples of a perfect generator cover {_percent(coverage.perfect)}"
        yield level, f"parts of the data are missing: {covered}, {perfect}"
    else:
        yield "good", f"no part of the data is clearly missing: {covered}"


def gaps(result: Result) -> Said:
    """Which groups are missing, and how many samples are near nothing? `missing` and `invented`; silent where nothing is."""
    missing, invented = (result.metrics.get(name) for name in ("missing", "invented"))
    if missing is not None and missing.value:
        groups = missing.extra.get("groups", [])
        gone = [line["group"] for line in groups if line["missing"]]
        names = ", ".join(map(str, gone[:NAMED])) + (f" and {len(gone) - NAMED} more" if len(gone) > NAMED else "")
        kind = (
            missing.extra["by"] if len(gone) == 1 else {"class": "classes", "cluster": "clusters"}[missing.extra["by"]]
        )
        held = f"{_percent(missing.value)} of the held-out samples"
        yield "bad", f"the samples hardly reach {kind} {names} of {len(groups)}: {held}; see the page (`--html`)"
    if (
        invented is not None
        and invented.value is not None
        and invented.interval is not None
        and invented.interval[0] > 0
    ):
        low, high = (_percent(end) for end in invented.interval)
        share_of = (
            f"about {_percent(invented.value)} of the samples lie near no held-out sample (95 %: {low} to {high})"
        )
        yield "caution", f"{share_of}; see the page (`--html`)"


def equal(result: Result) -> Said:
    """Are few samples drawn from the distribution of the data? `equality`, with its power; silent where it was not computed."""
    m = result.metrics.get("equality")
    if m is None or m.value is None:
        return
    n = f"{m.n:,} samples"
    if m.value <= CHANCE:
        rare = f"a perfect generator differs as much with a probability of {number(m.value)}"
        yield (
            "caution",
            f"the samples differ from held-out samples: {rare} (permutation test); "
            "a reviewer may conclude that the generator is not perfect, but not how far off it is: read kid and mind for that",
        )
        return
    none = f"no difference from held-out samples was seen (permutation test, p = {number(m.value)})"
    share = m.extra.get("detectable")
    if share is None:
        yield (
            "caution",
            f"{none}, but {n} are too few to see even a generator that leaves out 90 % of the data; "
            "a reviewer may conclude nothing about the generator",
        )
        return
    level: Level = "good" if share <= MODEST else "caution"
    yield (
        level,
        f"{none}; with {n} you would have seen the loss of {_percent(share)} of the data in four of five cases; "
        "a reviewer may conclude that so large a part is probably not missing, but not that the generator is perfect",
    )


def reached(m: Measured) -> tuple[Level, str]:
    """The verdict on `modes`. `modes` must have a value."""
    assert m.value is not None
    assert m.perfect is not None
    count = f"the samples reach {m.value:,.0f} modes; as many samples of a perfect generator reach {m.perfect:,.0f}"
    if m.value >= m.perfect - 0.5:
        return "good", count
    k = m.perfect
    if k * (1 - 1 / k) ** m.n <= CHANCE:  # modes that a perfect generator misses on average, if all are equally likely
        return "bad", count
    enough = math.ceil(math.log(CHANCE / k) / math.log(1 - 1 / k))
    return "caution", f"{count}; with so few samples this may be chance: you need {enough:,} samples"


def damage(result: Result) -> Said:
    """Are the samples images of this kind? `rejected`, against its false alarms on held-out images.

    An extractor that was shown no damage gives no sentence.
    """
    m = result.metrics.get("rejected")
    if m is None or m.value is None or m.interval is None or m.perfect is None:
        return
    calls = f"the classifier calls {_percent(m.value)} of the samples damaged (95 %: {_percent(m.interval[0])} to"
    both = f"{calls} {_percent(m.interval[1])}), and {_percent(m.perfect)} of the held-out images"
    if m.interval[0] > 0.5:
        yield "bad", f"most samples are not images of this kind: {both}"
    elif m.interval[0] > (m.extra.get("perfect_interval") or [0.0, m.perfect])[1]:
        yield "caution", f"more samples than held-out images look damaged: {both}"
    else:
        yield "good", f"the samples do not look more damaged than held-out images: {both}"


def sample_size(result: Result) -> Said:
    """Are there enough samples? FID's bias (`perfect`) is compared with its value and interval."""
    m = result.metrics.get("fid")
    if m is None or m.value is None:
        yield "unknown", _missing("fid", m)
        return
    if m.perfect is None:
        yield (
            "unknown",
            "no verdict: the FID of a perfect generator depends on the size of the reference, and this size is unknown",
        )
        return
    floor = f"FID is {number(m.value)}; the FID of a perfect generator with as many samples is {number(m.perfect)}"
    if m.interval is None:
        yield "bad", f"{floor}; {_no_interval(result)}"
    elif m.interval[0] <= m.perfect:
        yield "caution", f"{floor}; the two do not differ clearly, but with more samples they might"
    elif m.perfect > m.value / 2:
        yield (
            "caution",
            f"{floor}; most of the value comes from the small number of samples, and falls with more of them",
        )
    else:
        yield (
            "good",
            f"{floor}; the difference is clear, and most of it is real, not an effect of the number of samples",
        )


def _no_interval(result: Result) -> str:
    """Why FID has no interval, how many samples it needs, and which number to quote until then."""
    d = _dimension(result)
    rule = "FID has an interval only with twice as many samples as features"
    need = rule if d is None else f"{rule}: you need {2 * d:,} samples in each set"
    kid = result.metrics.get("kid")
    until = (
        "; until then quote kid, because kid has an interval" if kid is not None and kid.interval is not None else ""
    )
    return need + until


def _dimension(result: Result) -> int | None:
    """The number of features; None if it is unknown, for instance for a user's own file."""
    d = result.protocol.features.extra.get("d")
    shape = result.samples.shape
    if d is None and shape is not None and result.protocol.features.id in ("identity", "pixels"):
        return math.prod(shape)
    return d


def literature(result: Result) -> Said:
    """Can this FID be compared with FIDs in papers? Only if Inception made it, with the published weights and resize.

    Papers give no FID for points, so points get no sentence.
    """
    m, features = result.metrics.get("fid"), result.protocol.features
    if m is None or m.value is None or _kind(result.samples) != "images":
        return
    published = features.sha256 == inception.WEIGHTS.sha256 and "/" not in features.id
    same = "that use the same reference and the same number of samples"
    if published and network(features.id) in ELSEWHERE:
        whose = ELSEWHERE[network(features.id)]
        yield "good", f"this FID is comparable with values of {whose} {same}, but not with other FIDs"
    elif published:
        yield "good", f"this FID is comparable with FIDs in papers {same}"
    else:
        other = f"this FID was measured with {network(features.id)}, not with Inception as in papers"
        yield "caution", f"{other}; do not compare it with FIDs in papers"


def protocol(result: Result) -> Said:
    """Is the comparison fair? The sizes and hashes of the sets."""
    samples, reference, train = result.samples, result.protocol.reference, result.protocol.train
    if samples.sha256 == reference.sha256:
        yield "bad", "the samples are the reference itself, so every distance is 0 and tells nothing"
    if train is None:
        yield "caution", "there is no training set (`train=`), so no metric can tell a copy from a new sample"
    elif reference.sha256 == train.sha256:
        yield "bad", "the reference is the training set, so copies of training samples score best"
    if not reference.n:
        statistics = "the reference is a file of statistics, so the number of its samples is unknown"
        yield "caution", f"{statistics}; compare only with results against the same file"
    elif samples.n != reference.n:
        sizes = f"there are {samples.n:,} samples and {reference.n:,} reference samples"
        yield "caution", f"{sizes}; compare only with results of the same two sizes"


GATES: dict[str, Callable[[Result], Said]] = {
    "copying": copying,
    "collapse": collapse,
    "diversity": diversity,
    "damage": damage,
    "gaps": gaps,
    "few samples": equal,
    "sample size": sample_size,
    "literature": literature,
    "protocol": protocol,
}


HALVES = (
    "~ real data against real data (one half of the reference against the other), because the value of a perfect "
    "generator is unknown"
)
BOUND = (
    "only a lower bound is known (the lower end of the 95 % interval), because no sample clearly repeats; the verdict on "
    "collapse says more"
)


def floor(m: Measured) -> str:
    """The score of real data: `perfect`, or after a ~ one half of the reference against the other; else empty."""
    if m.perfect is None and (halves := m.extra.get("halves")):
        return f"~{number(halves['value'])}"
    return value(m.perfect)


def protocol_line(result: Result) -> str:
    """The protocol in one line: all that must be equal before two numbers are compared."""
    about = result.protocol
    train = "none" if about.train is None else _identity(about.train)
    ids = dict.fromkeys([about.features.id, *filter(None, (m.extra.get("extractor") for m in result.metrics.values()))])
    return (
        f"{'' if about.name is None else f'{about.name}, '}"
        f"samples {_identity(result.samples)}, reference {_identity(about.reference)}, train {train}, "
        f"features {', '.join(ids)}, seed {about.seed}, ganbench {about.ganbench}"
    )


def _identity(samples: Identity) -> str:
    return f"{samples.name} (n = {samples.n:,}, {samples.sha256[:8]})"


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
