# mypy: no-strict-optional, disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from ganbench import scoring
from ganbench.metrics import Score
from ganbench.metrics.support import (
    Duplicates,
    _calibrate,
    collision_rate,
    count_interval,
    count_variance,
    support,
    transitivity,
)
from ganbench.samples import SampleSet


def finite(n: int, size: int, rng: np.random.Generator, zipf: bool = False, d: int = 2) -> tuple[np.ndarray, float]:
    """n draws from `size` points, and the effective support."""
    p = 1 / np.arange(1, size + 1) if zipf else np.ones(size)
    p /= p.sum()
    return rng.standard_normal((size, d))[rng.choice(size, n, p=p)], 1 / (p**2).sum()


def bounds(s: Score) -> tuple[float, float]:
    return s.interval or (s.extra["lower_bound"], np.inf)


@pytest.mark.parametrize("zipf", [False, True], ids=["uniform", "zipf"])
@pytest.mark.parametrize(("size", "n"), [(20, 398), (100, 398), (1000, 398), (10_000, 398), (1000, 2500)])
def test_interval_covers_the_effective_support(size: int, n: int, zipf: bool) -> None:
    hits = []
    for seed in range(60 if n < 1000 else 10):
        rng = np.random.default_rng([seed, size])
        gen, truth = finite(n, size, rng, zipf)
        low, high = bounds(support(gen, rng.standard_normal((n, 2)), rng))
        hits.append(low <= truth <= high)
    assert np.mean(hits) >= 0.9


