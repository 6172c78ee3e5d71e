"""Calibration: damage is what it says, and promises are judged by the rule."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy

from ganbench import cli, metrics, paths
from ganbench.boards import calibration as calibrate
from ganbench.boards import calibration_page as page
from ganbench.boards import promises
from ganbench.boards.corruptions import CORRUPTIONS, Unfit
from ganbench.data import Split
from ganbench.errors import UserError
from ganbench.metrics import Card

N = 100
NO_LEVEL_0 = ("dropped", "support", "weights")  # their mildest level is another number
PIXELS = ("blur", "permuted", "salt", "elastic")  # damage that points cannot have
RNG = np.random.default_rng(0)


def points(n: int, classes: int) -> Split:
    return Split(RNG.normal([1, 2], [1, 3], (n, 2)).astype(np.float32), np.arange(n) % classes)


def images(n: int) -> Split:
    """No two alike, in ten classes; dark borders."""
    x = np.pad(RNG.integers(0, 256, (n, 8, 8, 1), dtype=np.uint8), ((0, 0), (3, 3), (3, 3), (0, 0)))
    return Split(x, np.arange(n) % 10)


POOLS = {"points": (points(2000, 10), points(500, 10)), "images": (images(2000), images(500))}


def damaged(name: str, level: float, kind: str = "points") -> Split:
    pool, train = POOLS[kind]
    return CORRUPTIONS[name].apply(pool, train, N, level, np.random.default_rng(1))


def rows(split: Split) -> list[bytes]:
    return [row.tobytes() for row in split.x]


@pytest.mark.parametrize("kind", POOLS)
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_damaged_set_is_like_the_pool_in_all_but_the_damage(name: str, kind: str) -> None:
    pool, _ = POOLS[kind]
    if kind == "points" and name in PIXELS:
        with pytest.raises(Unfit, match=r"points cannot be blurred|points have no pixels"):
            CORRUPTIONS[name].levels(pool, N)
        return
    for level in CORRUPTIONS[name].levels(pool, N):
        one = damaged(name, level, kind)
        assert one.x.shape == (N, *pool.x.shape[1:])
        assert one.x.dtype == pool.x.dtype
        assert one.y.shape == (N,)
        assert len(set(rows(one))) == (level if name == "support" else N)


@pytest.mark.parametrize(
    ("name", "kind"),
    [(n, k) for n in CORRUPTIONS for k in POOLS if n not in NO_LEVEL_0 and not (k == "points" and n in PIXELS)],
)
def test_level_0_is_the_identity(name: str, kind: str) -> None:
    np.testing.assert_array_equal(damaged(name, 0, kind).x, POOLS[kind][0].x[:N])


def test_noise_has_the_sd_of_its_level() -> None:
    pool, train = POOLS["points"]
    moved = CORRUPTIONS["noise"].apply(pool, train, 2000, 0.5, np.random.default_rng(1)).x - pool.x
    np.testing.assert_allclose(moved.std(0) / pool.x.std(0), 0.5, rtol=0.05)
    grey = Split(np.full((20, 28, 28, 1), 128, np.uint8), np.zeros(20, int))
    noisy = CORRUPTIONS["noise"].apply(grey, grey, 20, 0.1, np.random.default_rng(1)).x
    assert noisy.std() == pytest.approx(25.5, rel=0.02)


def test_blur_smooths_and_keeps_the_brightness() -> None:
    real, blurred = POOLS["images"][0].x[:N].astype(float), damaged("blur", 0.5, "images").x.astype(float)
    assert blurred.mean() == pytest.approx(real.mean(), rel=0.01)
    assert np.abs(np.diff(blurred, axis=2)).mean() < 0.8 * np.abs(np.diff(real, axis=2)).mean()


def test_shift_moves_images_by_pixels_and_points_by_sd() -> None:
    pool, _ = POOLS["images"]
    np.testing.assert_array_equal(damaged("shift", 2, "images").x[:, :, 2:], pool.x[:N, :, :-2])
    assert (damaged("shift", 2, "images").x[:, :, :2] == 0).all()
    pool, _ = POOLS["points"]
    np.testing.assert_allclose(damaged("shift", 0.5).x - pool.x[:N], np.tile(0.5 * pool.x.std(0), (N, 1)), atol=1e-5)


@pytest.mark.parametrize("kept", [9, 5, 2, 1])
def test_dropped_keeps_exactly_so_many_classes(kept: int) -> None:
    assert len(set(damaged("dropped", kept).y)) == kept


@pytest.mark.parametrize(("k", "each"), [(50, 2), (10, 10), (2, 50)])
def test_support_repeats_each_of_k_samples_equally_often(k: int, each: int) -> None:
    assert list(Counter(rows(damaged("support", k))).values()) == [each] * k


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 1])
def test_copies_are_exactly_the_share_of_training_samples(share: float) -> None:
    pool, train = POOLS["points"]
    found = set(rows(damaged("copies", share)))
    assert len(found & set(rows(train))) == share * N
    assert len(found & set(rows(pool))) == (1 - share) * N


@pytest.mark.parametrize("kind", POOLS)
def test_outliers_are_exactly_the_share_of_samples_that_are_not_real(kind: str) -> None:
    assert len(set(rows(damaged("outliers", 0.2, kind))) - set(rows(POOLS[kind][0]))) == 20


def test_near_copies_are_near_the_training_samples_and_not_equal() -> None:
    pool, train = POOLS["points"]
    copied = damaged("near_copies", 0.5).x[: N // 2]
    nearest = np.abs(copied[:, None] - train.x[None]).sum(2).min(1)
    assert 0 < nearest.mean() < 0.01 * pool.x.std()


def test_permuted_images_keep_their_grey_values() -> None:
    real, mixed = POOLS["images"][0].x[:N], damaged("permuted", 0.2, "images").x
    np.testing.assert_array_equal(np.sort(mixed.reshape(N, -1)), np.sort(real.reshape(N, -1)))
    assert (mixed != real).any((1, 2, 3)).sum() == 20


def test_salt_turns_its_share_of_the_pixels_black_or_white() -> None:
    grey = Split(np.full((N, 20, 20, 1), 128, np.uint8), np.zeros(N, int))
    salted = CORRUPTIONS["salt"].apply(grey, grey, N, 0.1, np.random.default_rng(1)).x
    assert (salted != 128).mean() == pytest.approx(0.1, abs=0.01)
    assert set(np.unique(salted)) == {0, 128, 255}


def test_elastic_moves_grey_values_by_its_level() -> None:
    """On a slope of one level per pixel, the change of a grey value is the displacement."""
    slope = np.broadcast_to(100 + np.arange(28, dtype=np.uint8)[:, None, None], (N, 28, 28, 1))
    bent = (
        CORRUPTIONS["elastic"]
        .apply(Split(slope, np.zeros(N, int)), Split(slope, np.zeros(N, int)), N, 1, np.random.default_rng(1))
        .x
    )
    inside = (bent.astype(float) - slope)[:, 7:-7, 7:-7]
    assert inside.std() == pytest.approx(1, rel=0.15)


def test_mixtures_are_the_weighted_mean_of_two_samples() -> None:
    real, mixed = POOLS["points"][0].x[:N].astype(float), damaged("mixtures", 0.25).x
    others = (mixed - 0.75 * real) / 0.25
    assert np.abs(others[:, None] - real[None]).max(2).min(1).max() < 1e-4


@pytest.mark.parametrize("kind", POOLS)
def test_invented_mode_is_the_share_and_unlike_the_data(kind: str) -> None:
    real, changed = POOLS[kind][0], damaged("invented", 0.2, kind)
    strange = (changed.x != real.x[:N]).reshape(N, -1).any(1)
    assert strange.sum() == 20
    if kind == "points":
        assert (changed.x[strange] > real.x.max(0)).all()
    else:
        np.testing.assert_array_equal(changed.x[strange], 255 - real.x[:N][strange])


@pytest.mark.parametrize("level", [2, 5])
def test_weights_make_one_class_so_many_times_as_likely(level: float) -> None:
    pool, train = POOLS["points"]
    counts = sorted(np.bincount(CORRUPTIONS["weights"].apply(pool, train, 400, level, np.random.default_rng(1)).y))
    assert counts[-1] / np.mean(counts[:-1]) == pytest.approx(level, rel=0.05)


def test_damage_that_the_pool_is_too_small_for_is_refused() -> None:
    pool, train = POOLS["points"]
    with pytest.raises(Unfit, match="the pool has only 200 suitable samples, but 300 are needed"):
        CORRUPTIONS["dropped"].apply(pool, train, 300, 1, np.random.default_rng(1))
    with pytest.raises(Unfit, match="one class"):
        CORRUPTIONS["weights"].levels(points(50, 1), N)


@pytest.mark.parametrize("name", metrics.names())
def test_cards_promise_responses_to_corruptions_that_exist(name: str) -> None:
    assert set(metrics.get(name).card.responds) <= set(CORRUPTIONS)


def test_sets_share_no_sample_with_the_reference_and_one_class_fills_one() -> None:
    held_out = points(1100, 4)
    n = calibrate.default_n(held_out.y)
    first, second = (calibrate.sets(points(300, 4), held_out, n, 0, repeat, CORRUPTIONS) for repeat in range(2))
    assert n == 200
    assert len(set(rows(first.reference))) == n
    assert ("dropped", 1) in first.damaged
    for name, split in first.damaged.items():
        assert len(split.x) == n
        assert not set(rows(split)) & set(rows(first.reference)), name
    untouched = (calibrate.NULL, 0.0)
    assert set(rows(first.damaged[untouched])) != set(rows(second.damaged[untouched]))
    assert set(rows(first.reference)) != set(rows(second.reference)), "each repeat cuts the held-out split anew"


def judged(responds: dict[str, str], better: str = "lower", **steps: list[list[float]]) -> pd.DataFrame:
    """Judge a metric of which `steps` has the values: per corruption a list over levels of lists over repeats."""
    lines = [
        {
            "corruption": name,
            "level": level,
            "metric": "m",
            "repeat": repeat,
            "value": value,
            "reason": "m is not for this",
        }
        for name, values in steps.items()
        for level, over_repeats in enumerate(values)
        for repeat, value in enumerate(over_repeats)
    ]
    card = Card("?", better, (0, np.inf), 2, "", 3, responds)  # type: ignore[arg-type]
    left_out: dict[tuple[str, float | None], str] = {
        (name, None): f"no {name} here" for name in CORRUPTIONS if name not in steps
    }
    return promises.judge(pd.DataFrame(lines), {"m": card}, left_out).set_index("corruption")


REAL = [[1.0, 1.1, 0.9, 1.05, 0.95]]
RISING = [[2.0, 2.1, 1.9, 2.2, 1.8], [4.0, 4.3, 4.1, 4.2, 3.9], [8.0, 8.1, 8.3, 8.2, 7.9]]
SMALL = [[1.02, 1.12, 0.92, 1.07, 0.97], [1.03, 1.13, 0.93, 1.08, 0.98], [1.04, 1.14, 0.94, 1.09, 0.99]]
NOISY = [[9.0, -9.0, 2.0, 5.0, -5.0], [-7.0, 2.0, 9.0, 1.0, -1.0], [9.0, -7.0, 3.0, 8.0, -6.0]]
BACK = [[9.0, 9.1, 9.2, 9.3, 8.9], [6.0, 6.1, 6.2, 6.3, 5.9], [3.0, 3.1, 3.2, 3.3, 2.9]]


@pytest.mark.parametrize(
    ("values", "promised", "verdict"),
    [
        (RISING, "+", "pass"),
        (RISING, "-", "fail"),
        (RISING, "0", "fail"),
        (np.negative(RISING).tolist(), "-", "pass"),
        (np.negative(RISING).tolist(), "+", "fail"),
        (SMALL, "0", "pass"),
        (NOISY, "0", "not judged"),
        (NOISY, "+", "not judged"),
        (NOISY, "-", "not judged"),
        (SMALL, "+", "pass"),
        (np.negative(SMALL).tolist(), "+", "fail"),
        (REAL * 3, "+", "fail"),
        (BACK, "+", "fail"),
        (BACK, "0", "fail"),
    ],
)
def test_promise_is_judged_by_direction_noise_and_order(values: list[list[float]], promised: str, verdict: str) -> None:
    table = judged({"noise": promised, "shift": "+"}, real=REAL, noise=values, shift=RISING)
    assert table.verdict["noise"] == verdict
    assert table.verdict["shift"] == "pass"


@pytest.mark.parametrize("promised", ["+", "-", "0"])
@pytest.mark.parametrize("repeats", [2, 3, 4])
def test_too_few_repeats_judge_no_promise(repeats: int, promised: str) -> None:
    """Without any effect, 4 of 4 repeats rise in 1 of 16 cases, which is more than 5 %; 5 of 5 rise in 1 of 32."""
    few = judged({"noise": promised}, real=[REAL[0][:repeats]], noise=[level[:repeats] for level in RISING])
    assert few.verdict["noise"] == "not judged"
    assert few.observed["noise"] in ("+", "0", "~")
    assert few.why["noise"].startswith(f"{repeats} repeats are too few, 5 are needed; ")
    assert judged({"noise": promised}, real=REAL, noise=RISING).verdict["noise"] in ("pass", "fail")


def test_promise_that_wide_intervals_leave_open_says_so() -> None:
    table = judged({"noise": "+"}, real=REAL, noise=NOISY)
    assert table.why["noise"].startswith("the repeats differ too much to say; ")
    assert page.failures(table.reset_index()) == []
    (line,) = page.undecided(table.reset_index())
    assert line.startswith("m promises '+' under noise: the repeats differ too much")


@pytest.mark.parametrize(
    "folder", sorted(Path("results/calibration").glob("*/promises.csv")), ids=lambda path: path.parent.name
)
def test_published_calibration_keeps_its_verdicts(folder: Path) -> None:
    if not folder.with_name("seeds.csv").exists():
        pytest.skip("this calibration is older than the seeds; `ganbench calibrate` makes it anew")
    every = pd.read_csv(folder.with_name("seeds.csv"), keep_default_na=False)
    cards = {name: metrics.get(name).card for name in metrics.names()}
    values, planted = (pd.read_csv(folder.with_name(f"{name}.csv")) for name in ("values", "planted"))
    again = pd.concat([promises.judge(values, cards, {}), promises.judge_plants(planted, cards)])
    both = every[every.seed == every.seed.iloc[0]].merge(again[again.promised != ""], on=["metric", "corruption"])
    assert len(both) == every[every.seed == every.seed.iloc[0]].shape[0]
    assert list(both.verdict_x) == list(both.verdict_y)


def test_value_may_stay_at_its_bound() -> None:
    assert judged({"shift": "-"}, real=REAL, shift=[[0.0] * 5] * 3).verdict["shift"] == "pass"


def test_movement_is_measured_against_the_largest_promised_one() -> None:
    tenfold = [[10 * v for v in level] for level in RISING]
    assert judged({"noise": "0", "shift": "+"}, real=REAL, noise=RISING, shift=tenfold).verdict["noise"] == "pass"
    assert (
        judged({"noise": "0", "shift": "+"}, real=REAL, noise=RISING, shift=RISING, copies=tenfold).verdict["noise"]
        == "fail"
    )
    assert judged({}, real=REAL, noise=SMALL, shift=RISING).movement["noise"] == pytest.approx(0.04 / 7.1)


def test_unbounded_support_counts_as_infinite() -> None:
    levels = [[400.0, 410.0, 390.0, 400.0, 400.0], [80.0, 81.0, 82.0, 80.0, 81.0], [16.0] * 5]
    noise = [[np.inf, 9000, np.inf, np.inf, np.inf]]
    table = judged({"support": "-", "noise": "0"}, "higher", real=[[np.inf] * 5], support=levels, noise=noise)
    assert list(table.verdict[["support", "noise"]]) == ["pass", "pass"]


def test_missing_value_is_unbounded_only_with_a_lower_bound() -> None:
    empty = {"value": None, "interval": None, "reason": "finds none"}
    support, fid = metrics.get("support"), metrics.get("fid")
    bounded = calibrate._value(support, {**empty, "lower_bound": 300.0}, "")
    assert (bounded["value"], bounded["low"], bounded["high"]) == (np.inf, 300.0, np.inf)
    assert np.isnan(calibrate._value(support, empty, "")["value"])
    assert np.isnan(calibrate._value(fid, {**empty, "lower_bound": 300.0}, "")["value"])
    assert calibrate._value(fid, {**empty, "unbiased": 1.0, "unbiased_interval": [0.0, 2.0]}, "unbiased")["high"] == 2


def test_promise_that_cannot_be_judged_is_no_pass_and_says_why() -> None:
    table = judged({"noise": "+", "blur": "+"}, real=REAL, noise=[[2.0, np.nan, 2.0, 2.0, 2.0]])
    assert list(table.verdict[["noise", "blur"]]) == ["not judged", "not judged"]
    assert list(table.why[["noise", "blur"]]) == ["m is not for this", "no blur here"]


def test_unpromised_response_is_shown_and_not_judged() -> None:
    table = judged({}, real=REAL, noise=RISING, shift=BACK, copies=SMALL)
    assert list(table.observed[["noise", "shift", "copies"]]) == ["+", "~", "0"]
    assert set(table.verdict) == {"no promise"}
    assert table.why["blur"] == "no blur here"
    assert page.cell(table.loc["noise"].to_dict()) == "(+)"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Three metrics and three kinds of damage, one of which points cannot have."""
    folder = tmp_path_factory.mktemp("runs")
    monkeypatch.setattr(paths, "runs", lambda: folder)
    monkeypatch.setattr(metrics, "names", lambda: ("fid", "memorisation", "modes"))
    monkeypatch.setattr(calibrate, "CORRUPTIONS", {name: CORRUPTIONS[name] for name in ("noise", "blur", "copies")})


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["ganbench", "calibrate", *arguments])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    return int(exit_.value.code or 0)


