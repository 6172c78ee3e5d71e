"""From sample sets to scores: read, embed where that was not done before, measure, and say under which protocol."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ganbench import data, samples
from ganbench import features as extractors
from ganbench import metrics as metric_files
from ganbench._version import __version__
from ganbench.errors import UserError, choose
from ganbench.features import Extractor
from ganbench.samples import Pixels, Rows, SampleSet, Stack, alike, declared, preflight
from ganbench.scoring.result import Result
from ganbench.scoring.sources import Source, open_sets

MANY = 20_000  # reference samples up to which its halves are scored against each other
DISTURBANCE = 5  # levels of 255, about 0.02 of the range: nobody would call the image another one


def embed(samples: SampleSet, extractor: str | Extractor) -> SampleSet:
    """The same set with its features; computed unless it already carries those of this very extractor."""
    about = extractors.describe(extractor)
    if samples.features is not None and samples.manifest.get("features") == about:
        return samples
    found, logits = extractors.embed(extractor, samples.x) if len(samples.x) else (np.empty((0, 1)), None)
    manifest = samples.manifest | {"features": about}
    return samples._replace(features=found, logits=logits, disturbed=None, manifest=manifest)


def extractor_for(sets: Sequence[SampleSet], asked: str | Extractor | None) -> tuple[Extractor, str | None]:
    """The extractor that is asked for, or else the one that suits the sets; then why, which stderr is told too."""
    dataset = next((one.manifest["dataset"] for one in sets if "dataset" in one.manifest), None)
    extractor, why = extractors.pick(asked, dataset, sets[0].x)
    if why:
        print(f"features {extractor.name}: {why}", file=sys.stderr)
    return extractor, why


def score(
    samples: Source,
    reference: Source,
    train: Source | None = None,
    *,
    features: str | Extractor | None = None,
    metrics: Iterable[str] | None = None,
    seed: int = 0,
    range: str | None = None,
    layout: str | None = None,
) -> Result:
    """Score one sample set. Each set is a path, a dataset of ours by its name, an array, a tensor, or a set read before.

    Args:
        samples: the generated samples: see `ganbench.samples`; points are float `[n, d]`.
        reference: held-out real samples; a dataset's name alone is its held-out split.
        train: real samples that the generator was trained on, for memorisation; by default the training split of the
            dataset that `reference` names.
        features: the extractor, or its name; by default, or for `auto`, the one that suits the samples.
        metrics: names of metrics; by default all, those that do not apply give their reason.
        seed: of every random choice inside a metric.
        range: black and white of images in floats: "0,1", "-1,1" or "0,255".
        layout: "nhwc" or "nchw", of arrays that could be either.

    Returns:
        Protocol, samples and `metrics[name]` with value, interval, n, version and reason; see `ganbench.result`.

    Raises:
        UserError: sets that cannot be read or compared, or an unknown metric or extractor.

    >>> result = score("digits:train", "digits", metrics=["fid", "memorisation"])
    >>> result.metrics["memorisation"].value
    1.0
    """
    wanted = [choose(m, metric_files.names(), "metric") for m in metrics or metric_files.names()]
    opened = open_sets(samples, reference, train, declared(range, layout))
    sets = alike([one for one in opened if one is not None])
    gen, ref, known = sets[0], sets[1], sets[2] if len(sets) > 2 else None
    for other in (gen, known):
        if other is not None and other.moments is not None:
            raise UserError(f"{other.manifest['name']} has statistics alone, which can only be a reference")
    for other in [one for one in sets if one.moments is None and ref.moments is None]:
        if other.x.shape[1:] != ref.x.shape[1:] or other.x.dtype != ref.x.dtype:
            raise UserError(
                f"{other.manifest['name']} has samples of shape {other.x.shape[1:]} {other.x.dtype}, "
                f"{ref.manifest['name']} of {ref.x.shape[1:]} {ref.x.dtype}; they must be alike"
            )
    if ref.moments is not None and features is None:
        raise UserError(f"{ref.manifest['name']} has statistics: pass the extractor that made them with --features")
    extractor, why = extractor_for(sets, features)
    protocol = {
        "ganbench": __version__,
        "features": extractors.describe(extractor),
        "reference": identity(ref),
        "train": None if known is None else identity(known),
        "seed": seed,
    }
    if reason := gen.manifest.get("reason"):
        results = {m: metric_files.not_computed(metric_files.get(m), 0, reason) for m in wanted}
    else:
        ref = ref if ref.moments is not None else embed(ref, extractor)
        if ref.features is not None and any(_asks_for(m, "ref_disturbed") for m in wanted):
            ref = embed_disturbed(ref, extractor)
        inputs = _inputs(embed(gen, extractor), ref, None if known is None else embed(known, extractor))
        results = metric_files.compute(wanted, inputs, seed)
        if len(ref.x) <= MANY:
            floors = real_vs_real([m for m, r in results.items() if _lacks_floor(r)], inputs, seed)
            results |= {m: results[m] | {"halves": floor} for m, floor in floors.items()}
    return Result.model_validate(
        {
            "protocol": protocol,
            "features_why": why,
            "samples": identity(gen),
            "preflight": preflight.lines(*(one.manifest for one in sets)),
            "metrics": results,
        }
    )


def _lacks_floor(result: Mapping[str, Any]) -> bool:
    return result["value"] is not None and result["perfect"] is None


def real_vs_real(wanted: Sequence[str], inputs: Mapping[str, Any], seed: int) -> dict[str, dict[str, Any]]:
    """What one half of the reference scores against the other: `{metric: {"value", "n"}}`, without those that do not apply."""
    if not wanted or "ref" not in inputs:  # of saved statistics there are no halves
        return {}
    order = np.random.default_rng(seed).permutation(len(inputs["ref"]))
    halves = {"gen": order[: len(order) // 2], "ref": order[len(order) // 2 :]}
    ours = {
        f"{half}{kind}": inputs[f"ref{kind}"][rows]
        for half, rows in halves.items()
        for kind in ("", "_pixels", "_logits", "_labels", "_disturbed", "_disturbed_pixels")
        if inputs.get(f"ref{kind}") is not None and (half == "ref" or "disturbed" not in kind)
    }
    others = {k: v for k, v in inputs.items() if not k.startswith(("gen", "ref", "discriminator"))}
    found = metric_files.compute(wanted, ours | others, seed)
    return {m: {"value": r["value"], "n": r["n"]} for m, r in found.items() if r["value"] is not None}


def scorer(
    reference: Source,
    train: Source | None = None,
    *,
    features: str | Extractor | None = None,
    metrics: Iterable[str] | None = None,
    seed: int = 0,
    range: str | None = None,
    layout: str | None = None,
) -> Callable[[Source], Result]:
    """`score` for a training loop: what the real data need is worked out once, here, and not at every call.

    Args: those of `score`, without the samples.

    Returns:
        A function of generated samples that scores them.
    """
    _, ref, known = open_sets(reference, reference, train, declared(range, layout))
    extractor, why = extractor_for([ref], features)
    wanted = None if metrics is None else tuple(metrics)
    ref = embed_disturbed(embed(ref, extractor), extractor)
    known = None if known is None else embed(known, extractor)
    return lambda samples: score(
        samples, ref, known, features=extractor, metrics=wanted, seed=seed, range=range, layout=layout
    ).model_copy(update={"features_why": why})


def disturbed(x: Rows) -> Rows:
    """Images uint8 `[n, H, W, C]` with each value moved by up to `DISTURBANCE` levels; the noise follows from the images.

    That of a set that stays on disk is drawn image by image, and so is not the one that it would get in memory.
    """
    seed = int(samples.content_hash(x)[:16], 16)
    if not isinstance(x, Stack):
        return _moved(x, np.random.default_rng(seed))

    def fetch(a: int, b: int) -> np.ndarray:
        rows = x[a:b]
        return np.stack([_moved(rows[i - a], np.random.default_rng([seed, i])) for i in range(a, b)])

    return Stack(x.name, x.shape, x.dtype, fetch)


def _moved(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.clip(x + rng.integers(-DISTURBANCE, DISTURBANCE + 1, x.shape, dtype=np.int16), 0, 255).astype(np.uint8)


def embed_disturbed(samples: SampleSet, extractor: str | Extractor) -> SampleSet:
    """The same embedded set with the features of its disturbed images too, unless it carries them already or is of points."""
    if samples.disturbed is not None or samples.x.ndim != 4:
        return samples
    return samples._replace(disturbed=extractors.embed(extractor, disturbed(samples.x)).features)


def _asks_for(metric: str, parameter: str) -> bool:
    return parameter in inspect.signature(metric_files.get(metric).function).parameters


def identity(one: SampleSet) -> dict[str, Any]:
    """Which samples they are: see `ganbench.result.Identity`."""
    return {
        "name": one.manifest["name"],
        "n": len(one.x),
        "sha256": one.manifest.get("sha256") or samples.content_hash(one.x),
        "shape": list(one.x.shape[1:]),
        "dtype": str(one.x.dtype),
    }


def _inputs(gen: SampleSet, ref: SampleSet, train: SampleSet | None) -> dict[str, Any]:
    """What metrics may ask for, under the names of `ganbench.metrics`."""
    out: dict[str, Any] = {"discriminator": gen.discriminator, "ref_moments": ref.moments}
    for key, one in (("gen", gen), ("ref", ref), ("train", train)):
        if one is None or one.features is None:
            continue
        out[key] = np.asarray(one.features, np.float64)
        out[f"{key}_labels"] = one.y
        if one.x.ndim == 4:
            out[f"{key}_pixels"] = Pixels(one.x)
        if one.logits is not None and key != "train":
            out[f"{key}_logits"] = np.asarray(one.logits, np.float64)
    if ref.disturbed is not None:
        out["ref_disturbed"] = np.asarray(ref.disturbed, np.float64)
        out["ref_disturbed_pixels"] = Pixels(disturbed(ref.x))
    if "dataset" in ref.manifest:
        out["mixture"] = data.mixture(ref.manifest["dataset"])
    return out
