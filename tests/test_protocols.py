"""Protocols of other evaluators: each gives the evaluator's number, and refuses what contradicts it."""

# mypy: no-strict-optional

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import peers
import pytest
import random_weights
import torch
from conftest import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "docs"))
import protocols_page  # it lies beside the documents

from ganbench import features, metrics
from ganbench.errors import Unreachable, UserError
from ganbench.features import Extractor, inception
from ganbench.metrics import _literature
from ganbench.scoring import Scorer, protocols, score, second_opinion
from ganbench.scoring.protocols import PROTOCOLS, TABLE

N, D = 300, 24
LOOSE = {("adm", "precision"): 0.05, ("adm", "recall"): 0.05}  # float16; the others are held to the printed digits
DRAWN = {("clean-fid", "kid"), ("dgm-eval", "kd_dinov2")}  # without a seed


@pytest.fixture(scope="module")
def sets() -> dict[str, np.ndarray]:
    return peers.sets(N, D)


def number(protocol: str, name: str, sets: dict[str, np.ndarray]) -> dict[str, Any]:
    """What ganbench gives for a number of a protocol on these arrays."""
    (measure,) = (entry.measure for entry in PROTOCOLS[protocol].numbers if entry.name == name)
    return metrics.compute([measure], sets)[name]


NUMBERS = [(p.name, n.name) for p in TABLE for n in p.numbers]


@pytest.mark.parametrize(("protocol", "name"), [pair for pair in NUMBERS if pair not in DRAWN])
def test_each_number_is_the_evaluators_to_its_printed_digits(
    protocol: str, name: str, sets: dict[str, np.ndarray]
) -> None:
    theirs = peers.SAID[protocol][name](sets)
    assert number(protocol, name, sets)["value"] == pytest.approx(theirs, rel=LOOSE.get((protocol, name), 1e-5))


def test_the_inception_scores_are_those_of_their_splits(sets: dict[str, np.ndarray]) -> None:
    from torch_fidelity.metric_isc import isc_features_to_metric

    logits = sets["gen_logits"]
    theirs = isc_features_to_metric(torch.from_numpy(logits))
    ours = number("torch-fidelity", "inception_score", sets)
    assert ours["value"] == pytest.approx(theirs["inception_score_mean"], rel=1e-9)
    assert ours["split_std"] == pytest.approx(theirs["inception_score_std"], rel=1e-9)
    one = peers.inception_score(logits, [(0, N)])
    assert number("studiogan", "inception_score", sets)["value"] == pytest.approx(one, rel=1e-5)  # theirs is in float32
    assert number("adm", "inception_score", sets)["value"] == pytest.approx(one, rel=1e-5)
    rng = np.random.default_rng(1)
    long = (
        rng.standard_normal((12_000, 5)) * np.linspace(0.5, 3, 12_000)[:, None]
    )  # in another order it scores otherwise
    adm = number("adm", "inception_score", {"gen": long, "gen_logits": long})["value"]
    assert adm == pytest.approx(peers.inception_score(long, [(0, 5000), (5000, 10_000), (10_000, 12_000)]), rel=1e-5)
    assert abs(adm / peers.inception_score(long, [(0, 12_000)]) - 1) > 0.01


def test_torch_fidelitys_kid_is_drawn_from_its_subsets(sets: dict[str, np.ndarray]) -> None:
    from torch_fidelity.metric_kid import kid_features_to_metric

    gen, ref = (torch.from_numpy(sets[name]) for name in ("gen", "ref"))
    theirs = kid_features_to_metric(gen, ref, kid_subset_size=100, verbose=False)
    ours = _literature.kernel_distance(sets["gen"], sets["ref"], size=100, seed=2020)
    assert ours.value == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-9)
    assert ours.extra["subset_std"] == pytest.approx(theirs["kernel_inception_distance_std"], rel=1e-9)
    assert ours.interval[0] < ours.extra["all_pairs"] < ours.interval[1]
    assert {n.options.get("seed") for n in PROTOCOLS["torch-fidelity"].numbers if n.metric == "kid"} == {2020}


@pytest.mark.parametrize(("protocol", "name"), [("clean-fid", "kid"), ("dgm-eval", "kd_dinov2")])
def test_kid_without_a_seed_is_the_mean_of_the_evaluators_draws(
    protocol: str, name: str, sets: dict[str, np.ndarray]
) -> None:
    gen, ref = sets["gen"], sets["ref"]
    drawn = peers.kernel_distance(gen, ref, 400, 60, seed=0)
    assert number(protocol, name, sets)["value"] == pytest.approx(drawn.mean(), abs=3 * drawn.std() / 20)
    assert (
        abs(metrics.compute(["kid"], sets)["kid"]["value"] / drawn.mean() - 1) > 0.1
    )  # `kid` itself scales the features


