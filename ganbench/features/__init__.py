"""Extractors: from samples to the feature space in which they are compared. A module of this folder is a family of them.

A family needs nothing but to be here. It imports torch only inside `load`, and holds:

| name | what it is |
|---|---|
| `NAMES` | the extractors of this family |
| `BATCH` | samples per call; every batch is filled up to it, so that no result depends on how many samples there are |
| `CACHED` | whether the features are worth keeping in the cache |
| `describe(extractor)` | what pins it, see `describe` below |
| `load(extractor)` | a function from a batch of samples to features float32 `[n, d]` and logits, or None |

A module of another package is a family too if entry points of the group `ganbench.features` name its extractors
(docs/plugins.md).

Images are uint8 `[n, H, W, C]`, channels last and always there: grey is C = 1, and `[n, H, W]` is refused. A network for
colour images sees a grey one with its values in all three channels.
"""

from __future__ import annotations

import hashlib
import importlib
import pkgutil
from collections.abc import Callable, Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from ganbench import data, plugins
from ganbench.display.progress import progress
from ganbench.errors import Unreachable, UserError, choose
from ganbench.features import _cache as disk
from ganbench.samples.sets import Rows, content_hash

PATIENCE = 2.0  # seconds after which progress is shown

AUTO = "auto"
PRECISIONS = ("fp32", "bf16")
Run = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray | None]]


class Extractor(NamedTuple):
    """An extractor and how it is run. Wherever one is asked for, its name alone will do."""

    name: str  # one of `names()`, or the path of a user's own
    weights: str | None = None  # file of the weights, or FILE#sha256=HEX for others than the published ones
    precision: str = "fp32"  # or "bf16"


class Embedding(NamedTuple):
    """What an extractor says of n samples."""

    features: np.ndarray  # float32 [n, d]
    logits: np.ndarray | None  # float32 [n, classes], or [n, 3, classes] for stacked MNIST; None: not a classifier