@pytest.mark.usefixtures("small")
def test_run_writes_everything_and_the_same_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in "ab":
        assert command(monkeypatch, "ring", "--n", "200", "--repeats", "2", "--out", str(tmp_path / name)) == 0
    said = capsys.readouterr().out
    assert "memorisation" in said
    assert "No promise is judged: 2 repeats are too few, and at least 5 are needed.\n" in said
    assert "FAIL" not in said
    files = {p.name for p in (tmp_path / "a").iterdir()}
    tables = {f"{name}.csv" for name in ("values", "planted", "levels", "promises", "seeds")}
    assert files == tables | {"README.md", "matrix.png", "levels.png", "manifest.json"}
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file
    table = pd.read_csv(tmp_path / "a/promises.csv", keep_default_na=False)
    assert set(table.verdict) == {"not judged", "no promise"}
    assert "No promise is judged: 2 repeats are too few" in (tmp_path / "a/README.md").read_text()
    copies = table[(table.metric == "memorisation") & (table.corruption == "copies")].iloc[0]
    assert (copies.observed, float(copies.movement)) == ("+", 1.0)
    assert "- blur: points cannot be blurred." in (tmp_path / "a/README.md").read_text()


def test_wrong_dataset_and_too_many_samples_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "rng", "--out", str(tmp_path)) == 2
    assert "did you mean 'ring'" in capsys.readouterr().err
    assert command(monkeypatch, "digits", "--n", "700", "--out", str(tmp_path)) == 2
    assert capsys.readouterr().err.startswith("ganbench: --n 700: there are 797 held-out samples")


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("less", [("--n", "200", "--repeats", "2"), ("--n", "150", "--repeats", "3")])
def test_calibration_is_replaced_by_a_smaller_one_only_when_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], less: tuple[str, ...]
) -> None:
    out = tmp_path / "ring"
    assert command(monkeypatch, "ring", "--n", "200", "--repeats", "3", "--out", str(out)) == 0
    before = (out / "promises.csv").read_bytes()
    capsys.readouterr()
    assert command(monkeypatch, "ring", *less, "--out", str(out)) == 2
    said = capsys.readouterr().err
    assert f"{out} holds a calibration on ring with 3 repeats of 200 samples" in said
    assert "choose another --out, or add --replace" in said
    assert (out / "promises.csv").read_bytes() == before
    assert command(monkeypatch, "ring", *less, "--out", str(out), "--replace") == 0
    assert (out / "promises.csv").read_bytes() != before


