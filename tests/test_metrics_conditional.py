"""Metrics within classes: what FID does not see at all, they see."""

# mypy: no-strict-optional

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from ganbench import metrics

CLASSES, D, EACH = 4, 6, 300
CENTRES = 3 * np.eye(CLASSES, D)


def labelled(seed: int, each: int = EACH) -> tuple[np.ndarray, np.ndarray]:
    """Four classes 4.2 apart, with a standard deviation of 1."""
    labels = np.repeat(np.arange(CLASSES), each)
    return CENTRES[labels] + np.random.default_rng(seed).standard_normal((len(labels), D)), labels


def inputs(gen: np.ndarray, gen_labels: np.ndarray) -> dict[str, Any]:
    ref, ref_labels = labelled(1)
    train, train_labels = labelled(2)
    sets = {"gen": gen, "ref": ref, "train": train}
    return {**sets, "gen_labels": gen_labels, "ref_labels": ref_labels, "train_labels": train_labels}


def scored(names: list[str], given: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return metrics.compute(names, given)


WITHIN = ["intra_fid", "intra_precision", "intra_recall", "label_accuracy"]


def test_perfect_generator_is_perfect_within_every_class() -> None:
    results = scored(WITHIN, inputs(*labelled(0)))
    assert results["intra_fid"]["interval"][0] < results["intra_fid"]["perfect"] < results["intra_fid"]["interval"][1]
    for name in WITHIN[1:]:
        assert results[name]["value"] == pytest.approx(results[name]["perfect"], abs=0.05)
    for name in WITHIN:
        assert [line["class"] for line in results[name]["classes"]] == list(range(CLASSES))
        assert all(line["interval"][0] <= line["value"] <= line["interval"][1] for line in results[name]["classes"])


def test_swapped_labels_are_seen_where_fid_sees_nothing() -> None:
    gen, labels = labelled(0)
    swapped = np.array([1, 0, 2, 3])[labels]
    before, after = (scored(["fid", *WITHIN], inputs(gen, given)) for given in (labels, swapped))
    assert after["fid"] == before["fid"]
    assert after["intra_fid"]["value"] > 20 * before["intra_fid"]["interval"][1]
    distances = [line["value"] for line in after["intra_fid"]["classes"]]
    assert min(distances[:2]) > 10 * max(distances[2:])
    assert (
        after["intra_precision"]["classes"][0]["interval"][1] < before["intra_precision"]["classes"][0]["interval"][0]
    )
    assert after["label_accuracy"]["value"] == pytest.approx(0.5, abs=0.03)
    assert [line["taken_for"] for line in after["label_accuracy"]["classes"]][:2] == [1, 0]


def test_class_collapsed_inside_is_seen_where_fid_sees_nothing() -> None:
    """Class 0 holds 300 images near six outputs, and the outputs have the mean and the covariance of the class."""
    gen, labels = labelled(0)
    own = gen[labels == 0]
    spread = own - own.mean(0)
    u, s, v = np.linalg.svd(spread, full_matrices=False)
    signs = np.repeat(np.array([1.0, -1.0]), EACH // 2 // D)
    u = np.concatenate([np.outer(signs, row) for row in np.eye(D)]) / np.sqrt(EACH / D)
    gen = gen.copy()
    gen[labels == 0] = own.mean(0) + u @ np.diag(s) @ v
    before, after = scored(["fid", *WITHIN], inputs(*labelled(0))), scored(["fid", *WITHIN], inputs(gen, labels))
    assert after["fid"]["value"] == pytest.approx(before["fid"]["value"], rel=0.02)
    assert after["intra_recall"]["classes"][0]["interval"][1] < 0.1
    assert before["intra_recall"]["classes"][0]["interval"][0] > 0.5
    assert after["intra_recall"]["interval"][1] < before["intra_recall"]["interval"][0]
    for was, now in zip(before["intra_recall"]["classes"][1:], after["intra_recall"]["classes"][1:], strict=True):
        assert was == now


def test_class_that_is_never_generated_is_named_and_not_averaged_away() -> None:
    gen, labels = labelled(0)
    result = scored(["intra_recall"], inputs(gen[labels != 2], labels[labels != 2]))["intra_recall"]
    assert result["value"] is None
    assert "class 2 has too few" in result["reason"]
    assert [line["n"] for line in result["classes"]] == [EACH, EACH, 0, EACH]


def test_class_without_a_reference_is_a_reason() -> None:
    gen, labels = labelled(0)
    result = scored(["intra_fid"], inputs(gen, labels + 1))["intra_fid"]
    assert "no reference for class 4" in result["reason"]


def test_interval_of_intra_fid_holds_its_mean_in_nine_of_ten_sets() -> None:
    moved = 0.5 * np.ones(D)
    results = [
        scored(["intra_fid"], inputs(x + moved, y))["intra_fid"] for x, y in (labelled(9 + i) for i in range(20))
    ]
    mean = np.mean([result["value"] for result in results])
    assert sum(result["interval"][0] <= mean <= result["interval"][1] for result in results) >= 18


def pictures(seed: int, each: int) -> tuple[np.ndarray, np.ndarray]:
    """Images of 8 x 8: a bright row, whose place is the class, and noise."""
    labels = np.repeat(np.arange(CLASSES), each)
    x = np.random.default_rng(seed).uniform(0, 0.5, (len(labels), 8, 8))
    x[np.arange(len(labels)), 2 * labels] += 0.5
    return x.reshape(len(labels), -1), labels


def images(gen: np.ndarray, gen_labels: np.ndarray) -> dict[str, Any]:
    ref, ref_labels = pictures(1, 50)
    train, train_labels = pictures(2, 60)
    sets = {"gen_pixels": gen, "ref_pixels": ref, "train_pixels": train, "image_shape": (8, 8, 1), "gen": gen}
    return {**sets, "gen_labels": gen_labels, "ref_labels": ref_labels, "train_labels": train_labels}


def test_network_learns_the_classes_of_images_and_sees_swapped_ones() -> None:
    x, y = pictures(0, 50)
    right, swapped = (scored(["network_accuracy"], images(x, labels)) for labels in (y, np.array([1, 0, 2, 3])[y]))
    assert right["network_accuracy"]["value"] > 0.95
    assert right["network_accuracy"]["perfect"] > 0.95
    assert swapped["network_accuracy"]["value"] < 0.55


def test_network_leaves_the_callers_torch_as_it_was() -> None:
    threads = torch.get_num_threads()
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    with torch.no_grad():
        scored(["network_accuracy"], images(*pictures(0, 10)))
        assert not torch.is_grad_enabled()
    assert torch.rand(1) == expected
    assert torch.get_num_threads() == threads


def test_network_is_computed_only_on_request() -> None:
    assert "network_accuracy" in metrics.names()
    assert "network_accuracy" not in metrics.usual()