@cache
def _families() -> dict[str, ModuleType]:
    files = [f"{__name__}.{m.name}" for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_")]
    ours = {name: module for module in map(importlib.import_module, files) for name in module.NAMES}
    found = plugins.found("ganbench.features", ours)
    return ours | {
        name: plugins.load(module, ("BATCH", "CACHED", "describe", "load")) for name, module in found.items()
    }


def names() -> tuple[str, ...]:
    """The extractors there are."""
    return tuple(_families())


def default(dataset: str) -> str:
    """The extractor for a dataset: its own classifier; without one, what suits the shape of its samples.

    Raises:
        UserError: there is no such dataset.
        Unreachable: for such images a general network is needed, and no general network is on this machine.
    """
    return _suited(dataset, data.facts(dataset).shape)[0]


def pick(asked: str | Extractor | None, dataset: str | None, x: Rows) -> tuple[Extractor, str | None]:
    """The extractor that is asked for; for None or `auto` the one that suits the samples, and why.

    Args:
        asked: an extractor, or its name.
        dataset: the dataset of ours that the samples belong to.
        x: samples, of which only the shape is looked at.

    Raises:
        Unreachable: for such images a general network is needed, and none is here.
    """
    one = _extractor(asked or AUTO)
    if one.name != AUTO:
        return one, None
    name, why = _suited(dataset, x.shape[1:])
    return one._replace(name=name), why


def _suited(dataset: str | None, shape: tuple[int, ...]) -> tuple[str, str]:
    from ganbench.features import _weights, efficientnet, inception

    if len(shape) == 1:
        return "identity", "these are points"
    if f"{dataset}-cnn" in names():
        return f"{dataset}-cnn", f"it is the classifier of {dataset}"
    what = "colour images" if shape[-1] == 3 else "grey images of no dataset of ours, so no classifier knows them"
    if _weights.here(inception.WEIGHTS) is not None:
        return "inception", f"these are {what}, and the network of the literature's FID is here"
    if efficientnet.here() is not None:
        return efficientnet.NAMES[
            0
        ], f"these are {what}, and of the general networks this one is here, Inception is not"
    raise Unreachable(
        f"which extractor? These are {what}, and no general network is here: {efficientnet.INSTALL}, or pass --features "
        f"inception (downloads {inception.WEIGHTS.size / 1e6:.0f} MB), or --features pixels"
    )


def describe(extractor: str | Extractor) -> dict[str, Any]:
    """What pins an extractor, for a protocol: the same everywhere, and equal to itself after a round trip by JSON.

    Returns:
        `id` names the extractor and the first eight digits of its weights' hash; `input` is the shape of one sample
        and `d` the number of features, both None where any will do; `sha256` is that of the weights and
        `test_accuracy` the share of the test split classified rightly (of single digits, for stacked MNIST), both
        None without. A network with published weights also says its `resize`, what it does with `grey` images, its
        `precision` and what its `logits` are.

    Raises:
        UserError: there is no such extractor or precision, or this one takes no weights or has but one precision.
    """
    one = _extractor(extractor)
    about = _family(one).describe(one)
    if (one.weights is not None or one.precision != "fp32") and "precision" not in about:
        raise UserError(f"--weights and --precision are for networks with published weights; {one.name} is none")
    if one.precision not in PRECISIONS:
        raise UserError(f"--precision {one.precision}: it is {' or '.join(PRECISIONS)}")
    return about


def _extractor(extractor: str | Extractor) -> Extractor:
    return extractor if isinstance(extractor, Extractor) else Extractor(extractor)


def _family(extractor: Extractor) -> ModuleType:
    from ganbench.features import custom

    return custom if custom.takes(extractor.name) else _families()[choose(extractor.name, names(), "extractor")]


def resized_otherwise(extractor: str | Extractor) -> list[Extractor]:
    """The extractors that differ from this one in how they resize images and in nothing else.

    Raises:
        UserError: see `describe`.
    """

    def rest(one: Extractor) -> dict[str, Any]:
        return {key: value for key, value in describe(one).items() if key not in ("id", "resize")}

    one = _extractor(extractor)
    others = [one._replace(name=name) for name, family in _families().items() if family is _family(one)]
    return [other for other in others if other != one and "resize" in describe(one) and rest(other) == rest(one)]


def embed(extractor: str | Extractor, x: Rows) -> Embedding:
    """Features, and logits where the extractor is a classifier; from the cache if this content was embedded before.

    A network runs on the CPU, whatever else there is.

    Args:
        extractor: one of `names()`, the path of a user's own (see `custom`), or an `Extractor`.
        x: images, uint8 [n, H, W, C]; for `identity` points, floating [n, d].

    Raises:
        UserError: unknown extractor, or a shape or dtype that it does not take.
        Unreachable: its weights are neither here nor to be had.
    """
    one = _extractor(extractor)
    about, family = describe(one), _family(one)
    _check(one.name, about["input"], x)
    if not family.CACHED:
        return _run(one, family, x)
    key = disk.key(about, content_hash(x), _code(), version("torch"))
    kept = disk.get(key)
    if kept is None:
        found = _run(one, family, x)
        disk.put(key, {name: array for name, array in found._asdict().items() if array is not None})
        return found
    return Embedding(kept["features"], kept.get("logits"))


def _check(name: str, needs: list[int] | None, x: Rows) -> None:
    if name == "identity":
        if x.ndim != 2 or not np.issubdtype(x.dtype, np.floating):
            raise UserError(f"identity needs points, floats [n, d]; these are {_kind(x)}")
    elif x.dtype != np.uint8 or x.ndim != 4 or (needs is not None and list(x.shape[1:]) != needs):
        shape = "H, W, C" if needs is None else ", ".join(map(str, needs))
        raise UserError(f"{name} needs images, uint8 [n, {shape}]; these are {_kind(x)}")


def _kind(x: Rows) -> str:
    return f"{x.dtype} [{', '.join(map(str, ('n', *x.shape[1:])))}]"


@cache
def _code() -> str:
    """SHA-256 of the code of all extractors: features of other code are not taken from the cache."""
    files = sorted(Path(__file__).parent.rglob("*.py"))
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def _run(extractor: Extractor, family: ModuleType, x: Rows) -> Embedding:
    run: Run = family.load(extractor)
    n, out = len(x), Embedding(np.empty(0), None)
    with progress(f"embed in {extractor.name}", n, "images", patience=PATIENCE) as advance:
        for start, batch in _batches(x, family.BATCH):
            part = Embedding(*run(batch))
            if start == 0:
                logits = None if part.logits is None else np.empty((n, *part.logits.shape[1:]), np.float32)
                out = Embedding(np.empty((n, *part.features.shape[1:]), np.float32), logits)
            out.features[start : start + family.BATCH] = part.features[: n - start]
            if out.logits is not None and part.logits is not None:
                out.logits[start : start + family.BATCH] = part.logits[: n - start]
            advance(min(start + family.BATCH, n))
    return out


def _batches(x: Rows, size: int) -> Iterator[tuple[int, np.ndarray]]:
    """Batches of exactly `size`, the last one filled up with zeros; without samples there is one, all of it filling."""
    for start in range(0, max(len(x), 1), size):
        part = x[start : start + size]
        batch = np.zeros((size, *x.shape[1:]), x.dtype)
        batch[: len(part)] = part
        yield start, batch
