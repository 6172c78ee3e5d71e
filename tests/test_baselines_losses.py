"""The baselines that change the game rather than the players, each against its paper, by numbers worked out by hand."""

# mypy: disable-error-code="attr-defined, func-returns-value, no-any-return"

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from test_baselines_papers import Logits
from torch import Tensor, nn
from torch.distributions import MultivariateNormal
from torch.nn.functional import softplus
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from ganbench import baseline
from ganbench.errors import UserError
from ganbench.gan import Batch, DataSpec
from ganbench.layers.slope import slope
from ganbench.training import loop
from ganbench.training.checkpoint import State
from ganbench.training.order import TrainingData, reseed

POINTS = DataSpec((2,))
IMAGES = DataSpec((3, 8, 8))


def build(name: str, spec: Any = POINTS, **overrides: object) -> Any:
    reseed("test", 0)
    narrow = {"pacgan": {"units_g": 8, "units_d": 8}, "gan": {"width_g": 8, "width_d": 8}}.get(name, {"units": 8})
    if name != "gan":
        narrow |= {"width": 4}
    return baseline.create(baseline.folder() / f"{name}.py", spec, narrow | overrides)


class Linear(nn.Module):
    """D(x) = w . x, whose slope is |w| everywhere."""

    def __init__(self, w: Tensor) -> None:
        super().__init__()
        self.w = nn.Parameter(w)

    def forward(self, x: Tensor) -> Tensor:
        return (x * self.w).flatten(1).sum(1)


