"""Paired error: how far is a generated picture from the true picture of its condition?

pix2pix (Isola et al. 2016, arXiv:1611.07004) trains with the mean absolute error, L1. Beside it stand PSNR, the structural
similarity SSIM (Wang, Bovik, Sheikh & Simoncelli 2004, IEEE Transactions on Image Processing 13(4)) and the distance in the
features. All errors in pixels prefer a blurred picture where several pictures would be right.

SSIM is a mean of local moments with a Gaussian window, so scipy's filter is all that it needs. Neither torchmetrics nor
scikit-image is a dependency.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from ganbench.metrics import Card, NotApplicable, Score
from ganbench.metrics._parallel import blocks
from ganbench.statistics import normal

CARD = Card(
    answers="How far are the pictures from the true pictures of their conditions, pixel by pixel?",
    better="lower",
    range=(0.0, float("inf")),  # of pixels in [0, 1] at most 1
    minimum=2,
    paper="Isola et al. 2016, arXiv:1611.07004",
    version=1,
    quantities={"psnr": "positive", "ssim": "signed", "features": "positive"},
)

BLOCK = 250  # pictures that are held together
FINEST = (0.5 / 255) ** 2  # least mean squared error that PSNR counts: half a level; an exact copy has 54 dB
SIGMA, RADIUS = 1.5, 5  # of SSIM's window, pixels
C1, C2 = 0.01**2, 0.03**2  # SSIM's constants, for pixels in [0, 1]


def paired_error(
    gen_pixels: Any,
    gen_truth_pixels: Any,
    image_shape: tuple[int, int, int],
    gen: np.ndarray | None = None,
    gen_truth: np.ndarray | None = None,
) -> Score:
    """Mean absolute error of pixels in [0, 1], of images `[n, H*W*C]` and their true partners `[n, H*W*C]`.

    Extras, with `..._interval`: `psnr` (dB, mean over images), `ssim` (mean over images; 11 x 11 window, mirrored at the
    border). `features` is the mean squared distance from the partner's features, over that of two independent true pictures: 0
    for the partner, 1 for another true picture. All intervals are of means over samples.
    """
    if gen_pixels.shape[1] != math.prod(image_shape):
        raise NotApplicable(f"needs images of {math.prod(image_shape)} values")
    errors = np.concatenate(
        [_errors(gen_pixels[rows], gen_truth_pixels[rows], image_shape) for rows in blocks(len(gen_pixels), BLOCK)]
    )
    (low, high), psnr, ssim = (normal(float(column.mean()), column) for column in errors.T)
    extra: dict[str, Any] = {"psnr": float(errors[:, 1].mean()), "psnr_interval": [max(0.0, psnr[0]), psnr[1]]}
    extra |= {
        "ssim": float(errors[:, 2].mean()),
        "ssim_interval": [max(-1.0, ssim[0]), min(1.0, ssim[1])],
        "features": None,
    }
    if gen is not None and gen_truth is not None:
        truth = np.asarray(gen_truth, np.float64)
        scale = np.square(truth - truth.mean(0)).sum(1).mean() * 2
        if scale > 0:
            extra["features"] = float((np.square(gen - truth).sum(1) / scale).mean())
    return Score(float(errors[:, 0].mean()), (max(0.0, low), high), 0.0, extra)


def _errors(x: np.ndarray, truth: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """L1, PSNR and SSIM of each of `x` `[k, H*W*C]`: float64 `[k, 3]`."""
    x, truth = np.asarray(x, np.float64), np.asarray(truth, np.float64)
    psnr = -10 * np.log10(np.maximum(np.square(x - truth).mean(1), FINEST))
    return np.stack([abs(x - truth).mean(1), np.maximum(psnr, 0), _ssim(x, truth, shape)], 1)


def _ssim(x: np.ndarray, truth: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    a, b = x.reshape(-1, *shape), truth.reshape(-1, *shape)

    def local(image: np.ndarray) -> np.ndarray:
        mean: np.ndarray = gaussian_filter(image, SIGMA, mode="mirror", radius=(0, RADIUS, RADIUS, 0))
        return mean

    mean_a, mean_b = local(a), local(b)
    var_a, var_b = (np.maximum(local(x * x) - mean**2, 0) for x, mean in ((a, mean_a), (b, mean_b)))  # digits cancel
    most = np.sqrt(var_a * var_b)
    both = np.clip(local(a * b) - mean_a * mean_b, -most, most)
    similarity = (2 * mean_a * mean_b + C1) * (2 * both + C2) / ((mean_a**2 + mean_b**2 + C1) * (var_a + var_b + C2))
    result: np.ndarray = similarity.mean((1, 2, 3))
    return result
