"""Attribute accuracy: do pictures show what their captions state?

A recogniser names the attributes of each generated picture, and they are compared with the caption that the picture was made
from (as for face attributes in IcGAN, Perarnau et al. 2016, arXiv:1611.06355). For scenes of shapes the recogniser is the
search for the nearest of all scenes (`ganbench.data.scenes`). It makes no error on real pictures. `perfect` is the
recogniser's accuracy on the reference.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ganbench.metrics import Card, NotApplicable, Score
from ganbench.statistics import share

CARD = Card(
    answers="What share of the attributes that the captions state do the pictures show?",
    better="higher",
    range=(0.0, 1.0),
    minimum=20,
    paper="Perarnau et al. 2016, arXiv:1611.06355",
    version=1,
    quantities=dict.fromkeys(
        ("all", "held_out", "held_out_all", "place", "ground", "shape", "colour", "size"), "share"
    ),  # the attributes of one object too
)


def attribute_accuracy(
    gen_attributes: np.ndarray,
    gen_stated: np.ndarray,
    gen_held_out: np.ndarray | None = None,
    attribute_names: tuple[str, ...] | None = None,
    ref_attributes: np.ndarray | None = None,
    ref_stated: np.ndarray | None = None,
) -> Score:
    """Mean share of right attributes among the stated ones, of int64 `[n, A]` and `[n, A]`, where -1 is not stated.

    Extras: `all`, the share of samples with all stated attributes right; the share of each attribute under its name; and
    `held_out` and `held_out_all`, value and `all` of samples whose caption has a combination that training never shows. Each
    has its `..._interval`. All intervals are Clopper-Pearson's. Of all variables in [0, 1] with one mean a coin has the largest
    variance, so for a mean of shares the interval is too wide, not too narrow.
    """
    if not (gen_stated >= 0).any():
        raise NotApplicable("needs captions that state an attribute")
    value, whole, count = _shares(gen_attributes, gen_stated)
    names = attribute_names or tuple(f"attribute_{i}" for i in range(gen_stated.shape[1]))
    extra: dict[str, Any] = _named("all", whole, count)
    for i, name in enumerate(names):
        stated = gen_stated[:, i] >= 0
        if stated.any():
            right = (gen_attributes[:, i] == gen_stated[:, i])[stated]
            extra |= _named(name.replace(" ", "_"), right.sum(), len(right))
    if gen_held_out is not None and (gen_stated[gen_held_out] >= 0).any():
        new, new_whole, new_count = _shares(gen_attributes[gen_held_out], gen_stated[gen_held_out])
        extra |= _named("held_out", new, new_count) | _named("held_out_all", new_whole, new_count)
    perfect = None
    if ref_attributes is not None and ref_stated is not None and (ref_stated >= 0).any():
        real, _, real_count = _shares(ref_attributes, ref_stated)
        perfect = real / real_count
    return Score(value / count, share(value, count), perfect, extra)


def _shares(shown: np.ndarray, stated: np.ndarray) -> tuple[float, int, int]:
    """Sums over samples of the share of right attributes and of all right, and the samples whose caption states anything."""
    present = stated >= 0
    rows = present.any(1)
    right = ((shown == stated) & present)[rows].sum(1)
    of = present[rows].sum(1)
    return float((right / of).sum()), int((right == of).sum()), len(of)


def _named(name: str, total: float, count: int) -> dict[str, Any]:
    return {name: float(total) / count, f"{name}_interval": list(share(float(total), count))}