def test_published_calibration_is_not_replaced_by_fewer_repeats(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "ring", "--repeats", "2") == 2
    assert "results/calibration/ring holds a calibration on ring with" in capsys.readouterr().err


def test_damaged_manifest_of_a_calibration_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(UserError, match=r"manifest\.json is damaged; choose another --out, or add --replace"):
        calibrate._refuse_to_replace(tmp_path, "ring", 200, 5, 1)


def test_calibration_refuses_a_folder_of_other_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "README.md").write_text("mine")
    assert command(monkeypatch, "ring", "--out", str(tmp_path)) == 2
    assert "this folder holds other files ('README.md') and no calibration" in capsys.readouterr().err
    assert (tmp_path / "README.md").read_text() == "mine"


@pytest.mark.usefixtures("small")
def test_stopped_calibration_continues_after_its_repeats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[tuple[int, int]] = []
    measure = calibrate.measure

    def stopped_after(count: int) -> None:
        def measured(*arguments: Any) -> calibrate.Measured:
            if len(done) == count:
                raise KeyboardInterrupt
            done.append(arguments[4:6])
            return measure(*arguments)

        monkeypatch.setattr(calibrate, "measure", measured)

    stopped_after(3)
    with pytest.raises(KeyboardInterrupt):
        calibrate.run("ring", 200, 2, (0, 1), tmp_path / "a")
    stopped_after(99)
    calibrate.run("ring", 200, 2, (0, 1), tmp_path / "a")
    assert done == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert not list(paths.runs().rglob("*.json")), "a finished calibration leaves no parts"
    calibrate.run("ring", 200, 2, (0, 1), tmp_path / "b")
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes(), file.name
    with pytest.raises(UserError, match="2 repeats of 200 samples with 2 seeds; a calibration on ring with 2 repeats"):
        calibrate.run("ring", 200, 2, (0,), tmp_path / "a")


