"""PGGAN against its paper."""

# mypy: disable-error-code="no-any-return, operator, union-attr"

from __future__ import annotations

import math
import sys
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from ganbench import baseline
from ganbench.gan import Batch, DataSpec, Gan, Unsupported
from ganbench.layers.dcgan import halvings
from ganbench.training import loop
from ganbench.training.checkpoint import State
from ganbench.training.order import TrainingData, reseed

PHASE = 60  # images
SPEC = DataSpec((1, 28, 28))  # 4, 7, 14, 28


def build(spec: DataSpec = SPEC, **overrides: object) -> Any:
    reseed("test", 0)
    small = {"width": 8, "z": 8, "batch": 6, "images_per_phase": PHASE}
    return baseline.create(baseline.folder() / "pggan.py", spec, small | overrides)


def at(seen: int, spec: DataSpec = SPEC) -> Any:
    """The same weights, after `seen` images."""
    gan = build(spec)
    gan.seen.fill_(seen)
    return gan


def module() -> ModuleType:
    return sys.modules[type(build()).__module__]


def source(spec: DataSpec = SPEC) -> TrainingData:
    x = torch.randint(0, 256, (40, *spec.shape), dtype=torch.uint8)
    return TrainingData(x, torch.zeros(40, dtype=torch.int64), spec)


def test_each_level_fades_in_for_a_phase_and_is_stable_for_one() -> None:
    schedule = [module().growth(seen, 100, 3) for seen in (0, 99, 100, 150, 199, 200, 299, 300, 375, 400, 10**9)]
    assert schedule == [(0, 1), (0, 1), (1, 0), (1, 0.5), (1, 0.99), (1, 1), (1, 1), (2, 0), (2, 0.75), (2, 1), (2, 1)]


@pytest.mark.parametrize("level", [1, 2, 3])
def test_samples_are_continuous_where_a_fade_begins_and_ends(level: int) -> None:
    gan, begin = build(), (2 * level - 1) * PHASE
    z = gan.latent(3)
    assert torch.equal(at(begin).generate(z), at(begin - 1).generate(z))
    assert torch.equal(gan.G(z, level, 0.0), interpolate(gan.G(z, level - 1, 1.0), gan.sizes[level]))
    assert torch.allclose(gan.G(z, level, 1 - 1e-6), gan.G(z, level, 1.0), atol=1e-5)
    assert not torch.allclose(gan.G(z, level, 0.0), gan.G(z, level, 1.0), atol=1e-3)


@pytest.mark.parametrize("level", [1, 2, 3])
def test_discriminator_is_continuous_where_a_fade_begins_and_ends(level: int) -> None:
    gan = build()
    x = torch.rand(6, 1, gan.sizes[level], gan.sizes[level]) * 2 - 1
    coarse = nn.functional.adaptive_avg_pool2d(x, gan.sizes[level - 1])
    assert torch.allclose(gan.D(x, level, 0.0), gan.D(coarse, level - 1, 1.0), atol=1e-6)
    assert torch.allclose(gan.D(x, level, 1 - 1e-6), gan.D(x, level, 1.0), atol=1e-5)
    assert not torch.allclose(gan.D(x, level, 0.0), gan.D(x, level, 1.0), atol=1e-3)


def test_real_images_fade_as_generated_ones_do() -> None:
    x = torch.rand(5, 1, 32, 32)
    spec = DataSpec((1, 32, 32))
    half = x.unflatten(3, (16, 2)).unflatten(2, (16, 2)).mean((3, 5))
    quarter = x.unflatten(3, (8, 4)).unflatten(2, (8, 4)).mean((3, 5))
    assert torch.allclose(at(4 * PHASE, spec).shrink(x), half, atol=1e-6)  # 16x16, stable
    assert torch.allclose(at(3 * PHASE, spec).shrink(x), interpolate(quarter, 16), atol=1e-6)
    faded = 0.7 * interpolate(quarter, 16) + 0.3 * half
    assert torch.allclose(at(3 * PHASE + 18, spec).shrink(x), faded, atol=1e-6)
    assert torch.equal(at(6 * PHASE, spec).shrink(x), x)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [8, 9, 28, 32, 48, 64, 100, 128])
