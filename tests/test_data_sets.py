"""The datasets themselves: their bytes are the pinned ones, and they are what their cards say."""

# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from ganbench import data
from ganbench.data import draws, folder, registry
from ganbench.data.families.digits import _stratified
from ganbench.data.families.mnist import _stacks

TOYS = ("gaussian1d", "ring", "grid")
CHECKOUT = Path(data.__file__).parents[2]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    for name in (*TOYS, "digits"):
        data.build(name, root)
    return root


def card(root: Path, name: str) -> dict[str, Any]:
    return json.loads((root / name / "card.json").read_text())


@pytest.mark.parametrize("name", [*TOYS, "digits"])
def test_build_gives_the_very_bytes_that_dvc_pinned(root: Path, name: str) -> None:
    assert folder.digest(root / name) == data.version(name)


def test_every_dataset_has_a_stage_and_a_pin() -> None:
    stages = yaml.safe_load((CHECKOUT / "dvc.yaml").read_text())["stages"]
    assert sorted(stages) == list(data.names())
    for name, stage in stages.items():
        assert stage["cmd"] == f"python -m ganbench data build {name}"
        assert stage["outs"] == [f"data/{name}"]
        assert data.version(name).endswith(".dir")


def test_no_stage_depends_on_the_text_of_the_code() -> None:
    stages = yaml.safe_load((CHECKOUT / "dvc.yaml").read_text())["stages"]
    for name, stage in stages.items():
        assert stage.get("deps", []) == [f"data/{part}" for part in registry.get(name).made_of]
    assert all(list(*stage["params"][0].values()) == ["RECIPE"] for stage in stages.values())


@pytest.mark.parametrize("name", [*TOYS, "digits"])
def test_card_states_sizes_and_hashes_of_the_files(root: Path, name: str) -> None:
    facts = card(root, name)
    assert set(facts["sha256"]) == {"train.npy", "test.npy", "train_labels.npy", "test_labels.npy"}
    for file, known in facts["sha256"].items():
        assert hashlib.sha256((root / name / file).read_bytes()).hexdigest() == known
    for split in ("train", "test"):
        x, y = folder.read(root / name, split)
        assert x.shape == (facts[split], *facts["shape"])
        assert x.dtype == facts["dtype"]
        assert y.dtype == np.int64
        assert y.shape == (facts[split],)
        assert set(y) == set(range(facts["classes"]))
        assert not x.flags.writeable
    assert {"about", "licence", "citation", "url"} <= set(facts)


@pytest.mark.parametrize("name", TOYS)
@pytest.mark.parametrize("split", ["train", "test"])
def test_points_are_standard_normal_about_their_own_mode(root: Path, name: str, split: str) -> None:
    truth = card(root, name)["mixture"]
    x, y = folder.read(root / name, split)
    z = (x - np.array(truth["means"])[y]) / truth["sd"]
    n = z.size
    assert abs(z.mean()) < 4 / np.sqrt(n)
    assert abs(z.var() - 1) < 4 * np.sqrt(2 / n)
    inside = (np.linalg.norm(z, axis=1) < 3).mean()
    truth_inside = {1: 0.9973, 2: 1 - np.exp(-4.5)}[x.shape[1]]  # the chi distribution at 3
    assert abs(inside - truth_inside) < 4 * np.sqrt(0.011 / len(z))


@pytest.mark.parametrize("name", ["ring", "grid"])
def test_modes_are_equally_likely(root: Path, name: str) -> None:
    y = folder.read(root / name, "train").y
    share = np.bincount(y) / len(y)
    assert np.abs(share * len(share) - 1).max() < 4 * np.sqrt(len(share) / len(y))


def test_ring_has_eight_distinct_modes_on_the_unit_circle(root: Path) -> None:
    means = np.array(card(root, "ring")["mixture"]["means"])
    assert len(np.unique(means, axis=0)) == 8
    np.testing.assert_allclose(np.hypot(*means.T), 1, atol=2**-20)
    gaps = np.linalg.norm(means - np.roll(means, 1, axis=0), axis=1)
    np.testing.assert_allclose(gaps, 2 * np.sin(np.pi / 8), atol=2**-19)