def degrees_of(p: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    times = rng.multinomial(n, p)
    return np.repeat(times - 1, times)


def test_variance_of_the_count_is_the_monte_carlo_one_for_unequal_outputs() -> None:
    rng = np.random.default_rng(0)
    p = 1 / np.arange(1, 101)
    runs = [degrees_of(p / p.sum(), 100, rng) for _ in range(4000)]
    counts = [degrees.sum() / 2 for degrees in runs]
    estimated = np.mean([count_variance(degrees) for degrees in runs])
    assert estimated == pytest.approx(np.var(counts, ddof=1), rel=0.1)
    assert estimated > 5 * np.mean(counts)  # a Poisson count would have the variance of its mean


def test_rate_and_interval_of_all_pairs_and_of_none() -> None:
    assert collision_rate(np.full(10, 9))[0] == 1
    assert collision_rate(np.full(10, 9))[1][1] == 1
    rate, (low, high) = collision_rate(np.zeros(1000, int))
    assert rate == low == 0
    x = high * 1000 * 999 / 2
    heavy = np.sqrt(2 * x)  # one heavy output among n draws, unseen twice
    assert (1 + heavy) * np.exp(-heavy) == pytest.approx(0.05, rel=0.01)
    assert count_interval(0, 1) == (0, x)


def test_resampling_with_replacement_would_add_half_of_n_duplicates() -> None:
    rng = np.random.default_rng(0)
    gen, ref = finite(2000, 10_000, rng, d=8)[0], rng.standard_normal((2000, 8))
    pairs = support(gen, ref, rng).extra["pairs"]
    again = support(gen[rng.integers(0, 2000, 2000)], ref, rng).extra["pairs"]
    assert again - pairs == pytest.approx(1000, rel=0.2)
    assert again > 3 * pairs


def test_a_continuous_generator_is_not_given_a_finite_support() -> None:
    runs = []
    for seed in range(100):
        rng = np.random.default_rng([seed, 300])
        runs.append(support(rng.standard_normal((300, 2)), rng.standard_normal((300, 2)), rng))
    assert sum(r.value is not None for r in runs) <= 5
    assert all(r.extra["lower_bound"] > 100 for r in runs)
    assert runs[0].reason
    assert runs[0].extra["verdict"] == "no evidence of finite support"


def test_a_memorising_generator_has_the_support_of_its_training_set() -> None:
    rng = np.random.default_rng(0)
    train = rng.standard_normal((300, 8))
    s = support(train[rng.integers(0, 300, 1000)], rng.standard_normal((1000, 8)), rng)
    assert s.interval[0] < 300 < s.interval[1]
    assert s.value == pytest.approx(300, rel=0.15)
    assert s.extra["verdict"] == "discrete support"
    assert s.extra["slope_interval"][1] < 0.6
    assert s.extra["transitivity"] == pytest.approx(1, abs=0.01)
    assert s.extra["batch_50"] == pytest.approx(np.sqrt(2 * np.log(2) * s.value), rel=0.05)


def test_one_output_is_a_support_of_one() -> None:
    rng = np.random.default_rng(0)
    s = support(np.ones((300, 4)), rng.standard_normal((300, 4)), rng)
    assert s.value == 1
    assert s.interval[0] == 1
    assert s.extra["pairs"] == 300 * 299 / 2
    assert s.extra["slope"] == pytest.approx(0, abs=0.1)
    assert s.extra["transitivity"] == 1
    assert s.extra["closest"] == [[0, j, 0] for j in range(1, 21)]


def test_all_distinct_bounds_the_support_by_n_squared() -> None:
    rng = np.random.default_rng(0)
    n = 400
    gen = 1e3 * rng.standard_normal((n, 4))
    s = support(gen, rng.standard_normal((400, 4)), rng)
    assert s.value is None
    assert s.extra["pairs"] == 0
    assert s.extra["support_bound"] == pytest.approx(n * (n - 1) / (2 * np.log(20)))
    assert 100 < s.extra["lower_bound"] <= n**2 / 22.4


def test_density_contraction_is_not_called_discrete() -> None:
    rng = np.random.default_rng(0)
    s = support(0.3 * rng.standard_normal((800, 4)), rng.standard_normal((800, 4)), rng)
    assert s.extra["verdict"] == "density contraction"
    assert s.extra["ratio_interval"][0] > 1


def test_contraction_to_nearly_one_point_is_not_called_discrete() -> None:
    rng = np.random.default_rng(0)
    s = support(0.05 * rng.standard_normal((800, 4)), rng.standard_normal((800, 4)), rng)
    assert s.extra["ratio"] > 1000
    assert s.value is None
    assert s.extra["verdict"] == "density contraction"


WEIGHTS = np.random.default_rng(2).normal(size=(10, 20)) / 4


def curved(n: int, rng: np.random.Generator) -> np.ndarray:
    """Points on a curved surface of 10 dimensions, in 20."""
    return np.tanh(rng.standard_t(5, (n, 10)) @ WEIGHTS)


@pytest.mark.parametrize("shrunk", [0.8, 0.5, 0.3])
@pytest.mark.parametrize(("n", "m"), [(398, 398), (1000, 400)])
def test_contracting_generators_have_no_upper_end(shrunk: float, n: int, m: int) -> None:
    for seed in range(10):
        rng = np.random.default_rng([seed, n])
        s = support(shrunk * curved(n, rng), curved(m, rng), rng)
        assert s.value is None
        assert s.interval is None
        assert s.extra["verdict"] != "discrete support"
        assert s.extra["lower_bound"] >= 1


@pytest.mark.parametrize("jitter", [0.0, 0.01, 0.03, 0.06])
def test_jittered_repeats_keep_their_upper_end(jitter: float) -> None:
    held, finite_ends = [], 0
    for seed in range(20):
        rng = np.random.default_rng([seed, 7])
        gen = curved(200, rng)[rng.integers(0, 200, 398)] + jitter * rng.standard_normal((398, 20))
        s = support(gen, curved(398, rng), rng)
        low, high = bounds(s)
        held.append(low <= 200 <= high)
        finite_ends += s.interval is not None
    assert np.mean(held) >= 0.9
    assert finite_ends >= 15


def test_a_thousand_outputs_are_recognised_once_they_repeat_often() -> None:
    rng = np.random.default_rng(0)
    pool, ref = curved(1000, rng), curved(1000, rng)
    few, many = (support(pool[rng.integers(0, 1000, n)], ref, np.random.default_rng(1)) for n in (250, 3000))
    assert few.interval is None
    assert many.extra["verdict"] == "discrete support"
    assert many.interval[0] < 1000 < many.interval[1]


def graph(links: list[tuple[int, int]], n: int) -> Duplicates:
    i, j = np.array(links).T
    return Duplicates(i, j, np.zeros(len(i), np.int8), n)


def test_transitivity_counts_triangles_and_wedges() -> None:
    square = [(0, 1), (1, 2), (2, 3), (0, 3), (0, 2)]  # two triangles with a common side; 8 wedges
    triangles, closed, interval = transitivity(graph(square, 6), np.arange(6))
    assert (triangles, closed) == (2, 6 / 8)
    without = np.array([0.0, 1, 0, 1, 6 / 8, 6 / 8])  # without 0 or 2 a path is left, without 1 or 3 a triangle
    half = 1.96 * np.sqrt(5 / 6 * ((without - without.mean()) ** 2).sum())
    assert interval == pytest.approx((closed - half, closed + half), rel=1e-4)
    assert transitivity(graph([(0, 1), (2, 3)], 6), np.arange(6)) == (0, None, None)


def jittered(
    jitter: float, seed: int, size: int = 300, n: int = 600, d: int = 8
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Jittered copies of `size` points, held-out samples, and these as far from themselves as two such copies."""
    rng = np.random.default_rng(seed)
    gen = finite(n, size, rng, d=d)[0] + jitter * rng.standard_normal((n, d))
    ref = rng.standard_normal((2 * n, d))
    return gen, ref, ref + np.sqrt(2) * jitter * rng.standard_normal((2 * n, d))


def test_bound_allows_for_copies_that_the_rule_misses() -> None:
    naive, corrected = [], []
    for seed in range(20):
        gen, ref, disturbed = jittered(0.24, seed)
        naive.append(support(gen, ref, np.random.default_rng(seed)).extra["lower_bound"])
        corrected.append(support(gen, ref, np.random.default_rng(seed), ref_disturbed=disturbed).extra["lower_bound"])
    assert np.mean(np.array(corrected) <= 300) >= 0.95
    assert np.mean(np.array(naive) <= 300) < 0.95


def test_interval_reaches_to_exact_copies() -> None:
    gen, ref, _ = jittered(0.05, 0)
    disturbed = jittered(0.2, 0)[2]
    exact = support(gen, ref, np.random.default_rng(0))
    s = support(gen, ref, np.random.default_rng(0), ref_disturbed=disturbed)
    assert exact.extra["sensitivity"] is None
    assert s.extra["sensitivity"] < 0.97
    assert s.interval[1] == exact.interval[1]
    assert s.interval[0] < s.extra["sensitivity"] * exact.interval[0]
    assert s.value == pytest.approx(s.extra["sensitivity"] * exact.value, rel=0.01)


def test_a_rule_that_misses_disturbed_copies_says_so() -> None:
    gen, ref, disturbed = jittered(0.4, 0)
    s = support(gen, ref, np.random.default_rng(0), ref_disturbed=disturbed)
    assert s.extra["sensitivity"] < 0.9
    assert s.extra["verdict"] == "duplicate rule too strict"


def test_images_are_scored_with_a_disturbed_reference() -> None:
    rng = np.random.default_rng(0)
    gen, ref = (SampleSet(rng.integers(0, 256, (250, 6, 6, 1), dtype=np.uint8), None, {"name": n}) for n in "ab")
    moved = np.asarray(scoring.disturbed(ref.x)).astype(int) - ref.x
    assert np.abs(moved).max() == scoring.embedding.DISTURBANCE
    assert (moved == np.asarray(scoring.disturbed(ref.x)).astype(int) - ref.x).all()
    found = scoring.score(gen, ref, features="pixels", metrics=["support"]).metrics["support"]
    assert found.extra["sensitivity"] == 1


def class_logits(labels: np.ndarray) -> np.ndarray:
    return 10.0 * np.eye(2)[labels]


def test_distinct_samples_of_one_tight_class_are_not_duplicates() -> None:
    def draw(n: int, share: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        tight = (rng.random(n) < share).astype(int)
        return np.where(tight[:, None], 0.3, 1) * rng.standard_normal((n, 8)) + 9 * tight[:, None], tight

    flagged, naive = 0, 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        (gen, a), (ref, b) = draw(600, 1.0, rng), draw(600, 0.2, rng)
        mixed = support(gen, ref, rng, None, None, class_logits(a), class_logits(b))
        flagged += mixed.extra["verdict"] != "no evidence of finite support"
        naive += support(gen, ref, rng).extra["verdict"] != "no evidence of finite support"
    assert flagged <= 1
    assert naive == 20


def test_unlike_images_with_one_feature_vector_are_not_duplicates() -> None:
    rng = np.random.default_rng(0)
    gen, ref = rng.standard_normal((500, 6)), rng.standard_normal((500, 6))
    to_pixels = rng.standard_normal((6, 64))
    gen_pixels, ref_pixels = (np.clip(0.5 + 0.1 * x @ to_pixels, 0, 1).astype(np.float32) for x in (gen, ref))
    gen_pixels[:150] = rng.random((150, 64))
    gen[:150] = 0
    joint = support(gen, ref, rng, gen_pixels, ref_pixels)
    assert joint.value is None
    assert support(gen, ref, rng).value < 20
    gen_pixels[:150] = 0.5
    assert support(gen, ref, rng, gen_pixels, ref_pixels).value == pytest.approx((500 / 150) ** 2, rel=0.1)


@pytest.mark.parametrize("spaces", [1, 2, 3])  # of them three need pairs far beyond the nearest hundredth of each
@pytest.mark.parametrize("decimals", [0, 8])  # many ties, and none
def test_thresholds_are_at_the_first_rank_at_which_fifty_pairs_pass(spaces: int, decimals: int) -> None:
    rng = np.random.default_rng(0)
    x = [rng.standard_normal((150, 3)).round(decimals) for _ in range(spaces)]
    distances = np.stack([pdist(one) for one in x])
    ordered = np.sort(distances)
    first = next(o for o in ordered.T if (distances <= o[:, None]).all(0).sum() >= 50)
    assert _calibrate(x)[1] == first.tolist()


def test_joint_rule_passes_alpha_of_the_real_pairs() -> None:
    rng = np.random.default_rng(0)
    ref, pixels = rng.standard_normal((1500, 6)), rng.random((1500, 20), np.float32)
    s = support(ref, ref, rng, pixels, pixels)
    assert s.extra["alpha"] == pytest.approx(50 / (750 * 749 / 2))
    assert s.extra["pairs"] / (1500 * 1499 / 2) == pytest.approx(s.extra["alpha"], rel=0.4)
    assert len(s.extra["thresholds"]) == 2


def test_the_closest_pairs_are_those_of_brute_force() -> None:
    rng = np.random.default_rng(0)
    gen = rng.standard_normal((300, 12))
    s = support(gen, rng.standard_normal((300, 12)), rng)
    i, j = np.triu_indices(300, 1)
    distances = np.linalg.norm(gen[i] - gen[j], axis=1)
    best = np.argsort(distances)[:20]
    assert [(a, b) for a, b, _ in s.extra["closest"]] == list(zip(i[best], j[best], strict=True))
    assert [d for *_, d in s.extra["closest"]] == pytest.approx(distances[best])
