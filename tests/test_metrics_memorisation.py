# mypy: no-strict-optional

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from ganbench.metrics import NotApplicable, Score
from ganbench.metrics import memorisation as memo
from ganbench.metrics._neighbours import knn
from ganbench.metrics.memorisation import CARD, K, _authentic, _c_t, _centres, _mann_whitney, copied_share, memorisation
from ganbench.statistics import share

ANGLES = np.arange(8) * np.pi / 4
RING = np.stack([np.cos(ANGLES), np.sin(ANGLES)], 1)


def ring(n: int, rng: np.random.Generator) -> np.ndarray:
    return RING[rng.integers(0, 8, n)] + 0.01 * rng.standard_normal((n, 2))


def features(n: int, rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal((n, 64)) / np.arange(1, 65)


# the sizes of the quick board: samples, generated and held-out samples, training samples
BOARDS = {"ring": (ring, 2500, 20_000), "digits": (features, 398, 1000)}


def planted(board: str, share: float, seed: int) -> Score:
    data, n, t = BOARDS[board]
    rng = np.random.default_rng([seed, int(100 * share)])
    train, ref, gen = data(t, rng), data(n, rng), data(n, rng)
    copies = rng.permutation(n)[: round(share * n)]
    gen[copies] = train[rng.integers(0, t, len(copies))]
    return memorisation(gen, ref, train, rng)


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_planted_copies_are_inside_the_interval(board: str, share: float) -> None:
    runs = [planted(board, share, seed) for seed in range(6)]
    assert sum(r.interval[0] - 1e-12 <= share <= r.interval[1] + 1e-12 for r in runs) >= 5
    assert np.mean([r.value for r in runs]) == pytest.approx(share, abs=0.02)


def test_every_number_is_at_its_null_without_copies() -> None:
    runs = [planted("digits", 0.0, seed).extra for seed in range(40)]
    c_t = np.array([r["c_t"] for r in runs])
    difference = np.array([r["authenticity_difference"] for r in runs])
    assert abs(c_t.mean()) < 3 / np.sqrt(40)
    assert 0.7 < c_t.std(ddof=1) < 1.3
    assert abs(difference.mean()) < 3 * difference.std(ddof=1) / np.sqrt(40)
    assert np.mean([r["nearest_ratio"] for r in runs]) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("d", [2, 16, 64])
def test_authenticity_difference_has_mean_zero_in_every_dimension(d: int) -> None:
    rng = np.random.default_rng(d)
    shares = []
    for _ in range(20):
        train, ref, gen = (rng.standard_normal((n, d)) for n in (500, 300, 300))
        shares.append([_authentic(train, *knn(x, train, K), np.full(500, np.nan)) for x in (ref, gen)])
    difference = np.array(shares)[:, 0] - np.array(shares)[:, 1]
    assert abs(difference.mean()) < 3 * difference.std(ddof=1) / np.sqrt(20)
    assert abs(np.mean(shares) - 0.5) > 0.1


def test_c_t_has_unit_variance_without_copies() -> None:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(200):
        train, ref, gen = (rng.standard_normal((n, 2)) for n in (300, 200, 200))
        nearest = [knn(x, train, 1)[0][:, 0] for x in (gen, ref)]
        found.append(_c_t(gen, nearest[0], ref, nearest[1], _centres(train, rng)))
    assert abs(np.mean(found)) < 3 / np.sqrt(200)
    assert np.std(found, ddof=1) == pytest.approx(1, abs=0.15)


def test_the_training_set_itself_gets_the_worst_score() -> None:
    rng = np.random.default_rng(0)
    train = features(1000, rng)
    assert memorisation(train, features(398, rng), train, rng).value == CARD.range[1]


def test_gallery_shows_each_copy_beside_its_original() -> None:
    rng = np.random.default_rng(0)
    train, ref, gen = features(1000, rng), features(398, rng), features(398, rng)
    originals = {int(row): int(t) for row, t in zip(rng.permutation(398)[:15], rng.permutation(1000)[:15], strict=True)}
    for row, t in originals.items():
        gen[row] = train[t] + 1e-9
    gallery = memorisation(gen, ref, train, rng).extra["gallery"]
    assert len(gallery) == 20
    assert {row: ids[0] for row, ids, _, _ in gallery[:15]} == originals
    assert [rho for *_, rho in gallery] == sorted(rho for *_, rho in gallery)
    for row, ids, distances, _ in gallery:
        assert distances == pytest.approx(np.linalg.norm(gen[row] - train[ids], axis=1))
        assert len(ids) == 3


def test_every_number_finds_pure_copies() -> None:
    extra = planted("digits", 1.0, 0).extra
    assert extra["nearest_ratio"] == 0
    assert extra["c_t"] < -20
    assert extra["authenticity_difference"] > 0.4
    assert extra["flagged"] == 1


def test_copies_blurred_beyond_the_distance_of_neighbours_are_not_copies() -> None:
    rng = np.random.default_rng(0)
    train, ref = features(1000, rng), features(398, rng)
    gen = train[:398] + features(398, rng)
    assert memorisation(gen, ref, train, rng).value < 0.02


def test_mann_whitney_of_copies_and_of_far_samples_is_closed_form() -> None:
    n, m = 300, 400
    sd = np.sqrt(n * m * (n + m + 1) / 12)
    b = np.random.default_rng(0).random(m) + 1
    assert _mann_whitney(np.zeros(n), b) == pytest.approx((-n * m / 2 + 0.5) / sd)
    assert _mann_whitney(np.full(n, 9.0), b) == pytest.approx((n * m / 2 + 0.5) / sd)
    assert _mann_whitney(b, b) == pytest.approx(0.5 / np.sqrt(m * m * (2 * m + 1) / 12))


def test_a_generator_of_one_dense_mode_does_not_look_like_a_copier() -> None:
    rng = np.random.default_rng(0)

    def clusters(n: int, share: float) -> np.ndarray:
        dense = rng.random(n) < share
        return np.where(dense[:, None], 0.2 * rng.standard_normal((n, 16)), 8 + rng.standard_normal((n, 16)))

    s = memorisation(clusters(400, 0.9), clusters(400, 0.5), clusters(1000, 0.5), rng)
    assert abs(s.extra["c_t"]) < 3
    assert s.interval[0] == 0


@pytest.mark.parametrize("board", BOARDS)
def test_held_out_near_duplicates_are_counted_and_left_out(board: str) -> None:
    data, n, t = BOARDS[board]
    rng = np.random.default_rng(0)
    train, ref, gen = data(t, rng), data(n, rng), data(n, rng)
    gen[: n // 4] = train[: n // 4]
    clean = memorisation(gen, ref, train, np.random.default_rng(1))
    leak = np.concatenate([ref, train[:20], train[20:40] + 1e-7 * rng.standard_normal((20, ref.shape[1]))])
    leaky = memorisation(gen, leak, train, np.random.default_rng(1))
    assert clean.extra["duplicates_train_ref"] <= 1
    assert leaky.extra["duplicates_train_ref"] == clean.extra["duplicates_train_ref"] + 40
    assert leaky.value == pytest.approx(clean.value, rel=1e-12)


def test_data_that_repeat_themselves_are_no_copies() -> None:
    def coarse(n: int, rng: np.random.Generator) -> np.ndarray:
        return np.round(rng.standard_normal((n, 1)), 5)  # so that one sample in thirty equals a training sample

    rng = np.random.default_rng(0)
    scores = [memorisation(coarse(600, rng), coarse(600, rng), coarse(8000, rng), rng) for _ in range(20)]
    assert np.mean([s.extra["repeated"] for s in scores]) == pytest.approx(0.022, abs=0.01)
    assert sum(s.interval[0] == 0 for s in scores) >= 18
    assert abs(np.mean([s.extra["unclipped"] for s in scores])) < 0.006
    train = coarse(8000, rng)
    copied = memorisation(np.concatenate([coarse(450, rng), train[:150]]), coarse(600, rng), train, rng)
    assert copied.interval[0] < 0.25 < copied.interval[1]
    assert copied.interval[0] > 0.15


def test_a_reference_inside_the_training_set_is_refused() -> None:
    rng = np.random.default_rng(0)
    train = rng.standard_normal((500, 4))
    with pytest.raises(NotApplicable, match="not in the training set"):
        memorisation(rng.standard_normal((200, 4)), train[:200], train, rng)


def off_the_data(seed: int, copies: int, n: int = 800, m: int = 400) -> Score:
    """Samples so far off the data that none is a false alarm, with a few exact copies among them."""
    rng = np.random.default_rng([seed, copies])
    train, ref, gen = features(1500, rng), features(m, rng), features(n, rng) + 0.25 * rng.standard_normal((n, 64))
    gen[:copies] = train[:copies]
    return memorisation(gen, ref, train, rng)


@pytest.mark.parametrize("copies", [2, 6, 10])  # 0.3, 0.8 and 1.2 % of the samples
def test_upper_end_holds_the_copies_of_a_generator_off_the_data(copies: int) -> None:
    runs = [off_the_data(seed, copies) for seed in range(4)]
    assert all(copies / 800 <= r.interval[1] for r in runs)
    assert all(r.extra["exact"] == copies for r in runs)
    assert all(r.extra["near"] <= 1 for r in runs)


def test_held_out_samples_have_a_copied_share_of_zero_on_average() -> None:
    rng = np.random.default_rng(0)
    runs = [copied_share(rng.random(398), rng.random(398)) for _ in range(1000)]
    unclipped = np.array([r.extra["unclipped"] for r in runs])
    assert abs(unclipped.mean()) < 3 * unclipped.std(ddof=1) / np.sqrt(1000)
    assert np.mean([r.value for r in runs]) > 0.001  # clipped values are not 0 on average
    assert min(r.interval[1] for r in runs) == share(0, 398)[1]


SHAPE = (8, 8, 1)


def pictures(n: int, rng: np.random.Generator) -> np.ndarray:
    """Smooth pictures of 8 x 8 pixels."""
    x = gaussian_filter(rng.random((n, *SHAPE)), (0, 1, 1, 0))
    scaled: np.ndarray = ((x - x.min()) / (x.max() - x.min())).reshape(n, -1)
    return scaled


CHANGES: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "exact": lambda x, rng: x,
    "noise": lambda x, rng: x + 0.02 * rng.standard_normal(x.shape),
    "shift": lambda x, rng: np.roll(x, 1, 2),
    "flip": lambda x, rng: x[:, :, ::-1],
}


def of_pictures(kind: str, blind: bool, seed: int) -> Score:
    """Half of the samples are copies. The features are the pixels; with `blind` the copies' features say nothing."""
    rng = np.random.default_rng([seed, len(kind)])
    train, ref, gen = pictures(1000, rng), pictures(400, rng), pictures(400, rng)
    gen[:200] = CHANGES[kind](train[:200].reshape(-1, *SHAPE), rng).reshape(200, -1)
    to_features = rng.standard_normal((64, 12))
    of_gen = gen @ to_features
    if blind:
        of_gen[:200] = pictures(200, rng) @ to_features
    return memorisation(of_gen, ref @ to_features, train @ to_features, rng, gen, ref, train, SHAPE)


def test_copies_that_the_features_do_not_show_are_seen_in_the_pixels() -> None:
    for kind in ("exact", "noise"):
        s = of_pictures(kind, True, 0)
        assert s.value == pytest.approx(0.5, abs=0.05)
        assert s.extra["exact"] == (200 if kind == "exact" else 0)
        assert s.extra["exact"] + s.extra["near"] == round(400 * s.extra["flagged"])


@pytest.mark.parametrize("kind", ["shift", "flip"])
def test_moved_copies_of_pictures_are_seen(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert of_pictures(kind, False, 0).value > 0.05
    monkeypatch.setattr(memo, "READ", 0)
    s = of_pictures(kind, False, 0)
    assert s.extra["spaces"] == ["features", "pixels"]
    assert s.value < 0.03


def test_false_alarms_of_all_searches_together_are_calibrated() -> None:
    unclipped = []
    for seed in range(16):
        rng = np.random.default_rng(seed)
        train, ref, gen = pictures(500, rng), pictures(300, rng), pictures(300, rng)
        to_features = rng.standard_normal((64, 12))
        a, b, c = (x @ to_features for x in (gen, ref, train))
        s = memorisation(a, b, c, rng, gen, ref, train, SHAPE)
        assert s.extra["spaces"] == ["features", "pixels", "moved pixels"]
        unclipped.append(s.extra["unclipped"])
    assert abs(np.mean(unclipped)) < 3 * np.std(unclipped, ddof=1) / np.sqrt(16)


def test_distance_of_a_moved_picture_is_that_of_brute_force() -> None:
    rng = np.random.default_rng(0)
    x, train = rng.random((5, 6, 7, 3)), rng.random((K, 6, 7, 3))
    ids = np.stack([rng.permutation(K) for _ in range(5)])
    found = memo._moved(x.reshape(5, -1), train.reshape(K, -1), ids, (6, 7, 3))
    inner = train[:, 1:-1, 1:-1]
    moves = [x[:, a : a + 4, b : b + 5] for a in range(3) for b in range(3)] + [x[:, 1:-1, 1:-1][:, :, ::-1]]
    expected = np.min([np.linalg.norm((v[:, None] - inner).reshape(5, K, -1), axis=2) for v in moves], 0)
    assert found.distances == pytest.approx(np.sort(expected, 1))
    assert np.take_along_axis(expected, found.ids, 1) == pytest.approx(found.distances)


def test_measured_sensitivity_is_the_share_of_such_copies_that_is_flagged() -> None:
    rng = np.random.default_rng(0)
    train, ref, gen = (pictures(n, rng) for n in (1000, 400, 400))
    copies = {kind: change(train[:200].reshape(-1, *SHAPE), rng).reshape(200, -1) for kind, change in CHANGES.items()}
    to_features = rng.standard_normal((64, 12))
    shown = {kind: x @ to_features for kind, x in copies.items()}
    for kind, x in copies.items():
        planted_copies = np.concatenate([gen[:200], x])
        a, b, c = (sample @ to_features for sample in (planted_copies, ref, train))
        s = memorisation(a, b, c, np.random.default_rng(1), planted_copies, ref, train, SHAPE, shown, copies)
        assert s.extra["sensitivity"][kind] == pytest.approx(2 * s.value, abs=0.04)
    assert s.extra["sensitivity"]["exact"] == 1


def test_points_are_tried_with_exact_copies_and_with_a_small_step() -> None:
    tried = planted("digits", 0.0, 0).extra["sensitivity"]
    assert tried["exact"] == 1
    assert tried["noise"] > 0.9