def test_effect_sizes_name_the_least_level_that_is_seen() -> None:
    values = pd.DataFrame(
        {"corruption": name, "level": level, "metric": "m", "repeat": repeat, "value": value, "reason": None}
        for name, level, shift in (
            ("real", 0, 0),
            ("noise", 0.05, 0.1),
            ("noise", 0.1, 0.5),
            ("noise", 0.2, 1),
            ("shift", 1, -1),
        )
        for repeat, value in enumerate(np.array(REAL[0]) + shift)
    )
    card = Card("?", "lower", (0, np.inf), 2, "", 3, {})
    effects = promises.effects(values, {"m": card}).set_index(["corruption", "level"])
    sd = np.std(REAL[0], ddof=1)
    np.testing.assert_allclose(effects.d, np.array([0.1, 0.5, 1, -1]) / sd)
    assert list(effects["first"]) == [False, True, False, False], (
        "0.1 is the least level of 3 sd; a better value is not seen"
    )
    table = promises.judge(values, {"m": card}, {}).set_index("corruption")
    assert table.seen_from["noise"] == 0.1
    assert np.isnan(table.seen_from["shift"])


def test_promises_that_are_true_fail_together_in_at_most_5_percent() -> None:
    """The hardest truth: each metric moves by exactly one standard deviation, which is the least that keeps a promise."""
    rng, calibrations, promised = np.random.default_rng(0), 100, 25
    broken = [
        [
            promises.doubts(rng.normal(size=(4, 20)) + np.array([[0], [0.4], [0.7], [1]]), "+", 10)[1]
            for _ in range(promised)
        ]
        for _ in range(calibrations)
    ]
    failed = sum(min(promises.holm(np.array(doubts))) <= 0.05 for doubts in broken)
    assert failed <= scipy.stats.binom.ppf(0.99, calibrations, 0.05)
    assert sum(min(doubts) <= 0.05 for doubts in broken) > calibrations / 2, "without Holm's rule most of them fail"


