"""Mixtures, pyramids, couples, codes and encoders: each against its paper, by numbers worked out by hand."""

# mypy: disable-error-code="attr-defined"

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import softplus

from ganbench import baseline
from ganbench.gan import Batch, DataSpec
from ganbench.training.order import reseed

POINTS, IMAGES = DataSpec((2,), classes=2), DataSpec((1, 16, 16), classes=2)
F: dict[str, Callable[[np.ndarray], np.ndarray]] = {  # f(u) of each divergence
    "total_variation": lambda u: np.abs(u - 1) / 2,
    "kl": lambda u: u * np.log(u),
    "reverse_kl": lambda u: -np.log(u),
    "pearson": lambda u: (u - 1) ** 2,
    "neyman": lambda u: (1 - u) ** 2 / u,
    "hellinger": lambda u: (np.sqrt(u) - 1) ** 2,
    "jensen_shannon": lambda u: u * np.log(u) - (u + 1) * np.log((u + 1) / 2),
    "gan": lambda u: u * np.log(u) - (u + 1) * np.log(u + 1),
}
OPTIMUM: dict[str, Callable[[np.ndarray], np.ndarray]] = {  # V with g_f(V) = f'(u)
    "total_variation": lambda u: 20 * np.sign(u - 1),
    "kl": lambda u: 1 + np.log(u),
    "reverse_kl": lambda u: np.log(u),
    "pearson": lambda u: 2 * (u - 1),
    "neyman": lambda u: 2 * np.log(u),
    "hellinger": lambda u: np.log(u) / 2,
    "jensen_shannon": lambda u: np.log(u),
    "gan": lambda u: np.log(u),
}


def build(name: str, spec: DataSpec = POINTS, **overrides: Any) -> Any:
    reseed("test", 0)
    return baseline.create(baseline.folder() / f"{name}.py", spec, {"units": 8, "width": 4} | overrides)


def module(name: str) -> ModuleType:
    return sys.modules[type(build(name)).__module__]


def batch(spec: DataSpec, n: int = 6) -> Batch:
    generator = torch.Generator().manual_seed(1)
    return Batch(torch.rand(n, *spec.shape, generator=generator) * 2 - 1, torch.arange(n) % 2)


