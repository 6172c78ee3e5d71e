"""Each baseline against its paper: losses worked out by hand, schedules, architectures."""

# mypy: disable-error-code="func-returns-value"

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganbench import baseline
from ganbench.gan import Batch, DataSpec, Unsupported
from ganbench.layers.mlp import mlp
from ganbench.training import loop
from ganbench.training.order import TrainingData, reseed

POINTS = DataSpec((2,))


def build(name: str, spec: DataSpec = POINTS, **overrides: object) -> Any:
    reseed("test", 0)
    return baseline.create(baseline.folder() / f"{name}.py", spec, overrides)


class Logits(nn.Module):
    """A discriminator with one logit for all real data (those at 0) and another for everything else."""

    def __init__(self, real: float, fake: float) -> None:
        super().__init__()
        self.values = nn.Parameter(torch.tensor([real, fake]))

    def forward(self, x: Tensor) -> Tensor:
        is_real = (x.flatten(1).abs().sum(1) == 0).float()
        return is_real * self.values[0] + (1 - is_real) * self.values[1]


REAL = Batch(torch.zeros(6, 2), torch.full((6,), -1))


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_gan_discriminator_loss_is_minus_the_value_of_the_game() -> None:
    gan = build("gan", width_g=8)
    gan.D = Logits(1.5, -0.5)
    losses = gan.d_loss(REAL)
    value = math.log(sigmoid(1.5)) + math.log(1 - sigmoid(-0.5))
    assert losses["loss"].item() == pytest.approx(-value, rel=1e-6)
    assert losses["D(x)"].item() == pytest.approx(sigmoid(1.5), rel=1e-6)
    assert losses["D(G(z))"].item() == pytest.approx(sigmoid(-0.5), rel=1e-6)


def test_gan_discriminates_by_the_probability_that_its_loss_is_made_of() -> None:
    gan = build("gan", width_g=8)
    gan.D = Logits(1.5, -0.5)
    D = gan.discriminate(torch.tensor([[0.0, 0.0], [3.0, 0.0]]))
    assert D.tolist() == pytest.approx([sigmoid(1.5), sigmoid(-0.5)])


def test_gan_at_the_optimum_has_value_minus_log_4() -> None:
    gan = build("gan", width_g=8)
    gan.D = Logits(0.0, 0.0)
    assert gan.d_loss(REAL)["loss"].item() == pytest.approx(math.log(4), rel=1e-6)


def test_gan_minimax_generator_descends_log_1_minus_d() -> None:
    gan = build("gan", width_g=8, generator_loss="minimax")
    gan.D = Logits(1.5, -0.5)
    assert gan.g_loss(REAL)["loss"].item() == pytest.approx(math.log(1 - sigmoid(-0.5)), rel=1e-6)


def test_gan_non_saturating_generator_ascends_log_d() -> None:
    gan = build("gan", width_g=8, generator_loss="non_saturating")
    gan.D = Logits(1.5, -0.5)
    assert gan.g_loss(REAL)["loss"].item() == pytest.approx(-math.log(sigmoid(-0.5)), rel=1e-6)


def test_gan_minimax_gradient_alone_vanishes_where_d_rejects() -> None:
    gradient = {}
    for loss in ("minimax", "non_saturating"):
        gan = build("gan", width_g=8, generator_loss=loss)
        gan.D = Logits(0.0, -12.0)
        gan.g_loss(REAL)["loss"].backward()
        gradient[loss] = abs(gan.D.values.grad[1].item())
    assert gradient["minimax"] < 1e-5
    assert gradient["non_saturating"] == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("logit", [200.0, -200.0])
def test_gan_losses_are_finite_for_confident_discriminators(logit: float) -> None:
    for loss in ("minimax", "non_saturating"):
        gan = build("gan", width_g=8, generator_loss=loss)
        gan.D = Logits(-logit, logit)
        assert torch.isfinite(gan.d_loss(REAL)["loss"])
        assert torch.isfinite(gan.g_loss(REAL)["loss"])


def test_gan_maxout_is_the_largest_of_its_pieces() -> None:
    gan = build("gan", width_d=3, pieces=4)
    maxout = next(m for m in gan.D.modules() if type(m).__name__ == "Maxout")
    x = torch.randn(5, 2)
    pieces = (x @ maxout.affine.weight.T + maxout.affine.bias).reshape(5, 3, 4)
    assert torch.equal(maxout(x), pieces.amax(2))


