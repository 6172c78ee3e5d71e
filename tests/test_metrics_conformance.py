"""What every metric keeps to, by being a file of the folder."""

# mypy: no-strict-optional, disable-error-code="no-untyped-call"

from __future__ import annotations

import copy
import json
import math
import subprocess
import sys
from functools import cache
from typing import Any

import numpy as np
import pytest

from ganbench import metrics
from ganbench.data.mixture import Mixture
from ganbench.errors import UserError

N, TRAIN, D = 240, 300, 12
ANGLES = np.arange(8) * np.pi / 4


def points() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    mixture = Mixture(np.stack([np.cos(ANGLES), np.sin(ANGLES)], 1), 0.05)
    sets = {
        name: mixture.means[rng.integers(0, 8, n)] + 0.05 * rng.standard_normal((n, 2))
        for name, n in (("gen", N), ("ref", N), ("train", TRAIN))
    }
    return {**sets, "mixture": mixture}


def line() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    sets = {name: 4 + 0.5 * rng.standard_normal((n, 1)) for name, n in (("gen", N), ("ref", N), ("train", TRAIN))}
    places = np.linspace(0, 8, 101)
    return {
        **sets,
        "mixture": Mixture(np.array([[4.0]]), 0.5),
        "discriminator": np.stack([places, 0.5 + 0.1 * np.sin(places)], 1),
    }


def images(logits: tuple[int, ...] = (10,)) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    pixels = {name: rng.random((n, 64), np.float32) for name, n in (("gen", N), ("ref", N), ("train", TRAIN))}
    pixels["ref_disturbed"] = pixels["ref"] + rng.normal(0, 0.02, (N, 64)).astype(np.float32)
    to_features = rng.standard_normal((64, D))
    classes = 1000 if len(logits) == 2 else 10
    return {
        "image_shape": (8, 8, 1),
        **{name: (x - 0.5) @ to_features for name, x in pixels.items()},
        **{f"{name}_pixels": x for name, x in pixels.items()},
        **{f"{name}_lpips": rng.random(N) for name in ("gen", "ref")},
        **{f"{name}_labels": rng.integers(0, classes, len(pixels[name])) for name in ("gen", "ref", "train")},
        "gen_logits": 3 * rng.standard_normal((N, *logits)),
        "ref_logits": 3 * rng.standard_normal((N, *logits)),
    }


def embeddings() -> dict[str, np.ndarray]:
    """Features of length 1, as CLIP gives them."""
    rng = np.random.default_rng(0)
    sets = {name: rng.standard_normal((n, D)) for name, n in (("gen", N), ("ref", N), ("train", TRAIN))}
    return {name: x / np.linalg.norm(x, axis=1)[:, None] for name, x in sets.items()}


def captioned() -> dict[str, Any]:
    """Pictures with captions and with partners, as an encoder of both spaces gives them."""
    rng = np.random.default_rng(0)
    lowest = [0, -1, -1, -1, -1]  # -1: the caption does not state the attribute
    of_conditions, condition = rng.integers(lowest, 5, (60, 5)), rng.integers(0, 60, N)
    stated = {"gen": of_conditions[condition], "ref": rng.integers(lowest, 5, (N, 5))}
    given = images()
    return given | {
        **{f"{name}_stated": array for name, array in stated.items()},
        **{f"{name}_attributes": np.maximum(array, rng.integers(0, 5, (N, 5))) for name, array in stated.items()},
        **{f"{name}_captions": given[name] + rng.standard_normal((N, D)) for name in ("gen", "ref")},
        "gen_held_out": rng.random(N) < 0.3,
        "gen_condition": condition,
        "gen_truth": given["gen"] + rng.standard_normal((N, D)),
        "gen_truth_pixels": rng.random((N, 64)),
        "gen_truth_labels": rng.integers(0, 10, N),
        "attribute_names": ("shape", "colour", "size", "place", "ground"),
        **{f"{name}_kinds": rng.standard_normal((N, 7)) for name in ("gen", "ref")},
        "image_shape": (8, 8, 1),
    }


BOARDS = {
    "line": line, "points": points, "images": images, "stacks": lambda: images((3, 10)), "embeddings": embeddings,
    "captioned": captioned,
}  # fmt: skip
SETS = ("gen", "ref", "train")
CASES = [(name, board) for name in metrics.names() for board in BOARDS]
LOOKED_AT = [  # a metric, and a set of which it takes an input
    (name, kind)
    for name in metrics.names()
    for kind in SETS
    if any(entry.of == kind and metrics.asks_for(name, key) for key, entry in metrics.INPUTS.items())
]


@pytest.fixture(autouse=True)
def short_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """The network of `network_accuracy` takes a few steps: no claim of this file depends on how much it learns."""
    monkeypatch.setattr("ganbench.metrics.network_accuracy.STEPS", 10)


def one(name: str, inputs: dict[str, Any], seed: int = 0) -> dict[str, Any]:
    return metrics.compute([name], inputs, seed)[name]


@cache
def computed(name: str, board: str) -> tuple[str, list[str]]:
    """The result of a metric on a board, as JSON, and the inputs that it changed: computed once for the tests that look at it."""
    inputs = BOARDS[board]()
    before = copy.deepcopy(inputs)
    text = json.dumps(one(name, inputs), allow_nan=False)
    return text, [k for k in inputs.keys() - {"mixture"} if not np.array_equal(inputs[k], before[k])]


