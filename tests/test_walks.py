"""Walks through a GAN's inputs, sums of them, truncated ones, and the pictures of all three."""

# mypy: no-strict-optional, disable-error-code="attr-defined, no-untyped-call"

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ganbench import baseline, samples
from ganbench.errors import UserError
from ganbench.gan import DataSpec, class_weights
from ganbench.training import checkpoint, loop, sampling, walks
from ganbench.training.order import reseed
from ganbench.training.sampling import Drawing

DIGITS = DataSpec((1, 8, 8), classes=10)


def build(name: str, spec: Any = DIGITS, **settings: object) -> Any:
    reseed("test", 0)
    return baseline.create(Path(f"baselines/{name}.py"), spec, settings).eval()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """The folder of a run that hardly trained, each once: what is drawn here does not depend on how good a GAN is."""

    def run(name: str, dataset: str) -> Path:
        out = tmp_path_factory.getbasetemp() / f"{name}-{dataset}"
        small = {"batch": 50} | (
            {} if name == "cgan" else {"width_g": 8, "width_d": 8} if name == "gan" else {"width": 8}
        )
        loop.train(Path(f"baselines/{name}.py"), dataset, out, seed=0, images=50, overrides=small)
        return out

    return run


def test_arc_stays_on_the_sphere_and_passes_the_ends() -> None:
    a, b = torch.nn.functional.normalize(torch.randn(2, 5, 64), dim=2) * 8
    arc = walks.slerp(a, b, torch.linspace(0, 1, 9))
    assert arc.shape == (5, 9, 64)
    torch.testing.assert_close(arc.norm(dim=2), torch.full((5, 9), 8.0))
    torch.testing.assert_close(arc[:, 0], a)
    torch.testing.assert_close(arc[:, -1], b)


def test_arc_moves_by_equal_angles() -> None:
    arc = walks.slerp(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]), torch.tensor([1 / 3, 0.5]))
    angles = torch.tensor([torch.pi / 6, torch.pi / 4])
    torch.testing.assert_close(arc[0], torch.stack([angles.cos(), angles.sin()], 1))


def test_length_of_an_arc_goes_evenly_from_end_to_end() -> None:
    a, b = torch.randn(1, 16), 3 * torch.randn(1, 16)
    t = torch.linspace(0, 1, 5)
    torch.testing.assert_close(walks.slerp(a, b, t).norm(dim=2)[0], torch.lerp(a.norm(), b.norm(), t))


def test_arc_between_equal_points_stays_there() -> None:
    a = torch.randn(1, 16)
    torch.testing.assert_close(walks.slerp(a, a, torch.linspace(0, 1, 4)), a.expand(1, 4, 16))


def test_opposite_points_have_no_arc() -> None:
    a = torch.randn(1, 16)
    with pytest.raises(UserError, match="opposite"):
        walks.slerp(a, -a, torch.tensor([0.5]))


def test_straight_walk_stays_in_the_cube_and_an_arc_would_leave_it() -> None:
    a, b = torch.tensor([[1.0, -1.0]]), torch.tensor([[1.0, 1.0]])
    t = torch.linspace(0, 1, 5)
    assert walks.straight(a, b, t).abs().max() <= 1
    assert walks.slerp(a, b, t).abs().max() > 1.4


@pytest.mark.parametrize("normal", [True, False])
def test_walk_passes_every_point(normal: bool) -> None:
    points = torch.randn(3, 4, 2)
    path = walks.walk(points, 5, normal)
    assert path.shape == (11, 4, 2)
    torch.testing.assert_close(path[::5], points)


def test_sum_is_that_of_the_means() -> None:
    a, b, c = torch.randn(3, 3, 7)
    torch.testing.assert_close(walks.total([a, b], [c]), a.mean(0) + b.mean(0) - c.mean(0))


@pytest.mark.parametrize(
    ("name", "normal"), [("acgan", True), ("biggan", True), ("sngan", True), ("dcgan", False), ("cgan", False)]
)
def test_gan_knows_whether_its_inputs_are_normal(name: str, normal: bool) -> None:
    gan = build(name)
    assert gan.normal == normal
    assert bool(gan.latent(250).abs().max() > 2) == normal


