"""Whatever comes in, a metric answers with an error of the user, a reason, or a number that can be stored and compared."""

# mypy: no-strict-optional, disable-error-code="no-untyped-call"

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from test_metrics_conformance import BOARDS, SETS, one, short_training  # noqa: F401 (a fixture)

from ganbench import metrics
from ganbench.errors import UserError

NAMES = metrics.names()


def of_sets(inputs: dict[str, Any], kinds: tuple[str, ...], change: Callable[..., Any]) -> dict[str, Any]:
    """The inputs, with the arrays of some sets changed: features, images, logits, labels and all.

    Pixels that are no images any more have no `image_shape`.
    """
    out = {key: change(value) if key.split("_")[0] in kinds else value for key, value in inputs.items()}
    pixels = [value for key, value in out.items() if key.endswith("_pixels")]
    if any(x.shape[1:] != (64,) or (len(x) and not 0 <= x.min() <= x.max() <= 1) for x in pixels):
        out.pop("image_shape", None)
    return out


def floats(change: Callable[..., Any]) -> Callable[..., Any]:
    """A change of features, images and logits that leaves labels alone."""
    return lambda x: change(x) if x.dtype.kind == "f" else x


@floats
def constant_feature(x: np.ndarray) -> np.ndarray:
    x = x.copy()
    x[..., 0] = 0.5  # of distances of pairs, which are one number each, the first
    return x


@floats
def wide(x: np.ndarray) -> np.ndarray:
    """300 columns, more than there are samples; logits and points of a mixture keep theirs."""
    return np.random.default_rng(0).random((len(x), 300)) if x.shape[1:] in ((12,), (64,)) else x


def check(name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """Compute one metric and hold it to the promise; None for a `UserError`."""
    try:
        result = one(name, inputs)
    except UserError:
        return None
    json.dumps(result, allow_nan=False)
    value, interval = result["value"], result["interval"]
    assert (value is None) == (result["reason"] is not None)
    low, high = metrics.get(name).card.range
    if value is not None:
        assert math.isfinite(value)
        assert low <= value <= high
    if interval is not None:
        assert low <= interval[0] <= interval[1] <= high
        if value is not None:
            assert interval[0] <= value <= interval[1]
    return result


def each(holds: Callable[[str], Any]) -> None:
    """Hold every metric to a claim. All metrics are tried, and the failed ones are named."""
    failed = {}
    for name in NAMES:
        try:
            holds(name)
        except BaseException as why:  # `pytest.fail` is no Exception
            failed[name] = f"{type(why).__name__}: {why}"
    assert not failed


ODD: dict[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "a constant feature": (SETS, constant_feature),
    "more features than samples": (SETS, wide),
    "all generated samples equal": (("gen",), lambda x: np.repeat(x[:1], len(x), 0)),
    "all held-out samples equal": (("ref",), lambda x: np.repeat(x[:1], len(x), 0)),
    "all samples equal in each set": (SETS, lambda x: np.repeat(x[:1], len(x), 0)),
    "nothing but zeros": (SETS, floats(np.zeros_like)),
    "every generated sample twice": (("gen",), lambda x: np.repeat(x[: len(x) // 2], 2, 0)),
    "every held-out sample twice": (("ref",), lambda x: np.repeat(x[: len(x) // 2], 2, 0)),
    "every sample of each set twice": (SETS, lambda x: np.repeat(x[: len(x) // 2], 2, 0)),
    "one distant outlier": (("gen",), floats(lambda x: np.concatenate([x[:-1], x[-1:] + 1e9]))),
    "far from the origin": (SETS, floats(lambda x: x + 1e6)),
    "huge features": (SETS, floats(lambda x: x * 1e30)),
    "tiny features": (SETS, floats(lambda x: x * 1e-30)),
    "float32": (SETS, floats(lambda x: x.astype(np.float32))),
    "columns in memory first": (SETS, np.asfortranarray),
}


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("odd", ODD)
def test_odd_input_gives_a_number_in_range_or_a_reason(odd: str, board: str) -> None:
    inputs = of_sets(BOARDS[board](), *ODD[odd])
    each(lambda name: check(name, inputs))


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("size", [0, 1])
@pytest.mark.parametrize("kind", SETS)
def test_an_empty_set_or_one_sample_gives_a_reason_or_is_not_looked_at(kind: str, size: int, board: str) -> None:
    inputs = of_sets(BOARDS[board](), (kind,), lambda x: x[:size])

    def holds(name: str) -> None:
        result = check(name, inputs)
        assert kind != "gen" or result is None or result["value"] is None

    each(holds)


def refused(inputs: dict[str, Any], why: str) -> None:
    """Every metric refuses these inputs, with a message that matches `why`."""

    def holds(name: str) -> None:
        with pytest.raises(UserError, match=why):
            one(name, inputs)

    each(holds)


@pytest.mark.parametrize("kind", ["gen", "ref", "train", "gen_logits", "ref_logits", "gen_pixels", "train_pixels"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused_wherever_they_are(bad: float, kind: str) -> None:
    inputs = BOARDS["images"]()
    inputs[kind][-1, -1] = bad
    refused(inputs, f"{kind} has NaN or infinite values")


@pytest.mark.parametrize("kind", ["ref", "train", "ref_pixels"])
def test_sets_of_unequal_dimension_are_refused(kind: str) -> None:
    inputs = BOARDS["images"]()
    inputs[kind] = inputs[kind][:, :-1]
    refused(inputs, "unequal dimension")


def test_copies_of_few_points_do_not_pass_for_a_manifold() -> None:
    """Equal points have balls of radius 0: they hold their copies, and nothing that is only near."""
    ref = np.repeat(np.random.default_rng(0).standard_normal((10, 4)), 10, 0)
    found = metrics.compute(["precision", "recall", "density", "coverage"], {"gen": ref, "ref": ref})
    assert {name: result["value"] for name, result in found.items()} == {
        "precision": 1, "recall": 1, "density": pytest.approx(1), "coverage": 1,
    }  # fmt: skip
    near = metrics.compute(list(found), {"gen": ref + 1e-9, "ref": ref})
    assert {result["value"] for result in near.values()} == {0}


def test_fid_of_fewer_samples_than_two_per_feature_has_no_interval() -> None:
    x = np.random.default_rng(0).standard_normal((2, 100, 60))
    assert metrics.compute(["fid"], {"gen": x[0], "ref": x[1]})["fid"]["interval"] is None
