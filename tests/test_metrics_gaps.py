"""What is missing and what is invented: the groups that are lost are named, and no others."""

# mypy: no-strict-optional

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ganbench import data, features, metrics

CLASSES, D = 10, 12


def classes(seed: int, n: int, lost: tuple[int, ...] = ()) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.choice([c for c in range(CLASSES) if c not in lost], n)
    return 5 * np.eye(CLASSES, D)[labels] + rng.standard_normal((n, D)), labels


def gone(result: dict[str, Any]) -> list[int]:
    return [line["group"] for line in result["groups"] if line["missing"]]


@pytest.mark.parametrize("lost", [(), (3,), (0, 7)])
def test_lost_classes_are_named_and_no_others(lost: tuple[int, ...]) -> None:
    ref, labels = classes(1, 600)
    result = metrics.compute(["missing"], {"gen": classes(0, 400, lost)[0], "ref": ref, "ref_labels": labels})[
        "missing"
    ]
    assert gone(result) == list(lost)
    assert result["value"] == pytest.approx(np.isin(labels, lost).mean())
    assert [group for group, _ in result["gallery"]] == list(lost)
    for group, rows in result["gallery"]:
        assert set(labels[rows]) == {group}


def test_without_classes_lost_clusters_hold_the_lost_samples() -> None:
    ref, labels = classes(1, 600)
    given = {"gen": classes(0, 500, (0, 7))[0], "ref": ref}
    result = metrics.compute(["missing"], given)["missing"]
    assert result["by"] == "cluster"
    assert result["value"] == pytest.approx(0.2, abs=0.07)
    shown = [row for _, rows in result["gallery"] for row in rows]
    assert np.isin(labels[shown], (0, 7)).all()


def test_perfect_generator_misses_nothing() -> None:
    ref, labels = classes(1, 400)
    for seed in range(20):
        given = {"gen": classes(100 + seed, 150)[0], "ref": ref, "ref_labels": labels}
        assert metrics.compute(["missing"], given)["missing"]["value"] == 0


def test_lost_group_of_the_visible_share_is_named_and_a_smaller_is_not() -> None:
    ref, labels = classes(1, 1000)
    for n in (100, 115, 130, 160, 200):
        result = metrics.compute(["missing"], {"gen": classes(0, n, (4,))[0], "ref": ref, "ref_labels": labels})[
            "missing"
        ]
        share = next(line["real"] for line in result["groups"] if line["group"] == 4)
        assert (gone(result) == [4]) == (share > result["visible"])


def test_dropped_digits_are_named_in_nearly_all_draws() -> None:
    """The whole claim, 100 draws in which two of ten digits are dropped, takes few seconds."""
    pool, held = data.load("digits", "train"), data.load("digits", "test")
    embedded, ref = (features.embed("digits-cnn", given.x).features.astype(float) for given in (pool, held))
    rng, right = np.random.default_rng(0), 0
    for _ in range(100):
        lost = sorted(rng.choice(10, 2, replace=False).tolist())
        kept = np.flatnonzero(~np.isin(pool.y, lost))
        given = {"gen": embedded[rng.permutation(kept)[:400]], "ref": ref, "ref_labels": held.y}
        right += gone(metrics.compute(["missing"], given)["missing"]) == lost
    assert right >= 95


def test_samples_near_nothing_are_counted_and_shown_in_their_groups() -> None:
    gen, ref = classes(0, 400)[0], classes(1, 600)[0]
    rng = np.random.default_rng(2)
    gen[:30] = -20 + rng.standard_normal((30, D))
    gen[30:40] = 20 + rng.standard_normal((10, D))
    result = metrics.compute(["invented"], {"gen": gen, "ref": ref})["invented"]
    assert result["value"] == pytest.approx(0.1, abs=0.03)
    assert result["interval"][0] > 0.05
    sizes = [size for size, _ in result["gallery"]]
    assert sizes == sorted(sizes, reverse=True)
    assert all(row < 40 for _, rows in result["gallery"][:2] for row in rows)


def test_perfect_generator_invents_nothing_in_nearly_all_sets() -> None:
    ref = classes(1, 600)[0]
    lows = [
        metrics.compute(["invented"], {"gen": classes(50 + seed, 300)[0], "ref": ref})["invented"]["interval"][0]
        for seed in range(20)
    ]
    assert np.count_nonzero(lows) <= 2