def result_of(name: str, board: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(computed(name, board)[0])
    return result


@pytest.mark.parametrize("name", metrics.names())
def test_card_is_complete(name: str) -> None:
    card = metrics.get(name).card
    assert card.answers.endswith("?")
    assert card.better in ("lower", "higher", "target")
    assert card.range[0] < card.range[1]
    assert card.minimum >= 2
    assert card.version >= 1
    assert "arXiv" in card.paper


@pytest.mark.parametrize("name", metrics.names())
def test_metric_applies_to_some_board(name: str) -> None:
    results = [result_of(name, board) for board in BOARDS]
    assert any(r["value"] is not None or "lower_bound" in r for r in results)  # `support` of real samples is a bound


@pytest.mark.parametrize("name", [name for name in metrics.names() if metrics.get(name).card.quantities])
def test_numbers_whose_kind_is_declared_exist_and_are_possible(name: str) -> None:
    results = [result_of(name, board) for board in BOARDS]
    for number in metrics.get(name).card.quantities:
        values = [r[number] for r in results if r.get(number) is not None]
        low, high = metrics.limits(name if number == "value" else f"{name}.{number}")
        assert values
        assert all(low <= value <= high for value in values)


@pytest.mark.parametrize(("name", "board"), CASES)
def test_result_is_json_and_inside_its_range(name: str, board: str) -> None:
    result = result_of(name, board)
    assert (result["value"] is None) == (result["reason"] is not None)
    if result["value"] is not None:
        low, high = metrics.get(name).card.range
        assert low <= result["value"] <= high
    if result["interval"] is not None:
        assert result["interval"][0] <= result["value"] <= result["interval"][1]


@pytest.mark.parametrize(("name", "board"), CASES)
def test_same_seed_same_result_without_the_inputs_of_other_metrics(name: str, board: str) -> None:
    asked = {k: v for k, v in BOARDS[board]().items() if k == "gen" or metrics.asks_for(name, k)}
    assert json.dumps(one(name, asked)) == computed(name, board)[0]


@pytest.mark.parametrize(("name", "board"), CASES)
def test_inputs_are_not_modified(name: str, board: str) -> None:
    assert computed(name, board)[1] == []


def leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for key in sorted(value) for leaf in leaves(value[key])]
    if isinstance(value, list):
        return [leaf for item in value for leaf in leaves(item)]
    return [value]


@pytest.mark.parametrize(("name", "board"), CASES)
def test_order_of_samples_does_not_matter(name: str, board: str) -> None:
    inputs = BOARDS[board]()
    rng = np.random.default_rng(9)
    orders = {kind: rng.permutation(len(inputs[kind])) for kind in SETS}
    moved = {k: v[orders[k.split("_")[0]]] if k.split("_")[0] in SETS else v for k, v in inputs.items()}
    a, b = result_of(name, board), json.loads(json.dumps(one(name, moved)))
    for pictures in ("closest", "gallery", "exact_gallery", "near_gallery"):  # lists of row numbers
        a.pop(pictures, None), b.pop(pictures, None)
    for x, y in zip(leaves(a), leaves(b), strict=True):
        assert x == y if isinstance(x, str | None) else math.isclose(x, y, rel_tol=1e-7, abs_tol=1e-9)


@pytest.mark.parametrize(("name", "board"), CASES)
def test_missing_input_is_a_reason(name: str, board: str) -> None:
    inputs = BOARDS[board]()
    for key in inputs:
        if key != "gen" and metrics.asks_for(
            name, key
        ):  # without the others the result is the same, as a test above shows
            result = one(name, {k: v for k, v in inputs.items() if k != key})
            assert (result["value"] is None) == (result["reason"] is not None)
    assert one(name, {"gen": inputs["gen"]})["reason"].startswith(name)


@pytest.mark.parametrize(("name", "kind"), LOOKED_AT)
def test_a_set_below_the_minimum_is_a_reason(name: str, kind: str) -> None:
    minimum = metrics.get(name).card.minimum
    for board in BOARDS.values():
        inputs = board()
        short = {k: v[: minimum - 1] if k.split("_")[0] == kind else v for k, v in inputs.items()}
        result = one(name, short)
        assert (result["value"] is None) == (result["reason"] is not None)
        if kind == "gen":
            assert result["value"] is None


@pytest.mark.parametrize(("name", "board"), CASES)
def test_a_collapsed_generator_gets_a_finite_number_or_a_reason(name: str, board: str) -> None:
    inputs = BOARDS[board]()
    constant = {k: np.repeat(v[:1], len(v), 0) if k.startswith("gen") else v for k, v in inputs.items()}
    result = one(name, constant)
    json.dumps(result, allow_nan=False)
    assert (result["value"] is None) == (result["reason"] is not None)


@pytest.mark.parametrize("name", metrics.names())
def test_nan_is_refused(name: str) -> None:
    inputs = points()
    inputs["gen"][3, 1] = np.nan
    with pytest.raises(UserError, match="gen has NaN"):
        one(name, inputs)


def test_metrics_need_no_torch_and_no_slow_module() -> None:
    code = "from ganbench import metrics; [metrics.get(n) for n in metrics.names()]; import sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "scipy.stats", "sklearn", "pandas", "faiss"} & set(loaded)


def test_nothing_computes_a_matrix_square_root() -> None:
    import inspect

    for name in metrics.names():
        assert "sqrtm" not in inspect.getsource(inspect.getmodule(metrics.get(name).function))