def test_precision_and_recall_of_float16_are_near_the_exact_ones(sets: dict[str, np.ndarray]) -> None:
    ours = [number("adm", name, sets)["value"] for name in ("precision", "recall")]
    assert ours == pytest.approx(peers.closed_shares(sets["gen"], sets["ref"], np.float64), abs=1e-12)
    far = {name: x + 4 for name, x in sets.items()}  # as far from 0 as it is wide, like the features of Inception
    exact = [number("adm", name, far)["value"] for name in ("precision", "recall")]
    assert exact == pytest.approx(ours, abs=1e-12)  # exact distances do not see an offset
    rounded = peers.closed_shares(far["gen"], far["ref"])
    assert 0 < np.abs(np.subtract(rounded, exact)).max() < 0.1


@pytest.mark.parametrize("protocol", ["dgm-eval", "studiogan"])
def test_open_balls_of_five_neighbours_are_prdcs(
    protocol: str, sets: dict[str, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    from prdc import compute_prdc

    theirs = compute_prdc(real_features=sets["ref"], fake_features=sets["gen"], nearest_k=5)
    ours = {name: number(protocol, name, sets)["value"] for name in theirs}
    assert ours == pytest.approx(theirs, rel=1e-9)
    closed = metrics.compute(["precision", "recall"], sets)
    assert all(abs(closed[name]["value"] - theirs[name]) > 0.01 for name in closed)  # k is 3 there


def test_no_more_samples_are_used_than_the_protocol_uses() -> None:
    rng = np.random.default_rng(0)
    gen, ref = rng.standard_normal((90, 3)), rng.standard_normal((70, 3))
    sizes: list[tuple[int, int]] = []
    capped = _literature.capped(lambda x, y: sizes.append((len(x), len(y))), 80)
    capped(gen, ref)
    assert sizes == [(80, 70)]
    assert {n.most for n in PROTOCOLS["dgm-eval"].numbers} == {None, 10_000}


def test_open_balls_around_equal_points_hold_nothing_like_prdcs(capsys: pytest.CaptureFixture[str]) -> None:
    from prdc import compute_prdc

    ref = np.repeat(np.random.default_rng(0).integers(0, 9, (5, 2)), 9, 0).astype(float)
    theirs = compute_prdc(real_features=ref, fake_features=ref, nearest_k=5)
    assert _literature.open_precision(ref, ref).value == theirs["precision"] == 0
    assert _literature.open_recall(ref, ref).value == theirs["recall"] == 0


# --- the real network, with seeded random weights in the place of the published file


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with random weights of Inception under the name of the published file."""
    folder = tmp_path_factory.mktemp("weights")
    random_weights.inception(folder / inception.WEIGHTS.file)
    return folder


@pytest.fixture
def as_published(network: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The random weights are the published ones."""
    file = network / inception.WEIGHTS.file
    sha256 = random_weights.pinned(file)[-64:]
    monkeypatch.setattr(inception, "WEIGHTS", inception.WEIGHTS._replace(sha256=sha256, size=file.stat().st_size))
    monkeypatch.setenv("GANBENCH_WEIGHTS", str(network))
    monkeypatch.setattr(inception, "PART", 4)  # small batches: little is filled up
    monkeypatch.setattr(inception, "BATCH", 8)
    inception.load.cache_clear()
    return file


def images(seed: int, n: int = 8) -> np.ndarray:
    """Small random images whose means differ."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (n, 4, 4, 3), np.uint8).repeat(4, 1).repeat(4, 2)
    return np.clip(coarse + rng.integers(0, 20 + 20 * seed, (n, 16, 16, 3)), 0, 255).astype(np.uint8)


def test_the_evaluators_own_code_agrees_to_its_printed_digits(as_published: Path) -> None:
    scorer = Scorer.of(images(1, 20), protocol="torch-fidelity")
    gen = scorer.open(images(0, 20))
    result = scorer(gen)
    checks = {name: scorer.under(name) for name in ("torch-fidelity", "clean-fid")}
    said = second_opinion.opinions(checks, result, gen, scorer.reference)
    assert [(line.peer, line.number) for line in said] == [
        *(("torch-fidelity", name) for name in ("inception_score", "fid", "kid", "precision", "recall")),
        *(("clean-fid", name) for name in ("fid", "kid")),
    ]
    for line in said:
        if (line.peer, line.number) != ("clean-fid", "kid"):  # it has no seed
            assert line.pinned == pytest.approx(line.theirs, rel=1e-4), line
        assert not any("not explained" in cause for cause in line.causes), line
    clean = [line for line in said if line.peer == "clean-fid"]
    assert all(
        "resize: tf1-bilinear to 299 x 299, and not pil-bicubic-float to 299 x 299" in line.causes for line in clean
    )
    shown = second_opinion.text(said, 100)
    assert re.search(r"clean-fid 0\.\d+\.\d+ on the same images", shown)


def test_a_protocol_names_itself_in_the_result_and_each_extractor(as_published: Path) -> None:
    gen, ref = images(0), images(1)
    scorer = Scorer.of(ref, protocol="adm", metrics=["fid", "sfid"])
    result = scorer(gen)
    assert result.protocol.name == "adm"
    assert result.metrics["fid"].extra["extractor"].startswith("inception@")
    assert result.metrics["sfid"].extra["extractor"].startswith("inception-spatial@")
    assert result.metrics["sfid"].value != result.metrics["fid"].value
    assert any("papers use 50,000 samples, and there are 8" in line for line in result.preflight)
    from ganbench.scoring import page, report

    shown = report.text(result, (), 120)
    assert "sfid" in page.render(result, scorer.open(gen), scorer.open(ref), None)
    assert "protocol: adm, samples" in shown
    assert "inception-spatial@" in shown
    assert "sfid ↓" in shown


# --- what contradicts a protocol


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"protocol": "ADM"}, "no protocol 'ADM'; did you mean 'adm'"),
        (
            {"protocol": "adm", "features": "dinov2"},
            "the protocol adm pins the extractor inception and inception-spatial: leave out",
        ),
        (
            {"protocol": "adm", "features": Extractor("auto", None, "bf16")},
            "pins the precision fp32: leave out `precision='bf16'`",
        ),
        ({"protocol": "adm", "metrics": ["kid"]}, "no number in the protocol adm: 'kid'"),
        (
            {"protocol": "adm", "features": Extractor("auto", f"{__file__}#sha256={'0' * 64}")},
            "pins the published weights",
        ),
        ({"protocol": "edm2", "features": Extractor("auto", __file__)}, "pins 2 files of weights"),
    ],
)
def test_what_contradicts_a_protocol_is_one_line(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)) as error:
        Scorer.of(images(1, 3), **given)
    assert error.value.exit_code == 2


def test_an_extractor_that_the_protocol_pins_is_no_contradiction() -> None:
    scorer = Scorer.of(images(1, 3), protocol="adm", features="inception", metrics=["fid"])
    assert (scorer.extractor.name, scorer.metrics) == ("inception", ("fid",))
    with pytest.raises(UserError, match="pins the extractor"):
        scorer.with_(features="pixels")


def test_statistics_serve_the_first_extractor_and_the_others_say_why_not(as_published: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "statistics.npz", mu=np.zeros(2048), sigma=np.eye(2048))
    result = score(images(0), tmp_path / "statistics.npz", protocol="adm", metrics=["fid", "sfid"])
    assert result.metrics["fid"].value is not None
    lacking = "its file has none"
    assert result.metrics["sfid"].reason == (
        f"sfid needs the images of the reference, or mu_s and sigma_s of inception-spatial: {lacking}"
    )


def test_statistics_of_a_file_of_adm_serve_fid_and_sfid(as_published: Path, tmp_path: Path) -> None:
    of: dict[str, Any] = {"mu": np.zeros(2048), "sigma": np.eye(2048), "mu_s": np.zeros(2023), "sigma_s": np.eye(2023)}
    np.savez(tmp_path / "both.npz", arr_0=images(1), **of)
    np.savez(tmp_path / "alone.npz", **of)
    wanted: dict[str, Any] = {"protocol": "adm", "metrics": ["fid", "sfid"]}
    result, alone = (score(images(0), tmp_path / name, **wanted) for name in ("both.npz", "alone.npz"))
    plain = score(images(0), images(1), **wanted)
    for name in ("fid", "sfid"):
        assert result.metrics[name].value == alone.metrics[name].value != plain.metrics[name].value
    said = "both.npz: fid is measured against mu and sigma of this file, sfid against mu_s and sigma_s"
    assert any(line.startswith(said) for line in result.preflight)
    assert result.protocol.reference.extra["spatial_statistics"] == alone.protocol.reference.extra["spatial_statistics"]


def test_statistics_of_dinov2_serve_the_number_of_dinov2(as_published: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "dino.npz", mu=np.zeros(1024), sigma=np.eye(1024))
    result = score(images(0), tmp_path / "dino.npz", protocol="edm2", metrics=["fid"]).metrics["fid"]
    assert result.reason == "fid needs the images of the reference, or mu and sigma of inception: its file has none"


@pytest.mark.parametrize("protocol", TABLE, ids=lambda protocol: protocol.name)
def test_a_protocol_pins_what_exists_and_names_its_sources(protocol: protocols.Protocol) -> None:
    assert protocol.sources
    for source in protocol.sources:
        assert re.fullmatch("[0-9a-f]{12}", source.commit)
        assert "/" in source.repository
    for entry in protocol.numbers:
        assert entry.measure.card == metrics.get(entry.metric).card
        assert "precision" in features.describe(entry.features)  # a network with published weights
    assert len({entry.name for entry in protocol.numbers}) == len(protocol.numbers)


def test_small_sets_are_told_their_subsets() -> None:
    lines = protocols.few(PROTOCOLS["torch-fidelity"], 400, 300)
    assert lines[1] == "the protocol torch-fidelity: kid takes subsets of 300 samples, not of 1,000"
    assert protocols.few(PROTOCOLS["torch-fidelity"], 50_000, 50_000) == []


def test_an_evaluator_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_opinion.importlib.util, "find_spec", lambda module: None)
    with pytest.raises(Unreachable, match=re.escape("pip install 'ganbench[peers]'")) as error:
        second_opinion.require(["clean-fid"], Extractor("pixels"))
    assert error.value.exit_code == 3
    with pytest.raises(UserError, match="no evaluator to check with"):
        second_opinion.require(["pytorch-fid"], Extractor("pixels"))


def test_the_causes_name_network_resize_precision_and_rule(as_published: Path) -> None:
    result = score(images(0), images(1), features="pixels", metrics=["fid", "kid"])
    entries = {entry.name: entry for entry in PROTOCOLS["clean-fid"].numbers}
    network = f"network: pixels, and not {features.describe('inception-clean')['id']}"
    assert second_opinion.pinned_causes(result, entries["fid"], "clean-fid") == [network]
    assert second_opinion.pinned_causes(result, entries["kid"], "clean-fid") == [
        network,
        f"rule: {entries['kid'].states}",
    ]
    assert second_opinion.own_causes(1.0, 1.00001, None) == ["rounding: 1e-05 of the value"]
    assert second_opinion.own_causes(1.0, 1.1, 0.1) == ["its subsets have no seed: its mean scatters by 0.1"]
    assert second_opinion.own_causes(1.0, 1.1, None) == ["not explained: 0.1"]


# --- the page


def test_the_page_of_protocols_is_fresh() -> None:
    assert protocols_page.page() == (REPOSITORY / "docs/protocols.md").read_text(encoding="utf-8")


def test_the_page_has_the_agreement_of_each_number() -> None:
    rows = protocols_page.agreement()
    assert {(row["protocol"], row["number"]) for row in rows} == set(NUMBERS)
    for row in rows:
        pair = row["protocol"], row["number"]
        ours, theirs = float(row["ganbench"]), float(row["evaluator"])
        assert ours == pytest.approx(theirs, rel=0.05 if pair in DRAWN else LOOSE.get(pair, 1e-5)), pair


def test_the_command_line_prints_the_second_opinion_and_keeps_it(
    as_published: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ganbench.cli import main

    said = {"fid": 7.0, "kid": 1.0, "kid.sd": 0.5}  # the own code has a test above
    stub = second_opinion.PEERS["clean-fid"]._replace(run=lambda gen, ref, weights: said)
    monkeypatch.setitem(second_opinion.PEERS, "clean-fid", stub)
    for name, seed in (("gen", 0), ("ref", 1)):
        np.savez(tmp_path / f"{name}.npz", images(seed))
    command = ["ganbench", "score", f"{tmp_path}/gen.npz", "--reference", f"{tmp_path}/ref.npz", "--features", "pixels"]
    further = ["--metrics", "fid", "--check-with", "clean-fid", "--json", f"{tmp_path}/out.json"]
    monkeypatch.setattr(sys, "argv", [*command, *further])
    with pytest.raises(SystemExit) as end:
        main()
    out, err = capsys.readouterr()
    assert not end.value.code, err
    assert "clean-fid" in out
    assert "network: pixels" in out
    kept = json.loads((tmp_path / "out.json").read_text())["second_opinion"]
    assert [(line["number"], line["theirs"]) for line in kept] == [("fid", 7.0), ("kid", 1.0)]
    monkeypatch.setattr(sys, "argv", [*command, "--protocol", "adm"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert "the protocol adm pins the extractor" in capsys.readouterr().err
