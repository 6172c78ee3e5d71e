"""GANs whose discriminator is an autoencoder, each against its paper: losses worked out by hand, k_t, architectures."""

# mypy: disable-error-code="func-returns-value"

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganbench import baseline
from ganbench.gan import Batch, DataSpec, Unsupported
from ganbench.training import loop
from ganbench.training.order import TrainingData, reseed

POINTS = DataSpec((2,))
DIGITS = DataSpec((1, 8, 8))


def build(name: str, spec: DataSpec = POINTS, **overrides: object) -> Any:
    reseed("test", 0)
    return baseline.create(baseline.folder() / f"{name}.py", spec, overrides)


REAL = Batch(torch.zeros(6, 2), torch.full((6,), -1))


def is_real(x: Tensor) -> Tensor:
    return (x == 0).flatten(1).all(1)


# --------------------------------------------------------------------------------------------------------------- EBGAN


class Energies(nn.Module):
    """An autoencoder with one energy for real data and one for generated ones, and with the codes that it is given."""

    def __init__(self, real: float, fake: float, codes: Tensor) -> None:
        super().__init__()
        self.values = nn.Parameter(torch.tensor([real, fake]))
        self.codes = codes

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return torch.where(is_real(x), self.values[0], self.values[1]), self.codes


# Cosines: 1 and 2 are 3/5, 1 and 3 are 0, 2 and 3 are 4/5; each pair counts twice among 3 * 2.
CODES = torch.tensor([[2.0, 0.0], [3.0, 4.0], [0.0, -0.5]])
PULLING_AWAY = (2 * 0.36 + 2 * 0.0 + 2 * 0.64) / 6


@pytest.mark.parametrize(("fake", "hinge"), [(2.0, 3.0), (5.0, 0.0), (7.0, 0.0)])
def test_ebgan_pushes_generated_energies_to_the_margin_and_no_further(fake: float, hinge: float) -> None:
    gan = build("ebgan", margin=5.0)
    gan.D = Energies(1.25, fake, CODES)
    losses = gan.d_loss(REAL)
    assert losses["loss"].item() == pytest.approx(1.25 + hinge)
    assert losses["D(x)"].item() == pytest.approx(1.25)
    assert losses["D(G(z))"].item() == pytest.approx(fake)
    losses["loss"].backward()
    assert gan.D.values.grad.tolist() == [1.0, -1.0 if hinge else 0.0]


def test_ebgan_margin_holds_for_each_sample_and_not_for_their_mean() -> None:
    gan = build("ebgan", margin=5.0)
    gan.D = Energies(0.0, 1.0, CODES)
    gan.D.forward = lambda x: (torch.where(is_real(x), 0.0, torch.tensor([1.0, 9.0])), CODES)
    loss = gan.d_loss(Batch(torch.zeros(2, 2), torch.tensor([-1, -1])))["loss"]
    assert loss.item() == pytest.approx((4.0 + 0.0) / 2)  # the mean energy is the margin, but the first is 4 below it


def test_ebgan_generator_descends_the_energy_and_the_pulling_away_term() -> None:
    gan = build("ebgan", pulling_away=0.1)
    gan.D = Energies(1.25, 2.0, CODES)
    losses = gan.g_loss(REAL)
    assert losses["f_PT"].item() == pytest.approx(PULLING_AWAY)
    assert losses["loss"].item() == pytest.approx(2.0 + 0.1 * PULLING_AWAY)


def test_ebgan_pulling_away_is_1_for_equal_and_0_for_orthogonal_codes() -> None:
    gan = build("ebgan")
    for codes, value in ((torch.tensor([[1.0, 2.0], [-3.0, -6.0]]), 1.0), (torch.eye(4) * 3, 0.0)):
        gan.D = Energies(0.0, 0.0, codes)
        assert gan.g_loss(REAL)["f_PT"].item() == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("spec", [POINTS, DataSpec((3, 16, 16))], ids=["points", "images"])
def test_ebgan_energy_is_the_euclidean_distance_to_the_reconstruction(spec: DataSpec) -> None:
    gan = build("ebgan", spec, width=4, units=8, code=5).eval()
    x = torch.randn(3, *spec.shape)
    with torch.no_grad():
        energy, code = gan.D(x)
        off = gan.D.decoder(gan.D.encoder(x)) - x
    assert code.shape == (3, 5)
    assert energy.tolist() == pytest.approx([math.sqrt(float((o**2).sum())) for o in off], rel=1e-5)


# --------------------------------------------------------------------------------------------------------------- BEGAN


IMAGES = Batch(torch.zeros(6, 1, 8, 8), torch.full((6,), -1))


class Offset(nn.Module):
    """An autoencoder that misses real data by one constant and generated ones by another."""

    def __init__(self, real: float, fake: float) -> None:
        super().__init__()
        self.values = nn.Parameter(torch.tensor([real, fake]))

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.where(is_real(x)[:, None, None, None], self.values[0], self.values[1])


def began(real: float, fake: float, **overrides: object) -> Any:
    gan = build("began", DIGITS, width=4, **overrides)
    gan.D = Offset(real, fake)
    return gan


