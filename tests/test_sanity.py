"""The field's own examination: its data, its verdicts, and the command."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ganbench import cli, metrics
from ganbench.sanity import checks, criteria, distances, one_class, page, published, suite, verdicts
from ganbench.sanity.checks import CHECKS, PUBLISHED, Pair
from ganbench.sanity.pairs import HALF
from ganbench.sanity.verdicts import Table

SMALL = ("6", "junk")


def pairs(name: str, n: int = 300) -> list[Pair]:
    return list(CHECKS[name].pairs(np.random.default_rng(0), n))


def test_the_suite_has_as_many_pairs_of_sets_as_the_paper() -> None:
    assert sum(len(pairs(check.name, 20)) for check in PUBLISHED) == 1304


@pytest.mark.parametrize("name", CHECKS)
def test_the_same_seed_draws_the_same_points(name: str) -> None:
    for first, again in zip(pairs(name, 20), pairs(name, 20), strict=True):
        assert (first.group, first.x) == (again.group, again.x)
        np.testing.assert_array_equal(first.synthetic, again.synthetic)
        assert first.real.shape[1] == first.synthetic.shape[1]


@pytest.mark.parametrize("name", ["1", "3", "6", "tight", "junk", "binary"])
def test_a_sweep_with_one_real_set_shares_the_array(name: str) -> None:
    by_group: dict[str, set[int]] = {}
    drawn = pairs(name, 20)
    for pair in drawn:
        by_group.setdefault(pair.group, set()).add(id(pair.real))
    assert {len(reals) for reals in by_group.values()} == {1}


def test_the_outlier_of_check_2_is_in_one_of_the_sets() -> None:
    sizes = {(pair.group.partition(", ")[2], len(pair.real), len(pair.synthetic)) for pair in pairs("2")}
    assert sizes == {("synthetic outlier", 300, 301), ("real outlier", 301, 300)}


def test_modes_fade_together_and_vanish_in_turn() -> None:
    np.testing.assert_allclose(checks._fading(0), np.full(10, 0.1))
    np.testing.assert_allclose(checks._fading(1), np.eye(10)[0])
    np.testing.assert_allclose(checks._fading(0.5), np.r_[1, np.full(9, 0.5)] / 5.5)
    np.testing.assert_allclose(checks._vanishing(7), np.r_[np.full(3, 1 / 3), np.zeros(7)])


def test_cubes_share_a_fifth_of_their_volume_turned_or_not() -> None:
    plain = [pair for pair in pairs("9") if pair.group == "d = 8"][-1]
    inside = ((plain.synthetic >= 0) & (plain.synthetic <= 1)).all(1).mean()
    assert inside == pytest.approx(0.2, abs=0.03)
    turned = [pair for pair in pairs("9r") if pair.group == "d = 8"][-1]
    spread = np.linalg.eigvalsh(np.cov(turned.synthetic.T))
    assert spread == pytest.approx(np.full(8, 1 / 12), rel=0.2), "a rotation keeps the shape"
    assert turned.synthetic.min() < -0.3, "and no axis is an edge any more"


def test_ball_and_torus_share_no_point() -> None:
    for pair in (pairs("10")[0], pairs("10")[-1]):
        ball, torus = (pair.real, pair.synthetic) if pair.group == "real ball" else (pair.synthetic, pair.real)
        assert np.linalg.norm(ball, axis=1).max() <= 0.8
        assert np.linalg.norm(torus, axis=1).min() >= 0.9


def test_one_wide_mode_has_the_variance_of_the_two_modes() -> None:
    pair = next(pair for pair in CHECKS["11"].pairs(np.random.default_rng(0), 20_000) if pair.x == 5)
    assert pair.synthetic.var() == pytest.approx(1 + 25, rel=0.05)
    assert pair.real.var() == pytest.approx(1 + 25 / 4, rel=0.05)


def test_a_turned_axis_is_the_same_data_under_a_rotation() -> None:
    pair = pairs("12r", 2000)[0]
    scales = np.sqrt(np.linalg.eigvalsh(np.cov(pair.real.T)))
    assert scales == pytest.approx([1e-3, 1], rel=0.05)
    assert np.linalg.norm(pair.synthetic.mean(0) - pair.real.mean(0)) == pytest.approx(6, abs=0.2)


def test_one_axis_among_many_keeps_the_sets_apart() -> None:
    drawn = pairs("14", 50)
    assert len(drawn) == 18
    assert drawn[-1].real.shape == (50, 1001)
    assert drawn[0].synthetic[:, 0].mean() - drawn[0].real[:, 0].mean() == pytest.approx(6, abs=1)


def test_one_set_of_check_15_is_rounded() -> None:
    for pair in pairs("15", 50):
        whole = [bool((x == np.round(x)).all()) for x in (pair.real, pair.synthetic)]
        assert whole == [pair.group == "real rounded", pair.group != "real rounded"]


def test_the_tight_or_the_sparse_mode_is_dropped() -> None:
    last = {pair.group: pair.synthetic for pair in pairs("tight") if pair.x == 1}
    assert last["the sparse mode is dropped"].std() < 0.1
    assert last["the tight mode is dropped"].mean() == pytest.approx(8, abs=0.3)


def test_the_share_of_junk_is_the_place_in_the_sweep() -> None:
    for pair in pairs("junk"):
        assert (pair.synthetic > 5).all(1).mean() == pytest.approx(pair.x)
    for pair in pairs("binary"):
        assert ((pair.synthetic != 0) & (pair.synthetic != 1)).any(1).mean() == pytest.approx(pair.x)


def test_long_sweeps_get_distances_at_every_fifth_place() -> None:
    chosen = suite.thinned(["a"] * 51 + ["b"] * 10)
    assert np.flatnonzero(chosen[:51]).tolist() == list(range(0, 51, 5))
    assert chosen[51:] == [True] * 10


def test_the_published_verdicts_have_the_published_totals() -> None:
    totals = {
        metric: sum(bool(published.passed(check.name, metric, part)) for check in PUBLISHED for part in published.PARTS)
        for metric in published.NUMBER
    }
    assert totals == {
        "I-Prec": 11, "Density": 18, "IAP": 11, "C-Prec": 10, "symPrec": 10, "P-Prec": 13,
        "I-Rec": 9, "Coverage": 13, "IBR": 9, "C-Rec": 13, "symRec": 9, "P-Rec": 10,
    }  # fmt: skip
    assert published.passed("1", "ClippedDensity", "bounds") is None
    assert published.passed("8r", "Density", "bounds") is None


def test_the_interval_of_a_mean_is_as_wide_as_students() -> None:
    rng = np.random.default_rng(0)
    missed = 0
    for _ in range(300):
        margin, low, high = verdicts.interval(verdicts.redrawn(rng.standard_normal((10, 1)))[:, 0])
        assert low <= margin <= high
        missed += not low <= 0 <= high
    assert missed / 300 == pytest.approx(0.05, abs=0.03)


def test_a_range_that_is_noise_alone_is_not_a_decided_fail() -> None:
    rng = np.random.default_rng(0)
    failed = 0
    for _ in range(100):
        means = verdicts.redrawn(0.045 * rng.standard_normal((10, 20)))  # the range of a mean is 0.053: 0.05 is a coin
        failed += verdicts.verdict(*verdicts.interval(criteria.flat(means))[1:]) == "fail"
    assert failed <= 5


@pytest.mark.parametrize(
    ("ends", "said"), [((0.1, 0.2), "pass"), ((-0.2, -0.1), "fail"), ((-0.1, 0.1), "undecided"), ((0.0, 0.0), "pass")]
)
def test_a_verdict_is_open_where_the_interval_has_both_signs(ends: tuple[float, float], said: str) -> None:
    assert verdicts.verdict(*ends) == said


def ideal(name: str, noise: float = 0.0) -> Table:
    """Values of check 1 as its paper wants them, with noise between the repeats."""
    drawn = pairs(name, 20)
    groups, x = np.array([pair.group for pair in drawn]), np.array([pair.x for pair in drawn])
    y = 1 - np.abs(x) / np.array([np.abs(x[groups == group]).max() for group in groups])
    values = y + noise * np.random.default_rng(0).standard_normal((6, len(y)))
    return Table(groups, x, {metric: values if metric in HALF else 1 - values for metric in (*HALF, *distances.NAMES)})


def test_a_metric_as_the_paper_wants_it_passes() -> None:
    judged = verdicts.judge({"1": ideal("1")})
    own = judged[judged.metric.isin(HALF) | judged.metric.isin(distances.COMPARED)]
    assert set(own.verdict) == {"pass"}
    assert (own.low == own.high).all(), "repeats that agree leave nothing open"
    density = own[(own.metric == "Density") & (own.part == "bounds")].iloc[0]
    assert (density.margin, density.published) == (pytest.approx(0.05), "pass")


def test_a_metric_whose_repeats_differ_is_undecided() -> None:
    judged = verdicts.judge({"1": ideal("1", 0.05)})
    assert set(judged[(judged.part == "bounds") & judged.metric.isin(HALF)].verdict) == {"undecided"}


def test_one_bad_sweep_fails_a_cell() -> None:
    table = ideal("1")
    table.values["Density"][:, table.groups == "d = 64"] = 0.5
    own = verdicts.judge({"1": table}).query("metric == 'Density'")
    assert set(own.verdict) == {"fail"}


def test_a_reading_of_diversity_holds_for_all_sweeps() -> None:
    drawn = pairs("3", 20)
    groups, x = np.array([pair.group for pair in drawn]), np.array([pair.x for pair in drawn])
    low, high = np.where((x > 0.9) & (x < 1.1), 1.0, 0.0), np.where(x < 0.9, 0.0, 1.0)
    mixed = np.where(groups == "d = 8", low, high)
    table = Table(
        groups, x, {"Coverage": np.stack([low] * 3), "I-Rec": np.stack([high] * 3), "C-Rec": np.stack([mixed] * 3)}
    )
    said = {
        metric: verdicts.verdict(*verdicts.interval(verdicts.margins(CHECKS["3"], metric, table)["bounds"])[1:])
        for metric in table.values
    }
    assert said == {"Coverage": "pass", "I-Rec": "pass", "C-Rec": "fail"}


def test_a_detector_must_be_silent_and_support_must_see_rounding() -> None:
    drawn = pairs("15", 20)
    groups, x = np.array([pair.group for pair in drawn]), np.array([pair.x for pair in drawn])
    speaks = np.stack([((groups == "synthetic rounded") & (x < 3)).astype(float)] * 3)
    table = Table(groups, x, {"support": speaks, "memorisation": speaks})
    margins = {name: verdicts.margins(CHECKS["15"], name, table) for name in table.values}
    assert margins["support"]["bounds"][0] > 0
    assert margins["support"]["shape"][0] > 0
    assert margins["memorisation"]["shape"][0] < 0
    assert "bounds" not in margins["memorisation"]


def test_ganbench_reads_a_moved_set_as_farther() -> None:
    real, equal = np.random.default_rng(0).standard_normal((2, 400, 3))
    near, far = (distances.scores(real, equal + move, 0) for move in (0.0, 2.0))
    for name in ("fid", "kid", "sliced_wasserstein", "vendi", "parzen"):
        assert near[name] < far[name], name
    assert np.isnan(near["wasserstein_1d"]), "it is for the line"
    assert near["support"] == 0
    assert near["memorisation"] < 0.05


def test_support_is_one_where_the_samples_repeat() -> None:
    real, few = np.random.default_rng(0).standard_normal((2, 400, 3))
    assert distances.scores(real, np.repeat(few[:20], 20, axis=0), 0)["support"] == 1


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Two short checks, a network of few steps, and a folder for what is kept."""
    monkeypatch.setattr(checks, "CHECKS", {name: CHECKS[name] for name in SMALL})
    monkeypatch.setattr(one_class, "STEPS", 2)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["ganbench", "calibrate", "sanity", "--jobs", "1", *arguments])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    return int(exit_.value.code or 0)


