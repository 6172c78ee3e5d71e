"""From sample sets to scores: read, embed where that was not done before, measure, and say under which protocol."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import ganbench
from ganbench import data, features, metrics, samples
from ganbench.errors import UserError, choose
from ganbench.samples import SampleSet

SPLITS = ("train", "test")
DISTURBANCE = 5  # levels of 255, about 0.02 of the range: nobody would call the image another one


def dataset_split(what: str) -> tuple[str, str | None] | None:
    """Read `NAME` or `NAME:SPLIT` of a dataset of ours; None if `what` is a path.

    >>> dataset_split("digits:train"), dataset_split("./digits")
    (('digits', 'train'), None)
    """
    name, colon, split = what.partition(":")
    if name in data.names():
        return name, choose(split, SPLITS, "split") if colon else None
    if Path(what).exists() or "/" in what or Path(what).suffix:
        return None
    return choose(name, data.names(), "dataset or file"), None


def open_set(what: str, split: str) -> SampleSet:
    """The sample set at a path, or a split of a dataset of ours; `split` is what its name alone means."""
    found = dataset_split(what)
    if found is None:
        return samples.read(Path(what))
    name, given = found
    x, y = data.load(name, given or split)
    about = {"name": f"{name}:{given or split}", "dataset": name, "data": data.version(name)}
    return SampleSet(np.asarray(x), np.asarray(y), about)


def embed(samples: SampleSet, extractor: str) -> SampleSet:
    """The same set with its features; computed unless it already carries those of this very extractor."""
    about = features.describe(extractor)
    if samples.features is not None and samples.manifest.get("features") == about:
        return samples
    found, logits = features.embed(extractor, samples.x) if len(samples.x) else (np.empty((0, 1)), None)
    manifest = samples.manifest | {"features": about}
    return samples._replace(features=found, logits=logits, disturbed=None, manifest=manifest)


def extractor_for(sets: Sequence[SampleSet]) -> str:
    """The extractor of the dataset that one of the sets belongs to; points need none."""
    for one in sets:
        if "dataset" in one.manifest:
            return features.default(one.manifest["dataset"])
    if sets[0].x.ndim == 2:
        return "identity"
    raise UserError(f"which extractor? pass --features with one of {', '.join(features.names())}")


def score(
    generated: SampleSet,
    reference: SampleSet,
    train: SampleSet | None = None,
    *,
    extractor: str | None = None,
    wanted: Sequence[str] | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Score one sample set.

    Args:
        generated: the samples.
        reference: held-out real samples.
        train: real samples that the generator was trained on, for memorisation.
        extractor: name of the features; by default that of the reference's dataset.
        wanted: names of metrics; by default all, those that do not apply give their reason.
        seed: of every random choice inside a metric.

    Returns:
        `{"protocol": {...}, "samples": {...}, "metrics": {name: {"value", "interval", "n", "version", "reason", ...}}}`

    Raises:
        UserError: sets that cannot be compared, or an unknown metric or extractor.
    """
    sets = [reference, generated] if train is None else [reference, generated, train]
    for other in sets:
        if other.x.shape[1:] != reference.x.shape[1:] or other.x.dtype != reference.x.dtype:
            raise UserError(
                f"{other.manifest['name']} has samples of shape {other.x.shape[1:]} {other.x.dtype}, "
                f"{reference.manifest['name']} of {reference.x.shape[1:]} {reference.x.dtype}; they must be alike"
            )
    name = extractor or extractor_for(sets)
    wanted = wanted or metrics.names()
    gen, ref = embed(generated, name), embed(reference, name)
    known = None if train is None else embed(train, name)
    if reason := generated.manifest.get("reason"):
        results = {m: metrics.not_computed(metrics.get(m), 0, reason) for m in wanted}
    else:
        if any(_asks_for(m, "ref_disturbed") for m in wanted):
            ref = embed_disturbed(ref, name)
        results = metrics.compute(wanted, _inputs(gen, ref, known), seed)
    protocol = {
        "ganbench": ganbench.__version__,
        "features": features.describe(name),
        "reference": _identity(reference),
        "train": None if train is None else _identity(train),
        "seed": seed,
    }
    return {"protocol": protocol, "samples": _identity(generated), "metrics": results}


def disturbed(x: np.ndarray) -> np.ndarray:
    """Images uint8 `[n, H, W, C]` with each value moved by up to `DISTURBANCE` levels; the noise follows from the images."""
    rng = np.random.default_rng(int(samples.content_hash(x)[:16], 16))
    return np.clip(x + rng.integers(-DISTURBANCE, DISTURBANCE + 1, x.shape, dtype=np.int16), 0, 255).astype(np.uint8)


def embed_disturbed(samples: SampleSet, extractor: str) -> SampleSet:
    """The same embedded set with the features of its disturbed images too, unless it carries them already or is of points."""
    if samples.disturbed is not None or samples.x.ndim != 4:
        return samples
    return samples._replace(disturbed=features.embed(extractor, disturbed(samples.x)).features)


def _asks_for(metric: str, parameter: str) -> bool:
    return parameter in inspect.signature(metrics.get(metric).function).parameters


def _identity(one: SampleSet) -> dict[str, Any]:
    return {
        "name": one.manifest["name"],
        "n": len(one.x),
        "sha256": one.manifest.get("sha256") or samples.content_hash(one.x),
    }


def _inputs(gen: SampleSet, ref: SampleSet, train: SampleSet | None) -> dict[str, Any]:
    """What metrics may ask for, under the names of `ganbench.metrics`."""
    out: dict[str, Any] = {"discriminator": gen.discriminator}
    for key, one in (("gen", gen), ("ref", ref), ("train", train)):
        if one is None:
            continue
        out[key] = np.asarray(one.features, np.float64)
        out[f"{key}_labels"] = one.y
        if one.x.ndim == 4:
            out[f"{key}_pixels"] = _pixels(one.x)
        if one.logits is not None and key != "train":
            out[f"{key}_logits"] = np.asarray(one.logits, np.float64)
    if ref.disturbed is not None:
        out["ref_disturbed"] = np.asarray(ref.disturbed, np.float64)
        out["ref_disturbed_pixels"] = _pixels(disturbed(ref.x))
    if "dataset" in ref.manifest:
        out["mixture"] = data.mixture(ref.manifest["dataset"])
    return out


def _pixels(x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), -1).astype(np.float32) / 255
