"""From embedded sample sets to the inputs of metrics, under the names of `ganbench.metrics.INPUTS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ganbench import data, features, metrics
from ganbench.errors import UserError
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


ASKED = (
    "gen_condition",
    "gen_truth",
    "gen_truth_pixels",
    "gen_truth_labels",
    "gen_stated",
)  # what `gather` needs `ref` for


def _float64(array: Any) -> Any:
    return array if array is None or isinstance(array, Pixels) else np.asarray(array, np.float64)


def gather_real(ref: SampleSet, train: SampleSet | None, copies: Copies | None = None) -> dict[str, Any]:
    """All inputs that two embedded sets, and copies of training images, give to metrics, without those that are missing."""
    inputs = _parts({"ref": ref, "train": train})
    dataset = ref.manifest.get("dataset", "")
    facts = data.facts(dataset) if data.is_name(dataset) else None  # a manifest is foreign and can name anything
    if facts is not None and facts.mixture and facts.shape == ref.x.shape[1:]:
        inputs["mixture"] = data.mixture(dataset)
    language = data.language(dataset) if facts is not None and ref.manifest["name"] == data.held_out(dataset) else None
    if language is not None and facts is not None and facts.shape == ref.x.shape[1:] and ref.features is not None:
        said = data.captions(dataset, "test")
        inputs |= _said(language, ref, said[:: len(said) // len(ref.x)], "ref")
        inputs["ref_attributes"], inputs["attribute_names"] = language.attributes(np.asarray(ref.x)), language.names
    if copies is not None:
        inputs["train_copies"] = {kind: _float64(array) for kind, array in copies.features.items()}
        inputs["train_copies_pixels"] = {kind: Pixels(images) for kind, images in copies.images.items()}
    return {name: array for name, array in inputs.items() if array is not None}


def _kinds(given: SampleSet) -> np.ndarray | None:
    """Logits of the kinds of damage of an embedded set, `[n, K]`; None if its extractor was shown no damage."""
    about = given.manifest.get("features")
    return None if given.features is None or about is None else features.kinds(about, given.features)


def gather(
    gen: SampleSet, real: Mapping[str, Any], ref: SampleSet | None = None, partners: np.ndarray | None = None
) -> dict[str, Any]:
    """All inputs of metrics: those of an embedded set of generated samples, and those of `gather_real` as they are.

    Args:
        gen: the samples.
        real: what `gather_real` gave.
        ref: the reference. If the samples were made from its conditions, these give inputs too.
        partners: the row of the reference that each sample belongs to, if the user says that they are pairs.

    Raises:
        UserError: the samples name a condition that the reference does not have.
    """
    inputs = _parts({"gen": gen}) | dict(real)
    if ref is not None:
        inputs |= _asked(gen, ref, real) if partners is None else _truth(partners, ref, real)
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


def _asked(gen: SampleSet, ref: SampleSet, real: Mapping[str, Any]) -> dict[str, Any]:
    """What the conditions and captions of samples give to metrics; empty unless they are of the reference."""
    run = gen.manifest.get("run", gen.manifest)  # a control was made by no run
    dataset = run.get("dataset") if isinstance(run, dict) else None  # a manifest is foreign
    if not isinstance(dataset, str) or ref.manifest["name"] != data.held_out(dataset) or not data.is_name(dataset):
        return {}
    language, caption, said = data.language(dataset), gen.manifest.get("caption"), data.captions(dataset, "test")
    if language is not None and isinstance(caption, str):
        spoken = _said(language, gen, [caption], "gen")
        repeated = {name: np.repeat(array, len(gen.x), 0) for name, array in spoken.items()}
        return repeated | {
            "gen_condition": np.zeros(len(gen.x), np.int64),
            "gen_attributes": language.attributes(np.asarray(gen.x)),
        }
    conditions = data.conditions(dataset, "test")
    if gen.condition is None or conditions is None:
        return {}
    count = len(ref.x) if callable(conditions.of) else len(conditions.of)
    if len(gen.condition) and not 0 <= gen.condition.min() <= gen.condition.max() < count:
        raise UserError(f"{gen.manifest['name']} names conditions that {dataset} does not have: there are {count:,}")
    inputs: dict[str, Any] = {"gen_condition": gen.condition}
    if conditions.paired:
        inputs |= _truth(gen.condition // (count // len(ref.x)), ref, real)
    if language is not None:
        inputs |= _said(language, gen, [said[i] for i in gen.condition], "gen")
        inputs["gen_attributes"] = language.attributes(np.asarray(gen.x))
    return {name: value for name, value in inputs.items() if value is not None}


def _truth(rows: np.ndarray, ref: SampleSet, real: Mapping[str, Any]) -> dict[str, Any]:
    """What the partners of samples, rows of the reference, give to metrics."""
    return {
        "gen_truth": real["ref"][rows],
        "gen_truth_labels": None if ref.y is None else ref.y[rows],
        "gen_truth_pixels": real["ref_pixels"].take(rows) if "ref_pixels" in real else None,
    }


def _said(language: data.Language, given: SampleSet, captions: Sequence[str], owner: str) -> dict[str, Any]:
    """What captions of an embedded set state, and their vectors if the features are in their space."""
    stated = np.stack([language.meaning(caption) for caption in captions])
    inputs = {f"{owner}_stated": stated}
    if owner == "gen":
        inputs["gen_held_out"] = language.held_out(stated)
    if given.manifest["features"]["id"].partition("@")[0] == language.extractor:
        inputs[f"{owner}_captions"] = np.asarray(language.vectors(captions), np.float64)
    return inputs


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