def test_the_command_writes_the_page_and_the_same_again(
    small: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "--n", "200", "--repeats", "2") == 0
    assert "passes of 30 cells" in capsys.readouterr().out
    made = small / "results/sanity"
    first = {file: (made / file).read_bytes() for file in page.FILES}
    assert {path.name for path in made.iterdir()} == set(page.FILES)
    for kind in suite.COLUMNS:
        kept = {path.name for path in suite.folder(kind, 200, 0).iterdir()}
        assert kept == {f"{name}-{repeat}.npz" for name in SMALL for repeat in (0, 1)}

    # A second start continues: nothing is computed again.
    monkeypatch.setattr(suite, "compute", lambda task: pytest.fail(f"{task} is computed again"))
    assert command(monkeypatch, "--n", "200", "--repeats", "2") == 0
    assert {file: (made / file).read_bytes() for file in page.FILES} == first

    table = pd.read_csv(made / "verdicts.csv", keep_default_na=False)
    assert set(table.check) == set(SMALL)
    assert set(table.verdict) <= {"pass", "fail", "undecided"}
    assert ((table.low <= table.margin) & (table.margin <= table.high)).all()
    settings = json.loads((made / "manifest.json").read_text())
    assert (settings["n"], settings["repeats"], settings["seed"]) == (200, 2, 0)
    text = (made / "README.md").read_text()
    assert "| ClippedDensity" in text
    assert "ganbench ships no pair of its own." in text


