"""Tasks: what each makes of a sample, and that `BASE+TASK` is a dataset wherever a dataset is asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ganbench import baseline, data, features
from ganbench.boards import checks
from ganbench.data import tasks
from ganbench.errors import UserError
from ganbench.training import checkpoint, loop, sampling
from ganbench.training.order import TrainingData

RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)
WIDE = RNG.integers(0, 256, (2, 8, 12, 1), dtype=np.uint8)


def step(height: int, channels: int = 1) -> np.ndarray:
    """An image whose right half is brighter, in its last channel."""
    x = np.full((1, 8, 8, channels), 100, np.uint8)
    x[:, :, 4:, -1] += np.uint8(height)
    return x


@pytest.mark.parametrize("channels", [1, 3])
def test_edges_are_the_columns_beside_a_step_and_black(channels: int) -> None:
    made = tasks.edges(step(65, channels))
    assert made.shape == (1, 8, 8, 1)
    assert np.array_equal(np.unique(np.flatnonzero(made[0, :, :, 0] == 0) % 8), [3, 4])
    assert set(made.ravel()) == {0, 255}


def test_a_step_of_64_is_no_edge() -> None:
    assert (tasks.edges(step(64)) == 255).all()


def test_edges_turn_with_the_image_and_do_not_see_other_images() -> None:
    made = tasks.edges(COLOURS)
    assert np.array_equal(tasks.edges(COLOURS.swapaxes(1, 2)), made.swapaxes(1, 2))
    assert np.array_equal(tasks.edges(COLOURS[2:3]), made[2:3])


def test_lowres_is_the_mean_of_sixteen_pixels() -> None:
    made = tasks.lowres(WIDE)
    assert made.shape == (2, 2, 3, 1)
    mean = WIDE[1, 4:8, 8:12].mean()
    assert made[1, 1, 2, 0] == np.floor(mean + 0.5)


def test_lowres_refuses_a_side_that_four_does_not_divide() -> None:
    with pytest.raises(UserError, match=r"\+lowres: sides of 8 x 10 pixels"):
        tasks.lowres(np.zeros((1, 8, 10, 1), np.uint8))


def test_hole_is_the_central_half_and_nothing_else_changes() -> None:
    made = tasks.hole(COLOURS)
    middle = np.zeros((16, 16), bool)
    middle[4:12, 4:12] = True
    assert (made[:, middle] == tasks.BLANK).all()
    assert np.array_equal(made[:, ~middle], COLOURS[:, ~middle])
    assert (COLOURS[:, middle] != tasks.BLANK).any()  # the samples are not written to


def test_grey_weighs_the_colours_and_keeps_white() -> None:
    x = np.array([[[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]]], np.uint8)
    assert tasks.grey(x)[0, 0, :, 0].tolist() == [76, 150, 29, 255]
    with pytest.raises(UserError, match="grey already"):
        tasks.grey(WIDE)


@pytest.mark.parametrize("task", sorted(tasks.TASKS))
def test_shape_is_that_of_a_condition(task: str) -> None:
    assert tasks.shape(task, COLOURS.shape[1:]) == tasks.TASKS[task].make(COLOURS).shape[1:]


@pytest.mark.parametrize("split", ["train", "test"])
def test_samples_are_of_the_base_and_conditions_are_computed_of_them(split: str) -> None:
    x, y = data.load("digits+edges", split)
    assert np.array_equal(x, data.load("digits", split).x)
    assert np.array_equal(y, data.load("digits", split).y)
    held = TrainingData.of(data.load("digits", split), data.conditions("digits+edges", split), checkpoint.CPU)
    got = held.batch(0, 0, len(x))
    assert got.cond is not None
    again = tasks.edges(((got.x.movedim(1, -1) + 1) * 127.5).round().numpy().astype(np.uint8))
    assert torch.equal(got.cond, torch.from_numpy(again).movedim(-1, 1) / 127.5 - 1)


def test_version_names_the_base_the_task_and_its_version() -> None:
    assert data.version("digits+edges") == f"{data.version('digits')}+edges.{tasks.VERSION}"
    assert data.obtain("digits+edges") == data.version("digits+edges")


def test_facts_of_a_task_have_the_shape_of_the_condition() -> None:
    assert data.facts("digits+lowres") == data.facts("digits")._replace(condition=(2, 2, 1))
    assert data.about("digits+hole") == f"{data.about('digits')}; each from the image without its middle"
    assert data.card("digits+hole") == data.card("digits")


def test_points_have_no_tasks() -> None:
    with pytest.raises(UserError, match=r"\+edges needs images, but the samples have the shape \[2\]"):
        data.facts("ring+edges")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("digits+edge", "no task 'edge'; did you mean 'edges'"),
        ("dgits+edges", "no dataset or file 'dgits'; did you mean 'digits'"),
    ],
)
def test_a_wrong_part_of_the_name_is_named(name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        data.resolve(name)


def test_data_of_ones_own_have_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANBENCH_DATA", str(tmp_path / "data"))
    np.savez(tmp_path / "mine.npz", RNG.integers(0, 256, (40, 16, 16, 3), dtype=np.uint8))
    name = data.resolve(f"{tmp_path}/mine.npz+grey")
    assert name == f"{data.resolve(tmp_path / 'mine.npz')}+grey"
    assert data.resolve(name) == name
    assert data.facts(name).condition == (16, 16, 1)
    assert len(data.load(name, "test").x) < len(data.load(name).x)


def test_a_task_is_scored_by_the_classifier_of_its_base() -> None:
    assert features.default("digits+edges") == features.default("digits")


@pytest.mark.parametrize(
    ("name", "dataset", "fault"),
    [("pix2pix", "digits+edges", False), ("srgan", "digits+lowres", False), ("pix2pix", "digits", True)],
)
def test_a_board_builds_a_translator_for_the_condition_of_its_data(name: str, dataset: str, fault: bool) -> None:
    built = checks._build(baseline.resolve(name), dataset, data.facts(dataset), {"width": 4})
    assert ("the condition has shape" in str(built.fault)) == fault == bool(built.fault)


@pytest.mark.parametrize(("name", "task"), [("pix2pix", "edges"), ("srgan", "lowres"), ("context_encoder", "hole")])
def test_translators_train_on_tasks_and_translate_held_out_images(
    name: str, task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANBENCH_DATA", str(tmp_path / "data"))
    np.savez(tmp_path / "mine.npz", RNG.integers(0, 256, (40, 16, 16, 1), dtype=np.uint8))
    dataset = data.resolve(f"{tmp_path}/mine.npz+{task}")
    small = {"pix2pix": {}, "srgan": {"blocks": 1, "images_alone": 8}, "context_encoder": {"code": 8}}[name]
    overrides = {"batch": 8, "width": 4} | small
    run = loop.train(baseline.resolve(name), dataset, tmp_path / "run", seed=0, images=24, overrides=overrides)
    assert run.cond == TrainingData.load(dataset, checkpoint.CPU).spec.cond
    drawn = sampling.sample(tmp_path / "run", sampling.Drawing(3, 0))
    assert drawn.x.shape == (3, 16, 16, 1)
    if task == "hole":
        assert drawn.condition is not None
        real = np.asarray(data.load(dataset, "test").x)[drawn.condition]
        assert np.array_equal(drawn.x[:, :4], real[:, :4])  # the rest of the image stays
