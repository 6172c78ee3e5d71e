"""What every baseline must do: a new file in `baselines/` is tested by being there."""

from __future__ import annotations

import ast
import copy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from ganbench import baseline
from ganbench.gan import Batch, DataSpec, Unsupported
from ganbench.training import loop
from ganbench.training.checkpoint import State
from ganbench.training.hollow import hollow
from ganbench.training.order import TrainingData, reseed

SPECS = {"points": DataSpec((2,), classes=8), "digits": DataSpec((1, 8, 8), classes=10), "rgb": DataSpec((3, 16, 16))}
OTHERS = {"waves": DataSpec((1, 256)), "video": DataSpec((1, 8, 16, 16))}  # for the GANs of other kinds of data
CONDITIONED = {  # for the GANs that need a condition: an image of the same size, a smaller image, a vector
    "images": DataSpec((3, 16, 16), cond=(3, 16, 16)),
    "small": DataSpec((3, 16, 16), cond=(3, 4, 4)),
    "vectors": DataSpec((3, 16, 16), cond=(7,)),
}
NAMES = baseline.names()


def path(name: str) -> Path:
    return baseline.folder() / f"{name}.py"


def small(name: str, width: int = 8) -> dict[str, Any]:
    """Narrow networks, so that the paper's structure is what is tested and not the patience of the reader."""
    return {k: width for k in baseline.config(path(name)).model_fields if k.startswith(("width", "units"))} | {
        "batch": 6
    }


def build(name: str, spec: DataSpec, **settings: Any) -> Any:
    reseed("test", 0)
    try:
        return baseline.create(path(name), spec, small(name) | settings)
    except Unsupported as why:
        pytest.skip(str(why))


def attempt(name: str, spec: DataSpec) -> Any:
    """The GAN with very narrow networks; None if it does not treat such data."""
    reseed("test", 0)
    try:
        return baseline.create(path(name), spec, small(name, 4))
    except Unsupported:
        return None


@cache
def kinds(name: str) -> dict[str, DataSpec]:
    """The data that a baseline is tested on: of other kinds, or with a condition, only if it treats no others."""
    for specs in (SPECS, OTHERS, CONDITIONED):
        if treated := {key: spec for key, spec in specs.items() if attempt(name, spec) is not None}:
            return treated
    return {}


def draw(shape: tuple[int, ...]) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    if len(shape) in (3, 4):
        return torch.randint(0, 256, (40, *shape), dtype=torch.uint8, generator=generator)
    return torch.randn(40, *shape, generator=generator)


def source(spec: DataSpec) -> TrainingData:
    cond = draw(spec.cond).flip(0) if spec.cond else None
    return TrainingData(draw(spec.shape), torch.arange(40) % max(spec.classes, 1), spec, cond)


def weights(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {k: v.detach().clone() for k, v in network.named_parameters()}


def equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize("name", NAMES)
def test_file_names_its_paper(name: str) -> None:
    assert "arXiv:" in (ast.get_docstring(ast.parse(path(name).read_text())) or "")


@pytest.mark.parametrize("name", NAMES)
def test_treats_some_data_with_the_papers_settings(name: str) -> None:
    key, spec = next(iter(kinds(name).items()), ("", DataSpec(())))
    assert key, f"{name} treats nothing"
    baseline.create(path(name), spec, {})


@pytest.mark.parametrize("name", NAMES)
def test_a_hollow_gan_has_the_shapes_of_the_real_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = next(iter(kinds(name).values()))
    real = build(name, spec)
    monkeypatch.setattr(torch.Tensor, "norm", None)  # a spectral norm would be computed with it
    with hollow():
        empty = baseline.create(path(name), spec, small(name))
    assert {k: v.shape for k, v in empty.state_dict().items()} == {k: v.shape for k, v in real.state_dict().items()}
    assert {p.device.type for p in empty.parameters()} == {"meta"}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [8, 9, 28, 31, 32, 64, 100, 128])