def test_fewer_repeats_replace_an_examination_only_when_asked(
    small: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(checks, "CHECKS", {"6": CHECKS["6"]})
    assert command(monkeypatch, "--n", "200", "--repeats", "3") == 0
    assert command(monkeypatch, "--n", "200", "--repeats", "2") == 2
    assert "holds an examination with 3 repeats of 200 points" in capsys.readouterr().err
    assert command(monkeypatch, "--n", "200", "--repeats", "2", "--replace") == 0


def test_too_few_points_for_the_examination_are_one_line(
    small: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "--n", "100") == 2
    assert capsys.readouterr().err == "ganbench: --n 100: some metrics need at least 200 points per set\n"


def test_an_interrupted_task_leaves_no_file_that_counts(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "measure", lambda task: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        suite.run(["6"], 200, 1, 0, 1)
    assert list(small.rglob("*.npz")) == []


def test_a_new_version_of_a_metric_keeps_the_values_of_the_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {kind: suite.folder(kind, 200, 0) for kind in suite.COLUMNS}
    support = metrics.get("support")
    newer = support._replace(card=dataclasses.replace(support.card, version=support.card.version + 1))
    monkeypatch.setattr(metrics, "get", lambda name, get=metrics.get: newer if name == "support" else get(name))
    after = {kind: suite.folder(kind, 200, 0) for kind in suite.COLUMNS}
    assert after["pairs"] == before["pairs"]
    assert after["distances"] != before["distances"]


def test_every_real_set_has_a_network_of_its_own(small: Path) -> None:
    tables = suite.run(["6"], 200, 2, 0, 1)
    first, second = tables["6"].values["IAP"]
    assert not np.allclose(first, second)
    drawn = pairs("6", 20)
    a, b = (next(iter(suite._of_pairs(drawn[:1], [seed])))["IAP"] for seed in (0, 1))
    assert a != b


@pytest.mark.slow
def test_two_processes_give_the_values_of_a_single_process(small: Path) -> None:
    monkey = pytest.MonkeyPatch()
    with monkey.context() as patch:
        patch.setattr(one_class, "STEPS", 100)  # the processes know nothing of the smaller number
        at_once = suite.run(["6"], 200, 2, 0, 2)["6"].values
        for file in small.rglob("*.npz"):
            file.unlink()
        in_turn = suite.run(["6"], 200, 2, 0, 1)["6"].values
    for name, values in in_turn.items():
        np.testing.assert_allclose(values, at_once[name], rtol=1e-6, err_msg=name)


def everywhere(passing: tuple[str, ...], failing: tuple[str, ...]) -> pd.DataFrame:
    """Verdicts of all checks: some metrics pass all cells, and others fail all cells."""
    return pd.DataFrame(
        {"check": name, "metric": metric, "half": HALF[metric], "part": part, "verdict": said, "published": ""}
        for name in CHECKS
        for said, named in (("pass", passing), ("fail", failing))
        for metric in named
        for part in published.PARTS
    )


def test_a_pair_within_the_condition_is_named_and_no_other() -> None:
    judged = everywhere(("Density", "Coverage"), ("IAP", "IBR"))
    straight = pd.DataFrame({"metric": ["Density", "Coverage"], "high": [0.01, 0.04]})
    assert "Pairs of the table that do so: Density and Coverage." in page.own_pair(judged, straight)
    bent = straight.assign(high=[0.01, 0.06])
    assert "Pairs of the table that do so: none." in page.own_pair(judged, bent)


def test_the_turned_checks_take_the_places_of_four_checks() -> None:
    judged = everywhere(("Density",), ())
    judged.loc[judged.check == "8r", "verdict"] = "fail"
    judged.loc[judged.check == "12", "verdict"] = "undecided"
    plain, turned = verdicts.scores(judged).loc["Density"], verdicts.scores(judged, turned=True).loc["Density"]
    assert (plain.passes, plain.undecided, plain.cells) == (28, 2, 30)
    assert (turned.passes, turned.undecided, turned.cells) == (28, 0, 30)


def test_a_cell_that_all_pairs_fail_is_listed() -> None:
    judged = everywhere(("Density",), ("I-Prec",))
    judged.loc[(judged.check == "7") & (judged.part == "shape"), "verdict"] = "fail"
    assert verdicts.passed_by_nobody(judged) == [("fidelity", "7", "shape")]
