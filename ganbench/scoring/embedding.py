"""Embedded sample sets: samples with their features, and a reference with the features of its disturbed images."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from ganbench import features, plugins, samples
from ganbench.errors import UserError
from ganbench.features import Extractor
from ganbench.metrics._rows import held
from ganbench.samples import Pixels, Rows, SampleSet, Stack, common_channels

DISTURBANCE = 5  # levels of 255, about 0.02 of the range: too little to make another image


def embed(given: SampleSet, extractor: str | Extractor, hold: bool = True) -> SampleSet:
    """The same set with its features. They are computed unless the set already has the features of this extractor.

    With `hold` false, the features of very many images in the extractor `pixels` are `Pixels`, not an array.
    """
    if given.is_statistics:
        raise UserError(f"{given.manifest['name']} has only statistics, so it has no samples to embed")
    about = features.describe(extractor)
    if given.features is not None and given.manifest.get("features") == about:
        return given
    with plugins.blamed(f"the extractor {about['id']}"):
        array: Any
        if not hold and _in_parts(about, given.x):
            array, logits = Pixels(given.x), None
        else:
            array, logits = features.embed(extractor, given.x) if len(given.x) else (np.empty((0, 1)), None)
    manifest = given.manifest | {"features": about}
    return given.with_(features=array, logits=logits, disturbed=None, manifest=manifest)


def embed_disturbed(embedded: SampleSet, extractor: str | Extractor, hold: bool = True) -> SampleSet:
    """The same embedded set with the features of its disturbed images too. Points have none. `hold` is that of `embed`."""
    if embedded.disturbed is not None or embedded.x.ndim != 4:
        return embedded
    moved = disturbed(embedded.x)
    if not hold and _in_parts(features.describe(extractor), moved):
        return embedded.with_(disturbed=Pixels(moved))
    return embedded.with_(disturbed=features.embed(extractor, moved).features)


def _in_parts(about: dict[str, Any], x: Rows) -> bool:
    """Whether the features of images are their pixels, and too many to be held."""
    return about["id"] == "pixels" and x.ndim == 4 and not held(Pixels(x))


def disturbed(x: Rows) -> Rows:
    """Images uint8 `[n, H, W, C]` with each value moved by up to `DISTURBANCE` levels; the images seed the noise.

    For a set on disk the noise is drawn image by image. So it differs from the noise of the same set in memory.
    """
    seed = int(samples.content_hash(x)[:16], 16)
    if not isinstance(x, Stack):
        return _moved(np.asarray(x), np.random.default_rng(seed))

    def fetch(a: int, b: int) -> np.ndarray:
        rows = x[a:b]
        return np.stack([_moved(rows[i - a], np.random.default_rng([seed, i])) for i in range(a, b)])

    return Stack(x.name, x.shape, x.dtype, fetch)


def _moved(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    moved = x + rng.integers(-DISTURBANCE, DISTURBANCE + 1, x.shape, dtype=np.int16)
    return np.clip(moved, 0, 255).astype(np.uint8)


def choose_extractor(
    reference: SampleSet, train: SampleSet | None, asked: str | Extractor | None
) -> tuple[Extractor, str | None]:
    """The extractor of a scoring, and why it was chosen. The reason is None if the user named the extractor.

    One rule holds wherever ganbench scores. If the user names an extractor, it is used. Otherwise the reference
    decides, never the generated samples. So all samples that are scored against one reference have the same features.
    Points get `identity`, and waves get `spectrogram`. Images of a built-in dataset get the classifier of that dataset. The
    dataset is the reference's; without it, the training set's. Other images get a general network that is on this machine.

    Raises:
        UserError: the reference has only statistics, and the user named no extractor.
        Unreachable: the images need a general network, and none is on this machine.
    """
    if reference.is_statistics and features.is_auto(asked):
        name = reference.manifest["name"]
        raise UserError(f"{name} has statistics: pass the extractor that made them: `features=`")
    real = [given for given in (reference, train) if given is not None]
    dataset = next((given.manifest["dataset"] for given in real if "dataset" in given.manifest), None)
    return features.pick(asked, dataset, common_channels(real), any(given.x.ndim == 3 for given in real))


def announce(extractor: Extractor, why: str | None) -> None:
    """Say on stderr which extractor was chosen, and why. If the user named the extractor, nothing is printed."""
    if why:
        print(f"features {extractor.name}: {why}", file=sys.stderr)


def identity(given: SampleSet) -> dict[str, Any]:
    """Which samples a set has: see `ganbench.scoring.result.Identity`."""
    return {
        "name": given.manifest["name"],
        "n": len(given.x),
        "sha256": given.manifest.get("sha256") or samples.content_hash(given.x),
        "shape": list(given.x.shape[1:]),
        "dtype": str(given.x.dtype),
    }