def test_truncated_inputs_lie_within_the_bound_and_reach_for_it() -> None:
    z, _ = sampling.draw_inputs(build("sngan"), 0, 0, truncation=0.5)
    assert z.abs().max() <= 0.5
    assert z.abs().max() > 0.49
    assert z.std() == pytest.approx(0.5 / 3**0.5, rel=0.05)


def test_class_changes_no_other_input() -> None:
    gan = build("acgan")
    (z, y), (same, threes) = sampling.draw_inputs(gan, 4, 250), sampling.draw_inputs(gan, 4, 250, label=3)
    assert torch.equal(z, same)
    assert (threes == 3).all()
    assert len(y.unique()) == 10


@pytest.mark.parametrize(
    "name", [n for n in baseline.names() if baseline.load(Path(f"baselines/{n}.py"))[0].conditional]
)
def test_every_conditional_gan_looks_at_the_class_it_is_asked_for(name: str) -> None:
    gan = build(
        name, **{k: 8 for k in baseline.load(Path(f"baselines/{name}.py"))[1].model_fields if k.startswith("width")}
    )
    z, _ = sampling.draw_inputs(gan, 0, 0)
    with torch.no_grad():
        for p in gan.parameters():
            p.add_(torch.randn_like(p))  # the gains and biases of a class may start at 0
        made = [walks.generate(gan, z[:4], label).astype(int) for label in (0, 9)]
    assert made[0].shape == (4, 8, 8, 1)
    assert (made[0] != made[1]).any()


@pytest.mark.parametrize(
    "name", [n for n in baseline.names() if baseline.load(Path(f"baselines/{n}.py"))[0].conditional]
)
def test_every_conditional_gan_takes_a_class_as_weights_and_mixes_classes(name: str) -> None:
    gan = build(
        name, **{k: 8 for k in baseline.load(Path(f"baselines/{name}.py"))[1].model_fields if k.startswith("width")}
    )
    z, y = gan.latent(3), torch.tensor([0, 9, 4])
    with torch.no_grad():
        for p in gan.parameters():
            p.add_(torch.randn_like(p))
        weights = class_weights(y, 10)
        made = []
        for classes in (y, weights, (weights + weights.flip(0)) / 2):
            reseed("test", 1)  # cGAN's dropout is noise beside z
            made.append(gan.generate(z, classes))
    torch.testing.assert_close(made[0], made[1])
    assert torch.isfinite(made[2]).all()
    assert not torch.allclose(made[2], made[0])


def test_picked_samples_are_those_of_the_sample_set(folder: Callable[[str, str], Path], tmp_path: Path) -> None:
    for name, label in (("dcgan", None), ("acgan", None), ("acgan", 3)):
        run = folder(name, "digits")
        sampling.write_samples(run, Drawing(300, 5, label=label), tmp_path / "all.npz")
        gan, _ = checkpoint.load(run)
        with torch.inference_mode():
            _, x = walks.pick(gan, 5, [3, 260, 17], label)
        assert np.array_equal(sampling.to_files(gan, x), samples.read(tmp_path / "all.npz").x[[3, 260, 17]])


def test_ends_of_a_strip_are_the_samples(folder: Callable[[str, str], Path], tmp_path: Path) -> None:
    run = folder("dcgan", "digits")
    sampling.write_samples(run, Drawing(20, 1), tmp_path / "all.npz")
    walks.interpolate(run, tmp_path / "strip.png", seed=1, points=[2, 19], steps=4)
    with Image.open(tmp_path / "strip.png") as picture:
        strip = np.asarray(picture)[::8, ::8].reshape(9, 5, 9)[1:, :, 1:].swapaxes(0, 1)
    wanted = samples.read(tmp_path / "all.npz").x[[2, 19], :, :, 0]
    assert np.abs(strip[[0, 4]].astype(int) - wanted).max() <= 1, "a block of another size may round otherwise"


def test_animation_returns_to_its_start(folder: Callable[[str, str], Path], tmp_path: Path) -> None:
    for run in (folder("dcgan", "digits"), folder("gan", "ring")):
        walks.interpolate(run, tmp_path / "walk.gif", seed=0, points=[0, 1, 2], steps=3)
        with Image.open(tmp_path / "walk.gif") as picture:
            assert picture.n_frames == 9


