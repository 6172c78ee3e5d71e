"""The metrics of ganbench that work on points alone, read as distances of the synthetic from the real set.

- `fid`, `kid`, `sliced_wasserstein`, `wasserstein_1d` are distances already. `parzen` is a likelihood, so its negative is
  taken.
- `vendi` does not look at the real set. Its distance is |log(value / value of the real set)|.
- `memorisation` and `support` are detectors. No check has copies, and only rounded numbers repeat. Elsewhere they should be
  silent.

`precision`, `recall`, `density` and `coverage` have the definitions of I-Prec, I-Rec, Density and Coverage: see `pairs`. The
others need images, labels, or a training set.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ganbench import metrics

COMPARED = ("fid", "kid", "sliced_wasserstein", "wasserstein_1d", "vendi", "parzen")
DETECTORS = ("memorisation", "support")
NAMES = (*COMPARED, *DETECTORS)
LARGEST = 3000  # points of a set, at most: the detectors look at all pairs of points


def scores(real: np.ndarray, synthetic: np.ndarray, seed: int) -> dict[str, float]:
    """The distances of scaled points `[m, d]` from scaled real points `[n, d]`; NaN where a metric does not apply.

    For `memorisation` the first half of the real points is the training set, and the rest is held out. `support` is 1 where it
    reports a finite number, else 0.
    """
    half = len(real) // 2
    results = metrics.compute((*COMPARED, "support"), {"gen": synthetic, "ref": real}, seed)
    results |= metrics.compute(["memorisation"], {"gen": synthetic, "ref": real[half:], "train": real[:half]}, seed)
    values = {name: _number(results[name]["value"]) for name in NAMES}
    values["parzen"] *= -1
    of_real = metrics.compute(["vendi"], {"gen": real, "ref": real}, seed)["vendi"]["value"]
    values["vendi"] = abs(float(np.log(values["vendi"] / _number(of_real))))
    values["support"] = float(results["support"]["value"] is not None)
    return values


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)