class Listening(nn.Module):
    """A network that keeps what it was given."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.heard: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        self.heard.append(x.detach())
        return self.network(x)


class Constant(nn.Module):
    """A generator that makes the same of everything."""

    def __init__(self, x: Tensor) -> None:
        super().__init__()
        self.x = nn.Parameter(x)

    def forward(self, z: Tensor) -> Tensor:
        return self.x.expand(len(z), *self.x.shape)


def batch(x: Tensor) -> Batch:
    return Batch(x, torch.full((len(x),), -1))


def points(n: int = 1000) -> TrainingData:
    x = torch.randn(n, 2, generator=torch.Generator().manual_seed(2))
    return TrainingData(x, torch.full((n,), -1), POINTS)


REAL = batch(torch.zeros(6, 2))


def gradients(loss: Tensor, network: nn.Module) -> Tensor:
    return parameters_to_vector(torch.autograd.grad(loss, list(network.parameters())))


# LSGAN


@pytest.mark.parametrize(("a", "b", "c", "d_loss", "g_loss"), [(0, 1, 1, 0.25, 1.125), (-1, 1, 0, 0.25, 0.125)])
def test_lsgan_losses_are_half_the_squared_distances_to_the_labels(
    a: float, b: float, c: float, d_loss: float, g_loss: float
) -> None:
    gan = build("lsgan", a=a, b=b, c=c)
    gan.D = Logits(1.5, -0.5)
    assert gan.d_loss(REAL)["loss"].item() == pytest.approx(d_loss)
    assert gan.g_loss(REAL)["loss"].item() == pytest.approx(g_loss)


def test_lsgan_pulls_at_samples_that_lie_far_on_the_right_side() -> None:
    gan = build("lsgan")
    gan.D = Logits(0.0, 12.0)
    (gradient,) = torch.autograd.grad(gan.g_loss(REAL)["loss"], gan.D.values)
    assert gradient[1].item() == pytest.approx(11.0)  # the cross-entropy's: -sigmoid(-12), about -0.000006


# WGAN-GP and DRAGAN


@pytest.mark.parametrize("spec", [POINTS, IMAGES], ids=["points", "images"])
@pytest.mark.parametrize("name", ["wgan_gp", "dragan"])
def test_gradient_penalty_of_a_linear_critic_is_its_norm_less_one_squared(name: str, spec: DataSpec) -> None:
    gan = build(name, spec)
    w = torch.linspace(-1, 2, torch.Size(spec.shape).numel()).reshape(spec.shape)
    gan.D = Linear(w)
    penalty = gan.d_loss(batch(torch.randn(6, *spec.shape)))["penalty"]
    assert penalty.item() == pytest.approx((w.norm().item() - 1) ** 2, rel=1e-5)


def test_slope_can_be_descended() -> None:
    w = torch.tensor([3.0, 4.0])
    D = Linear(w)
    (gradient,) = torch.autograd.grad((slope(D, torch.randn(6, 2)) - 1).square().mean(), D.w)
    assert torch.allclose(gradient, 2 * (5 - 1) * w / 5)


def test_slope_of_a_flat_critic_is_zero_with_a_finite_gradient() -> None:
    D = Linear(torch.zeros(2))
    s = slope(D, torch.randn(6, 2))
    (gradient,) = torch.autograd.grad(s.sum(), D.w)
    assert torch.equal(s.detach(), torch.zeros(6))
    assert torch.isfinite(gradient).all()


def test_wgan_gp_critic_loss_is_minus_the_distance_plus_ten_penalties() -> None:
    gan = build("wgan_gp")
    gan.D, gan.G = Linear(torch.tensor([3.0, 4.0])), Constant(torch.tensor([1.0, 0.0]))
    losses = gan.d_loss(batch(torch.tensor([[1.0, 1.0], [3.0, -1.0]])))  # D: 7 and 5 on real data, 3 on fake
    assert losses["W"].item() == pytest.approx(3.0)
    assert losses["loss"].item() == pytest.approx(-3.0 + 10 * 16)
    assert gan.g_loss(REAL)["loss"].item() == pytest.approx(-3.0)


def test_wgan_gp_interpolates_each_pair_with_one_epsilon_of_its_own() -> None:
    gan = build("wgan_gp", IMAGES)
    gan.D, gan.G = Listening(Linear(torch.ones(3, 8, 8))), Constant(torch.full((3, 8, 8), -1.0))
    gan.d_loss(batch(torch.ones(500, 3, 8, 8)))
    epsilon = ((gan.D.heard[0] + 1) / 2).flatten(1)  # from -1, generated, to 1, real
    assert torch.allclose(epsilon, epsilon[:, :1].expand_as(epsilon), atol=1e-6)
    assert len(epsilon[:, 0].unique()) > 490
    assert 0 <= epsilon.min() < 0.05
    assert 0.95 < epsilon.max() <= 1


@pytest.mark.parametrize("name", ["wgan_gp", "dragan"])
def test_penalised_critics_do_not_mix_the_samples_of_a_batch(name: str) -> None:
    gan = build(name, DataSpec((3, 32, 32)))
    x = torch.randn(4, 3, 32, 32)
    assert torch.allclose(gan.D(x)[:1], gan.D(x[:1]), atol=1e-6)


def test_wgan_gp_takes_five_critic_steps_on_fresh_data_first() -> None:
    gan = build("wgan_gp", batch=16)
    calls: list[tuple[str, Tensor]] = []
    d_loss, g_loss = gan.d_loss, gan.g_loss
    gan.d_loss = lambda real: calls.append(("d", real.x)) or d_loss(real)
    gan.g_loss = lambda real: calls.append(("g", real.x)) or g_loss(real)
    loop.Training(gan, points(), 0).step()
    assert "".join(who for who, _ in calls) == "dddddg"
    assert len(torch.unique(torch.cat([x for who, x in calls if who == "d"]), dim=0)) == 5 * 16


def test_dragan_loss_is_the_non_saturating_game_plus_ten_penalties() -> None:
    gan = build("dragan")
    gan.D, gan.G = Linear(torch.tensor([3.0, 4.0])), Constant(torch.tensor([1.0, -1.0]))  # D(G(z)) = -1
    loss = gan.d_loss(batch(torch.tensor([[1.0, -0.25]])))["loss"]  # D(x) = 2
    assert loss.item() == pytest.approx(math.log1p(math.exp(-2)) + math.log1p(math.exp(-1)) + 10 * 16)
    assert gan.g_loss(REAL)["loss"].item() == pytest.approx(math.log1p(math.exp(1)))


def test_dragan_perturbs_upwards_by_at_most_half_the_batchs_sd() -> None:
    gan = build("dragan")
    x = torch.randn(20_000, 2) * torch.tensor([3.0, 4.0])
    delta = (gan.perturb(x) - x) / (0.5 * x.std(correction=0))
    assert delta.min() > -1e-5
    assert 0.95 < delta.max() < 1 + 1e-5
    assert delta.mean().item() == pytest.approx(1 / 4, abs=0.01)  # E alpha E u
    correlation = torch.corrcoef(delta.T)[0, 1].item()
    assert correlation == pytest.approx(3 / 7, abs=0.03)  # of two alpha u that share alpha
    assert torch.equal(gan.perturb(torch.ones(5, 2)), torch.ones(5, 2))


# PacGAN


def test_pacgan_with_packs_of_one_is_the_plain_gan() -> None:
    plain = build("gan", batch=100)
    packed = build("pacgan", pack=1)
    packed.G, packed.D = plain.G, plain.D
    packed.latent = plain.latent
    real = batch(torch.randn(6, 2))
    for player in ("d", "g"):
        values = []
        for gan in (plain, packed):
            reseed("test", 3)
            loss = getattr(gan, f"{player}_loss")(real)["loss"]
            values.append((loss.detach(), gradients(loss, gan.D if player == "d" else gan.G)))
        assert torch.equal(values[0][0], values[1][0])
        assert torch.equal(values[0][1], values[1][1])


def test_pacgan_packs_neighbours_of_a_batch_along_coordinates_or_channels() -> None:
    x = torch.arange(1.0, 9.0).reshape(4, 2)
    assert build("pacgan").packs(x).tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]
    image = torch.randn(6, 3, 8, 8)
    packs = build("pacgan", IMAGES, pack=3, batch=6).packs(image)
    assert packs.shape == (2, 9, 8, 8)
    assert torch.equal(packs[1, 3:6], image[4])


@pytest.mark.parametrize("spec", [POINTS, IMAGES], ids=["points", "images"])
def test_pacgan_shows_packs_of_real_and_of_generated_samples(spec: DataSpec) -> None:
    gan = build("pacgan", spec, pack=2, batch=6)
    gan.D = Listening(gan.D)
    gan.d_loss(batch(torch.zeros(6, *spec.shape)))
    gan.g_loss(batch(torch.zeros(6, *spec.shape)))
    first, *rest = spec.shape
    assert [tuple(x.shape) for x in gan.D.heard] == [(3, 2 * first, *rest)] * 3
    assert [bool(x.any()) for x in gan.D.heard] == [False, True, True]


def test_pacgan_of_points_has_the_papers_networks() -> None:
    gan = baseline.create(baseline.folder() / "pacgan.py", POINTS, {"z": 2})
    assert [tuple(m.weight.shape) for m in gan.G if isinstance(m, nn.Linear)] == [
        (400, 2),
        (400, 400),
        (400, 400),
        (400, 400),
        (2, 400),
    ]
    maxouts = [m for m in gan.D if type(m).__name__ == "Maxout"]
    assert [tuple(m.affine.weight.shape) for m in maxouts] == [(1000, 4), (1000, 200), (1000, 200)]
    assert sum(isinstance(m, nn.BatchNorm1d) for m in gan.G) == 4
    assert not any(isinstance(m, nn.Dropout) for m in gan.D)


def test_pacgan_says_that_a_batch_is_made_of_packs() -> None:
    with pytest.raises(UserError, match=r"batch \(100\) must be a multiple of pack \(3\)"):
        build("pacgan", pack=3, batch=100)


# Unrolled GAN


def trained_unrolled(spec: DataSpec = POINTS, **overrides: object) -> tuple[Any, loop.Training]:
    gan = build("unrolled", spec, batch=16, z=4, **overrides)
    training = loop.Training(gan, points(), 0)
    if spec == POINTS:
        for _ in range(3):
            training.step()
    return gan, training


def test_unrolled_by_no_step_is_the_minimax_gan() -> None:
    plain, unrolled = build("gan", generator_loss="minimax", z=4), build("unrolled", unroll=0, z=4)
    plain.G, plain.D = unrolled.G, unrolled.D
    plain.latent = unrolled.latent
    real = batch(torch.randn(6, 2))
    for player in ("d", "g"):
        found = []
        for gan in (plain, unrolled):
            reseed("test", 3)
            found.append(gradients(getattr(gan, f"{player}_loss")(real)["loss"], gan.D if player == "d" else gan.G))
        assert torch.equal(*found)


@pytest.mark.parametrize("K", [1, 3])
def test_unrolled_steps_are_those_of_the_discriminators_optimiser(K: int) -> None:
    gan, training = trained_unrolled(unroll=K, lr_d=0.01)
    thetas: list[Tensor] = []
    f = gan.f
    gan.f = lambda theta, x, fake: thetas.append(theta.detach()) or f(theta, x, fake)
    x = torch.randn(16, 2)
    reseed("test", 3)
    gan.g_loss(batch(x))
    reseed("test", 3)
    fake = gan.sample(16).detach()
    start = parameters_to_vector(gan.D.parameters()).detach()
    for _ in range(K):
        loss = softplus(-gan.D(x)).mean() + softplus(gan.D(fake)).mean()
        loop.descend({"loss": loss}, training.opt_d)
    theta = parameters_to_vector(gan.D.parameters())
    assert (theta - start).abs().max() > 0.005
    assert torch.allclose(thetas[-1], theta, atol=1e-6)


@pytest.mark.parametrize("K", [1, 3])
def test_unrolled_gradient_is_that_of_finite_differences(K: int) -> None:
    gan, _ = trained_unrolled(unroll=K, lr_d=0.05)
    gan.double()
    x = torch.randn(16, 2, dtype=torch.float64)
    z = torch.randn(16, 4, dtype=torch.float64)
    gan.latent = lambda n: z[:n]
    exact = gradients(gan.g_loss(batch(x))["loss"], gan.G)
    theta = parameters_to_vector(gan.G.parameters()).detach()
    h = 1e-6
    for direction in torch.randn(5, len(theta), dtype=torch.float64):
        values = []
        for step in (h, -h):
            vector_to_parameters(theta + step * direction, gan.G.parameters())
            values.append(gan.g_loss(batch(x))["loss"].item())
        assert (values[0] - values[1]) / (2 * h) == pytest.approx((exact @ direction).item(), rel=1e-5, abs=1e-8)


def test_unrolled_gradient_holds_how_the_discriminator_will_answer() -> None:
    gan, _ = trained_unrolled(unroll=3, lr_d=0.05)
    thetas: list[Tensor] = []
    f = gan.f
    gan.f = lambda theta, x, fake: thetas.append(theta) or f(theta, x, fake)
    real = batch(torch.randn(16, 2))
    reseed("test", 3)
    whole = gradients(gan.g_loss(real)["loss"], gan.G)
    reseed("test", 3)
    first_term = gradients(f(thetas[-1].detach(), real.x, gan.sample(16)), gan.G)  # theta_D^K taken as a constant
    assert (whole - first_term).norm() > 0.01 * whole.norm()


def test_unrolled_generator_loss_leaves_d_and_its_batch_norm_unchanged() -> None:
    gan, _ = trained_unrolled(DataSpec((1, 16, 16)), unroll=2)
    before = {k: v.clone() for k, v in gan.D.state_dict().items()}
    gan.g_loss(batch(torch.randn(6, 1, 16, 16)))["loss"].backward(inputs=list(gan.G.parameters()))
    assert any("running_mean" in k for k in before)
    assert all(torch.equal(v, before[k]) for k, v in gan.D.state_dict().items())
    assert all(w.grad is None for w in gan.D.parameters())


# Improved techniques


def minibatch_layer(T: list[list[float]], B: int) -> Any:
    gan = build("minibatch_discrimination")
    layer = type(gan.D[1])(len(T[0]), B, len(T) // B)
    with torch.no_grad():
        layer.T.weight.copy_(torch.tensor(T))
    return layer


def test_minibatch_layer_sums_the_closeness_to_every_sample_of_the_batch() -> None:
    layer = minibatch_layer([[1.0], [2.0]], B=2)  # two kernels of one dimension: M = (f, 2 f)
    f = torch.tensor([[0.0], [1.0], [3.0]])
    e = math.exp
    expected = [
        [0, 1 + e(-1) + e(-3), 1 + e(-2) + e(-6)],
        [1, 1 + e(-1) + e(-2), 1 + e(-2) + e(-4)],
        [3, 1 + e(-3) + e(-2), 1 + e(-6) + e(-4)],
    ]
    assert torch.allclose(layer(f), torch.tensor(expected))


def test_minibatch_kernels_measure_the_l1_distance_within_a_kernel() -> None:
    layer = minibatch_layer([[1.0, 0.0], [0.0, 1.0]], B=1)  # one kernel of two dimensions: M = f
    o = layer(torch.tensor([[0.0, 0.0], [1.0, -2.0]]))[:, 2:]
    assert torch.allclose(o, torch.full((2, 1), 1 + math.exp(-3)))


def test_minibatch_features_of_a_collapsed_batch_are_its_size() -> None:
    gan = build("minibatch_discrimination", B=5, C=3)
    same, varied = torch.ones(7, 8), torch.randn(7, 8)
    assert torch.allclose(gan.D[1](same)[:, 8:], torch.full((7, 5), 7.0))
    assert (gan.D[1](varied)[:, 8:] < 7).all()


def test_minibatch_discrimination_judges_real_and_generated_data_apart() -> None:
    gan = build("minibatch_discrimination", batch=6)
    gan.D = Listening(gan.D)
    gan.d_loss(REAL)
    assert [bool(x.any()) for x in gan.D.heard] == [False, True]
    assert [len(x) for x in gan.D.heard] == [6, 6]


def test_feature_matching_is_the_squared_distance_of_the_mean_features() -> None:
    gan = build("feature_matching")
    gan.D.body, gan.G = nn.Identity(), Constant(torch.tensor([1.0, 2.0]))
    real = batch(torch.tensor([[0.0, 0.0], [4.0, -2.0]]))  # mean (2, -1)
    assert gan.g_loss(real)["loss"].item() == pytest.approx(1 + 9)


@pytest.mark.parametrize("spec", [POINTS, IMAGES], ids=["points", "images"])
def test_feature_matching_loss_is_zero_where_the_features_agree(spec: DataSpec) -> None:
    gan = build("feature_matching", spec)
    x = torch.randn(spec.shape)
    gan.G = Constant(x)
    assert gan.g_loss(batch(x.expand(6, *spec.shape)))["loss"].item() == pytest.approx(0, abs=1e-10)
    assert gan.g_loss(batch(torch.randn(6, *spec.shape)))["loss"].item() > 1e-6


def test_feature_matching_generator_does_not_see_the_verdict() -> None:
    gan = build("feature_matching")
    gan.D.head = Logits(float("nan"), float("nan"))
    assert torch.isfinite(gan.g_loss(REAL)["loss"])


def test_feature_matching_discriminator_plays_the_plain_game() -> None:
    gan = build("feature_matching")
    gan.D = Logits(1.5, -0.5)
    assert gan.d_loss(REAL)["loss"].item() == pytest.approx(math.log1p(math.exp(-1.5)) + math.log1p(math.exp(-0.5)))


# Tricks


def test_tricks_that_are_off_leave_the_non_saturating_game() -> None:
    gan = build("tricks")
    gan.D = Logits(1.5, -0.5)
    assert gan.d_loss(REAL)["loss"].item() == pytest.approx(math.log1p(math.exp(-1.5)) + math.log1p(math.exp(-0.5)))
    assert gan.g_loss(REAL)["loss"].item() == pytest.approx(math.log1p(math.exp(0.5)))


def test_label_smoothing_lowers_the_target_of_real_data_alone() -> None:
    gan = build("tricks", smoothing=0.1)
    gan.D = Logits(1.5, -0.5)
    real = 0.9 * math.log1p(math.exp(-1.5)) + 0.1 * math.log1p(math.exp(1.5))
    assert gan.d_loss(REAL)["loss"].item() == pytest.approx(real + math.log1p(math.exp(-0.5)))
    assert gan.g_loss(REAL)["loss"].item() == pytest.approx(math.log1p(math.exp(0.5)))


def test_smoothed_discriminator_is_best_where_it_says_alpha() -> None:
    gan = build("tricks", smoothing=0.2)
    logit = math.log(0.8 / 0.2)
    gan.D = Logits(logit, -30.0)
    (gradient,) = torch.autograd.grad(gan.d_loss(REAL)["loss"], gan.D.values)
    assert gradient[0].item() == pytest.approx(0, abs=1e-6)


def test_flipped_labels_have_the_share_that_was_asked_for() -> None:
    gan = build("tricks", flip=1.0, smoothing=0.1)
    gan.D = Logits(1.5, -0.5)
    fake = 0.9 * math.log1p(math.exp(0.5)) + 0.1 * math.log1p(math.exp(-0.5))  # that of real data, smoothed
    assert gan.d_loss(REAL)["loss"].item() == pytest.approx(math.log1p(math.exp(1.5)) + fake)
    real, fake = build("tricks", flip=0.2).labels(50_000)
    assert real.mean().item() == pytest.approx(0.8, abs=0.01)
    assert fake.mean().item() == pytest.approx(0.2, abs=0.01)


def test_instance_noise_falls_linearly_to_zero() -> None:
    gan = build("tricks", instance_noise=0.4, noise_images=1000)
    for seen, sd in ((0, 0.4), (250, 0.3), (1000, 0.0), (5000, 0.0)):
        gan.seen.fill_(seen)
        assert gan.noisy(torch.zeros(50_000)).std().item() == pytest.approx(sd, abs=0.01)


def test_instance_noise_is_on_all_that_d_sees_and_on_no_sample() -> None:
    gan = build("tricks", instance_noise=0.4)
    gan.G, gan.D = Constant(torch.zeros(2)), Listening(gan.D)
    gan.d_loss(REAL)
    gan.g_loss(REAL)
    assert [x.std().item() > 0.1 for x in gan.D.heard] == [True, True, True]
    assert not gan.sample(6).any()


def test_instance_noise_counts_the_images_that_the_discriminator_saw() -> None:
    gan = build("tricks", batch=10, n_critic=2)
    loop.Training(gan, points(), 0).step()
    assert gan.seen == 20


def test_replay_exchanges_the_share_that_was_asked_for() -> None:
    gan = build("tricks", batch=8, replay=0.25, replay_batches=3)
    old, fresh = gan.store.clone(), torch.randn(8, 2)
    mixed = gan.replayed(fresh)
    stored = torch.tensor([bool((x == old).all(1).any()) for x in mixed])
    assert len(old) == 24
    assert stored.tolist() == [True] * 2 + [False] * 6
    assert torch.equal(mixed[2:], fresh[2:])
    taken = (gan.store != old).any(1)
    assert taken.sum() == 2
    assert torch.equal(gan.store[taken].sort(0).values, fresh[:2].sort(0).values)


def test_discriminator_keeps_its_weights_below_the_threshold() -> None:
    frozen, free, plain = (build("tricks", batch=16, d_threshold=t) for t in (100.0, 1e-9, 0.0))
    start = parameters_to_vector(plain.D.parameters()).detach().clone()
    for gan in (frozen, free, plain):
        training = loop.Training(gan, points(), 0)
        training.step()
        training.step()
    assert torch.equal(parameters_to_vector(frozen.D.parameters()), start)
    assert torch.equal(parameters_to_vector(free.D.parameters()), parameters_to_vector(plain.D.parameters()))
    assert not torch.equal(parameters_to_vector(plain.D.parameters()), start)


def test_training_with_every_trick_resumes_to_the_bit() -> None:
    tricks = {
        "smoothing": 0.1,
        "flip": 0.1,
        "instance_noise": 0.1,
        "noise_images": 60,
        "replay": 0.5,
        "replay_batches": 1,
        "d_threshold": 1.3,
    }
    runs = [loop.Training(build("tricks", batch=16, **tricks), points(), 0) for _ in range(3)]
    whole, half, other = runs
    for _ in range(4):
        whole.step()
    for _ in range(2):
        half.step()
    other.restore(State({k: v.clone() for k, v in half.state.tensors.items()}, half.seen, 0.0, 0.0))
    for _ in range(2):
        other.step()
    expected, found = whole.state.tensors, other.state.tensors
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[k], found[k]) for k in expected)


# VAE


@pytest.mark.parametrize(
    ("mu", "variance", "kl"),
    [((0, 0), (1, 1), 0), ((1, -2), (1, 1), (1 + 4) / 2), ((0, 0), (4, 1), (4 - 1 - math.log(4)) / 2)],
)
def test_vae_divergence_from_the_prior_is_the_closed_form(
    mu: tuple[float, float], variance: tuple[float, float], kl: float
) -> None:
    gan = build("vae", z=2)
    gan.D = Constant(torch.tensor([*mu, *map(math.log, variance)]))
    assert gan.d_loss(REAL)["KL"].item() == pytest.approx(kl)


def test_vae_of_images_has_the_likelihood_of_bernoulli_pixels_in_0_1() -> None:
    gan = build("vae", IMAGES, z=3)
    logit = math.log(3)  # p = 3/4
    gan.G.logit = Constant(torch.full((3, 8, 8), logit))
    x = torch.full((2, 3, 8, 8), -1.0)
    x[0] = 1.0
    log_p = gan.G.log_p(x, torch.zeros(2, 3))
    assert log_p.tolist() == pytest.approx([192 * math.log(3 / 4), 192 * math.log(1 / 4)], rel=1e-5)
    assert torch.allclose(gan.sample(2), torch.full((2, 3, 8, 8), 2 * 3 / 4 - 1))  # the mean, in [-1, 1]


def test_vae_of_points_draws_around_the_mean_with_the_learnt_deviation() -> None:
    gan = build("vae", z=3)
    gan.G.mean = Constant(torch.tensor([5.0, -5.0]))
    gan.G.log_sd.data.fill_(math.log(0.5))
    with torch.no_grad():
        x = gan.sample(20_000)
    assert x.mean(0).tolist() == pytest.approx([5, -5], abs=0.02)
    assert x.std(0).tolist() == pytest.approx([0.5, 0.5], abs=0.02)
    log_p = gan.G.log_p(torch.tensor([[5.0, -4.5]]), torch.zeros(1, 3))
    assert log_p.item() == pytest.approx(2 * -math.log(0.5 * math.sqrt(2 * math.pi)) - 0.5)


class Posterior(nn.Module):
    """p(z|x) for x = W z + sd epsilon, as mean and log variance; `shift` moves the mean away from it."""

    def __init__(self, W: Tensor, sd: float, shift: float) -> None:
        super().__init__()
        self.variance = 1 / (1 + W.square().sum() / sd**2)
        self.W, self.sd, self.shift = W, sd, shift

    def forward(self, x: Tensor) -> Tensor:
        mu = self.variance * (x @ self.W) / self.sd**2 + self.shift
        return torch.stack([mu, self.variance.log().expand_as(mu)], 1)


def test_vae_bound_is_the_log_likelihood_for_the_true_posterior_alone() -> None:
    gan = build("vae", z=1)
    W, sd = torch.tensor([1.0, -0.5]), 0.7
    gan.G.mean = nn.Linear(1, 2, bias=False)
    gan.G.mean.weight.data.copy_(W[:, None])
    gan.G.log_sd.data.fill_(math.log(sd))
    x = torch.tensor([[0.4, 1.1]])
    exact = MultivariateNormal(torch.zeros(2), torch.outer(W, W) + sd**2 * torch.eye(2)).log_prob(x).item()
    for shift in (0.0, 0.3):
        posterior = Posterior(W, sd, shift)
        gan.D = posterior
        with torch.no_grad():
            elbo = -gan.d_loss(batch(x.expand(200_000, 2)))["loss"].item()
        gap = shift**2 / (2 * posterior.variance.item())  # KL of q from the true posterior
        assert elbo == pytest.approx(exact - gap, abs=0.01)


def test_vae_players_descend_the_same_bound_in_turn() -> None:
    gan = build("vae", z=3)
    real = batch(torch.randn(6, 2))
    values = []
    for loss in (gan.d_loss, gan.g_loss):
        reseed("test", 4)
        values.append(loss(real)["loss"])
    assert torch.equal(*values)
    assert gan.config.n_critic == 1


@pytest.mark.parametrize("name", ["dragan", "feature_matching", "unrolled", "tricks"])
def test_discriminate_is_the_probability_that_the_logit_stands_for(name: str) -> None:
    gan = build(name)
    gan.D = Logits(math.log(3), -math.log(3))
    assert gan.discriminate(torch.tensor([[0.0, 0.0], [1.0, 1.0]])).tolist() == pytest.approx([3 / 4, 1 / 4])