def test_conditional_gan_walks_in_each_class(folder: Callable[[str, str], Path], tmp_path: Path) -> None:
    run = folder("acgan", "digits")
    for classes, rows in ((None, 10), ([3, 8], 2)):
        walks.interpolate(run, tmp_path / "strip.png", seed=0, points=[0, 1], steps=2, classes=classes)
        with Image.open(tmp_path / "strip.png") as picture:
            assert picture.size == (3 * 72, rows * 72)


def test_walk_through_classes_ends_in_each_of_them(folder: Callable[[str, str], Path], tmp_path: Path) -> None:
    run = folder("acgan", "digits")
    walks.interpolate(run, tmp_path / "between.png", seed=0, points=[4, 5], steps=2, through=[3, 8])
    walks.interpolate(run, tmp_path / "in.png", seed=0, points=[4, 5], steps=1, classes=[3, 8])
    cells = {}
    for name, columns in (("between", 3), ("in", 2)):
        with Image.open(tmp_path / f"{name}.png") as picture:
            assert picture.size == (columns * 72, 2 * 72)
            cells[name] = np.asarray(picture).reshape(2, 72, columns, 72).swapaxes(1, 2).astype(int)
    # rows are samples in one picture, classes in the other
    assert np.abs(cells["between"][:, [0, 2]] - cells["in"].swapaxes(0, 1)).max() <= 1
    assert (cells["between"][:, 1] != cells["between"][:, 0]).any()
    walks.interpolate(run, tmp_path / "between.gif", seed=0, points=[4], steps=2, through=[3, 8, 1])
    with Image.open(tmp_path / "between.gif") as picture:
        assert picture.n_frames == 6


@pytest.mark.parametrize(
    ("name", "dataset", "label"), [("dcgan", "digits", None), ("acgan", "digits", 3), ("gan", "ring", None)]
)
def test_sum_is_drawn(
    folder: Callable[[str, str], Path], tmp_path: Path, name: str, dataset: str, label: int | None
) -> None:
    out = tmp_path / "sum.png"
    walks.arithmetic(
        folder(name, dataset), out, seed=0, plus=[[3, 17, 20], [5, 30, 41]], minus=[[4, 9, 12]], label=label
    )
    with Image.open(out) as picture:
        assert len(np.unique(np.asarray(picture.convert("L")))) > 10


@pytest.mark.parametrize("text", ["", "3,", "3,a", "3,-1", "3;4", "1.5"])
def test_wrong_numbers_are_one_line(text: str) -> None:
    with pytest.raises(UserError, match="whole numbers from 0"):
        walks.numbers(text)


@pytest.mark.parametrize(
    ("name", "wrong", "message"),
    [
        ("dcgan", {"truncation": 0.5}, "the inputs of dcgan have another distribution"),
        ("dcgan", {"label": 3}, "not conditional"),
        ("acgan", {"label": 10}, "the classes of this data are 0 to 9"),
        ("acgan", {"truncation": 0.0}, "choose a finite bound above 0"),
    ],
)
def test_wrong_sampling_is_one_line(
    folder: Callable[[str, str], Path], tmp_path: Path, name: str, wrong: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        sampling.write_samples(folder(name, "digits"), Drawing(5, 0, **wrong), tmp_path / "a.npz")
    assert not (tmp_path / "a.npz").exists()


def test_wrong_walks_are_one_line(folder: Callable[[str, str], Path], tmp_path: Path) -> None:
    run = folder("dcgan", "digits")
    for out, points, classes, message in (
        ("a.jpg", [0, 1], None, ".png or .gif"),
        ("a.png", [0], None, "at least two ends"),
        ("a.png", [0, 1], [1], "not conditional"),
    ):
        with pytest.raises(UserError, match=message):
            walks.interpolate(run, tmp_path / out, seed=0, points=points, steps=2, classes=classes)
    for through, classes, message in (
        ([3], None, "at least two ends"),
        ([3, 8], None, "not conditional"),
        ([3, 8], [1], "choose one"),
    ):
        with pytest.raises(UserError, match=message):
            walks.interpolate(run, tmp_path / "a.png", seed=0, points=[0, 1], steps=2, classes=classes, through=through)
    with pytest.raises(UserError, match="choose a class"):
        walks.arithmetic(folder("acgan", "digits"), tmp_path / "a.png", seed=0, plus=[[1]], minus=[], label=None)
