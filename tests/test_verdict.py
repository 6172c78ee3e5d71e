"""The words follow the numbers: each verdict on results made up for it, and on sets that deserve it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ganbench import data, score
from ganbench.features import inception
from ganbench.scoring.result import Result
from ganbench.scoring.verdict import GATES, Verdict, label, verdicts

GOOD: dict[str, dict[str, Any]] = {
    "memorisation": {"value": 0.0, "interval": [0.0, 0.005], "duplicates_train_ref": 0},
    "support": {"value": None, "interval": None, "lower_bound": 3000.0, "verdict": "no evidence of finite support"},
    "coverage": {"value": 0.97, "interval": [0.95, 0.98], "perfect": 0.97},
    "fid": {"value": 9.0, "interval": [8.0, 10.0], "perfect": 1.0},
}
INCEPTION = {"id": "inception@6726825d", "sha256": inception.WEIGHTS.sha256, "d": 2048}


def result(
    changed: dict[str, dict[str, Any]] | None = None,
    features: dict[str, Any] | None = None,
    **sets: dict[str, Any] | None,
) -> Result:
    """A result without faults, but for what is changed."""
    metrics = {name: {"n": 400, "version": 1, "reason": None} | m for name, m in (GOOD | (changed or {})).items()}
    identities = {
        k: {"name": k, "n": 400, "sha256": k[0] * 64, "shape": [8, 8, 1]} for k in ("samples", "reference", "train")
    } | sets
    return Result.model_validate(
        {
            "protocol": {
                "ganbench": "0", "features": features or INCEPTION, "seed": 0,
                "reference": identities["reference"], "train": identities["train"],
            },
            "samples": identities["samples"],
            "metrics": metrics,
        }
    )  # fmt: skip


def said(one: Result, gate: str) -> list[Verdict]:
    return [v for v in verdicts(one) if v.gate == gate]


def test_result_without_faults_has_only_good_verdicts() -> None:
    assert {v.level for v in verdicts(result())} == {"good"}


@pytest.mark.parametrize(
    ("metric", "numbers", "gate", "level", "words"),
    [
        ("memorisation", {"value": 0.12, "interval": [0.09, 0.15], "duplicates_train_ref": 0}, "copying", "bad",
         "about 12 % of the samples are copies of training images (95 %: 9 % to 15 %)"),
        ("memorisation", {"value": 0.01, "interval": [0.0, 0.03], "duplicates_train_ref": 0}, "copying", "good",
         "at most 3 %"),
        ("memorisation", {"value": 0.0, "interval": [0.0, 0.0], "duplicates_train_ref": 0, "n": 1592}, "copying", "good",
         "at most 0.23 %"),
        ("memorisation", {"value": 0.0, "interval": [0.0, 0.03], "duplicates_train_ref": 7}, "copying", "caution",
         "near-duplicates of training samples: 7 of the 400 held-out samples"),
        ("memorisation", {"value": 0.0, "interval": [0.0, 0.03], "duplicates_train_ref": 0, "c_t": -6.9}, "copying", "caution",
         "at most 3 %, 95 %), but the samples lie closer to the training set than held-out samples do (C_T -6.9)"),
        ("memorisation", {"value": 0.0, "interval": [0.0, 0.03], "duplicates_train_ref": 0, "c_t": -2.0,
          "authenticity_difference": 0.1, "authenticity_interval": [0.02, 0.2]}, "copying", "caution", "(by 10 %)"),
        ("memorisation", {"value": 0.0, "interval": [0.0, 0.03], "duplicates_train_ref": 0, "c_t": -2.0,
          "authenticity_interval": [-0.02, 0.2]}, "copying", "good", "at most 3 %"),
        ("memorisation", {"value": 0.0, "interval": [0.0, 0.03], "duplicates_train_ref": 0, "sensitivity": {"exact": 1.0, "flip": 0.02}},
         "copying", "good", "by kind of copy: exact 100 %, flip 2 %"),
        ("memorisation", {"value": 0.12, "interval": [0.09, 0.15], "duplicates_train_ref": 0, "exact": 40, "near": 9}, "copying", "bad",
         "exact copies: 40, near copies: 9"),
        ("support", {"value": 50.0, "interval": [40.0, 60.0], "lower_bound": 40.0, "verdict": "discrete support"},
         "collapse", "bad", "about 50 different samples (95 %: 40 to 60)"),
        ("support", {"value": 1.0, "interval": [1.0, 1.01], "lower_bound": 1.0, "verdict": "discrete support"},
         "collapse", "bad", "about 1 different sample (95 %: 1 to 1)"),
        ("support", {"value": None, "interval": None, "lower_bound": 40.0, "verdict": "density contraction"},
         "collapse", "caution", "closer together than real samples, like blurred or shrunken samples, but they do not repeat; "
         "the generator can make at least 40 different samples"),
        ("support", {"value": None, "interval": None, "lower_bound": 40.0, "verdict": "repeats or contraction"},
         "collapse", "caution", "too few such pairs to tell whether the samples repeat"),
        ("support", {"value": None, "interval": None, "lower_bound": 40.0, "verdict": "duplicate rule too strict"},
         "collapse", "caution", "uncertain"),
        ("coverage", {"value": 0.56, "interval": [0.5, 0.6], "perfect": 0.97}, "diversity", "caution", "cover 56 %"),
        ("coverage", {"value": 0.4, "interval": [0.3, 0.5], "perfect": 0.97}, "diversity", "bad", "cover 40 %"),
        ("rejected", {"value": 0.9, "interval": [0.8, 0.95], "perfect": 0.01, "perfect_interval": [0.0, 0.03]}, "damage", "bad",
         "most samples are not images of this kind: the classifier calls 90 % of the samples damaged (95 %: 80 % to 95 %), and 1 %"),
        ("rejected", {"value": 0.1, "interval": [0.05, 0.2], "perfect": 0.01, "perfect_interval": [0.0, 0.03]}, "damage", "caution",
         "more samples than held-out images look damaged"),
        ("rejected", {"value": 0.03, "interval": [0.02, 0.05], "perfect": 0.01, "perfect_interval": [0.0, 0.03]}, "damage", "good",
         "do not look more damaged than held-out images"),
        ("modes", {"value": 7.0, "interval": None, "perfect": 8.0}, "diversity", "bad", "reach 7 modes; as many samples of a perfect generator reach 8"),
        ("modes", {"value": 24.0, "interval": None, "perfect": 25.0, "n": 50}, "diversity", "caution", "may be chance: you need 153 samples"),
        ("fid", {"value": 1.9, "interval": [1.8, 2.0], "perfect": 1.0}, "sample size", "caution", "most of the value comes from the small number of samples"),
        ("fid", {"value": 1.2, "interval": [0.8, 1.6], "perfect": 1.0}, "sample size", "caution", "do not differ clearly"),
        ("fid", {"value": 9.0, "interval": None, "perfect": 1.0}, "sample size", "bad", "you need 4,096 samples in each set"),
    ],
)  # fmt: skip
def test_words_follow_the_numbers(metric: str, numbers: dict[str, Any], gate: str, level: str, words: str) -> None:
    found = said(result({metric: numbers}), gate)
    assert any(v.level == level and words in v.text.replace("\xa0", " ") for v in found), found


def test_what_was_not_computed_gets_no_verdict_and_says_why() -> None:
    missing = {"value": None, "interval": None, "reason": "memorisation needs the training set: pass `train=`"}
    (verdict,) = said(result({"memorisation": missing}), "copying")
    assert verdict.level == "unknown"
    assert verdict.text == "no verdict: memorisation needs the training set: pass `train=`"
    bare = result().model_copy(update={"metrics": {}})
    silent = (
        "damage",
        "gaps",
        "few samples",
        "literature",
        "protocol",
    )  # these say nothing where there is nothing to say
    assert [v.gate for v in verdicts(bare)] == [gate for gate in GATES if gate not in silent]
    assert {v.level for v in verdicts(bare)} == {"unknown"}
    assert all("was not asked for" in v.text for v in verdicts(bare))


def lost(*groups: int) -> dict[str, Any]:
    lines = [
        {"group": i, "real": 0.1, "made": 0.0 if i in groups else 0.125, "missing": i in groups} for i in range(10)
    ]
    return {"value": len(groups) / 10, "interval": None, "by": "class", "groups": lines}


@pytest.mark.parametrize(
    ("metric", "numbers", "gate", "level", "words"),
    [
        ("missing", lost(3, 8), "gaps", "bad", "hardly reach classes 3, 8 of 10: 20 % of the held-out samples"),
        ("missing", lost(3), "gaps", "bad", "hardly reach class 3 of 10"),
        ("missing", lost(*range(8)), "gaps", "bad", "classes 0, 1, 2, 3, 4, 5 and 2 more of 10"),
        ("invented", {"value": 0.12, "interval": [0.09, 0.15]}, "gaps", "caution", "12 % of the samples lie near no held-out"),
        ("equality", {"value": 0.001, "interval": None}, "few samples", "caution", "with a probability of 0.001"),
        ("equality", {"value": 0.4, "interval": None, "detectable": 0.2}, "few samples", "good",
         "with 400 samples you would have seen the loss of 20 % of the data in four of five cases"),
        ("equality", {"value": 0.4, "interval": None, "detectable": 0.6}, "few samples", "caution", "the loss of 60 %"),
        ("equality", {"value": 0.4, "interval": None, "detectable": None}, "few samples", "caution",
         "too few to see even a generator that leaves out 90 %"),
    ],
)  # fmt: skip
def test_gaps_and_few_samples_are_put_into_words(
    metric: str, numbers: dict[str, Any], gate: str, level: str, words: str
) -> None:
    (verdict,) = said(result({metric: numbers}), gate)
    assert verdict.level == level
    assert words in verdict.text.replace("\xa0", " ")


def test_nothing_is_said_where_nothing_is_missing_or_invented() -> None:
    fine = {"missing": lost(), "invented": {"value": 0.001, "interval": [0.0, 0.01]}}
    assert said(result(fine), "gaps") == []


def test_unfair_protocols_are_named() -> None:
    same = {"name": "x", "n": 400, "sha256": "x" * 64}
    assert "the reference itself" in said(result(samples=same, reference=same), "protocol")[0].text
    assert "copies of training samples score best" in said(result(reference=same, train=same), "protocol")[0].text
    assert "`train=`" in said(result(train=None), "protocol")[0].text
    assert "300" in said(result(samples=same | {"n": 300}), "protocol")[0].text


def test_copies_blobs_and_collapse_are_called_by_their_names() -> None:
    x = np.asarray(data.load("digits", "train").x)
    levels = {v.gate: v.level for v in verdicts(score(x[:797], "digits"))}
    expected = {
        "copying": "bad",
        "collapse": "good",
        "diversity": "good",
        "damage": "good",
        "few samples": "good",
        "sample size": "caution",
    }
    assert levels == expected | {"literature": "caution"}
    collapsed = verdicts(score(np.repeat(x[:8], 50, axis=0), "digits"))
    levels = {v.gate: v.level for v in collapsed}
    assert {"copying": "bad", "collapse": "bad", "diversity": "bad"}.items() <= levels.items()
    (collapse,) = [v for v in collapsed if v.gate == "collapse"]
    assert "about 8 different" in collapse.text


@pytest.mark.parametrize(
    ("features", "level", "words"),
    [
        (INCEPTION, "good", "comparable with FIDs in papers"),
        (INCEPTION | {"id": "inception-clean@6726825d"}, "good", "comparable with values of clean-fid"),
        (INCEPTION | {"id": "inception@6726825d/bf16"}, "caution", "measured with inception/bf16"),
        (INCEPTION | {"id": "inception@00000000", "sha256": "0" * 64}, "caution", "do not compare it with FIDs in papers"),
        ({"id": "efficientnet-lite0@112@57934424", "sha256": "5" * 64}, "caution", "with efficientnet-lite0@112, not with"),
        ({"id": "pixels", "sha256": None}, "caution", "measured with pixels, not with Inception"),
    ],
)  # fmt: skip
def test_only_the_published_inception_gives_the_fid_of_papers(features: dict[str, Any], level: str, words: str) -> None:
    (verdict,) = said(result(features=features), "literature")
    assert verdict.level == level
    assert words in verdict.text


def test_saved_statistics_leave_the_sample_size_open() -> None:
    reference = {"name": "mu.npz", "n": 0, "sha256": "m" * 64}
    alone = result({"fid": {"value": 9.0, "interval": [8.0, 10.0], "perfect": None}}, reference=reference)
    (size,), (fair,) = said(alone, "sample size"), said(alone, "protocol")
    assert (size.level, fair.level) == ("unknown", "caution")
    assert "size of the reference, and this size is unknown" in size.text
    assert "number of its samples is unknown" in fair.text


def test_points_have_no_fid_in_papers() -> None:
    points = {"name": "x", "n": 400, "sha256": "x" * 64, "shape": [2]}
    assert said(result(samples=points, features={"id": "identity", "sha256": None}), "literature") == []


@pytest.mark.parametrize(
    ("features", "shape", "least"), [({"id": "pixels"}, [8, 8, 1], "128"), ({"id": "x@12345678", "d": 1280}, [8, 8, 1], "2,560")]
)  # fmt: skip
def test_advice_on_n_counts_the_features(features: dict[str, Any], shape: list[int], least: str) -> None:
    none = {"fid": {"value": 9.0, "interval": None, "perfect": 1.0}}
    samples = {"name": "x", "n": 100, "sha256": "x" * 64, "shape": shape}
    text = said(result(none, features | {"sha256": None}, samples=samples), "sample size")[0].text
    assert f"you need {least} samples" in text
    assert "kid" not in text
    kid = {"kid": {"value": 0.1, "interval": [0.0, 0.2]}}
    assert "quote kid" in said(result(none | kid, features | {"sha256": None}), "sample size")[0].text


@pytest.mark.parametrize(
    ("metric", "extractor", "name"),
    [
        ("fid", "mnist-cnn@93032eb3", "fid (mnist-cnn)"),
        ("support", "pixels", "support (pixels)"),
        ("parzen", "mnist-cnn@93032eb3", "parzen (pixels)"),
        ("fid", "identity", "fid"),
        ("no_metric_of_this_name", "mnist-cnn@93032eb3", "no_metric_of_this_name"),
    ],
)
def test_the_extractor_stands_in_the_name_of_a_number(metric: str, extractor: str, name: str) -> None:
    assert label(metric, extractor) == name