def two_normals(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Densities of N(0, 1) and N(1, 1.2^2)."""
    return np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi), np.exp(-(((x - 1) / 1.2) ** 2) / 2) / (
        1.2 * math.sqrt(2 * math.pi)
    )


@pytest.mark.parametrize("divergence", list(F))
def test_f_gan_reaches_the_divergence_at_the_optimum_and_nowhere_more(divergence: str) -> None:
    game = module("f_gan").GAMES[divergence]
    x = np.linspace(-9, 11, 20_001)
    p, q = two_normals(x)

    def value(v: np.ndarray) -> float:
        g, conjugate = (play(torch.tensor(v)).numpy() for play in game)
        return float(np.trapezoid(p * g - q * conjugate, x))

    best = OPTIMUM[divergence](p / q)
    exact = float(np.trapezoid(q * F[divergence](p / q), x))
    assert value(best) == pytest.approx(exact, abs=1e-5)
    rng = np.random.default_rng(0)
    for _ in range(5):
        assert value(0.05 * best + 0.3 * rng.standard_normal() + 0.2 * np.sin(rng.uniform(1, 3) * x)) < exact


def test_f_gan_with_gan_has_the_losses_of_the_minimax_game() -> None:
    gan, real = build("f_gan", divergence="gan", generator_loss="divergence"), batch(POINTS)
    reseed("test", 1)
    d = gan.d_loss(real)["loss"]
    reseed("test", 1)
    fake = gan.sample(6)
    assert d.item() == pytest.approx((softplus(-gan.D(real.x)).mean() + softplus(gan.D(fake)).mean()).item())
    reseed("test", 1)
    assert gan.g_loss(real)["loss"].item() == pytest.approx(-softplus(gan.D(fake)).mean().item())


def test_infogan_bound_is_the_entropy_of_the_code_when_q_reads_it() -> None:
    gan = build("infogan", categories=4, continuous=1, weight_continuous=0.5)
    z = gan.latent(500)
    _, category, c = z.split([gan.config.z, 4, 1], 1)
    assert torch.equal(category.sum(1), torch.ones(500))
    assert -1 <= c.min() < c.max() <= 1
    log_variance = torch.full_like(c, -6.0)
    read = gan.information(z, 50 * category, c, log_variance)
    assert read.item() == pytest.approx(-0.5 * (math.log(2 * math.pi) - 6) / 2, abs=1e-4)
    guessed = gan.information(z, torch.zeros(500, 4), c, log_variance)
    assert (read - guessed).item() == pytest.approx(math.log(4), abs=1e-4)


def test_infogan_d_learns_q_on_fixed_samples_and_takes_no_step_for_g() -> None:
    gan, real = build("infogan"), batch(POINTS)
    gan.d_loss(real)["loss"].backward()
    assert all(p.grad is None for p in gan.G.parameters())
    with_information = torch.cat([p.grad.flatten() for p in gan.D.parameters()])
    gan.D.zero_grad()
    reseed("test", 2)
    gan.g_loss(real)["loss"].backward(inputs=list(gan.G.parameters()))  # as the loop does
    assert all(p.grad is None for p in gan.D.parameters())
    assert with_information.abs().sum() > 0


def test_bigan_trains_encoder_and_decoder_with_exchanged_labels() -> None:
    gan, real = build("bigan"), batch(POINTS)
    z = torch.randn(6, gan.config.z)
    gan.latent = lambda n: z
    of_x, of_z = gan.D(real.x, gan.encode(real.x)), gan.D(gan.generate(z), z)
    assert gan.d_loss(real)["loss"].item() == pytest.approx((softplus(-of_x).mean() + softplus(of_z).mean()).item())
    loss = gan.g_loss(real)["loss"]
    assert loss.item() == pytest.approx((softplus(of_x).mean() + softplus(-of_z).mean()).item())
    loss.backward(inputs=list(gan.G.parameters()))
    assert all(p.grad is not None for part in ("encoder", "decoder") for p in gan.G[part].parameters())


@pytest.mark.parametrize("size", [1, 5])
def test_bigan_encodes_to_the_shape_of_z(size: int) -> None:
    assert build("bigan", IMAGES, z=size).encode(batch(IMAGES).x).shape == (6, size)


@pytest.mark.parametrize("spec", [POINTS, IMAGES], ids=["points", "images"])
def test_cogan_shares_all_layers_but_one(spec: DataSpec) -> None:
    gan = build("cogan", spec)
    z = gan.latent(6)
    a, b = (gan.generate(z, torch.full((6,), y)) for y in (0, 1))
    assert not torch.allclose(a, b)
    gan.G.own[1].load_state_dict(gan.G.own[0].state_dict())
    assert torch.allclose(gan.generate(z, torch.ones(6, dtype=torch.int64)), a)
    x = batch(spec).x
    of_a, of_b = (gan.D(x, torch.full((6,), y)) for y in (0, 1))
    assert not torch.allclose(of_a, of_b)
    gan.D.own[1].load_state_dict(gan.D.own[0].state_dict())
    assert torch.allclose(gan.D(x, torch.ones(6, dtype=torch.int64)), of_a)
    assert sum(p.numel() for p in gan.G.own[0].parameters()) < sum(p.numel() for p in gan.G.shared.parameters())


def test_cogan_ignores_samples_without_a_domain() -> None:
    gan, real = build("cogan"), batch(POINTS)
    hidden = Batch(torch.cat([real.x, 100 * real.x]), torch.cat([real.y, torch.full((6,), -1)]))
    fixed = gan.generate(torch.zeros(12, gan.config.z), torch.zeros(12, dtype=torch.int64)).detach()
    gan.sample = lambda n, y=None, cond=None: fixed[:n]
    gan.draw_classes = lambda n: torch.zeros(n, dtype=torch.int64)
    assert gan.d_loss(hidden)["loss"].item() == pytest.approx(gan.d_loss(real)["loss"].item(), rel=1e-5)


def test_lapgan_pyramid_of_data_sums_to_the_data() -> None:
    gan, real = build("lapgan", DataSpec((3, 32, 32))), batch(DataSpec((3, 32, 32)))
    assert gan.sizes == [8, 16, 32]
    data = [pair[0] for pair in gan.levels(real.x)]
    whole, difference = data[-1].chunk(2, 1)
    assert torch.equal(whole, real.x)
    coarse = torch.nn.functional.interpolate(real.x, 16, mode="area")
    assert torch.allclose(whole - difference, torch.nn.functional.interpolate(coarse, 32, mode="bilinear"), atol=1e-6)


def test_lapgan_levels_learn_apart_from_each_other() -> None:
    gan, real = build("lapgan", IMAGES), batch(IMAGES)
    names = {id(p): name for name, p in gan.named_parameters()}
    for k, D in enumerate(gan.D):
        data, drawn = gan.levels(real.x)[k]
        gan.zero_grad()
        (softplus(-D(data)).mean() + softplus(D(drawn)).mean()).backward()
        touched = {
            names[id(p)].split(".")[1] + names[id(p)].split(".")[2] for p in gan.G.parameters() if p.grad is not None
        }
        assert touched == ({"coarsest0"} if k == 0 else {f"finer{k - 1}"})


def test_adagan_weights_are_those_of_the_paper() -> None:
    reweighted, h = module("adagan").reweighted, torch.tensor([0.1, 0.5, 1.0, 4.0])
    for beta in (0.2, 0.5, 1.0):
        w = reweighted(h, beta)
        assert w.sum().item() == pytest.approx(1)
        assert (w[:-1] >= w[1:]).all()
        some = w > 0
        made = w * beta * len(h) + (1 - beta) * h  # lambda* wherever the weight is above 0
        assert torch.allclose(made[some], made[some][0].expand(int(some.sum())), atol=1e-5)
        assert ((1 - beta) * h[~some] >= made[some][0] - 1e-5).all()
    assert torch.allclose(reweighted(h, 1.0), torch.full((4,), 0.25))


def test_adagan_draws_often_what_the_mixture_lacks() -> None:
    gan = build("adagan", images_game=64, images_mixture=64)
    x = torch.tensor([[-1.0, 0.0], [1.0, 0.0]])
    assert gan.data_weights(x) is None
    gan.seen += 128  # the second game begins
    assert (gan.stage, gan.t, gan.playing) == (2, 1, True)
    gan.classifiers[0].forward = lambda x: 5 * x[:, 0]  # the mixture makes only what lies left
    assert gan.data_weights(x).tolist() == pytest.approx([0.0, 1.0])


def test_adagan_trains_a_player_per_stage() -> None:
    gan, real = build("adagan", images_game=64, images_mixture=64, generators=2), batch(POINTS)
    assert gan.G is gan.generators[0]
    gan.seen += 64
    assert gan.D is gan.classifiers[0]
    assert gan.g_loss(real) == {}
    gan.seen += 1000
    assert gan.stage == 2  # the last game goes on
    assert gan.G is gan.generators[1]
    lone = gan.generators[0](torch.zeros(1, gan.config.z)), gan.generators[1](torch.zeros(1, gan.config.z))
    drawn: Tensor = gan.generate(torch.zeros(200, gan.config.z))
    assert 60 < sum(torch.allclose(x, lone[0][0]) for x in drawn) < 140