def test_grid_has_25_distinct_modes(root: Path) -> None:
    means = card(root, "grid")["mixture"]["means"]
    assert {tuple(m) for m in means} == {(x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)}


@pytest.mark.parametrize("name", TOYS)
def test_no_point_of_the_test_split_is_in_training(root: Path, name: str) -> None:
    train, test = (folder.read(root / name, split).x for split in ("train", "test"))
    shared = {p.tobytes() for p in np.asarray(train)} & {p.tobytes() for p in np.asarray(test)}
    # points lie on a grid of 2**-20, where 10**8 pairs on one line meet by chance, and pairs in the plane hardly do
    assert len(shared) < (300 if name == "gaussian1d" else 3)


def test_digits_are_scikit_learns_by_the_stated_rule(root: Path) -> None:
    from sklearn.datasets import load_digits

    values, labels = load_digits(return_X_y=True)
    expected = sorted(
        (bytes(np.floor(v * 255 / 16 + 0.5).astype(np.uint8)), int(y)) for v, y in zip(values, labels, strict=True)
    )
    splits = [folder.read(root / "digits", split) for split in ("train", "test")]
    assert sorted((x.tobytes(), int(y)) for s in splits for x, y in zip(s.x, s.y, strict=True)) == expected


def test_digits_split_is_stratified(root: Path) -> None:
    train, test = (np.bincount(folder.read(root / "digits", split).y) for split in ("train", "test"))
    np.testing.assert_array_less(np.abs(train - (train + test) * 1000 / 1797), 1)


def test_each_beginning_of_a_stratified_order_is_balanced() -> None:
    y = np.repeat([0, 1, 2], [60, 30, 10])
    order = _stratified(y)
    assert sorted(order) == list(range(100))
    assert not np.array_equal(order[y[order] == 0], np.arange(60))
    for n in range(1, 100):
        assert np.abs(np.bincount(y[order[:n]], minlength=3) - n * np.array([0.6, 0.3, 0.1])).max() <= 1.5


def test_stacks_are_three_digits_of_the_split_and_labelled_by_them(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    split = data.Split(rng.integers(0, 256, (7, 4, 4, 1), dtype=np.uint8), np.array([0, 1, 2, 3, 4, 8, 9]))
    (tmp_path / "mnist").mkdir()
    folder.write(tmp_path / "mnist", "mnist", "made up", data.Built(split, split, {}))
    x, y = _stacks(tmp_path, "train", 500)
    assert x.shape == (500, 4, 4, 3)
    digit = {image.tobytes(): int(label) for image, label in zip(split.x, split.y, strict=True)}
    for image, label in zip(x, y, strict=True):
        a, b, c = (digit[np.ascontiguousarray(image[..., k]).tobytes()] for k in range(3))
        assert label == 100 * a + 10 * b + c
    assert len(set(y)) > 200  # of 343: the three are drawn independently


def test_draws_are_fixed_for_ever() -> None:
    shake = hashlib.shake_256(b"seed").digest(16)
    first, second = (int.from_bytes(shake[k : k + 8], "little") for k in (0, 8))
    np.testing.assert_array_equal(draws.uniform("seed", 2), [((u >> 12) + 0.5) / 2**52 for u in (first, second)])


def test_draws_have_the_distribution_they_claim() -> None:
    from scipy.stats import chisquare, kstest

    assert kstest(draws.uniform("a", 10_000), "uniform").pvalue > 0.001
    assert kstest(draws.normal("b", 10_000), "norm").pvalue > 0.001
    assert chisquare(np.bincount(draws.integers("c", 10, 10_000), minlength=10)).pvalue > 0.001
    assert abs(np.corrcoef(draws.normal("d", 10_000), draws.normal("e", 10_000))[0, 1]) < 0.04


def test_import_is_light() -> None:
    heavy = ["torch", "sklearn", "scipy", "pooch", "dvc", "pandas"]
    code = f"import sys, ganbench.data as d; d.names(); print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