def test_samples_have_full_size_at_every_stage(size: int, channels: int) -> None:
    gan = build(DataSpec((channels, size, size)))
    for level, s in enumerate(gan.sizes):
        gan.seen.fill_(2 * level * PHASE - PHASE // 2 if level else 0)
        assert gan.growth[0] == level
        with torch.no_grad():
            x = gan.sample(2)
            assert gan.D(gan.shrink(x), *gan.growth).shape == (2,)
        assert x.shape == (2, channels, size, size)
        assert x.abs().max() <= 1
        assert gan.shrink(x).shape[2:] == (s, s)
    assert gan.sizes == halvings(size)[::-1]


@pytest.mark.parametrize("shape", [(2,), (1, 7, 7), (1, 129, 129), (1, 28, 32)])
def test_pggan_says_what_it_treats(shape: tuple[int, ...]) -> None:
    with pytest.raises(Unsupported, match="square images from 8x8 to 128x128"):
        build(DataSpec(shape))


def test_weights_are_standard_normal_and_used_with_the_codes_gains() -> None:
    gan = build(width=64, z=64)
    layers = [m for m in gan.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    stored = torch.cat([m.parametrizations.weight.original.flatten() for m in layers])
    assert stored.std().item() == pytest.approx(1, rel=0.01)
    assert stored.mean().item() == pytest.approx(0, abs=0.01)
    linear_ends = [*gan.G.to_rgb, next(m for m in reversed(gan.D.blocks[0]) if isinstance(m, nn.Linear))]
    first = next(m for m in gan.G.blocks[0] if isinstance(m, nn.Linear))
    for layer in layers:
        assert layer.bias.count_nonzero() == 0
        used = layer.weight / layer.parametrizations.weight.original
        gain = 1 if layer in linear_ends else math.sqrt(2) / 4 if layer is first else math.sqrt(2)
        assert torch.allclose(used, torch.tensor(gain / math.sqrt(layer.weight[0].numel())))
    assert len(layers) == len([p for p in gan.parameters() if p.ndim > 1])


def test_pixel_norm_has_mean_square_1_over_features() -> None:
    y = module().PixelNorm()(torch.randn(3, 7, 4, 4) * 5)
    assert torch.allclose(y.square().mean(1), torch.ones(3, 4, 4))
    assert torch.allclose(module().PixelNorm()(torch.randn(3, 7)).square().mean(1), torch.ones(3))


def test_pixel_norm_follows_each_convolution_of_the_generator_alone() -> None:
    gan, norm = build(), module().PixelNorm
    for block in gan.G.blocks:
        layers = list(block)
        for i, layer in enumerate(layers):
            if isinstance(layer, nn.Conv2d):
                assert [type(x) for x in layers[i + 1 : i + 3]] == [nn.LeakyReLU, norm]
    assert not any(isinstance(m, norm) for m in gan.D.modules())


def test_minibatch_std_is_the_mean_deviation_of_features() -> None:
    x = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]], [[[1.0, 6.0]], [[9.0, 4.0]]]])  # [2, 2, 1, 2]
    deviations = [0.0, 2.0, 3.0, 0.0]  # half the distance of two numbers
    y = module().MinibatchStd()(x)
    assert torch.equal(y[:, :2], x)
    assert torch.allclose(y[:, 2], torch.tensor(sum(deviations) / 4), atol=1e-4)


