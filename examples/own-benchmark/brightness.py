"""A metric: do the images have the brightness of real images?"""

from __future__ import annotations

import numpy as np

from ganbench.metrics import Card, Score

CARD = Card(
    answers="By how much does the mean brightness of the generated images differ from that of real images?",
    better="lower",
    range=(0.0, 1.0),
    minimum=2,
    paper="none; an example",
    version=1,
    responds={"noise": "+"},  # what `ganbench calibrate` would hold the metric to
)


def brightness(gen_pixels: np.ndarray, ref_pixels: np.ndarray) -> Score:
    """The absolute difference of the mean values of `gen_pixels` and `ref_pixels` `[n, H*W*C]`, in [0, 1]."""
    generated, real = (float(np.asarray(pixels).mean()) for pixels in (gen_pixels, ref_pixels))
    return Score(abs(generated - real), extra={"generated": generated, "real": real})
