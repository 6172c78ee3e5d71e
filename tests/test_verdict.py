"""The words follow the numbers: each verdict on results made up for it, and on sets that deserve it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ganbench import data, score
from ganbench.scoring.result import Result
from ganbench.scoring.verdict import GATES, Verdict, verdicts

GOOD: dict[str, dict[str, Any]] = {
    "memorisation": {"value": 0.0, "interval": [0.0, 0.005], "duplicates_train_ref": 0},
    "support": {"value": None, "interval": None, "lower_bound": 3000.0, "verdict": "no evidence of finite support"},
    "coverage": {"value": 0.97, "interval": [0.95, 0.98], "perfect": 0.97},
    "fid": {"value": 9.0, "interval": [8.0, 10.0], "perfect": 1.0},
}


def result(changed: dict[str, dict[str, Any]] | None = None, **sets: dict[str, Any] | None) -> Result:
    """A result without faults, but for what is changed."""
    metrics = {name: {"n": 400, "version": 1, "reason": None} | m for name, m in (GOOD | (changed or {})).items()}
    identities = {
        k: {"name": k, "n": 400, "sha256": k[0] * 64, "shape": [8, 8, 1]} for k in ("samples", "reference", "train")
    } | sets
    return Result.model_validate(
        {
            "protocol": {
                "ganbench": "0", "features": {"id": "pixels", "sha256": None}, "seed": 0,
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
         "7 of the 400 held-out samples are near-duplicates of training samples"),
        ("support", {"value": 50.0, "interval": [40.0, 60.0], "lower_bound": 40.0, "verdict": "discrete support"},
         "collapse", "bad", "about 50 different samples (95 %: 40 to 60)"),
        ("support", {"value": 50.0, "interval": [40.0, 60.0], "lower_bound": 40.0, "verdict": "density contraction"},
         "collapse", "caution", "closer together"),
        ("support", {"value": None, "interval": None, "lower_bound": 40.0, "verdict": "duplicate rule too strict"},
         "collapse", "caution", "uncertain"),
        ("coverage", {"value": 0.56, "interval": [0.5, 0.6], "perfect": 0.97}, "diversity", "caution", "covers 56 %"),
        ("coverage", {"value": 0.4, "interval": [0.3, 0.5], "perfect": 0.97}, "diversity", "bad", "covers 40 %"),
        ("modes", {"value": 7.0, "interval": None, "perfect": 8.0}, "diversity", "bad", "reaches 7 of the 8 modes"),
        ("modes", {"value": 24.0, "interval": None, "perfect": 25.0, "n": 50}, "diversity", "caution", "may be chance"),
        ("fid", {"value": 1.9, "interval": [1.8, 2.0], "perfect": 1.0}, "sample size", "caution", "most of it is the bias"),
        ("fid", {"value": 1.2, "interval": [0.8, 1.6], "perfect": 1.0}, "sample size", "caution", "no clear difference"),
        ("fid", {"value": 9.0, "interval": None, "perfect": 1.0}, "sample size", "bad", "no interval"),
    ],
)  # fmt: skip
def test_words_follow_the_numbers(metric: str, numbers: dict[str, Any], gate: str, level: str, words: str) -> None:
    found = said(result({metric: numbers}), gate)
    assert any(v.level == level and words in v.text.replace("\xa0", " ") for v in found), found


def test_what_was_not_computed_gets_no_verdict_and_says_why() -> None:
    missing = {"value": None, "interval": None, "reason": "memorisation needs the training set: pass --train"}
    (verdict,) = said(result({"memorisation": missing}), "copying")
    assert verdict.level == "unknown"
    assert verdict.text == "no verdict: memorisation needs the training set: pass --train"
    bare = result().model_copy(update={"metrics": {}})
    assert [v.level for v in verdicts(bare)] == ["unknown"] * (len(GATES) - 1)
    assert all("was not asked for" in v.text for v in verdicts(bare))


def test_unfair_protocols_are_named() -> None:
    same = {"name": "x", "n": 400, "sha256": "x" * 64}
    assert "the reference itself" in said(result(samples=same, reference=same), "protocol")[0].text
    assert "copies of it score best" in said(result(reference=same, train=same), "protocol")[0].text
    assert "--train" in said(result(train=None), "protocol")[0].text
    assert "300" in said(result(samples=same | {"n": 300}), "protocol")[0].text


def test_copies_blobs_and_collapse_are_called_by_their_names() -> None:
    x = np.asarray(data.load("digits", "train").x)
    levels = {v.gate: v.level for v in verdicts(score(x[:797], "digits"))}
    assert levels == {"copying": "bad", "collapse": "good", "diversity": "good", "sample size": "caution"}
    found = verdicts(score(np.repeat(x[:8], 50, axis=0), "digits"))
    assert {"copying": "bad", "collapse": "bad", "diversity": "bad"}.items() <= {v.gate: v.level for v in found}.items()
    (collapse,) = [v for v in found if v.gate == "collapse"]
    assert "about 8 different" in collapse.text
