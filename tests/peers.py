"""Independent readings of other evaluators' public arithmetic on arrays, in the precision in which they compute.

Each function names the file that it reads. No line is copied. torch-fidelity, clean-fid and prdc are installed for the tests, so
their own functions are called in the place of a reading.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist
from scipy.special import betaln, gammaln, softmax

Sets = Mapping[str, np.ndarray]


def sets(n: int, d: int, classes: int = 20) -> dict[str, np.ndarray]:
    """Features `[n, d]` and logits `[n, classes]` of two sets as a network gives them: float32, not negative, far from 0."""
    rng = np.random.default_rng(0)
    gen, ref = (np.abs(scale * rng.standard_normal((n, d)) + 0.4) for scale in (0.9, 1.0))
    arrays = {"gen": gen, "ref": ref, "gen_logits": 2 * rng.standard_normal((n, classes))}
    return {name: x.astype(np.float32).astype(np.float64) for name, x in arrays.items()}


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
    """guided-diffusion: precision and recall from |u|^2 - 2 u v + |v|^2 in float16, k = 3, closed balls around both sets."""

    def squares(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        u, v = u.astype(dtype), v.astype(dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            d = (np.square(u).sum(1)[:, None] - 2 * (u @ v.T) + np.square(v).sum(1)[None]).astype(np.float32)
        return np.maximum(d, 0) if np.isfinite(d).all() else squares32(u, v)

    def squares32(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        u, v = u.astype(np.float32), v.astype(np.float32)
        out: np.ndarray = np.maximum(np.square(u).sum(1)[:, None] - 2 * (u @ v.T) + np.square(v).sum(1)[None], 0)
        return out

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

    def mean_kernel(u: np.ndarray, v: np.ndarray) -> float:
        squares = np.square(u).sum(1)[:, None] + np.square(v).sum(1)[None] - 2 * u @ v.T
        return float(np.exp(-squares / dtype(200)).mean())

    x, y = x.astype(dtype), y.astype(dtype)
    return float(1000 * (mean_kernel(x, x) + mean_kernel(y, y) - 2 * mean_kernel(x, y)))


def balls(x: np.ndarray, y: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All distances `[n, m]`, and the distance of each point to the k-th other point of its set."""
    of_x, of_y = (np.sort(cdist(z, z), axis=1)[:, k] for z in (x, y))  # the first is the point itself
    return cdist(x, y), of_x, of_y