@pytest.mark.parametrize("name", [name for name in NAMES if any(spec.is_image for spec in kinds(name).values())])
def test_works_at_every_size(name: str, size: int, channels: int) -> None:
    shape = (channels, size, size)
    conds: list[tuple[int, ...]] = [(), shape, (channels, (size + 3) // 4, (size + 3) // 4), (7,)]
    attempts = ((spec, attempt(name, spec)) for spec in (DataSpec(shape, 3, cond) for cond in conds))
    spec, gan = next((pair for pair in attempts if pair[1] is not None), (DataSpec(shape, 3), None))
    if gan is None:
        pytest.skip(f"{name} treats no images of this size")
    cond = source(spec).draw_conditions(2)
    with torch.no_grad():
        x = gan.sample(2, cond=cond)
    assert x.shape == (2, *spec.shape)
    real = Batch(x, torch.tensor([0, 2]), cond)
    for losses in (gan.d_loss(real), gan.g_loss(real)):
        assert not losses or torch.isfinite(losses["loss"])


@pytest.mark.parametrize(
    ("name", "spec"),
    [pytest.param(name, spec, id=f"{name}-{key}") for name in NAMES for key, spec in kinds(name).items()],
)
class TestOn:
    def test_losses_are_finite_scalars(self, name: str, spec: DataSpec) -> None:
        gan = build(name, spec)
        real = source(spec).batch(0, 0, 6)
        for losses in filter(None, (gan.d_loss(real), gan.g_loss(real))):  # a stage may train one player alone
            assert losses["loss"].requires_grad
            assert all(v.ndim == 0 and torch.isfinite(v) for v in losses.values())

    def test_bf16_changes_what_a_step_does_and_leaves_the_weights_in_fp32(self, name: str, spec: DataSpec) -> None:
        found = []
        for precision in ("fp32", "bf16"):
            gan = build(name, spec, precision=precision)
            losses = loop.Training(gan, source(spec), 0).step()
            assert all(torch.isfinite(v) for v in losses.values())
            assert {p.dtype for p in gan.parameters()} == {torch.float32}
            found.append(weights(gan))
        assert not equal(*found)

    def test_discriminator_step_leaves_generator_unchanged(self, name: str, spec: DataSpec) -> None:
        gan = build(name, spec)
        training = loop.Training(gan, source(spec), 0)
        g, d = weights(gan.G), weights(gan.D)
        losses = loop.descend(gan.d_loss(training.source.batch(0, 0, 6)), training.opt_d)
        gan.after_d_step(losses)
        assert equal(g, weights(gan.G))
        assert equal(d, weights(gan.D)) == (not losses)

    def test_generator_step_leaves_discriminator_unchanged(self, name: str, spec: DataSpec) -> None:
        gan = build(name, spec)
        training = loop.Training(gan, source(spec), 0)
        g, d = weights(gan.G), weights(gan.D)
        losses = loop.descend(gan.g_loss(training.source.batch(0, 0, 6)), training.opt_g)
        assert equal(d, weights(gan.D))
        assert equal(g, weights(gan.G)) == (not losses)

    def test_samples_have_the_datas_shape_and_range(self, name: str, spec: DataSpec) -> None:
        x = build(name, spec).eval().sample(5, cond=source(spec).draw_conditions(5))
        assert x.shape == (5, *spec.shape)
        assert x.dtype == torch.float32
        if spec.is_pixels:
            assert x.abs().max() <= 1

    def test_discriminator_gives_probabilities_or_says_nothing(self, name: str, spec: DataSpec) -> None:
        D = build(name, spec).eval().discriminate(source(spec).batch(0, 0, 6).x)
        if D is not None:
            assert D.shape == (6,)
            assert ((D >= 0) & (D <= 1)).all()

    def test_samples_differ_from_each_other_and_repeat_with_the_seed(self, name: str, spec: DataSpec) -> None:
        gan, cond = build(name, spec).eval(), source(spec).draw_conditions(5)
        with torch.no_grad():
            reseed("test", 1)
            a = gan.sample(5, cond=cond)
            reseed("test", 1)
            b = gan.sample(5, cond=cond)
        assert torch.equal(a, b)
        assert not torch.equal(a[0], a[1])

    def test_resumed_training_is_the_uninterrupted_one_to_the_bit(self, name: str, spec: DataSpec) -> None:
        whole = loop.Training(build(name, spec), source(spec), 3)
        half = loop.Training(build(name, spec), source(spec), 3)
        for _ in range(4):
            whole.step()
        for _ in range(2):
            half.step()
        torch.rand(7)  # whatever else draws random numbers in between
        other = loop.Training(build(name, spec), source(spec), 3)
        tensors = {k: v.clone().contiguous() for k, v in half.state.tensors.items()}  # as a file has them
        other.restore(State(tensors, half.seen, half.seconds, half.cpu_seconds))
        for _ in range(2):
            other.step()
        assert whole.seen == other.seen
        assert equal(whole.state.tensors, other.state.tensors)

    def test_labels_reach_the_losses_of_conditional_gans_alone(self, name: str, spec: DataSpec) -> None:
        gan = build(name, spec)
        if gan.conditional or gan.supervised:
            pytest.skip("its own tests say which labels it uses")
        real = source(spec).batch(0, 0, 6)
        blind = Batch(real.x, torch.full_like(real.y, -1), real.cond)
        for loss in ("d_loss", "g_loss"):
            found = []
            for batch in (real, blind):
                reseed("test", 5)
                found.append(
                    getattr(copy.deepcopy(gan), loss)(batch).get("loss", torch.zeros(()))
                )  # a loss may move buffers
            assert torch.equal(*found)
