"""Scores equal plain definitions and other libraries, and are right where those libraries are known to fail."""

# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np
import pytest
import torch
from prdc import compute_prdc
from scipy.spatial.distance import cdist
from torch_fidelity.metric_prc import prc_features_to_metric

from ganbench import metrics

FOUR = ("precision", "recall", "density", "coverage")


def values(names: list[str] | tuple[str, ...], gen: np.ndarray, ref: np.ndarray) -> dict[str, float]:
    return {name: result["value"] for name, result in metrics.compute(names, {"gen": gen, "ref": ref}).items()}


def sets(n: int, m: int, d: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return 0.9 * rng.standard_normal((n, d)) + 0.2, rng.standard_normal((m, d))


def plain(gen: np.ndarray, ref: np.ndarray) -> dict[str, float]:
    """Precision, recall, density and coverage by their definitions, from full distance matrices."""

    def radius(x: np.ndarray, k: int) -> np.ndarray:
        distances = cdist(x, x)
        np.fill_diagonal(distances, np.inf)
        return np.sort(distances, 1)[:, k - 1]

    between = cdist(gen, ref)
    fifth, coincident = radius(ref, 5), (cdist(ref, ref) == 0).sum(1)
    within_5 = np.where(fifth > 0, between < fifth, between == 0)
    return {
        "precision": (between <= radius(ref, 3)).any(1).mean(),
        "recall": (between <= radius(gen, 3)[:, None]).any(0).mean(),
        "density": (within_5 * np.where(fifth > 0, 1 / 5, 1 / coincident)).sum(1).mean(),
        "coverage": within_5.any(0).mean(),
    }


@pytest.mark.parametrize(("n", "m", "d"), [(300, 200, 1), (200, 300, 2), (300, 300, 12), (150, 400, 128)])
def test_all_four_equal_their_definitions(n: int, m: int, d: int) -> None:
    gen, ref = sets(n, m, d, d)
    assert values(FOUR, gen, ref) == pytest.approx(plain(gen, ref), abs=1e-9)


@pytest.mark.parametrize("d", [2, 12])
def test_all_four_equal_their_definitions_on_a_lattice_of_ties(d: int) -> None:
    gen, ref = (np.random.default_rng(s).integers(0, 4, (200, d)).astype(float) for s in (1, 2))
    assert values(FOUR, gen, ref) == pytest.approx(plain(gen, ref), abs=1e-9)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_kid_equals_its_definition_at_every_scale(scale: float) -> None:
    gen, ref = sets(120, 90, 20)
    norm = (ref**2).sum(1).mean()

    def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return (x @ y.T / norm + 1) ** 3

    def others(x: np.ndarray) -> float:
        k = kernel(x, x)
        return (k.sum() - np.trace(k)) / (len(x) * (len(x) - 1))

    truth = others(gen) + others(ref) - 2 * kernel(gen, ref).mean()
    assert values(["kid"], scale * gen, scale * ref)["kid"] == pytest.approx(truth, abs=1e-9)


def test_density_and_coverage_equal_prdc(capsys: pytest.CaptureFixture[str]) -> None:
    gen, ref = sets(250, 350, 24)
    theirs = compute_prdc(real_features=ref, fake_features=gen, nearest_k=5)
    ours = values(("density", "coverage"), gen, ref)
    assert ours == pytest.approx({name: theirs[name] for name in ours}, rel=1e-9)


def test_precision_and_recall_equal_torch_fidelity_without_ties() -> None:
    gen, ref = (x.astype(np.float32) for x in sets(300, 300, 24))
    theirs = prc_features_to_metric(
        torch.from_numpy(gen), torch.from_numpy(ref),
        prc_neighborhood=3, prc_batch_size=100, save_cpu_ram=True, verbose=False,
    )  # fmt: skip
    ours = values(("precision", "recall"), gen.astype(float), ref.astype(float))
    assert ours == pytest.approx({name: theirs[name] for name in ours}, abs=1e-6)


def test_an_offset_of_the_features_cancels_nothing() -> None:
    """torch-fidelity's distances come from an expansion that is not centred: a point is .87 away from itself at 100."""
    gen, ref = (np.round(x * 1024) / 1024 for x in sets(200, 200, 16))
    for offset in (100, 2**20):  # exact in these units, so no score may change in any digit
        assert values(FOUR, gen + offset, ref + offset) == values(FOUR, gen, ref)
        assert values(FOUR, ref + offset, ref + offset) == pytest.approx(dict.fromkeys(FOUR, 1.0))


def test_classes_that_underflow_do_not_make_the_score_nan() -> None:
    """torch-fidelity multiplies 0 by the logarithm of 0."""
    logits = np.full((60, 4), -5000.0)
    logits[np.arange(60), np.arange(60) % 2] = 5000
    inputs = {"gen": np.zeros((60, 1)), "gen_logits": logits}
    score = metrics.compute(["classifier_score"], inputs)["classifier_score"]
    assert score["value"] == pytest.approx(2 * np.exp(1 / 120), rel=1e-3)  # which the bias correction makes of 2
    assert np.isfinite([score["classical"], score["split_std"], *score["interval"]]).all()


def test_results_do_not_come_from_an_array_that_was_changed_in_place() -> None:
    """torch-fidelity's cache is keyed by a name: data that changed under it keep their old score."""
    gen, ref = sets(100, 100, 12)
    before = values(FOUR, gen, ref)
    gen += 50
    assert values(FOUR, gen, ref) == pytest.approx(dict.fromkeys(FOUR, 0.0))
    gen -= 50
    assert values(FOUR, gen, ref) == pytest.approx(before)