def test_began_losses_weigh_the_generated_error_by_k() -> None:
    gan = began(0.8, -0.3, gamma=0.5)
    gan.k.fill_(0.25)
    losses = gan.d_loss(IMAGES)
    assert losses["L(x)"].item() == pytest.approx(0.8)
    assert losses["L(G(z))"].item() == pytest.approx(0.3)
    assert losses["loss"].item() == pytest.approx(0.8 - 0.25 * 0.3)
    assert losses["M"].item() == pytest.approx(0.8 + abs(0.5 * 0.8 - 0.3))
    assert gan.g_loss(IMAGES)["loss"].item() == pytest.approx(0.3)


def test_began_k_follows_its_recurrence() -> None:
    gan = build("began", DIGITS, width=4, gamma=0.5, lambda_k=0.1)
    expected = [
        (0.8, 0.1, 0.03),  # 0 + 0.1 (0.4 - 0.1)
        (0.6, 0.4, 0.02),  # 0.03 + 0.1 (0.3 - 0.4)
        (0.2, 9.0, 0.0),  # below 0: clipped
        (30.0, 0.0, 1.0),  # above 1: clipped
        (1.0, 0.5, 1.0),  # the equilibrium: nothing moves
    ]
    assert gan.k.item() == 0
    for real, fake, k in expected:
        gan.after_d_step({"L(x)": torch.tensor(real), "L(G(z))": torch.tensor(fake)})
        assert gan.k.item() == pytest.approx(k, abs=1e-7)


def test_began_k_moves_once_per_d_step_and_is_in_the_checkpoint() -> None:
    gan = build("began", DIGITS, width=4, gamma=1.0, lambda_k=0.1, n_critic=3, batch=4)
    pixels = torch.randint(0, 256, (40, 1, 8, 8), dtype=torch.uint8)
    training = loop.Training(gan, TrainingData(pixels, torch.full((40,), -1), DIGITS), 0)
    ks, move = [0.0], gan.after_d_step
    gan.after_d_step = lambda losses: (move(losses), ks.append(gan.k.item()))
    training.step()
    assert len(ks) == 4
    assert len(set(ks)) > 1
    assert training.state.tensors["gan.k"].item() == ks[-1]


def test_began_k_settles_at_gamma_times_the_real_error() -> None:
    """Players that answer k linearly: a larger k makes D spend itself on generated samples, whose error then grows."""
    gan = build("began", DIGITS, width=4, gamma=0.7, lambda_k=0.05)
    for _ in range(2000):
        k = gan.k.item()
        real, fake = 0.5 + 0.2 * k, 0.1 + 0.6 * k
        gan.after_d_step({"L(x)": torch.tensor(real), "L(G(z))": torch.tensor(fake)})
    assert fake / real == pytest.approx(0.7, rel=1e-3)
    assert 0 < k < 1


def test_began_latent_is_uniform_between_minus_1_and_1() -> None:
    z = build("began", DIGITS, width=4).latent(1000)
    assert z.shape == (1000, 64)
    assert -1 <= z.min() < -0.99
    assert 0.99 < z.max() <= 1
    assert z.mean().abs() < 5 / math.sqrt(3 * z.numel())


def test_began_pictures_answer_z_before_training() -> None:
    gan = build("began", DataSpec((1, 64, 64)), width=8)
    with torch.no_grad():
        x = gan.G(gan.latent(32))
    assert x.std(0).mean() > 0.05  # 0.001 with torch's own initial weights


def test_began_generator_is_built_like_the_decoder_with_own_weights() -> None:
    gan = build("began", DataSpec((1, 32, 32)), width=4)
    decoder = gan.D[1]
    assert str(gan.G) == str(decoder)
    assert not {id(p) for p in gan.G.parameters()} & {id(p) for p in gan.D.parameters()}


def test_began_at_64_strides_down_to_8_and_repeats_pixels_up() -> None:
    gan = build("began", DataSpec((3, 64, 64)), width=4)
    encoder, decoder = gan.D
    convolutions = [m for m in encoder if isinstance(m, nn.Conv2d)]
    assert [m.out_channels for m in convolutions if m.stride == (2, 2)] == [8, 12, 16]
    assert encoder[-1].in_features == 16 * 8 * 8
    assert [m.size for m in decoder if isinstance(m, nn.Upsample)] == [16, 32, 64]
    assert {m.mode for m in decoder if isinstance(m, nn.Upsample)} == {"nearest"}
    assert {m.out_channels for m in decoder if isinstance(m, nn.Conv2d)} == {4, 3}


def test_began_samples_are_clipped_and_its_losses_see_them_as_they_are() -> None:
    gan = build("began", DIGITS, width=4)
    with torch.no_grad():
        gan.G[-1].bias.fill_(3.0)  # all pixels far above 1
        assert (gan.sample(2) == 1).all()
    gan.D.forward = torch.zeros_like  # an autoencoder that gives nothing back
    assert gan.g_loss(IMAGES)["loss"].item() > 2


def test_began_treats_images_alone() -> None:
    with pytest.raises(Unsupported, match="square images"):
        build("began")
