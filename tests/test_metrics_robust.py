"""The robust pairs equal their authors' formulas, and say what the older pairs do not."""

# mypy: no-strict-optional

from __future__ import annotations

import numpy as np
import peers
import pytest

from ganbench import metrics

PAIRS = {
    ("symmetric_precision", "symmetric_recall"): peers.symmetric,
    ("probabilistic_precision", "probabilistic_recall"): peers.probabilistic,
    ("clipped_density", "clipped_coverage"): peers.clipped,
    ("alpha_precision", "beta_recall"): peers.alpha_beta,
}
NAMES = [name for pair in PAIRS for name in pair]


def sets(n: int, m: int, d: int, scale: float = 0.8, step: float = 0.3) -> dict[str, np.ndarray]:
    rng = np.random.default_rng([n, m, d])
    return {
        "gen": scale * rng.standard_normal((n, d)) + step,
        "ref": rng.standard_normal((m, d)),
        "train": rng.standard_normal((n + 10, d)),
    }


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
@pytest.mark.parametrize(("n", "m", "d"), [(60, 60, 2), (70, 90, 12), (90, 60, 40)])
def test_pair_equals_its_authors_formula(pair: tuple[str, str], n: int, m: int, d: int) -> None:
    given = sets(n, m, d, scale=1.0, step=0.0)
    given["gen"][: n // 3] += 3  # so that no value is 1
    truth = PAIRS[pair](given["gen"], given["ref"])
    results = metrics.compute(pair, given)
    assert [results[name]["value"] for name in pair] == pytest.approx(truth, abs=1e-9)
    assert any(0.02 < value < 0.98 for value in truth), "an equality of zeros or ones shows nothing"


@pytest.mark.parametrize(("n", "d"), [(50, 8), (20, 30)])
def test_rke_equals_its_formula_and_stays_below_vendi(n: int, d: int) -> None:
    given = sets(n, 60, d)
    results = metrics.compute(["rke", "vendi"], given)
    assert results["rke"]["value"] == pytest.approx(peers.rke(given["gen"]), abs=1e-9)
    assert results["rke"]["value"] <= results["vendi"]["value"]


@pytest.mark.parametrize("name", NAMES)
def test_interval_holds_the_value_of_a_perfect_generator(name: str) -> None:
    """The value of a perfect generator is estimated by n training samples, which scatter as the samples do."""
    held = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        given = {part: rng.standard_normal((200, 4)) for part in ("gen", "ref", "train")}
        result = metrics.compute([name], given)[name]
        low, high = result["interval"]
        held += low - 0.03 <= result["perfect"] <= high + 0.03
    assert held >= 5


@pytest.mark.parametrize("name", ["clipped_density", "clipped_coverage"])
def test_share_of_junk_is_the_share_that_the_clipped_pair_takes_away(name: str) -> None:
    given = sets(400, 400, 4, scale=1.0, step=0.0)
    given["gen"][:120] += 50
    result = metrics.compute([name], given)[name]
    assert result["value"] == pytest.approx(0.7, abs=0.08)
    assert result["interval"][0] < 0.7 < result["interval"][1] + 0.05


def test_one_outlier_lifts_precision_and_not_clipped_density() -> None:
    """An outlier of the reference has a huge ball, in which all samples of a wrong generator lie."""
    rng = np.random.default_rng(0)
    ref = rng.standard_normal((300, 6))
    ref[0] = 60
    gen = 15 + rng.standard_normal((300, 6))
    values = {
        name: r["value"]
        for name, r in metrics.compute(["precision", "clipped_density"], {"gen": gen, "ref": ref}).items()
    }
    assert values == {"precision": 1.0, "clipped_density": 0.0}


def test_robust_family_is_computed_only_on_request() -> None:
    assert {*NAMES, "rke"} <= set(metrics.names())
    assert not {*NAMES, "rke"} & set(metrics.usual())