def test_players_have_the_number_of_parameters_of_the_papers_table_2() -> None:
    sizes = halvings(1024)[::-1]
    widths = [512 * 32 // max(s, 32) for s in sizes]
    assert widths == [512, 512, 512, 512, 256, 128, 64, 32, 16]
    for player in (module().Generator(512, sizes, widths, 3), module().Discriminator(sizes, widths, 3)):
        assert sum(p.numel() for p in player.parameters()) / 1e6 == pytest.approx(23.1, abs=0.05)


class Plane(nn.Module):
    """D(x) = slope * sum of the pixels, at any level."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(slope))

    def forward(self, x: Tensor, level: int, alpha: float) -> Tensor:
        return self.slope * x.flatten(1).sum(1)


class Constant(nn.Module):
    """G(z) = value, at the size of level 0."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value))

    def forward(self, z: Tensor, level: int, alpha: float) -> Tensor:
        return self.value.expand(len(z), 1, 4, 4)


def test_losses_are_wgan_gps_with_a_drift_of_the_real_outputs() -> None:
    gan = build()
    gan.D, gan.G = Plane(0.5), Constant(0.25)
    losses = gan.d_loss(Batch(torch.full((6, 1, 28, 28), -1.0), torch.zeros(6)))
    d_real, d_fake = 0.5 * 16 * -1, 0.5 * 16 * 0.25
    penalty = (0.5 * 4 - 1) ** 2  # the gradient is 0.5 in each of 16 pixels
    assert losses["W"].item() == pytest.approx(d_real - d_fake)
    assert losses["penalty"].item() == pytest.approx(penalty)
    assert losses["loss"].item() == pytest.approx(d_fake - d_real + 10 * penalty + 0.001 * d_real**2)
    assert gan.g_loss(Batch(torch.zeros(6, 1, 28, 28), torch.zeros(6)))["loss"].item() == pytest.approx(-d_fake)


def test_images_are_counted_once_per_step_of_the_discriminator() -> None:
    gan = build(n_critic=2)
    training = loop.Training(gan, source(), 0)
    for _ in range(3):
        training.step()
    assert gan.seen.item() == training.seen == 36


def weights(gan: Gan) -> dict[str, Tensor]:
    return {k: v.detach().clone() for k, v in gan.named_parameters()}


def changed(before: dict[str, Tensor], gan: Gan) -> set[str]:
    return {k for k, v in gan.named_parameters() if not torch.equal(v, before[k])}


def test_layers_learn_only_when_their_level_is_in_use() -> None:
    gan = build(images_per_phase=12)
    training = loop.Training(gan, source(), 0)
    before = weights(gan)
    training.step()
    first = {f"{part}.0." for part in ("G.blocks", "G.to_rgb", "D.blocks", "D.from_rgb")}
    assert {k for k in before if k.startswith(tuple(first))} == changed(before, gan)
    training.step()
    before = weights(gan)
    for _ in range(2):  # fades level 1 in
        training.step()
    second = first | {f"{part}.1." for part in ("G.blocks", "G.to_rgb", "D.blocks", "D.from_rgb")}
    assert {k for k in before if k.startswith(tuple(second))} == changed(before, gan)


def test_optimisers_start_afresh_with_each_phase() -> None:
    gan = build(images_per_phase=12)
    training = loop.Training(gan, source(), 0)
    d_loss, stages = gan.d_loss, []

    def spy(real: Batch) -> dict[str, Tensor]:
        stages.append((gan.stage, len(training.opt_d.state_dict()["state"]) > 0))
        return d_loss(real)

    gan.d_loss = spy
    for _ in range(8):
        training.step()
    fresh, used = False, True
    assert stages == [(0, fresh), (0, used), (1, fresh), (1, used), (2, fresh), (2, used), (3, fresh), (3, used)]


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_training_resumed_at_any_time_is_the_uninterrupted_one_to_the_bit(stop: int) -> None:
    def training() -> loop.Training:
        return loop.Training(build(images_per_phase=12), source(), 3)

    whole, half, other = training(), training(), training()
    for i in range(5):
        whole.step()
        if i < stop:
            half.step()
    other.restore(
        State({k: v.clone() for k, v in half.state.tensors.items()}, half.seen, half.seconds, half.cpu_seconds)
    )
    for _ in range(stop, 5):
        other.step()
    expected, there = whole.state.tensors, other.state.tensors
    assert expected.keys() == there.keys()
    assert all(torch.equal(expected[k], there[k]) for k in expected)
