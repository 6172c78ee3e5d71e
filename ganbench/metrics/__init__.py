"""Metrics: each file is a metric, or a family of metrics.

`ganbench/metrics/fid.py` holds the function `fid` and its `CARD`. To add a metric, add a file.

A metric is a pure function of arrays. The names of its parameters say which inputs it needs: `INPUTS` (in `_inputs.py`) has
them all. If an input is missing, the metric is not computed and gives the input's reason; a parameter with the default
`None` gets `None` instead.

A module of another package is a metric too if an entry point of the group `ganbench.metrics` names it (docs/plugins.md).
"""

from __future__ import annotations

import importlib
import inspect
import json
import math
import sys
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, cast

import numpy as np

from ganbench import plugins
from ganbench.errors import UserError, choose
from ganbench.metrics._inputs import INPUTS, Input
from ganbench.metrics._shared import Kept, remembering, watched, work_of
from ganbench.samples import Pixels
from ganbench.statistics import Interval, Quantity

__all__ = [
    "INPUTS",
    "Card",
    "Input",
    "Kept",
    "Metric",
    "MetricModule",
    "NotApplicable",
    "Response",
    "Score",
    "asks_for",
    "check",
    "compute",
    "get",
    "limits",
    "names",
    "not_computed",
    "quantity",
    "usual",
    "watched",
]

FAMILIES = ("robust",)  # files that hold several metrics: their cards are `CARDS`, by name
SETS = ("gen", "ref", "train")
FIXED = {"value", "interval", "perfect", "n", "version", "reason"}  # the entries of a result that every metric has

Response = Literal["+", "-", "0"]


@dataclass(frozen=True)
class Card:
    """The facts that a reader must know before reading the number."""

    answers: str  # the question that the metric answers, in one sentence
    better: Literal["lower", "higher", "target"]
    range: tuple[float, float]
    minimum: int  # smallest number of samples in each set that the metric looks at
    paper: str
    version: int  # raised whenever a number can move
    # How the value moves as real data are damaged: "+" up, "-" down, "0" not at all. `ganbench calibrate` tests this.
    # Damage without an entry is measured and not judged.
    responds: Mapping[str, Response] = field(default_factory=dict)
    # What kind of number `value` and each further number is; boards average and compare shares on the logit, counts as counts.
    # Without an entry, the kind of `value` follows from `range`, and a further number can be any number ("signed").
    quantities: Mapping[str, Quantity] = field(default_factory=dict)
    on_request: bool = False  # whether a scoring computes it only where its name is given


@dataclass(frozen=True)
class Score:
    """A metric's value, its 95 % interval, and further numbers under their own names."""

    value: float | None
    interval: tuple[float, float] | None = None
    perfect: float | None = None  # the mean value of a perfect generator at these sizes, if it can be computed
    extra: Mapping[str, Any] = field(default_factory=dict)
    reason: str | None = None  # why `value` is None although `extra` has numbers; completes "<metric> ..."


class NotApplicable(Exception):
    """The metric does not apply to this input; the message completes the sentence "<metric> ..."."""


class MetricModule(Protocol):
    """A file that is a metric. It has a card, and a function with the file's name, from inputs to a `Score`."""

    CARD: Card


class Metric(NamedTuple):
    """A metric, loaded."""

    name: str
    card: Card
    function: Callable[..., Score]


def names() -> tuple[str, ...]:
    """All metrics: one per file of this folder, those of the families, and the plug-ins."""
    return tuple(sorted(_modules()))


def usual() -> tuple[str, ...]:
    """The metrics of a scoring that names none: all but those that are computed on request."""
    return tuple(name for name in names() if not get(name).card.on_request)


@cache
def _modules() -> dict[str, str]:
    """The module of each metric.

    Raises:
        UserError: a plug-in has the name of another metric.
    """
    own = {p.stem: f"{__name__}.{p.stem}" for p in Path(__file__).parent.glob("[a-z]*.py") if p.stem not in FAMILIES}
    for family in (f"{__name__}.{name}" for name in FAMILIES):
        own |= dict.fromkeys(importlib.import_module(family).CARDS, family)
    return own | plugins.find("ganbench.metrics", own)


@cache
def get(name: str) -> Metric:
    """Load the metric `name`.

    Raises:
        UserError: there is no such metric, it has no card, or it asks for an input that does not exist; the message names the
            nearest.
    """
    module = cast(MetricModule, plugins.load(_modules()[choose(name, names(), "metric")], ("CARD", name)))
    of_family = _modules()[name].removeprefix(f"{__name__}.") in FAMILIES
    card = vars(module)["CARDS"][name] if of_family else module.CARD
    metric = Metric(name, card, getattr(module, name))
    if not isinstance(metric.card, Card) or not callable(metric.function):
        raise UserError(f"the plug-in {_modules()[name]} needs a CARD that is a `Card`, and a function '{name}'")
    for parameter in _parameters(metric):
        choose(parameter, INPUTS, f"input for the metric {name}:")
    return metric


RANGES: Mapping[Quantity, Interval] = {
    "share": (0.0, 1.0),
    "count": (0.0, float("inf")),
    "bound": (0.0, float("inf")),
    "positive": (0.0, float("inf")),
    "signed": (float("-inf"), float("inf")),
}


def quantity(column: str) -> Quantity:
    """What kind of number a column of a board is.

    >>> [quantity(column) for column in ("recall", "fid", "kid", "modes", "modes.high_quality", "support.lower_bound")]
    ['share', 'positive', 'signed', 'count', 'share', 'bound']
    """
    name, _, number = column.partition(".")
    card = get(name).card
    if (number or "value") in card.quantities:
        return card.quantities[number or "value"]
    if number or card.range[0] < 0:
        return "signed"
    return "share" if card.range == RANGES["share"] else "positive"


