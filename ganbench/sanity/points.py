"""Point sets that the checks draw from: mixtures, spheres, balls, tori and rotations."""

from __future__ import annotations

import numpy as np

Rng = np.random.Generator


def mixture(rng: Rng, means: np.ndarray, sd: float, shares: np.ndarray, n: int) -> np.ndarray:
    """n points of a mixture of Gaussians with these `means` `[k, d]` and `shares` `[k]`, float64 `[n, d]`."""
    modes = rng.choice(len(means), n, p=shares)
    return np.asarray(means[modes] + sd * rng.standard_normal((n, means.shape[1])))


def sphere(rng: Rng, n: int, d: int, radius: float) -> np.ndarray:
    """n points on the surface of a sphere around 0, float64 `[n, d]`."""
    x = rng.standard_normal((n, d))
    return np.asarray(radius * x / np.linalg.norm(x, axis=1, keepdims=True))


def ball(rng: Rng, n: int, d: int, radius: float) -> np.ndarray:
    """n points spread evenly over a ball around 0, float64 `[n, d]`."""
    return np.asarray(sphere(rng, n, d, radius) * rng.random((n, 1)) ** (1 / d))


def torus(rng: Rng, n: int, ring: float = 1.0, tube: float = 0.1) -> np.ndarray:
    """n points inside a torus around the third axis, float64 `[n, 3]`: even in the tube's section and in the angle."""
    section, angle = ball(rng, n, 2, tube), rng.uniform(0, 2 * np.pi, n)
    out = ring + section[:, 0]
    return np.stack([out * np.cos(angle), out * np.sin(angle), section[:, 1]], 1)


def pareto(rng: Rng, n: int, exponent: float) -> np.ndarray:
    """n numbers from 1 upwards with the tail x^-exponent, float64 `[n]`."""
    return np.asarray((1 - rng.random(n)) ** (-1 / exponent))


def rotation(rng: Rng, d: int) -> np.ndarray:
    """A random orthogonal matrix, float64 `[d, d]`, uniform (Mezzadri 2007, arXiv:math-ph/0609050)."""
    q, r = np.linalg.qr(rng.standard_normal((d, d)))
    return np.asarray(q * np.sign(np.diag(r)))
