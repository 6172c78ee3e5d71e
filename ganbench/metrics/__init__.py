"""Metrics: a file is a metric. `ganbench/metrics/fid.py` holds the function `fid`, its `CARD`, and nothing else has to change.

A metric is a pure function of arrays. It asks for what it needs by the names of its parameters, and gets `None`
for a parameter with the default `None` when that input is not there. The names, all numpy arrays:

| parameter | what it is |
|---|---|
| `gen`, `ref`, `train` | features of the generated, held-out and training set, float64 `[n, d]` |
| `ref_moments` | mean and covariance of held-out features, float64 `[1 + d, d]`, where nothing else of them is known |
| `gen_pixels`, `ref_pixels`, `train_pixels` | the images, `[n, H*W*C]` in [0, 1]: an array or `ganbench.samples.Pixels` |
| `gen_logits`, `ref_logits` | the extractor's class logits, float64 `[n, K]`, or `[n, 3, 10]` for stacked MNIST |
| `gen_labels`, `ref_labels`, `train_labels` | classes, int64 `[n]`: those that a generator was asked for, or the data's own |
| `ref_disturbed`, `ref_disturbed_pixels` | the held-out images, row by row, with noise that changes no image into another |
| `mixture` | `Mixture` of the dataset, for points |
| `discriminator` | float64 `[g, 2]`: places on the line, and D there, of a GAN on one dimension |
| `rng` | a `numpy.random.Generator`, seeded by the user's seed and the metric's name |

A module of another package is a metric too if an entry point of the group `ganbench.metrics` names it (docs/plugins.md).
"""

from __future__ import annotations

import inspect
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from ganbench import plugins
from ganbench.errors import UserError, choose
from ganbench.metrics._shared import remembering

_ABSENT = {
    "ref": "needs the samples of a reference: pass --reference",
    "train": "needs the training set: pass --train",
    "train_pixels": "needs the training set's images: pass --train",
    "gen_pixels": "is for images, not for points",
    "ref_pixels": "is for images, not for points",
    "gen_logits": "needs an extractor with class logits",
    "ref_logits": "needs an extractor with class logits",
    "gen_labels": "needs labelled samples, of a class-conditional generator",
    "ref_labels": "needs a labelled reference",
    "train_labels": "needs a labelled training set: pass --train",
    "ref_disturbed": "is for images, not for points",
    "mixture": "is for datasets whose modes are known",
}


Response = Literal["+", "-", "0"]


@dataclass(frozen=True)
class Card:
    """What a reader must know before reading the number."""

    answers: str  # the question that it answers, one sentence
    better: Literal["lower", "higher", "target"]
    range: tuple[float, float]
    minimum: int  # smallest number of samples in each set that it looks at
    paper: str
    version: int  # raised whenever a number can move
    # What `ganbench calibrate` holds it to: how the value moves as real data are corrupted, "+" up, "-" down, "0" not.
    # Corruptions that it does not name are shown and not judged.
    responds: Mapping[str, Response] = field(default_factory=dict)


@dataclass(frozen=True)
class Score:
    """A metric's value, its 95 % interval, and further numbers under their own names."""

    value: float | None
    interval: tuple[float, float] | None = None
    perfect: float | None = None  # what a perfect generator scores on average at these sizes, if that is known
    extra: Mapping[str, Any] = field(default_factory=dict)
    reason: str | None = None  # why `value` is None although `extra` has numbers; completes "<metric> ..."


class NotApplicable(Exception):
    """The metric does not apply to this input; the message completes the sentence "<metric> ..."."""


class Metric(NamedTuple):
    """A metric found in this folder."""

    name: str
    card: Card
    function: Callable[..., Score]


def names() -> tuple[str, ...]:
    """The metrics there are: one per file of this folder, and the plug-ins."""
    return tuple(sorted(_modules()))


@cache
def _modules() -> dict[str, str]:
    """The module of each metric.

    Raises:
        UserError: a plug-in has the name of another metric.
    """
    ours = {p.stem: f"{__name__}.{p.stem}" for p in Path(__file__).parent.glob("[a-z]*.py")}
    return ours | plugins.found("ganbench.metrics", ours)


@cache
def get(name: str) -> Metric:
    """Find the metric `name`; a wrong name is a `UserError` that names the nearest one."""
    module = plugins.load(_modules()[choose(name, names(), "metric")], ("CARD", name))
    return Metric(name, module.CARD, getattr(module, name))


def compute(wanted: Iterable[str], inputs: Mapping[str, Any], seed: int = 0) -> dict[str, dict[str, Any]]:
    """Compute metrics on one set of inputs.

    Args:
        wanted: names of metrics.
        inputs: some of the inputs in the table above, without `rng`; those missing or `None` are absent.
        seed: seeds each metric's own generator, so no metric changes because another one is asked for.

    Returns:
        `{name: {"value", "interval", "perfect", "n", "version", "reason", ...}}`; a metric that does not apply has
        `value` None and its `reason`.

    Raises:
        UserError: unknown metric, features that are not finite, or feature sets of unequal dimension.
    """
    metrics = [get(name) for name in wanted]
    present = {k: v for k, v in inputs.items() if v is not None}
    check(present)
    with remembering():
        return {m.name: _one(m, present, seed) for m in metrics}


def check(inputs: Mapping[str, Any]) -> None:
    """Refuse inputs on which any number would be wrong."""
    for key, array in inputs.items():
        if isinstance(array, np.ndarray) and not np.isfinite(array).all():
            raise UserError(f"{key} has NaN or infinite values; no metric is defined on them")
    for kind in ("", "_pixels"):
        sizes = {k: inputs[k].shape[1] for k in (f"gen{kind}", f"ref{kind}", f"train{kind}") if k in inputs}
        if len(set(sizes.values())) > 1:
            raise UserError(f"sets of unequal dimension cannot be compared: {sizes}")


def not_computed(metric: Metric, n: int, reason: str | None) -> dict[str, Any]:
    """The result of a metric that has no value on `n` samples, with the reason."""
    empty = {"value": None, "interval": None, "perfect": None}
    return {**empty, "n": n, "version": metric.card.version, "reason": reason}


def _one(metric: Metric, present: Mapping[str, Any], seed: int) -> dict[str, Any]:
    result = not_computed(metric, len(present["gen"]), None)
    available = {**present, "rng": np.random.default_rng([seed, zlib.crc32(metric.name.encode())])}
    parameters = inspect.signature(metric.function).parameters
    absent = [p.name for p in parameters.values() if p.default is p.empty and p.name not in available]
    if absent:
        return result | {"reason": f"{metric.name} {_ABSENT[absent[0]]}"}
    for kind in ("gen", "ref", "train"):
        asked = kind == "gen" or (kind in parameters and parameters[kind].default is inspect.Parameter.empty)
        if asked and len(available[kind]) < metric.card.minimum:
            least = f"at least {metric.card.minimum} samples in `{kind}`, there are {len(available[kind])}"
            return result | {"reason": f"{metric.name} needs {least}"}
    try:
        score = metric.function(**{name: available[name] for name in parameters if name in available})
    except NotApplicable as why:
        return result | {"reason": f"{metric.name} {why}"}
    interval = None if score.interval is None else [float(score.interval[0]), float(score.interval[1])]
    value = None if score.value is None else float(score.value)
    perfect = None if score.perfect is None else float(score.perfect)
    reason = None if score.reason is None else f"{metric.name} {score.reason}"
    found = {"value": value, "interval": interval, "perfect": perfect, "reason": reason}
    return result | found | dict(score.extra)
