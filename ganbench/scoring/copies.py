"""Copies of training images, made to measure which kinds of copies `memorisation` finds."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter, rotate

from ganbench import features
from ganbench.features import Extractor
from ganbench.metrics.memorisation import EXAMPLES
from ganbench.samples import Rows, content_hash

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]


class Copies(NamedTuple):
    """Changed training images, by the kind of change."""

    images: Mapping[str, np.ndarray]  # uint8 [n, H, W, C]
    features: Mapping[str, np.ndarray]  # float32 [n, d]


def embed_copies(x: Rows, extractor: str | Extractor) -> Copies:
    """Up to `EXAMPLES` of the images `x` uint8 `[n, H, W, C]`, changed in each way, with their features.

    The images seed the choice and the noise.
    """
    rng = np.random.default_rng(int(content_hash(x)[:16], 16))
    chosen = np.asarray(x[np.sort(rng.permutation(len(x))[:EXAMPLES])])
    images = {kind: change(chosen, rng) for kind, change in CHANGES.items()}
    embedded = features.embed(extractor, np.concatenate(list(images.values()))).features
    return Copies(images, dict(zip(images, np.split(embedded, len(images)), strict=True)))


def _levels(x: np.ndarray) -> np.ndarray:
    levels: np.ndarray = np.clip(np.rint(x), 0, 255).astype(np.uint8)
    return levels


def _jpeg(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.stack([_through_jpeg(image) for image in x])


def _through_jpeg(image: np.ndarray) -> np.ndarray:
    out = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(out, "JPEG", quality=75)
    return np.asarray(Image.open(out)).reshape(image.shape)


CHANGES: Mapping[str, Change] = {
    "exact": lambda x, rng: x,
    "noise": lambda x, rng: _levels(x + 25.5 * rng.standard_normal(x.shape)),  # a tenth of the range
    "shift": lambda x, rng: np.pad(x, ((0, 0), (0, 0), (1, 0), (0, 0)), mode="edge")[:, :, :-1],  # by one pixel
    "rotation": lambda x, rng: _levels(
        rotate(x.astype(np.float64), 5, axes=(1, 2), reshape=False, order=1, mode="nearest")
    ),
    "brightness": lambda x, rng: _levels(0.9 * x),
    "blur": lambda x, rng: _levels(gaussian_filter(x.astype(np.float64), (0, 0.5, 0.5, 0))),
    "JPEG": _jpeg,
    "flip": lambda x, rng: x[:, :, ::-1],
}
