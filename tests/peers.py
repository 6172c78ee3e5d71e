"""Independent readings of other evaluators' public arithmetic on arrays, in the precision in which they compute.

Each function names the file that it reads. No line is copied. torch-fidelity, clean-fid and prdc are installed for the tests, so
their own functions are called in the place of a reading.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import sqrtm
from scipy.special import softmax


def frechet(x: np.ndarray, y: np.ndarray) -> float:
    """Means and covariances (n - 1) of float64 features, and a matrix root: guided-diffusion, dgm-eval and StudioGAN."""
    step = x.mean(0) - y.mean(0)
    s, r = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    return float(step @ step + np.trace(s) + np.trace(r) - 2 * np.trace(np.real(sqrtm(s @ r))))


def frechet_of_sums(x: np.ndarray, y: np.ndarray) -> float:
    """EDM2, `calculate_metrics.py`: sums of x and of x x' in float64, then (sum x x' - n m m') / (n - 1)."""

    def moments(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n, mean = len(z), z.sum(0) / len(z)
        return mean, (z.T @ z - n * np.outer(mean, mean)) / (n - 1)

    (m, s), (m_r, r) = moments(x), moments(y)
    return float(np.square(m - m_r).sum() + np.trace(s + r - 2 * np.real(sqrtm(s @ r))))


def inception_score(logits: np.ndarray, cuts: list[tuple[int, int]]) -> float:
    """Mean over parts of exp(mean KL), from probabilities in float32: guided-diffusion (parts of 5,000) and StudioGAN (one)."""
    p = softmax(logits.astype(np.float32), axis=1)
    scores = []
    for start, stop in cuts:
        part = p[start:stop]
        scores.append(np.exp((part * (np.log(part) - np.log(part.mean(0)))).sum(1).mean()))
    return float(np.mean(scores))


def closed_shares(x: np.ndarray, y: np.ndarray, dtype: type = np.float16) -> tuple[float, float]:
    """guided-diffusion: precision and recall from |u|^2 - 2 u v + |v|^2 in float16, k = 3, closed balls around both sets.

    If a distance overflows float16, its block is computed in float32.
    """

    def squares(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        u, v = u.astype(dtype), v.astype(dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            d = (np.square(u).sum(1)[:, None] - 2 * (u @ v.T) + np.square(v).sum(1)[None]).astype(np.float32)
        return np.maximum(d, 0) if np.isfinite(d).all() else squares32(u, v)

    def squares32(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        u, v = u.astype(np.float32), v.astype(np.float32)
        return np.maximum(np.square(u).sum(1)[:, None] - 2 * (u @ v.T) + np.square(v).sum(1)[None], 0)

    radius_x, radius_y = (np.partition(squares(z, z), 3, axis=1)[:, 3] for z in (x, y))
    between = squares(y, x)  # a row per reference point
    return float((between <= radius_y[:, None]).any(0).mean()), float((between <= radius_x).any(1).mean())


def kernel_distance(x: np.ndarray, y: np.ndarray, subsets: int, size: int, seed: int) -> np.ndarray:
    """dgm-eval, `mmd.py`: unbiased squared MMD of `subsets` random subsets, with the cubic kernel and gamma = 1 / d."""
    rng = np.random.RandomState(seed)
    size = min(size, len(x), len(y))

    def one() -> float:
        u, v = x[rng.choice(len(x), size, replace=False)], y[rng.choice(len(y), size, replace=False)]
        uu, vv, uv = ((a @ b.T / x.shape[1] + 1) ** 3 for a, b in ((u, u), (v, v), (u, v)))
        within = (uu.sum() - np.trace(uu) + vv.sum() - np.trace(vv)) / (size * (size - 1))
        return float(within - 2 * uv.mean())

    return np.array([one() for _ in range(subsets)])


def mind(x: np.ndarray, y: np.ndarray, theta: np.ndarray) -> float:
    """torch-fidelity after 0.4, `metric_mind.py`: 3 d times the mean square of sorted differences, n equal, along `theta`."""
    sides = (np.sort(z @ theta.T, axis=0) for z in (x, y))
    return float(3 * x.shape[1] * np.square(np.subtract(*sides)).mean())


def cmmd(x: np.ndarray, y: np.ndarray, dtype: type = np.float32) -> float:
    """google-research, `cmmd/distance.py`: all pairs, those of a sample with itself too, sigma 10, times 1000, in float32."""

    def mean_kernel(u: np.ndarray, v: np.ndarray) -> np.floating:
        squares = np.square(u).sum(1)[:, None] + np.square(v).sum(1)[None] - 2 * u @ v.T
        return np.exp(-squares / dtype(200)).mean()

    x, y = x.astype(dtype), y.astype(dtype)
    return float(1000 * (mean_kernel(x, x) + mean_kernel(y, y) - 2 * mean_kernel(x, y)))