def test_holms_rule_is_the_textbooks() -> None:
    np.testing.assert_allclose(promises.holm(np.array([0.01, 0.04, 0.03, 0.005])), [0.03, 0.06, 0.06, 0.02])


@pytest.mark.parametrize(("held", "verdict"), [(20, "pass"), (16, "pass"), (15, "fail")])
def test_planted_truth_needs_16_of_20_intervals(held: int, verdict: str) -> None:
    lines = pd.DataFrame(
        {"plant": "moved", "metric": "fid", "repeat": i, "truth": 1.0, "value": 0.9}
        | {"low": 0.8, "high": 1.0 if i < held else 0.99, "reason": None}
        for i in range(20)
    )
    line = promises.judge_plants(lines, {"fid": metrics.get("fid").card}).iloc[0]
    assert (line.verdict, line.observed) == (verdict, f"{held} of 20")


@pytest.mark.parametrize(("fails", "verdict"), [(0, "pass"), (1, "pass"), (2, "fail")])
def test_verdict_of_five_seeds_forgives_one(fails: int, verdict: str) -> None:
    tables = {
        seed: pd.DataFrame({"promised": ["+"], "verdict": ["fail" if seed < fails else "pass"]}) for seed in range(5)
    }
    line = promises.combined(tables).iloc[0]
    assert (line.verdict, line.seeds) == (verdict, f"{5 - fails} of 5")