def test_dcgan_losses_are_those_of_the_non_saturating_game() -> None:
    gan = build("dcgan", DataSpec((1, 8, 8)), width=4)
    gan.D = Logits(1.5, -0.5)
    real = Batch(torch.zeros(6, 1, 8, 8), torch.full((6,), -1))
    value = math.log(sigmoid(1.5)) + math.log(1 - sigmoid(-0.5))
    assert gan.d_loss(real)["loss"].item() == pytest.approx(-value, rel=1e-6)
    assert gan.g_loss(real)["loss"].item() == pytest.approx(-math.log(sigmoid(-0.5)), rel=1e-6)


def test_dcgan_at_64_has_the_channels_of_the_papers_figure() -> None:
    gan = build("dcgan", DataSpec((3, 64, 64)))
    shapes = [tuple(m.weight.shape) for m in gan.G.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert shapes == [(100, 1024, 4, 4), (1024, 512, 4, 4), (512, 256, 4, 4), (256, 128, 4, 4), (128, 3, 4, 4)]


def test_dcgan_has_batch_norm_but_at_gs_output_and_ds_input() -> None:
    gan = build("dcgan", DataSpec((3, 32, 32)), width=4)
    norm, g, d = nn.BatchNorm2d, list(gan.G.net), list(gan.D.body)
    assert isinstance(g[-2], nn.ConvTranspose2d)
    assert isinstance(g[-1], nn.Tanh)
    assert sum(isinstance(m, norm) for m in g) == sum(isinstance(m, nn.ConvTranspose2d) for m in g) - 1
    assert isinstance(d[0], nn.Conv2d)
    assert isinstance(d[1], nn.LeakyReLU)
    convolutions = sum(isinstance(m, nn.Conv2d) for m in d)
    assert sum(isinstance(m, norm) for m in d) == convolutions - 1  # not the first layer; the output is none of them


def test_dcgan_weights_start_from_a_normal_of_standard_deviation_002() -> None:
    gan = build("dcgan", DataSpec((3, 32, 32)), width=64)
    w = torch.cat([m.weight.flatten() for m in gan.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)])
    assert w.std().item() == pytest.approx(0.02, rel=0.01)
    assert w.mean().item() == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize("shape", [(2,), (1, 7, 7), (1, 129, 129), (1, 28, 32)])
def test_dcgan_says_what_it_treats(shape: tuple[int, ...]) -> None:
    with pytest.raises(Unsupported, match="square images from 8x8 to 128x128"):
        build("dcgan", DataSpec(shape))


def test_wgan_losses_are_the_dual_of_the_wasserstein_distance() -> None:
    gan = build("wgan", units=8)
    gan.D = Logits(1.5, -0.5)
    losses = gan.d_loss(REAL)
    assert losses["W"].item() == pytest.approx(2.0)
    assert losses["loss"].item() == pytest.approx(-2.0)
    assert gan.g_loss(REAL)["loss"].item() == pytest.approx(0.5)


def test_wgan_critic_weights_stay_within_the_clip() -> None:
    gan = build("wgan", units=8, c=0.01)
    training = loop.Training(gan, points(), 0)
    for _ in range(3):
        training.step()
        assert max(w.abs().max().item() for w in gan.D.parameters()) <= 0.01
    assert any((w.abs() == 0.01).any() for w in gan.D.parameters()), "the clip was never met, so nothing was tested"


def points() -> TrainingData:
    return TrainingData(torch.randn(1000, 2), torch.full((1000,), -1), POINTS)


@pytest.mark.parametrize("n_critic", [1, 5])
def test_critic_steps_come_first_and_each_has_a_fresh_batch(n_critic: int) -> None:
    gan = build("wgan", units=8, n_critic=n_critic, batch=16)
    calls: list[tuple[str, Tensor]] = []
    d_loss, g_loss = gan.d_loss, gan.g_loss
    gan.d_loss = lambda real: calls.append(("d", real.x)) or d_loss(real)
    gan.g_loss = lambda real: calls.append(("g", real.x)) or g_loss(real)
    training = loop.Training(gan, points(), 0)
    training.step()
    training.step()
    assert "".join(who for who, _ in calls) == ("d" * n_critic + "g") * 2
    batches = [x for who, x in calls if who == "d"]
    seen = torch.cat(batches)
    assert len(torch.unique(seen, dim=0)) == len(seen) == training.seen == 2 * n_critic * 16


def test_mlp_has_no_activation_at_its_end() -> None:
    assert [type(m).__name__ for m in mlp([2, 3, 4])] == ["Linear", "ReLU", "Linear"]
