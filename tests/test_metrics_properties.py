"""Laws that hold for every data: what a score must not see, and how it must follow what it does see."""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_metrics_conformance import BOARDS, leaves
from threadpoolctl import threadpool_limits

from ganbench import data, features, metrics

LAW = settings(max_examples=8, deadline=None, derandomize=True)
SEEDS = st.integers(0, 2**32)
DIMENSIONS = st.sampled_from([1, 2, 12, 40])
FOUR = ("precision", "recall", "density", "coverage")


def sets(seed: int, d: int, n: int = 60) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    spread = rng.uniform(0.5, 2, d)
    return {
        "gen": 0.8 * spread * rng.standard_normal((n, d)) + 0.3,
        "ref": spread * rng.standard_normal((n + 10, d)),
        "train": spread * rng.standard_normal((n + 20, d)),
    }


def scores(inputs: dict[str, np.ndarray], *names: str) -> dict[str, float]:
    return {name: result["value"] for name, result in metrics.compute(names, inputs).items()}


@LAW
@given(SEEDS, DIMENSIONS)
def test_distances_stay_when_sets_are_exchanged_but_for_kids_scale(seed: int, d: int) -> None:
    inputs = sets(seed, d)
    inputs["gen"] *= np.sqrt((inputs["ref"] ** 2).sum(1).mean() / (inputs["gen"] ** 2).sum(1).mean())
    exchanged = {"gen": inputs["ref"], "ref": inputs["gen"]}
    assert scores(inputs, "fid", "kid") == pytest.approx(scores(exchanged, "fid", "kid"), rel=1e-8, abs=1e-10)


@LAW
@given(SEEDS, DIMENSIONS)
def test_precision_is_recall_with_the_sets_exchanged(seed: int, d: int) -> None:
    inputs = sets(seed, d)
    exchanged = {"gen": inputs["ref"], "ref": inputs["gen"]}
    assert scores(inputs, "precision")["precision"] == scores(exchanged, "recall")["recall"]


@LAW
@given(SEEDS, DIMENSIONS)
def test_a_common_rotation_and_translation_change_no_score(seed: int, d: int) -> None:
    inputs = sets(seed, d, 150)
    rng = np.random.default_rng(seed)
    rotation, shift = np.linalg.qr(rng.standard_normal((d, d)))[0], 10 * rng.standard_normal(d)
    moved = {name: x @ rotation + shift for name, x in inputs.items()}
    names = ("fid", "memorisation", *FOUR)
    assert scores(inputs, *names) == pytest.approx(scores(moved, *names), rel=1e-8, abs=1e-9)


@LAW
@given(SEEDS, DIMENSIONS, st.sampled_from([1e-6, 0.5, 3.0, 1e6]))
def test_fid_scales_with_the_square_of_the_unit_and_the_others_not_at_all(seed: int, d: int, unit: float) -> None:
    inputs = sets(seed, d, 150)
    scaled = {name: unit * x for name, x in inputs.items()}
    assert scores(scaled, "fid")["fid"] == pytest.approx(unit**2 * scores(inputs, "fid")["fid"], rel=1e-8)
    names = ("kid", "memorisation", *FOUR)
    assert scores(scaled, *names) == pytest.approx(scores(inputs, *names), rel=1e-8, abs=1e-10)


@LAW
@given(SEEDS, DIMENSIONS)
def test_precision_and_coverage_do_not_fall_when_real_samples_join(seed: int, d: int) -> None:
    inputs = sets(seed, d)
    joined = {**inputs, "gen": np.concatenate([inputs["gen"], inputs["ref"][:20]])}
    before, after = scores(inputs, *FOUR), scores(joined, *FOUR)
    n = len(inputs["gen"])
    assert after["precision"] * (n + 20) == pytest.approx(before["precision"] * n + 20)
    assert after["coverage"] >= before["coverage"]


def test_no_score_depends_on_the_batches_in_which_features_were_made() -> None:
    images = data.load("digits", "test").x[:120]
    ref, whole = (features.embed("digits-cnn", x).features.astype(float) for x in (images[:90], images[90:]))
    parts = [features.embed("digits-cnn", x).features for x in np.split(images[90:], [1, 8])]
    gen = np.concatenate(parts).astype(float)
    np.testing.assert_allclose(gen, whole, rtol=0, atol=1e-5)
    a, b = (scores({"gen": x, "ref": ref}, "fid", "kid", *FOUR) for x in (gen, whole))
    assert a == pytest.approx(b, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("name", metrics.names())
@pytest.mark.parametrize("board", BOARDS)
def test_no_score_depends_on_the_number_of_threads(name: str, board: str) -> None:
    faiss = pytest.importorskip("faiss", reason="faiss is an extra")
    before, results = faiss.omp_get_max_threads(), []
    for threads in (1, 2):
        with threadpool_limits(threads):
            faiss.omp_set_num_threads(threads)
            results.append(metrics.compute([name], BOARDS[board]()))
    faiss.omp_set_num_threads(before)
    for a, b in zip(*map(leaves, results), strict=True):
        assert a == b if isinstance(a, str | None) else math.isclose(a, b, rel_tol=1e-10, abs_tol=1e-12)
