"""Points from known mixtures of Gaussians: `gaussian1d`, `ring` and `grid`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ganbench.data import draws
from ganbench.data.folder import Built, Dataset, Facts, Split

RECIPE = 1
TRAIN, TEST = 20_000, 5_000

# Points and means lie on this grid. It is a thousand times finer than what a metric of points can see, each of its
# values is a float32, and it hides the last digit of sin, cos and ndtri, which differs between machines.
STEP = 2.0**-20


def _snap(values: Any) -> np.ndarray:
    return np.rint(np.asarray(values, np.float64) / STEP) * STEP + 0.0  # and no -0.0


def _mixture(name: str, about: str, means: np.ndarray, sd: float, source: str, arxiv: str) -> dict[str, Dataset]:
    """Points of an equal-weight mixture: the mode is drawn, then the point."""

    def split(part: str, n: int) -> Split:
        y = draws.integers(f"{name} {part} mode", len(means), n)
        x = means[y] + sd * draws.normal(f"{name} {part} point", n, means.shape[1])
        return Split(_snap(x).astype(np.float32), y)

    card = {
        "citation": source,
        "url": f"https://arxiv.org/abs/{arxiv}",
        "licence": "Apache-2.0",
        "classes": len(means),
        "mixture": {"means": means.tolist(), "sd": sd},
    }
    facts = Facts((means.shape[1],), TRAIN, TEST, len(means), mixture=True)
    return {name: Dataset(about, lambda root: Built(split("train", TRAIN), split("test", TEST), card), facts=facts)}


ANGLES = 2 * np.pi * np.arange(8) / 8
PACGAN = "drawn by ganbench as in Lin, Khetan, Fanti, Oh: PacGAN, 2018"

DATASETS = (
    _mixture(
        "gaussian1d",
        "one Gaussian on the line, N(4, 0.5^2)",
        np.array([[4.0]]),
        0.5,
        "drawn by ganbench; figure 1 of Goodfellow et al.: Generative adversarial nets, 2014, shows a GAN on the line",
        "1406.2661",
    )
    | _mixture(
        "ring",
        "8 Gaussians with standard deviation 0.01, evenly on the unit circle",
        _snap(np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)),
        0.01,
        PACGAN,
        "1712.04086",
    )
    | _mixture(
        "grid",
        "25 Gaussians with standard deviation 0.05, their means in {-4, -2, 0, 2, 4}^2",
        np.array([[x, y] for x in range(-4, 5, 2) for y in range(-4, 5, 2)], np.float64),
        0.05,
        PACGAN,
        "1712.04086",
    )
)