def symmetric(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Khayatkhoei & AbdAlmageed 2023, definitions 3 and 4, from samples `x` and real points `y`, k = 5, open balls."""
    apart, of_x, of_y = balls(x, y, 5)
    in_real, in_made = apart < of_y, apart < of_x[:, None]
    precision = min(in_real.any(1).mean(), in_made.any(1).mean())
    return float(precision), float(min(in_made.any(0).mean(), in_real.any(0).mean()))


def probabilistic(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Park & Kim 2023, equations 7 to 9: a = 1.2, k = 4."""
    apart, of_x, of_y = balls(x, y, 4)
    sides = ((apart, of_y), (apart.T, of_x))
    precision, recall = (1 - np.prod(np.minimum(d / (1.2 * r.mean()), 1), axis=1).mean() for d, r in sides)
    return float(precision), float(recall)


def clipped(x: np.ndarray, y: np.ndarray, k: int = 5) -> tuple[float, float]:
    """Salvy et al. 2026, the class `ClippedDensityCoverage` of its authors: their sums of logarithms of binomials and betas."""
    apart, _, radius = balls(x, y, k)
    small = np.minimum(radius, np.median(radius))
    own = (cdist(y, y) <= small).sum(1) - 1
    density = np.minimum((apart <= small).sum(1) / k, 1).mean() / np.minimum(own / k, 1).mean()
    m, n = apart.shape  # their M synthetic and N real points
    curve = np.zeros(m + 1)
    for good in range(k, m + 1):
        j = np.arange(1, good + 1)
        log_binomial = gammaln(good + 1) - gammaln(j + 1) - gammaln(good - j + 1)
        weights = np.exp(log_binomial + betaln(k + j, n + good - k - j) - betaln(k, n - k))
        curve[good] = (np.minimum(j, k) * weights).sum() / k
    raw = np.minimum((apart < radius).sum(0), k).mean() / k
    return float(min(density, 1)), float(np.searchsorted(curve, raw) / (m + 1))


def alpha_beta(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Alaa et al. 2022, `compute_alpha_precision` of its authors, where the centre is the mean of the real points."""
    levels, step = np.linspace(0, 1, 30), 1 / 29
    apart, _, nearest = balls(x, y, 1)
    from_centre, made = (np.sqrt(np.square(z - y.mean(0)).sum(1)) for z in (y, x))
    closest = apart.argmin(0)
    from_made = np.sqrt(np.square(x[closest] - x.mean(0)).sum(1))
    alpha = [(made <= np.quantile(from_centre, level)).mean() for level in levels]
    beta = [((apart.min(0) <= nearest) & (from_made <= np.quantile(from_made, level))).mean() for level in levels]
    precision, recall = (float(1 - 2 * np.abs(levels - curve).sum() * step) for curve in (alpha, beta))
    return precision, recall


def rke(x: np.ndarray) -> float:
    """Jalali et al. 2023, definition 2 at order 2: 1 / |K / n|^2 (Frobenius), here for the cosine kernel."""
    u = x / np.sqrt(np.square(x).sum(1, keepdims=True))
    return float(1 / np.square(u @ u.T / len(x)).sum())


def _torch_fidelity(name: str) -> Callable[[Sets], float]:
    """A number of torch-fidelity, by its own functions on features."""

    def said(given: Sets) -> float:
        import torch
        from torch_fidelity import metric_fid, metric_isc, metric_kid, metric_prc

        gen, ref, logits = (torch.from_numpy(given[x].astype(np.float32)) for x in ("gen", "ref", "gen_logits"))
        if name == "inception_score_mean":
            return float(metric_isc.isc_features_to_metric(logits)[name])
        if name == "frechet_inception_distance":
            statistics = (metric_fid.fid_features_to_statistics(x) for x in (gen, ref))
            return float(metric_fid.fid_statistics_to_metric(*statistics, verbose=False)[name])
        if name == "kernel_inception_distance_mean":
            return float(
                metric_kid.kid_features_to_metric(gen, ref, kid_subset_size=min(1000, len(gen)), verbose=False)[name]
            )
        return float(metric_prc.prc_features_to_metric(gen, ref, save_cpu_ram=False, verbose=False)[name])

    return said


def _clean_fid(given: Sets) -> float:
    import warnings

    from cleanfid import fid

    with warnings.catch_warnings(action="ignore"):  # of SciPy, on an argument that clean-fid still passes
        return float(fid.fid_from_feats(*(given[x].astype(np.float32) for x in ("gen", "ref"))))


def _prdc(name: str) -> Callable[[Sets], float]:
    def said(given: Sets) -> float:
        import contextlib
        import io

        from prdc import compute_prdc

        with contextlib.redirect_stdout(io.StringIO()):
            return float(compute_prdc(real_features=given["ref"], fake_features=given["gen"], nearest_k=5)[name])

    return said


def _frechet(given: Sets) -> float:
    return frechet(given["gen"], given["ref"])


def _drawn(given: Sets) -> float:
    return float(kernel_distance(given["gen"], given["ref"], 100, min(1000, len(given["gen"]) // 2), seed=0).mean())


def _one_part(given: Sets) -> float:
    return inception_score(given["gen_logits"], [(0, len(given["gen_logits"]))])


def _adm(place: int) -> Callable[[Sets], float]:
    return lambda given: closed_shares(given["gen"], given["ref"])[place]


OPEN = {name: _prdc(name) for name in ("precision", "recall", "density", "coverage")}
SAID: Mapping[str, Mapping[str, Callable[[Sets], float]]] = {  # each number of each protocol on at most 5,000 samples
    "torch-fidelity": {
        "inception_score": _torch_fidelity("inception_score_mean"),
        "fid": _torch_fidelity("frechet_inception_distance"),
        "kid": _torch_fidelity("kernel_inception_distance_mean"),
        "precision": _torch_fidelity("precision"),
        "recall": _torch_fidelity("recall"),
    },
    "clean-fid": {"fid": _clean_fid, "kid": _drawn},
    "adm": {"inception_score": _one_part, "fid": _frechet, "sfid": _frechet, "precision": _adm(0), "recall": _adm(1)},
    "edm2": dict.fromkeys(("fid", "fd_dinov2"), lambda given: frechet_of_sums(given["gen"], given["ref"])),
    "dgm-eval": {"fd_dinov2": _frechet, "kd_dinov2": _drawn, **OPEN},
    "studiogan": {"inception_score": _one_part, "fid": _frechet, **OPEN},
}