def limits(column: str) -> Interval:
    """The least and the largest number that a column of a board can have."""
    name, _, number = column.partition(".")
    return RANGES[quantity(column)] if number else get(name).card.range


def _parameters(metric: Metric) -> dict[str, bool]:
    """The inputs that a metric asks for, and whether each is required. The metric's own constants are left out."""
    parameters = inspect.signature(metric.function).parameters.values()
    return {p.name: p.default is p.empty for p in parameters if p.default is p.empty or p.default is None}


def asks_for(metric: str | Metric, parameter: str) -> bool:
    """Whether a metric has this input as a parameter."""
    return parameter in _parameters(get(metric) if isinstance(metric, str) else metric)


def compute(
    wanted: Iterable[str | Metric], inputs: Mapping[str, Any], seed: int = 0, kept: Kept | None = None
) -> dict[str, dict[str, Any]]:
    """Compute metrics on one set of inputs.

    Args:
        wanted: metrics, or their names.
        inputs: some of `INPUTS`, without `rng`; an input that is left out or `None` is missing.
        seed: seeds each metric's own generator, so no metric depends on which other metrics are computed.
        kept: what metrics have computed from the same real data in an earlier call. It is used again, and added to.

    Returns:
        `{name: {"value", "interval", "perfect", "n", "version", "reason", ...}}`; a metric that does not apply has
        `value` None and its `reason`.

    Raises:
        UserError: unknown metric, features that are not finite, feature sets of unequal dimension, or a plug-in that fails or
            gives no score.
    """
    metrics = [get(metric) if isinstance(metric, str) else metric for metric in wanted]
    present = {name: array for name, array in inputs.items() if array is not None}
    check(present)
    results = {}
    with remembering(kept):
        for metric in metrics:
            with plugins.blamed(f"the metric {metric.name}"):
                results[metric.name] = _computed(metric, present, seed)
    return results


def check(inputs: Mapping[str, Any]) -> None:
    """Refuse inputs on which any number would be wrong: values that are not finite, sets of unequal dimension."""
    for name, array in inputs.items():
        if isinstance(array, np.ndarray) and not np.isfinite(array).all():
            raise UserError(f"{name} has NaN or infinite values; no metric is defined on them")
    for space in sorted({entry.space for entry in INPUTS.values()} - {""}):
        columns = {
            name: inputs[name].shape[1] for name, entry in INPUTS.items() if entry.space == space and name in inputs
        }
        if len(set(columns.values())) > 1:
            raise UserError(f"sets of unequal dimension cannot be compared: {columns}")


def not_computed(metric: Metric, n: int, reason: str | None) -> dict[str, Any]:
    """The result of a metric that has no value on `n` samples, with the reason."""
    empty = {"value": None, "interval": None, "perfect": None}
    return {**empty, "n": n, "version": metric.card.version, "reason": reason}


def _computed(metric: Metric, present: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """The result of one metric: its score, or the reason why there is none."""
    empty = not_computed(metric, len(present["gen"]), None)
    # A metric of another package gets arrays, whatever it costs.
    own = metric.function.__module__.startswith(f"{__name__}.")
    whole = {
        name: np.asarray(given)
        for name, given in present.items()
        if isinstance(given, Pixels) and not own and INPUTS[name].space == "features"
    }
    available = {**present, **whole, "rng": np.random.default_rng([seed, zlib.crc32(metric.name.encode())])}
    parameters = _parameters(metric)
    missing = next((name for name, needed in parameters.items() if needed and name not in available), None)
    if missing is not None:
        return empty | {"reason": f"{metric.name} {INPUTS[missing].absent}"}
    for name in SETS:
        if (name == "gen" or parameters.get(name)) and len(available[name]) < metric.card.minimum:
            least = f"at least {metric.card.minimum} samples in `{name}`, there are {len(available[name])}"
            return empty | {"reason": f"{metric.name} needs {least}"}
    try:
        with work_of(metric.name):
            score = metric.function(**{name: available[name] for name in parameters if name in available})
    except NotApplicable as why:
        return empty | {"reason": f"{metric.name} {why}"}
    try:
        return empty | _entries(metric.name, score)
    except (TypeError, ValueError) as why:
        raise UserError(f"the metric {metric.name} ({_file(metric.name)}) gives no score: {why}") from None


def _entries(name: str, score: Score) -> dict[str, Any]:
    """The parts of a score under the names of a result, with plain numbers.

    Raises:
        TypeError, ValueError: a part that no score has. A plug-in can give it.
    """
    if not isinstance(score, Score):
        raise TypeError(f"it gives {type(score).__name__}, and not a `Score`")
    value, perfect = (None if part is None else float(part) for part in (score.value, score.perfect))
    interval = None if score.interval is None else [float(end) for end in score.interval]
    if interval is not None and len(interval) != 2:
        raise ValueError("its interval needs two ends")
    for part in (value, perfect, *(interval or ())):
        if part is not None and not math.isfinite(part):
            raise ValueError(f"it gives {part}, and a score has finite numbers")
    further = dict(score.extra)
    if taken := FIXED & further.keys():
        raise ValueError(f"a further number has the name '{min(taken)}', which is taken")
    try:
        json.dumps(further, allow_nan=False)
    except ValueError:
        raise ValueError("a further number is not finite") from None
    reason = None if score.reason is None else f"{name} {score.reason}"
    return {"value": value, "interval": interval, "perfect": perfect, "reason": reason} | further


def _file(name: str) -> str:
    """The file of a metric."""
    return str(getattr(sys.modules.get(_modules()[name]), "__file__", _modules()[name]))
