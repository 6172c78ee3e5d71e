"""The controls: known truths that every board carries."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ganbench import data, samples
from ganbench.boards import controls
from ganbench.data import tasks
from ganbench.errors import UserError
from ganbench.samples import SampleSet
from ganbench.scoring import Scorer
from ganbench.training.order import indices
from ganbench.training.sampling import SAMPLED


def rows(x: np.ndarray) -> list[bytes]:
    return [row.tobytes() for row in np.asarray(x)]


@pytest.mark.parametrize("dataset", ["digits", "ring"])
def test_reference_and_real_are_disjoint_halves_of_the_held_out_split(dataset: str) -> None:
    n = len(data.load(dataset, "test").x) // 2
    for seed in (0, 1):
        reference, real = controls.reference(dataset, n, seed), controls.real(dataset, n, seed)
        held_out = sorted(rows(data.load(dataset, "test").x))
        both = sorted(rows(reference.x) + rows(real.x))
        assert len(both) == 2 * n
        assert set(both) <= set(held_out)
        assert len(held_out) - len(both) <= 1
    assert not np.array_equal(controls.real(dataset, n, 0).x, controls.real(dataset, n, 1).x)


def test_copycat_is_training_data_each_at_most_once() -> None:
    copies = rows(controls.copycat("ring", 500, 0).x)
    assert set(copies) <= set(rows(data.load("ring", "train").x))
    assert len(set(copies)) == 500


def test_noise_fills_the_range_of_the_data() -> None:
    images = controls.noise("digits", 300, 0).x
    assert images.dtype == np.uint8
    assert images.mean() == pytest.approx(127.5, abs=1.5)
    points, train = controls.noise("ring", 2000, 0).x, data.load("ring", "train").x
    assert (points.min(0) >= train.min(0)).all()
    assert (points.max(0) <= train.max(0)).all()
    assert points.std(0) == pytest.approx(np.ptp(train, axis=0) / np.sqrt(12), rel=0.05)


@pytest.mark.parametrize("kind", ["reference", *controls.ROWS])
def test_controls_repeat_with_the_seed(kind: str, tmp_path: Path) -> None:
    for name in "ab":
        controls.write(kind, "ring", 50, 3, tmp_path / f"{name}.npz")
    a, b = (samples.read(tmp_path / f"{name}.npz") for name in "ab")
    assert np.array_equal(a.x, b.x)
    assert a.manifest["dataset"] == "ring"


@pytest.mark.parametrize(("kind", "n"), [("real", 2501), ("reference", 2501), ("copycat", 20_001)])
def test_more_than_there_is_is_refused(kind: str, n: int) -> None:
    with pytest.raises(UserError, match="ring has"):
        controls.KINDS[kind]("ring", n, 0)


def draw(kind: str, dataset: str, n: int, tmp_path: Path) -> SampleSet:
    controls.write(kind, dataset, n, 0, tmp_path / f"{kind}.npz")
    return samples.read(tmp_path / f"{kind}.npz")


@pytest.mark.parametrize(
    ("dataset", "further"),
    [
        ("digits", []),
        ("ring", []),
        ("digits+edges", ["input", "nearest", "mean"]),
        ("digits+lowres", ["nearest", "mean", "bicubic"]),
        ("shapes-32", ["nearest", "mean"]),
        ("shapes-stars", ["input", "nearest", "mean"]),
        ("a dataset of another machine", []),
    ],
)
def test_data_with_conditions_have_the_controls_that_fit(dataset: str, further: list[str]) -> None:
    assert list(controls.rows(dataset)) == ["real", "copycat", "noise", *further]


def test_control_of_translation_needs_conditions(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no control 'mean'"):
        draw("mean", "digits", 10, tmp_path)


def test_reference_with_conditions_is_the_held_out_split_itself(tmp_path: Path) -> None:
    reference = draw("reference", "digits+edges", 10, tmp_path)
    assert reference.manifest["name"] == "digits+edges:test"
    assert np.array_equal(reference.x, data.load("digits", "test").x)


def test_every_control_has_the_conditions_that_a_gan_is_given(tmp_path: Path) -> None:
    given = indices(len(data.load("digits", "test").x), 0, 0, 300, SAMPLED)
    for kind in controls.rows("digits+edges"):
        drawn = draw(kind, "digits+edges", 300, tmp_path).condition
        assert drawn is not None
        assert np.array_equal(drawn, given)


def test_real_with_conditions_is_the_truth_of_each(tmp_path: Path) -> None:
    real = draw("real", "digits+edges", 50, tmp_path)
    assert np.array_equal(real.x, data.load("digits", "test").x[real.condition])
    said = draw("real", "shapes-32", 50, tmp_path)  # four captions of each picture
    assert said.condition is not None
    assert np.array_equal(said.x, data.load("shapes-32", "test").x[said.condition // 4])


def test_input_is_the_condition_itself(tmp_path: Path) -> None:
    unchanged = draw("input", "digits+edges", 50, tmp_path)
    assert np.array_equal(unchanged.x, tasks.edges(data.load("digits", "test").x[unchanged.condition]))


def test_mean_is_one_picture_of_the_training_split(tmp_path: Path) -> None:
    mean, train = draw("mean", "digits+edges", 5, tmp_path), data.load("digits", "train").x
    assert abs(mean.x - train.mean(0)).max() <= 0.5


def test_bicubic_keeps_what_is_smooth(tmp_path: Path) -> None:
    large = draw("bicubic", "digits+lowres", 20, tmp_path)
    small = tasks.lowres(data.load("digits", "test").x[large.condition])
    assert large.x.shape == (20, 8, 8, 1)
    assert (
        abs(tasks.lowres(np.asarray(large.x)).astype(int) - small).mean() < 16
    )  # of 255: the small picture is still in it


def test_nearest_is_the_sample_of_the_nearest_training_condition(tmp_path: Path) -> None:
    nearest, train = draw("nearest", "digits+edges", 20, tmp_path), data.load("digits", "train").x
    own = tasks.edges(train).reshape(len(train), -1).astype(float)
    wanted = tasks.edges(data.load("digits", "test").x[nearest.condition]).reshape(20, -1).astype(float)
    distances = np.square(wanted[:, None] - own).sum(-1)
    taken = tasks.edges(np.asarray(nearest.x)).reshape(20, -1)
    assert np.array_equal(np.square(wanted - taken).sum(1), distances.min(1))


def test_controls_of_a_translation_have_the_scores_that_are_known(tmp_path: Path) -> None:
    controls.write("reference", "shapes-stars", 216, 0, tmp_path / "reference.npz")
    scorer = Scorer.of(tmp_path / "reference.npz", features="pixels", metrics=["attribute_accuracy", "paired_error"])
    truth, same = (scorer(draw(kind, "shapes-stars", 216, tmp_path)).metrics for kind in ("real", "input"))
    assert (truth["attribute_accuracy"].value, truth["paired_error"].value) == (1.0, 0.0)
    shown = same["attribute_accuracy"].extra
    assert (shown["shape"], shown["colour"], shown["size"], shown["place"], shown["ground"]) == (0, 1, 1, 1, 1)
