"""Which cells of the suite contradict each other for a metric that sees only the ratio of the two densities.

Both claims are of expected values, in closed form or by quadrature, so no draw enters.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import chi2, norm

DIMENSIONS = 64
HIGH, LOW = 0.95, 0.05  # "is 1" and "is 0"


class Fidelity(NamedTuple):
    """E_q g(p / q) cannot be 1 for narrow samples (check 3) and 0 for moved samples (check 1)."""

    narrow: float  # median of log p / q at narrow samples
    moved: float  # the same at moved samples
    excess: float  # the largest amount by which a moved sample is more often below a level than a narrow sample
    least: float  # so g that gives 0.95 at narrow samples gives at least this value at moved samples


class Diversity(NamedTuple):
    """E_p g(q / p) cannot be 1 for wide samples (check 3) and fall by 0.1 where modes fade (check 4)."""

    faded: float  # q / p at the real points of the faded modes, at the 48th point of check 4
    above: float  # share of real points with a larger q / p when the synthetic sd is 1,000
    needed: float  # so g must reach this value at `faded`
    drop: float  # and the drop that check 4 wants to be 0.1 is at most this
    invented: (
        float  # q / p at all real points if as many modes are invented as there are (check 6), where g must be 0.95
    )
    merged: float  # q / p at the two real modes, 5 apart, under one wide mode (check 11), where g must be 0.8 at most


def fidelity() -> Fidelity:
    """The claim on fidelity, in 64 dimensions.

    At narrow samples of standard deviation s = 10^-0.5, log p / q = d log s + (1 - s^2) chi^2_d / 2. At samples moved by 1 on
    every axis it is normal with mean -d / 2 and variance d.
    """
    d, s = DIMENSIONS, 10**-0.5
    offset, scale = d * np.log(s), (1 - s**2) / 2
    levels = np.linspace(-d / 2 - 10 * np.sqrt(d), d / 2, 200_001)
    excess = (norm.cdf(levels, -d / 2, np.sqrt(d)) - chi2.cdf((levels - offset) / scale, d)).max()
    return Fidelity(float(offset + scale * chi2.median(d)), -d / 2, float(excess), float(HIGH - excess))


def diversity() -> Diversity:
    """The claim on diversity, in one dimension, where the modes of check 4 are apart."""
    fading = 1 - 47 / 49
    faded = fading / (0.1 + 0.9 * fading)
    sd = 1000.0
    above = 2 * norm.sf(np.sqrt(2 * np.log(faded * sd) / (1 - sd**-2)))  # q / p = exp(x^2 (1 - 1 / sd^2) / 2) / sd
    needed = (HIGH - above) / (1 - above)
    p, q = (norm.pdf(2.5, -2.5) + norm.pdf(0)) / 2, norm.pdf(2.5, 0, np.sqrt(1 + 5**2))
    return Diversity(float(faded), float(above), float(needed), float(1 - needed), 0.5, float(q / p))
