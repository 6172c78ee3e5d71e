"""From embedded sample sets to the inputs of metrics, under the names of `ganbench.metrics.INPUTS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ganbench import data, features, metrics
from ganbench.metrics import INPUTS, Metric
from ganbench.metrics._rows import take
from ganbench.samples import Pixels, SampleSet
from ganbench.scoring.copies import Copies
from ganbench.scoring.embedding import disturbed

# What a sample set has for each part of an input; None where it has nothing.
PARTS: Mapping[str, Callable[[SampleSet], Any]] = {
    "features": lambda given: _float64(given.features),
    "moments": lambda given: given.moments,
    "labels": lambda given: None if given.features is None else given.y,
    "pixels": lambda given: Pixels(given.x) if given.x.ndim == 4 and given.features is not None else None,
    "logits": lambda given: _float64(given.logits),
    "kinds": lambda given: _kinds(given),
    "disturbed": lambda given: _float64(given.disturbed),
    "disturbed_pixels": lambda given: None if given.disturbed is None else Pixels(disturbed(given.x)),
    "discriminator": lambda given: given.discriminator,
}


def _float64(array: Any) -> Any:
    return array if array is None or isinstance(array, Pixels) else np.asarray(array, np.float64)


def gather_real(ref: SampleSet, train: SampleSet | None, copies: Copies | None = None) -> dict[str, Any]:
    """All inputs that two embedded sets, and copies of training images, give to metrics, without those that are missing."""
    inputs = _parts({"ref": ref, "train": train})
    dataset = ref.manifest.get("dataset", "")
    facts = data.facts(dataset) if data.is_name(dataset) else None  # a manifest is foreign and can name anything
    if facts is not None and facts.mixture and facts.shape == ref.x.shape[1:]:
        inputs["mixture"] = data.mixture(dataset)
    if copies is not None:
        inputs["train_copies"] = {kind: _float64(array) for kind, array in copies.features.items()}
        inputs["train_copies_pixels"] = {kind: Pixels(images) for kind, images in copies.images.items()}
    return {name: array for name, array in inputs.items() if array is not None}


def _kinds(given: SampleSet) -> np.ndarray | None:
    """Logits of the kinds of damage of an embedded set, `[n, K]`; None if its extractor was shown no damage."""
    about = given.manifest.get("features")
    return None if given.features is None or about is None else features.kinds(about, given.features)


def gather(gen: SampleSet, real: Mapping[str, Any]) -> dict[str, Any]:
    """All inputs of metrics: those of an embedded set of generated samples, and those of `gather_real` as they are."""
    inputs = _parts({"gen": gen}) | dict(real)
    if gen.x.ndim == 4:
        inputs["image_shape"] = gen.x.shape[1:]
    return {name: inputs[name] for name in INPUTS if inputs.get(name) is not None}


def one_size(sets: Sequence[SampleSet]) -> bool:
    """Whether all images of the sets have one size, so that pixels can be compared with pixels. Points are left out."""
    return len({given.x.shape[1:] for given in sets if given.x.ndim == 4}) <= 1


def without_pixels(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The same inputs without pixels, and without the size of the images that belongs to the pixels."""
    dropped = {name for name, entry in INPUTS.items() if entry.space == "pixels"} | {
        "train_copies_pixels",
        "image_shape",
    }
    return {name: given for name, given in inputs.items() if name not in dropped}


def _parts(sets: Mapping[str, SampleSet | None]) -> dict[str, Any]:
    """What sets give to metrics, by their owner; None where a set has nothing."""
    inputs = {}
    for name, entry in INPUTS.items():
        given = sets.get(entry.of)
        if given is not None and entry.part in PARTS:
            inputs[name] = PARTS[entry.part](given)
    return inputs


def real_vs_real(wanted: Sequence[str | Metric], inputs: Mapping[str, Any], seed: int) -> dict[str, dict[str, Any]]:
    """The scores of one half of the reference against the other half.

    Returns:
        `{metric: {"value", "n"}}`, without the metrics that do not apply. It is empty if the reference has only statistics.
    """
    if not wanted or "ref" not in inputs:
        return {}
    order = np.random.default_rng(seed).permutation(len(inputs["ref"]))
    first, second = order[: len(order) // 2], order[len(order) // 2 :]
    halves = {name: array for name, array in inputs.items() if INPUTS[name].of in ("train", "data")}
    for name, entry in INPUTS.items():
        if entry.of == "ref" and entry.rows and name in inputs:
            halves[name] = take(inputs[name], second)
            generated = name.replace("ref", "gen", 1)
            if generated in INPUTS:
                halves[generated] = take(inputs[name], first)
    results = metrics.compute(wanted, halves, seed)
    return {m: {"value": r["value"], "n": r["n"]} for m, r in results.items() if r["value"] is not None}
